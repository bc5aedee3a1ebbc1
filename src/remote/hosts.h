/* Which hosts: from a list on the command line, or a file with a host a line. */
#ifndef REMOTE_HOSTS_H
#define REMOTE_HOSTS_H

#include "base/error.h"
#include "base/macros.h"

struct host {
    char *name;        /* as shown: the destination without its user */
    char *destination; /* what ssh is given: [USER@]NAME, nothing in it means anything to a shell or to ssh's options */
    char *genv; /* the program there: "genv", or a path whose characters mean nothing to a shell but for a leading ~/ */
};

struct host_list {
    struct host *hosts;
    size_t count;
};

/* For entries that do not say themselves. */
struct host_defaults {
    const char *user; /* NULL: what ssh's configuration says */
    const char *genv; /* NULL: "genv" */
};

/* "gpu-server-1,paul@gpu-server-2". A host that is named twice, by whatever user, counts once: the first entry.
 * -EINVAL, with the entry, for what is not a host. */
int hosts_parse(const char *list, const struct host_defaults *defaults, struct host_list *ret_list,
                struct genv_error *err);

/* A file with a host a line: [USER@]NAME, then optionally genv=PATH; "#" begins a comment. -EINVAL names the line. */
int hosts_read(const char *path, const struct host_defaults *defaults, struct host_list *ret_list,
               struct genv_error *err);

/* The parser behind it: takes @text, the content of @path, apart in place. */
int hosts_parse_file(const char *path, char *text, size_t length, const struct host_defaults *defaults,
                     struct host_list *ret_list, struct genv_error *err);

/* The file in force: $GENV_HOSTFILE, ~/.config/genv/hostfile, /etc/genv/hostfile. free() it. -ENOENT: there is none. */
int hosts_find_file(char **ret_path, struct genv_error *err);

/* The hosts of @list, or else of the file @path, or else (both NULL) of the file in force. */
int hosts_choose(const char *list, const char *path, const struct host_defaults *defaults, struct host_list *ret_list,
                 struct genv_error *err);

void host_list_release(struct host_list *list);
#define cleanup_host_list cleanup_with(host_list_release)

#endif
