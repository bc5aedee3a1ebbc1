/* The Jupyter kernel that a command starts. */
#include "cli/kernel.h"

#include <errno.h>
#include <string.h>

#include "base/proc.h"

void kernel_command_release(struct kernel_command *kernel)
{
    free(kernel->id);
    free(kernel->left);
}

/* The connection file that @command names: its last word, or what follows the '=' of one, that ends in ".json". NULL:
 * none. A host replaces one word of a kernel specification, and some add "--f=FILE" instead. */
static const char *connection_file_of(char *const *command)
{
    static const char suffix[] = ".json";
    const char *file = NULL;

    for (; *command; command++) {
        size_t length = strlen(*command), name = strcspn(*command, "/=");

        if (length >= sizeof(suffix) && strcmp(*command + length - (sizeof(suffix) - 1), suffix) == 0)
            file = (*command)[name] == '=' ? *command + name + 1 : *command;
    }
    return file;
}

/* The ID of the kernel with the connection file @path, the X of kernel-X.json; free() it. NULL: out of memory. */
static char *kernel_id_of(const char *path)
{
    static const char prefix[] = "kernel-", suffix[] = ".json";
    const char *slash = strrchr(path, '/'), *id = slash ? slash + 1 : path;
    size_t length;

    if (strncmp(id, prefix, sizeof(prefix) - 1) == 0)
        id += sizeof(prefix) - 1;
    length = strlen(id);
    if (length > sizeof(suffix) - 1 && strcmp(id + length - (sizeof(suffix) - 1), suffix) == 0)
        length -= sizeof(suffix) - 1;
    return strndup(id, length);
}

/* Whoever has started this process starts the kernel again. Where they are another user, or gone, that is not known,
 * and it ends with the kernel's own process. */
static pid_t find_manager(void)
{
    pid_t parent = getppid();

    return proc_uid(parent) == geteuid() ? parent : getpid();
}

int kernel_command_read(char *const *command, struct kernel_command *ret_kernel, struct genv_error *err)
{
    const char *file = connection_file_of(command);

    if (!file)
        return error_set(err, EINVAL, "the command names no connection file: a word that ends in '.json' is missing");
    ret_kernel->id = kernel_id_of(file);
    if (!ret_kernel->id)
        return error_no_memory(err);
    ret_kernel->member =
        (struct genv_member){.kernel_id = ret_kernel->id, .connection_file = file, .manager = find_manager()};
    return 0;
}

/* Others can claim the kernel for environments of theirs, and nothing follows from that. */
int kernel_command_find_left(struct cli *cli, struct kernel_command *kernel, struct genv_error *err)
{
    cleanup_free char **eids = NULL;
    int r = genv_find(cli->genv, &kernel->member, &eids, err);

    for (char **eid = eids; r == 0 && *eid && !kernel->left; eid++) {
        cleanup_env struct genv_env *env = NULL;

        if (genv_env_get(cli->genv, *eid, &env, NULL) == 0 && env->uid == geteuid() && !(kernel->left = strdup(*eid)))
            r = error_no_memory(err);
    }
    return r;
}
