/* Sentences for the user, carried up to whoever prints them. */
#ifndef BASE_ERROR_H
#define BASE_ERROR_H

#include "base/macros.h"
#include <genv/types.h>

/* Sets @err (NULL is fine) to @code, a positive errno, and the sentence, in which file names and the like may hold
 * anything: what could break the line, or harm a terminal, becomes '?'. Returns -@code, so that it ends a function. */
int error_set(struct genv_error *err, int code, const char *format, ...) PRINTF_LIKE(3, 4);

/* The same, with ": " and the system's words for @code behind the sentence. */
int error_set_errno(struct genv_error *err, int code, const char *format, ...) PRINTF_LIKE(3, 4);

/* Puts "…: " in front of the sentence while an error passes through. Returns @code as it is. */
int error_prefix(struct genv_error *err, int code, const char *format, ...) PRINTF_LIKE(3, 4);

int error_no_memory(struct genv_error *err);

#endif
