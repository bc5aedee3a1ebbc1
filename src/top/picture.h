/* What `genv top` shows: the state of the machine, and what the user has chosen to see of it. */
#ifndef TOP_PICTURE_H
#define TOP_PICTURE_H

#include "top/trends.h"

enum pane { PANE_DEVICES, PANE_ENVS, PANE_PROCESSES, PANE_COUNT };

enum device_sort { DEVICE_INDEX, DEVICE_MEMORY, DEVICE_USE, DEVICE_TEMPERATURE, DEVICE_POWER, DEVICE_SORT_COUNT };
enum env_sort { ENV_ID, ENV_USER, ENV_NAME, ENV_DEVICES, ENV_MEMORY, ENV_PROCESSES, ENV_AGE, ENV_SORT_COUNT };
enum process_sort {
    PROCESS_PID,
    PROCESS_USER,
    PROCESS_ENV,
    PROCESS_DEVICES,
    PROCESS_MEMORY,
    PROCESS_COMMAND,
    PROCESS_SORT_COUNT
};

enum mode { MODE_BROWSE, MODE_HELP, MODE_USER, MODE_ENV }; /* the last two: a filter is being typed */

#define FILTER_SIZE 132

/* What the user has chosen. */
struct choice {
    enum mode mode;
    enum pane focus; /* what the keys act on */
    enum pane lower; /* environments or processes, where there is room for one of them */
    struct {
        int sort;
        bool reverse;
        size_t selected; /* row */
        size_t first;    /* row that is shown first */
    } panes[PANE_COUNT];
    char user[FILTER_SIZE]; /* a part of the user's name, in any case; "": all */
    char env[FILTER_SIZE];  /* a part of the environment's identifier or name */
    bool exact_env;         /* @env is a whole identifier */
};

struct picture {
    const struct genv_snapshot *snapshot; /* NULL: there is none yet */
    const struct trends *trends;          /* NULL: none is shown */
    struct timespec now;
    double age_seconds;  /* of the snapshot, if the next one is overdue; else 0 */
    const char *failure; /* why the last look failed; NULL: it did not */
    const char *warning; /* what the last look said besides; NULL: nothing */
    bool blind;          /* the driver did not tell of devices: @warning says why */
    bool ascii;          /* no bars and graphs of block elements */
    bool once;           /* to be read, not to be operated: everything, without hints for keys */
    const struct choice *choice;
};

#endif
