/* What the tests of the view share: a simulated machine, environments on it, processes in and outside of them. */
#ifndef TESTS_VIEW_WORLD_H
#define TESTS_VIEW_WORLD_H

#include "../unit/unit.h"

#include <stdlib.h>
#include <string.h>

#include "driver/nvml_abi.h"
#include "model/env.h"

#define A   "GPU-aaaaaaaa-0000-0000-0000-000000000001"
#define B   "GPU-bbbbbbbb-0000-0000-0000-000000000002"
#define C   "GPU-cccccccc-0000-0000-0000-000000000003"
#define GIB (1ull << 30)

/* Calls the view's function: VIEW(nvmlInit_v2)(). */
#define VIEW(name) ((__typeof__(name) *)view_function(#name))

/* Set-up and teardown of a test: an empty state directory, nobody in any environment, NVML initialised. */
int view_make(void **state);
int view_remove(void **state);
/* The same without loading the view. */
int view_make_unloaded(void **state);
#define TEST(test) cmocka_unit_test_setup_teardown(test, view_make, view_remove)

void *view_function(const char *name);

/* Makes the machine what the JSON says. */
void view_set_world(const char *format, ...) PRINTF_LIKE(1, 2);

/* Starts a process that lives until the end of the test, of @uid ((uid_t)-1: one's own) and, unless @eid is NULL, with
 * GENV_ENVIRONMENT_ID=@eid. */
pid_t view_start(uid_t uid, const char *eid);
/* The same, and a child of it: its PID. */
pid_t view_start_with_child(pid_t *ret_child);
void view_kill(pid_t pid);

/* Writes the record of @eid: its member and its attachments. */
void view_save(const char *eid, uid_t uid, pid_t member, const struct genv_attachment *attachments, size_t count);
#define VIEW_SAVE(eid, uid, member, ...)                                                                               \
    view_save(eid, uid, member, (struct genv_attachment[]){__VA_ARGS__},                                               \
              sizeof((struct genv_attachment[]){__VA_ARGS__}) / sizeof(struct genv_attachment))
/* An attachment of VIEW_SAVE(). */
#define ON(id, at, capacity)                                                                                           \
    {                                                                                                                  \
        .device.uuid = id, .index = (at), .gpu_memory = (capacity), .time = {.tv_sec = 1000000000 }                    \
    }
void view_enter(const char *eid);
void view_leave(void);

unsigned view_count(void);
/* Fails the test unless there is one. */
nvmlDevice_t view_handle(unsigned index);
nvmlDevice_t view_handle_by_uuid(const char *uuid);
/* The PIDs in the device's list, ascending, as " 41 42"; until the next call. */
const char *view_pids(nvmlDevice_t device);

#endif
