/* What the operations share: the handle, and how they find devices, environments and owners. */
#ifndef LIBGENV_HANDLE_H
#define LIBGENV_HANDLE_H

#include "base/error.h"
#include "driver/ask.h"
#include "model/env.h"
#include "model/event.h"
#include "model/reserved.h"
#include "store/store.h"

#include <genv/genv.h>

struct genv {
    struct store *store;
    char *limits_file;
    struct driver_gate gate;
    int driver_timeout_ms;
    struct interrupt interrupt; /* of all that waits */
    uid_t uid;                  /* effective: who owns the records that are written */
    void (*warn)(const char *message, void *data);
    void *warn_data;
    void (*event)(const struct genv_event *event, void *data);
    void *event_data;
    struct event_list events; /* of the operation that is going on */
};

void handle_warn(const struct genv *g, const char *format, ...) PRINTF_LIKE(2, 3);

/* The devices, from this boot's inventory where it holds, else from the driver. free() them. */
int handle_devices(struct genv *g, struct genv_device **ret_devices, size_t *ret_count, struct genv_error *err);
/* The same for their indices alone, which records have as well, of when they were written: does not wait long, and a
 * failure is a warning. */
int handle_indices(struct genv *g, struct genv_device **ret_devices, size_t *ret_count);
/* That warning, for the @reason why devices are not known. */
void handle_warn_of_indices(const struct genv *g, const struct genv_error *reason);

/* store_begin() and store_load() together; handle_end() is the caller's on success. */
int handle_begin(struct genv *g, enum store_access access, struct env_list *list, struct genv_error *err);
/* The same for a change of @eid that depends on no other environments than those that hold devices. */
int handle_begin_allocation(struct genv *g, const char *eid, struct env_list *list, struct genv_error *err);

/* Saves @after, or removes the record where it is NULL, and takes note of what happened to @before (NULL: it is new),
 * which has what both have in the same order. Nothing happened where this fails. */
int handle_commit(struct genv *g, const struct genv_env *before, const struct genv_env *after,
                  enum genv_event_reason reason, struct genv_error *err);
/* store_end(), and tells what happened since the beginning. */
void handle_end(struct genv *g);

/* The environment @eid of @list. -ENOENT: there is none; -EPERM: it is not the caller's to change. */
int handle_find_own(struct genv *g, const struct env_list *list, const char *eid, struct genv_env **ret_env,
                    struct genv_error *err);
/* Whether the caller may change what belongs to @owner. */
bool handle_may_change(const struct genv *g, uid_t owner);

#endif
