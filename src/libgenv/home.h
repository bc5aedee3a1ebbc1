/* A change of the saved configuration that can be taken back until it is certain. */
#ifndef LIBGENV_HOME_H
#define LIBGENV_HOME_H

#include "base/file.h"
#include "base/macros.h"
#include "model/config.h"

#include <genv/genv.h>

/* One field's files in the .genv directory, "" where there is none. */
struct home_field {
    char next[FILE_ASIDE_SIZE];   /* what it is to be, until that is published */
    char former[FILE_ASIDE_SIZE]; /* what it was, as long as that may come back */
    bool is_changed;
};

struct home_change {
    const char *path; /* the caller's */
    int home;
    unsigned mask;
    struct home_field fields[CONFIG_FIELD_COUNT];
};

#define HOME_CHANGE_INIT                                                                                               \
    (struct home_change)                                                                                               \
    {                                                                                                                  \
        .home = -1                                                                                                     \
    }

/* Writes the fields of @fields aside; a reader finds what he found before. */
int home_change_prepare(const char *path, const struct genv_config *config, unsigned fields,
                        struct home_change *ret_change, struct genv_error *err);
/* Makes it what a reader finds: all of it, or on failure nothing. */
int home_change_publish(struct home_change *change, struct genv_error *err);
/* Brings back what was there, whatever that was. */
void home_change_undo(struct home_change *change);
/* Leaves what is published, and removes the rest. */
void home_change_release(struct home_change *change);
#define cleanup_home_change cleanup_with(home_change_release)

#endif
