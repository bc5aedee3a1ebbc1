/* The words of a command line under construction. */
#ifndef SHIM_ARGV_H
#define SHIM_ARGV_H

#include "base/macros.h"

#include <stdbool.h>

/* Zero-initialise it. Running out of memory is remembered in @failed. */
struct argv {
    char **items; /* NULL-terminated once anything was added; copies */
    size_t count, room;
    bool failed;
};

void argv_add(struct argv *argv, const char *word);
void argv_addf(struct argv *argv, const char *format, ...) PRINTF_LIKE(2, 3);
/* All of the NULL-terminated @more. */
void argv_add_all(struct argv *argv, char **more);
void argv_release(struct argv *argv);
#define cleanup_argv cleanup_with(argv_release)

#endif
