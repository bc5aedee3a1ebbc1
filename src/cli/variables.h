/* The variables that carry an environment into a shell or a command. */
#ifndef CLI_VARIABLES_H
#define CLI_VARIABLES_H

#include "base/text.h"
#include "shell/shell.h"
#include <genv/genv.h>

#define VARIABLES_COUNT 6

/* All of them, those that are not configured with NULL. The values live as long as the environment and this. */
struct variables {
    struct shell_variable items[VARIABLES_COUNT];
    char gpus[16];
    char gpu_memory[GENV_AMOUNT_SIZE];
    struct text devices;
};

int variables_of(const struct genv_env *env, struct variables *ret_variables, struct genv_error *err);
void variables_release(struct variables *variables);
#define cleanup_variables cleanup_with(variables_release)

/* Puts them, and the shims' folder at the front of PATH, into the environment of this process. */
int variables_export(struct genv *g, const char *eid, const char *shims, struct genv_error *err);

#endif
