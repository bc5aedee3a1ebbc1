/* Users and groups of this machine, by number and name. */
#ifndef BASE_USER_H
#define BASE_USER_H

#include <pwd.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/macros.h"

/* An entry of passwd(5), of whatever length, and the memory that its texts are in: user_release() it. */
struct user_entry {
    struct passwd passwd;
    char *buffer;
};

/* -ENOENT: there is none; -ENOMEM. */
int user_find(uid_t uid, struct user_entry *ret_user);
int user_find_by_name(const char *name, struct user_entry *ret_user);
void user_release(struct user_entry *user);
#define cleanup_user cleanup_with(user_release)

/* The user's name, or his number where he has none that is printable. */
void user_name(uid_t uid, char *name, size_t size);

/* Who the user @uid of this user namespace is outside of it, as far as that can be told: "root" of a rootless container
 * engine is the user who runs it. */
uid_t user_outside(uid_t uid);

bool user_exists(const char *name);

/* The group's name, free() it; NULL: it has none. */
char *group_name(gid_t gid);
bool group_exists(const char *name);

#endif
