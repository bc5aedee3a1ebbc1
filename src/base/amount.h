/* Amounts of memory, as people write them: 42mi, 4g, 44040192. */
#ifndef BASE_AMOUNT_H
#define BASE_AMOUNT_H

#include "base/error.h"

#include <stdint.h>

#define AMOUNT_SIZE 32 /* room for any formatted amount */

/* A whole number above 0 and an optional unit: b, k, m, g (powers of 1000), ki, mi, gi (of 1024), in any case.
 * -EINVAL, with the accepted form, for anything else, more than 2^63-1 bytes included. */
int amount_parse(const char *text, uint64_t *ret_bytes, struct genv_error *err);

/* The shortest form that says exactly @bytes. */
void amount_format(uint64_t bytes, char text[static AMOUNT_SIZE]);

#endif
