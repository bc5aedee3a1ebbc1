/* The reserved members of public structures: see <genv/types.h>. */
#ifndef MODEL_RESERVED_H
#define MODEL_RESERVED_H

#include "base/error.h"

/* -ENOTSUP: something is not zero, which a later version has a meaning for. */
#define RESERVED_CHECK(structure, err) reserved_check((structure)->reserved, ARRAY_SIZE((structure)->reserved), (err))
int reserved_check(const uint64_t *words, size_t count, struct genv_error *err);

#endif
