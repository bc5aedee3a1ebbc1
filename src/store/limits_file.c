/* The administrator's limits file, and who the users of this machine are to it. */
#include "store/limits_file.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/user.h"

#define GROUP_COUNT_MAX 65536 /* that the kernel lets a process be in */

/* 0 with *ret_text NULL: there is none. Unlike what users write, it may be a link: administrators' tools make some. */
static int read_file(const char *path, char **ret_text, struct genv_error *err)
{
    cleanup_close int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    struct stat st;
    size_t length;
    int r;

    *ret_text = NULL;
    if (fd < 0 && (errno == ENOENT || errno == ENOTDIR))
        return 0;
    if (fd < 0 || fstat(fd, &st) < 0)
        return error_set_errno(err, errno, "cannot read the limits file %s", path);
    if (!S_ISREG(st.st_mode))
        return error_set(err, EINVAL, "the limits file %s is not a regular file", path);
    r = file_read(fd, LIMITS_SIZE_MAX, ret_text, &length);
    return r < 0 ? error_set_errno(err, -r, "cannot read the limits file %s", path) : 0;
}

int limits_load(const char *path, struct limits *ret_limits, struct genv_error *err)
{
    cleanup_free char *text = NULL;
    int r = read_file(path, &text, err);

    if (r < 0)
        return r;
    if (!text) {
        *ret_limits = (struct limits){0};
        return 0;
    }
    r = limits_parse(text, ret_limits, err);
    return r < 0 ? error_prefix(err, r, "%s", path) : 0;
}

/* The names of the user's groups: @names points into @storage. */
struct groups {
    char **names;
    size_t count;
};

static void groups_release(struct groups *groups)
{
    for (size_t i = 0; i < groups->count; i++)
        free(groups->names[i]);
    free(groups->names);
}

static void find_groups(const char *username, gid_t primary, struct groups *groups)
{
    int room = 256, count = room;
    cleanup_free gid_t *ids = calloc((size_t)room, sizeof(*ids));

    while (ids && getgrouplist(username, primary, ids, &count) < 0) {
        gid_t *grown = NULL;

        room = count > room ? count : 2 * room;
        if (room <= GROUP_COUNT_MAX)
            grown = reallocarray(ids, (size_t)room, sizeof(*ids));
        if (!grown)
            return;
        ids = grown;
        count = room;
    }
    groups->names = ids ? calloc((size_t)count + 1, sizeof(*groups->names)) : NULL;
    for (int i = 0; groups->names && i < count; i++) {
        groups->names[groups->count] = group_name(ids[i]);
        if (groups->names[groups->count])
            groups->count++;
    }
}

struct allowance limits_allowance(const struct limits *limits, const char *username)
{
    cleanup_with(groups_release) struct groups groups = {0};
    cleanup_user struct user_entry user = {.buffer = NULL};
    bool any_group = false;

    for (size_t i = 0; i < limits->count; i++)
        any_group = any_group || limits->items[i].subject == LIMIT_GROUP;
    if (any_group && user_find_by_name(username, &user) == 0)
        find_groups(username, user.passwd.pw_gid, &groups);
    return limits_of(limits, username, (const char *const *)groups.names, groups.count);
}

void limits_check_subjects(const struct limits *limits, const char *path, bool users,
                           void (*complain)(const char *message, void *data), void *data)
{
    for (size_t i = 0; i < limits->count; i++) {
        const struct limit *limit = &limits->items[i];
        bool user = limit->subject == LIMIT_USER;
        struct genv_error warning;

        if (limit->subject == LIMIT_ANYONE || (user && !users))
            continue;
        if (user ? user_exists(limit->name) : group_exists(limit->name))
            continue;
        error_set(&warning, EINVAL, "there is no %s '%s' here: check the name", user ? "user" : "group", limit->name);
        if (limit->line)
            error_prefix(&warning, -EINVAL, "%s: line %u", path, limit->line);
        complain(warning.message, data);
    }
}
