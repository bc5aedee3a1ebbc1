/* The variables of an environment in this process. */
#ifndef CLI_VARIABLES_H
#define CLI_VARIABLES_H

#include <genv/genv.h>

/* Puts them, and the shims' folder at the front of PATH, into the environment of this process. */
int variables_export(const struct genv_env *env, const char *shims, struct genv_error *err);

#endif
