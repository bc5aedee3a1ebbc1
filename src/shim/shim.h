/* What the shims share: whether there is anything to do, the real program behind one, words for the user.
 *
 * A shim stands in the folder that is at the front of an environment's PATH and becomes the program of its name that
 * would have been found without it, in the same process: status, signals, terminal and streams are that program's. */
#ifndef SHIM_SHIM_H
#define SHIM_SHIM_H

#include "base/error.h"

#include <genv/genv.h>

#define SHIM_NOT_EXECUTABLE 126
#define SHIM_NOT_FOUND      127

struct shim {
    const char *name;  /* "nvidia-smi" */
    char folder[4096]; /* where the shim is, links resolved; "" where /proc does not tell */
    dev_t device;      /* of the shim's file */
    ino_t inode;
};

void shim_init(struct shim *shim, const char *name);

/* Whether the real program is to run as it is: GENV_BYPASS is set, or this is no environment, PATH being stale. */
bool shim_stands_aside(void);

/* Finds the first program of the shim's name in PATH that is none of genv's shims. -ENOENT: there is none; -EACCES:
 * there is one, and it can't be executed (@path names it). */
int shim_find_real(const struct shim *shim, char *ret_file, size_t size);

/* Both return only on failure, which they have told: the exit status. */
int shim_become(const char *program, char **words);
int shim_become_real(const struct shim *shim, char **words); /* what shim_find_real() finds */

/* The environment that this process is in; genv_env_free() it. -ENOENT: it has ended; -EPERM: it is another user's. */
int shim_environment(struct genv_env **ret_env, struct genv_error *err);
/* The devices of this machine; genv_snapshot_free() it. */
int shim_devices(struct genv_snapshot **ret_snapshot, struct genv_error *err);
/* Whether the caller may see into environments of @uid. */
bool shim_may_see(uid_t uid);
/* Sees that warnings of the library are told. */
extern const struct genv_options shim_options;

/* One line on standard error. */
void shim_complain(const char *message);

static inline void cleanup_shim_envp(struct genv_env **env)
{
    genv_env_free(*env);
}
#define cleanup_shim_env cleanup_with(cleanup_shim_envp)

#endif
