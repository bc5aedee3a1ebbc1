/* Users and groups of this machine, by number and name. */
#include "base/user.h"

#include <errno.h>
#include <grp.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"

#define ENTRY_SIZE     1024
#define ENTRY_SIZE_MAX (64 << 20) /* a group comes with its members, thousands perhaps */

/* One of the four functions of <pwd.h> and <grp.h>. Returns 0 or a positive errno. */
typedef int (*asker)(const void *key, void *entry, char *buffer, size_t size, bool *ret_found);

/* Fills @entry, whose texts are in *@ret_buffer then, to be free()d. */
static int look_up(asker ask, const void *key, void *entry, char **ret_buffer)
{
    for (size_t size = ENTRY_SIZE; size <= ENTRY_SIZE_MAX; size *= 2) {
        cleanup_free char *buffer = malloc(size);
        bool found = false;
        int error = buffer ? ask(key, entry, buffer, size, &found) : ENOMEM;

        if (error == ERANGE)
            continue;
        if (error == ENOMEM)
            return -ENOMEM;
        if (error || !found)
            return -ENOENT;
        *ret_buffer = STEAL_POINTER(buffer);
        return 0;
    }
    return -ENOMEM;
}

static int ask_uid(const void *key, void *entry, char *buffer, size_t size, bool *ret_found)
{
    struct passwd *found = NULL;
    int error = getpwuid_r(*(const uid_t *)key, entry, buffer, size, &found);

    *ret_found = found != NULL;
    return error;
}

static int ask_user(const void *key, void *entry, char *buffer, size_t size, bool *ret_found)
{
    struct passwd *found = NULL;
    int error = getpwnam_r(key, entry, buffer, size, &found);

    *ret_found = found != NULL;
    return error;
}

static int ask_gid(const void *key, void *entry, char *buffer, size_t size, bool *ret_found)
{
    struct group *found = NULL;
    int error = getgrgid_r(*(const gid_t *)key, entry, buffer, size, &found);

    *ret_found = found != NULL;
    return error;
}

static int ask_group(const void *key, void *entry, char *buffer, size_t size, bool *ret_found)
{
    struct group *found = NULL;
    int error = getgrnam_r(key, entry, buffer, size, &found);

    *ret_found = found != NULL;
    return error;
}

int user_find(uid_t uid, struct user_entry *ret_user)
{
    return look_up(ask_uid, &uid, &ret_user->passwd, &ret_user->buffer);
}

int user_find_by_name(const char *name, struct user_entry *ret_user)
{
    return look_up(ask_user, name, &ret_user->passwd, &ret_user->buffer);
}

void user_release(struct user_entry *user)
{
    free(user->buffer);
    *user = (struct user_entry){.buffer = NULL};
}

void user_name(uid_t uid, char *name, size_t size)
{
    cleanup_user struct user_entry user = {.buffer = NULL};

    if (user_find(uid, &user) == 0 && utf8_is_printable(user.passwd.pw_name))
        copy_string(name, size, user.passwd.pw_name);
    else
        snprintf(name, size, "%u", (unsigned)uid);
}

bool user_exists(const char *name)
{
    cleanup_user struct user_entry user = {.buffer = NULL};

    return user_find_by_name(name, &user) == 0;
}

char *group_name(gid_t gid)
{
    cleanup_free char *buffer = NULL;
    struct group group;

    return look_up(ask_gid, &gid, &group, &buffer) == 0 ? strdup(group.gr_name) : NULL;
}

bool group_exists(const char *name)
{
    cleanup_free char *buffer = NULL;
    struct group group;

    return look_up(ask_group, name, &group, &buffer) == 0;
}

uid_t user_outside(uid_t uid)
{
    cleanup_fclose FILE *map = fopen("/proc/self/uid_map", "re");
    unsigned inside, outside, count;

    while (map && fscanf(map, "%u %u %u", &inside, &outside, &count) == 3) {
        if (uid >= inside && uid - inside < count)
            return outside + (uid - inside);
    }
    return uid;
}
