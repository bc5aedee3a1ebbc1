/* Host lists and host files. What is let through means nothing to a shell, to ssh's options or to its configuration. */
#include "remote/hosts.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <search.h>
#include <string.h>
#include <strings.h>

#include "base/file.h"
#include "base/text.h"

#define FILE_MAX       (1 << 20)
#define HOST_MAX       65536
#define NAME_MAX_BYTES 255

#define LETTERS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
#define BLANKS  " \t\r\n"

/* A list under construction. */
struct builder {
    const struct host_defaults *defaults;
    struct host_list list;
    size_t capacity;
    void *names; /* tsearch(3)'s tree of what is in the list */
};

static void keep(void *name)
{
    (void)name; /* the list's */
}

static void builder_release(struct builder *builder)
{
    tdestroy(builder->names, keep);
    host_list_release(&builder->list);
}

static int compare_names(const void *a, const void *b)
{
    return strcasecmp(a, b);
}

static bool consists_of(const char *word, const char *characters)
{
    return *word && word[strspn(word, characters)] == '\0';
}

static int check_name(const char *entry, const char *name, struct genv_error *err)
{
    if (*name == '-' || strlen(name) > NAME_MAX_BYTES || !consists_of(name, LETTERS "._:%-"))
        return error_set(err, EINVAL,
                         "'%s' is not a host: expected [USER@]NAME, with letters, digits and . _ : %% - in the name "
                         "(put a port and other settings in ~/.ssh/config)",
                         entry);
    return 0;
}

static int check_user(const char *user, struct genv_error *err)
{
    if (*user == '-' || strlen(user) > NAME_MAX_BYTES || !consists_of(user, LETTERS "._+@-"))
        return error_set(err, EINVAL, "'%s' is not a user name: expected letters, digits and . _ + @ -", user);
    return 0;
}

static int check_program(const char *program, struct genv_error *err)
{
    const char *rest = strncmp(program, "~/", 2) == 0 ? program + 2 : program;

    if (*rest == '-' || strlen(program) > PATH_MAX || !consists_of(rest, LETTERS "._+/,@-"))
        return error_set(err, EINVAL,
                         "'%s' is not a path: expected letters, digits and . _ + / , @ -, optionally after ~/",
                         program);
    return 0;
}

/* Adds the host unless it is there already. */
static int add_host(struct builder *builder, const char *user, const char *name, const char *program,
                    struct genv_error *err)
{
    struct host host = {.name = strdup(name), .genv = strdup(program)};

    if (user ? asprintf(&host.destination, "%s@%s", user, name) < 0 : !(host.destination = strdup(name)))
        host.destination = NULL;
    if (builder->list.count == builder->capacity) {
        size_t capacity = builder->capacity ? builder->capacity * 2 : 16;
        struct host *larger = realloc(builder->list.hosts, capacity * sizeof(*larger));

        if (larger) {
            builder->list.hosts = larger;
            builder->capacity = capacity;
        }
    }
    if (builder->list.count == builder->capacity || !host.name || !host.genv || !host.destination ||
        !tsearch(host.name, &builder->names, compare_names)) {
        free(host.name), free(host.destination), free(host.genv);
        return error_no_memory(err);
    }
    builder->list.hosts[builder->list.count++] = host;
    return 0;
}

/* Adds [USER@]NAME; @program may be NULL. */
static int add_entry(struct builder *builder, const char *entry, const char *program, struct genv_error *err)
{
    const struct host_defaults *defaults = builder->defaults;
    const char *at = strrchr(entry, '@'), *name = at ? at + 1 : entry;
    cleanup_free char *own = at ? strndup(entry, (size_t)(at - entry)) : NULL;
    const char *user = at ? own : defaults ? defaults->user : NULL;
    int r;

    if (at && !own)
        return error_no_memory(err);
    if (!program)
        program = defaults && defaults->genv ? defaults->genv : "genv";
    r = check_name(entry, name, err);
    if (r == 0 && user)
        r = check_user(user, err);
    if (r == 0)
        r = check_program(program, err);
    if (r < 0 || tfind(name, &builder->names, compare_names))
        return r;
    if (builder->list.count == HOST_MAX)
        return error_set(err, E2BIG, "too many hosts (limit %d)", HOST_MAX);
    return add_host(builder, user, name, program, err);
}

static char *trim(char *word)
{
    char *end;

    word += strspn(word, BLANKS);
    end = word + strlen(word);
    while (end > word && strchr(BLANKS, end[-1]))
        end--;
    *end = '\0';
    return word;
}

int hosts_parse(const char *list, const struct host_defaults *defaults, struct host_list *ret_list,
                struct genv_error *err)
{
    cleanup_with(builder_release) struct builder builder = {.defaults = defaults};
    cleanup_free char *copy = strdup(list);
    char *rest = copy, *entry;

    if (!copy)
        return error_no_memory(err);
    while ((entry = strsep(&rest, ","))) {
        int r = add_entry(&builder, trim(entry), NULL, err);

        if (r < 0)
            return r;
    }
    *ret_list = builder.list;
    builder.list = (struct host_list){0};
    return 0;
}

/* [USER@]NAME [genv=PATH] [# comment] */
static int add_line(struct builder *builder, char *line, struct genv_error *err)
{
    static const char key[] = "genv=";
    char *rest, *entry, *word;
    const char *program = NULL;

    line[strcspn(line, "#")] = '\0';
    rest = trim(line);
    if (!*rest)
        return 0;
    entry = strsep(&rest, BLANKS);
    while ((word = strsep(&rest, BLANKS))) {
        if (!*word)
            continue;
        if (strncmp(word, key, strlen(key)) != 0)
            return error_set(err, EINVAL,
                             "expected genv=PATH, not '%s' (put a port and other settings in ~/.ssh/config)", word);
        program = word + strlen(key);
    }
    return add_entry(builder, entry, program, err);
}

int hosts_parse_file(const char *path, char *text, size_t length, const struct host_defaults *defaults,
                     struct host_list *ret_list, struct genv_error *err)
{
    cleanup_with(builder_release) struct builder builder = {.defaults = defaults};
    size_t number = 0;
    char *line;

    if (strlen(text) != length)
        return error_set(err, EINVAL, "%s is not a host file: it is not text", path);
    text += utf8_skip_mark(text) - text;
    while ((line = strsep(&text, "\n"))) {
        int r = add_line(&builder, line, err);

        number++;
        if (r < 0)
            return error_prefix(err, r, "%s:%zu", path, number);
    }
    if (!builder.list.count)
        return error_set(err, EINVAL, "%s has no hosts: add them, one per line", path);
    *ret_list = builder.list;
    builder.list = (struct host_list){0};
    return 0;
}

int hosts_read(const char *path, const struct host_defaults *defaults, struct host_list *ret_list,
               struct genv_error *err)
{
    cleanup_close int fd = open(path, O_RDONLY | O_CLOEXEC);
    cleanup_free char *text = NULL;
    size_t length = 0;
    int r;

    if (fd < 0)
        return error_set_errno(err, errno, "cannot read the host file %s", path);
    r = file_read(fd, FILE_MAX, &text, &length);
    if (r < 0)
        return error_set_errno(err, -r, "cannot read the host file %s", path);
    return hosts_parse_file(path, text, length, defaults, ret_list, err);
}

int hosts_find_file(char **ret_path, struct genv_error *err)
{
    const char *named = getenv("GENV_HOSTFILE"), *home = getenv("HOME");
    cleanup_free char *path = NULL;

    if (named && *named) {
        path = strdup(named); /* also if it can't be read: then that is what is wrong */
        if (!path)
            return error_no_memory(err);
        *ret_path = STEAL_POINTER(path);
        return 0;
    }
    if (home && *home && asprintf(&path, "%s/.config/genv/hostfile", home) < 0)
        return error_no_memory(err);
    if (!path || access(path, F_OK) < 0) {
        free(path);
        path = strdup("/etc/genv/hostfile");
    }
    if (!path)
        return error_no_memory(err);
    if (access(path, F_OK) < 0)
        return error_set(
            err, ENOENT,
            "no hosts: give them with -H HOST,HOST… or list them, one per line, in ~/.config/genv/hostfile");
    *ret_path = STEAL_POINTER(path);
    return 0;
}

int hosts_choose(const char *list, const char *path, const struct host_defaults *defaults, struct host_list *ret_list,
                 struct genv_error *err)
{
    cleanup_free char *in_force = NULL;
    int r;

    if (list)
        return hosts_parse(list, defaults, ret_list, err);
    if (path)
        return hosts_read(path, defaults, ret_list, err);
    r = hosts_find_file(&in_force, err);
    return in_force ? hosts_read(in_force, defaults, ret_list, err) : r;
}

void host_list_release(struct host_list *list)
{
    for (size_t i = 0; i < list->count; i++) {
        free(list->hosts[i].name);
        free(list->hosts[i].destination);
        free(list->hosts[i].genv);
    }
    free(list->hosts);
    *list = (struct host_list){0};
}
