/* Which devices an environment gets, decided and not yet saved: what all operations that attach share. */
#ifndef LIBGENV_ATTACH_H
#define LIBGENV_ATTACH_H

#include "libgenv/handle.h"

/* What there is to be had, and who uses it. Taken before the lock, since the driver may need its time; if it fails,
 * that is told once the devices are needed. {0}: it was not taken. */
struct supply {
    bool taken;
    struct genv_device *devices;
    size_t device_count;
    struct driver_answer users; /* its processes, as far as the driver tells in time */
    struct genv_error failure;  /* code 0: none */
};

/* Processes only if @with_processes. -ECANCELED: interrupted, and so is the operation; other failures are in the
 * supply. */
int supply_take(struct genv *g, bool with_processes, struct supply *ret_supply, struct genv_error *err);
void supply_release(struct supply *supply);
#define cleanup_supply cleanup_with(supply_release)

/* Gives the attachments of @env the indices that their devices have now, as far as the driver tells, and says whether
 * CUDA counts otherwise. */
void supply_resolve_indices(struct genv *g, const struct supply *supply, struct genv_env *env);

/* The result of an operation that has ended: *@result, allocated before the commit, since nothing may fail behind it,
 * takes @env's contents over, unless @ret_env is NULL. */
void supply_return_env(struct genv *g, const struct supply *supply, struct genv_env *env, struct genv_env **result,
                       struct genv_env **ret_env);

/* Under the lock: gives @env, one of @envs, whose indices are those of @supply, what @request asks for, for the caller
 * to save. On failure it keeps what it has, but for a count that cannot be met (-EBUSY, -ENODEV, -EDQUOT), which leaves
 * it none. */
int attach_decide(struct genv *g, const struct env_list *envs, struct genv_env *env, const struct supply *supply,
                  const struct genv_attach_request *request, struct genv_error *err);

/* The same for a new @capacity of what is attached, so that a reservation and its configuration always agree. */
int attach_resize(struct genv *g, const struct env_list *envs, struct genv_env *env, const struct supply *supply,
                  uint64_t capacity, struct genv_error *err);

#endif
