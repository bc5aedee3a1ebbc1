/* The rows of the panes: those that the filters let through, in the order chosen. Pure. */
#ifndef TOP_ROWS_H
#define TOP_ROWS_H

#include "base/macros.h"
#include "top/picture.h"

struct device_row {
    const struct genv_device *device;
    struct env_row **holders; /* those attached to it, oldest first */
    size_t holder_count;
    size_t strangers; /* processes on it that belong to no environment */
    bool wanted;      /* a filter lets through what uses or holds it */
};

struct env_row {
    const struct genv_env *env;
    char user[GENV_USERNAME_SIZE];
    uint64_t *used_on;    /* what its processes use of the device of each attachment */
    uint64_t used_memory; /* and of all devices together */
    size_t process_count; /* on devices */
    bool over;            /* more than its capacity on some device */
};

struct process_row {
    const struct genv_gpu_process *process;
    const struct env_row *env; /* NULL: none */
    char user[GENV_USERNAME_SIZE];
    uint64_t used_memory; /* GENV_UNKNOWN_U64: the driver does not tell */
};

struct rows {
    struct device_row *devices;
    struct env_row **envs;
    struct process_row *processes;
    size_t counts[PANE_COUNT]; /* of rows */
    size_t totals[PANE_COUNT]; /* without filters */
    size_t user_count;         /* who have environments */
    struct env_row *all_envs;
    struct env_row **holders;
    uint64_t *used;
};

/* -ENOMEM. @snapshot NULL: there are none. */
int rows_make(const struct genv_snapshot *snapshot, const struct choice *choice, struct rows *ret_rows);
void rows_release(struct rows *rows);
#define cleanup_rows cleanup_with(rows_release)

#endif
