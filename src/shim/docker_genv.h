/* genv-docker's command line in terms of docker's: a container that is an environment of its own. Decides, and does no
 * input or output. */
#ifndef SHIM_DOCKER_GENV_H
#define SHIM_DOCKER_GENV_H

#include "base/error.h"
#include "shim/argv.h"

/* What the words ask for besides docker's own. */
struct docker_genv {
    char **run; /* behind "run" or "create" in the words; NULL: they start no container */
    bool help, dry_run;
    bool activate;         /* the container is to be an environment, or in one */
    const char *eid;       /* that one; NULL: its own */
    struct argv variables; /* "GENV_GPUS=2", … */
    struct argv options;   /* docker's, and what is behind them */
};

void docker_genv_release(struct docker_genv *genv);
#define cleanup_docker_genv cleanup_with(docker_genv_release)

/* Reads @words, which begin with the engine's name and are NULL-terminated. -EINVAL: a usage error. */
int docker_genv_read(char **words, struct docker_genv *ret_genv, struct genv_error *err);

/* Adds to @target the words of the engine: @runtime in front of the command, as podman has it, or behind it; @claim
 * says whose the container is, or is NULL. */
void docker_genv_write(struct argv *target, char **words, const struct docker_genv *genv, const char *runtime,
                       bool runtime_in_front, const char *claim);

/* What --help and the manual say: genv's own options, by "--gpus N" and the like, the last one's NULL; and sentences.
 */
struct docker_genv_option {
    const char *form, *help;
};
extern const struct docker_genv_option docker_genv_options[];
extern const char docker_genv_usage[], docker_genv_description[], docker_genv_program[];

#endif
