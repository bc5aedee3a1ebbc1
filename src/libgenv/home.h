/* The saved configuration: a change to a .genv directory, which can be taken back until it is certain. */
#ifndef LIBGENV_HOME_H
#define LIBGENV_HOME_H

#include "base/error.h"
#include "base/file.h"
#include "model/config.h"

#include <genv/genv.h>

/* Opens the .genv directory @path, as genv_home_find() looked at it; it may be another by now. -EPERM: it is another
 * user's. */
int home_open(const char *path, int *ret_fd, struct genv_error *err);

/* Whether the .genv directory @path says so in the file @name: 1 ("yes") or 0 ("no"), or -ENOENT: there is none.
 * -EINVAL: something else. */
int home_read_switch(const char *path, const char *name, struct genv_error *err);

/* One field's files, "" where there is none. */
struct home_field {
    char next[FILE_ASIDE_SIZE];   /* what it is to be, until that is published */
    char former[FILE_ASIDE_SIZE]; /* what it was, as long as that may come back */
    struct stat ours;             /* of @next, under whatever name */
    bool has_value;               /* or is to be removed */
    bool is_published;
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

/* Writes the fields of @fields aside; a reader finds what they found before. Takes no lock of the state directory, and
 * may take long: a home directory's server may be slow. Removes what killed writers left. @change, which is empty, is
 * to be released on failure too. */
int home_change_prepare(struct home_change *change, const char *path, const struct genv_config *config, unsigned fields,
                        struct genv_error *err);
/* Makes it what a reader finds: all of it, or on failure nothing. A field has a file at any moment, if it has one
 * before and after. */
int home_change_publish(struct home_change *change, struct genv_error *err);
/* Brings back what was there, unless somebody else has saved that field since. */
void home_change_undo(struct home_change *change);
/* Leaves what is published, and removes the rest. */
void home_change_release(struct home_change *change);

#define cleanup_home_change cleanup_with(home_change_release)

#endif
