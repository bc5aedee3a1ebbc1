/* Running a command in an environment of its own. */
#ifndef CLI_RUN_H
#define CLI_RUN_H

#include "cli/cli.h"

struct run_request {
    struct genv_config config; /* wins, field by field */
    bool load;                 /* the saved configuration */
    bool attach;
    bool over_subscribe;
    bool isolate, no_isolate; /* as the options say; neither: as is saved, or the administrator's default */
    bool kernel;              /* the words start a Jupyter kernel, which keeps the environment while it restarts */
};

/* Becomes the program @file with @words, whose first is its name for itself, in an environment of this process. Returns
 * only on failure, and nothing is reserved then. */
int run_in_own_env(struct cli *cli, const struct run_request *request, const char *file, char **words,
                   struct genv_error *err);

#endif
