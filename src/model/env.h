/* Environments as data: names, members, attachments. */
#ifndef MODEL_ENV_H
#define MODEL_ENV_H

#include "base/error.h"

#include <genv/types.h>

#define DEVICE_COUNT_MAX 65535 /* the highest device count, and index, that anyone may ask for */

/* What one environment may have of each: others read it. */
#define ENV_PROCESSES_MAX   4096
#define ENV_KERNELS_MAX     256
#define ENV_ATTACHMENTS_MAX 1024

/* -EINVAL, with the rule, for what can't be a kernel's identifier. */
int kernel_id_validate(const char *id, struct genv_error *err);

/* -ENOMEM. What the record says beyond struct genv_env is not copied. */
int env_copy(const struct genv_env *env, struct genv_env *ret_env);
/* Frees what @env points to, not @env itself. */
void env_release(struct genv_env *env);
#define cleanup_env_content cleanup_with(env_release)

/* A list of environments, which it owns. */
struct env_list {
    struct genv_env *envs;
    size_t count;
};

void env_list_release(struct env_list *list);
#define cleanup_env_list cleanup_with(env_list_release)

/* Hands @env's contents over to the list. -ENOMEM: they stay with the caller. */
int env_list_add(struct env_list *list, struct genv_env *env);
/* By creation, then identifier. */
void env_list_sort(struct env_list *list);
/* NULL: there is none. */
struct genv_env *env_list_find(const struct env_list *list, const char *eid);

/* -ENOMEM, nothing changed. A process, or kernel, that is registered already is not added again. */
int env_add_process(struct genv_env *env, const struct genv_process *process);
int env_add_kernel(struct genv_env *env, const struct genv_kernel *kernel); /* copies it */
/* A PID means a process together with the namespace that it counts in. */
bool env_has_process(const struct genv_env *env, pid_t pid, uint64_t pid_namespace);
bool env_has_kernel(const struct genv_env *env, const char *id);
/* Takes all processes and kernels out. */
void env_clear_members(struct genv_env *env);
void kernel_release(struct genv_kernel *kernel); /* what it points to */
/* Return whether it was there. */
bool env_remove_process(struct genv_env *env, pid_t pid, uint64_t pid_namespace);
bool env_remove_kernel(struct genv_env *env, const char *id);

void env_sort_attachments(struct genv_env *env); /* by index */
/* Gives each attachment what @devices say of its device, the index -1 where it is not among them, and sorts by index.
 */
void env_resolve_indices(struct genv_env *env, const struct genv_device *devices, size_t device_count);

/* Whether all processes of @env can open the device with that UUID, as far as genv's walls go. */
bool env_can_open(const struct genv_env *env, const char *uuid);

/* "environment 1573 (Yesterday) of paul" in sentences; @text has room for ENV_DESCRIPTION_SIZE bytes. */
#define ENV_DESCRIPTION_SIZE 384
void env_describe(const struct genv_env *env, char text[static ENV_DESCRIPTION_SIZE]);

#endif
