/* genv run: one command in an environment of its own. */
#include <errno.h>
#include <string.h>

#include "base/proc.h"
#include "cli/cli.h"
#include "cli/fields.h"
#include "cli/installation.h"
#include "cli/isolate.h"
#include "cli/saved.h"
#include "cli/sharers.h"
#include "cli/variables.h"

struct values {
    struct genv_config config;
    bool no_load;
    bool no_attach;
    bool over_subscribe;
    bool isolate;
    bool no_isolate;
    bool kernel;
};

static const struct values defaults = {.config = GENV_CONFIG_INIT};

static const struct option options[] = {
    GENV_CONFIG_FIELDS(FIELD_OPTION) /* a row each */
    SAVED_OPTIONS,
    OVER_SUBSCRIBE_OPTION,
    ISOLATE_OPTIONS("Keep the command, and whatever it starts, from opening any other device"),
    {.name = "kernel",
     .type = OPTION_FLAG,
     .help = "The command is a Jupyter kernel, and names its connection file: the environment stays as it is while the "
             "kernel restarts",
     .offset = offsetof(struct values, kernel)},
    {.name = NULL},
};

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

/* Fills @kernel, whose texts are the command's and @ret_id, for the caller to free(). */
static int describe_kernel(char *const *command, struct genv_member *kernel, char **ret_id, struct genv_error *err)
{
    const char *file = connection_file_of(command);

    if (!file)
        return error_set(err, EINVAL, "the command names no connection file: a word that ends in '.json' is missing");
    *ret_id = kernel_id_of(file);
    if (!*ret_id)
        return error_no_memory(err);
    *kernel = (struct genv_member){.kernel_id = *ret_id, .connection_file = file, .manager = find_manager()};
    return 0;
}

/* The environment that the kernel left when it stopped to be started again: NULL on its first start, or if it has
 * ended. Others can claim the kernel for environments of theirs, and nothing follows from that. */
static int find_left(struct cli *cli, const struct genv_member *kernel, char **ret_eid, struct genv_error *err)
{
    cleanup_free char **eids = NULL;
    int r = genv_find(cli->genv, kernel, &eids, err);

    for (char **eid = eids; r == 0 && *eid && !*ret_eid; eid++) {
        cleanup_env struct genv_env *env = NULL;

        if (genv_env_get(cli->genv, *eid, &env, NULL) == 0 && env->uid == geteuid() && !(*ret_eid = strdup(*eid)))
            r = error_no_memory(err);
    }
    return r;
}

/* Reserves what the options and the saved configuration say, or enters @eid as it is. Returns whether to isolate the
 * command. */
static int reserve(struct cli *cli, const struct values *values, const char *eid, const struct genv_member *members,
                   size_t member_count, struct genv_env **ret_env, struct genv_error *err)
{
    struct genv_reservation reservation = GENV_RESERVATION_INIT;
    int r = isolate_decide(cli, values->isolate, values->no_isolate, values->no_load, &reservation.isolate, err);

    reservation.eid = eid;
    reservation.members = members;
    reservation.member_count = member_count;
    reservation.config = values->config;
    reservation.attach = !values->no_attach && !eid;
    reservation.over_subscribe = values->over_subscribe;
    if (r == 0 && !eid && !values->no_load)
        r = saved_load(cli, &values->config, &reservation.config, err);
    if (r == 0)
        r = genv_reserve(cli->genv, &reservation, ret_env, NULL, err);
    return r < 0 ? r : reservation.isolate;
}

static int run(struct cli *cli, const struct arguments *arguments, struct genv_error *err)
{
    const struct values *values = arguments->values;
    const struct genv_member self = {.pid = getpid()};
    struct genv_member members[] = {self, self}; /* the first one names it */
    cleanup_free char *kernel_id = NULL, *eid = NULL;
    cleanup_env struct genv_env *env = NULL;
    struct installation installation;
    int r = installation_find(&installation, err), isolate = 0;

    if (r == 0 && values->kernel)
        r = describe_kernel(arguments->operands, &members[0], &kernel_id, err);
    if (r == 0)
        r = cli_open(cli, err);
    if (r == 0 && kernel_id)
        r = find_left(cli, &members[0], &eid, err);
    if (r == 0)
        r = isolate = reserve(cli, values, eid, members, kernel_id ? 2 : 1, &env, err);
    if (r < 0)
        return r;
    r = variables_export(env, installation.shims, err);
    if (r == 0 && isolate)
        r = genv_isolate(cli->genv, env, err);
    if (r == 0)
        r = cli_execute(cli, arguments->operands,
                        err); /* this process becomes the command, and is what is registered */
    if (kernel_id && !eid)    /* what it had before, it keeps for the next try */
        genv_deactivate(cli->genv, env->eid, &members[0], NULL);
    genv_deactivate(cli->genv, env->eid, &self, NULL);
    return r;
}

static const struct example examples[] = {
    {"genv run --gpus 1 -- python train.py", "Train on a device that nobody else holds."},
    {"genv run --gpus 2 --gpu-memory 8g --name eval ./evaluate", "Reserve 8 GB on each of two devices."},
    {"genv run --kernel -- ipython kernel -f kernel-7.json",
     "What the kernel specifications of genv-jupyter run for programs without provisioners."},
    {NULL, NULL},
};

const struct command command_run = {
    .name = "run",
    .summary = "Run a command in an environment of its own",
    .description = "Needs no setup in the shell: genv creates an environment, attaches the devices, runs the command, "
                   "and releases everything when the command ends, even if it fails or is killed. If the devices are "
                   "not available, the command is not started. The saved configuration (see 'genv home') is loaded; "
                   "options override it field by field. Without a device count, the command has no devices.",
    .group = GROUP_PROGRAMS,
    .options = options,
    .defaults = &defaults,
    .values_size = sizeof(defaults),
    .operands = {.synopsis = "[--] COMMAND [ARGUMENT...]", .kind = OPERAND_COMMAND, .min = 1, .max = OPERANDS_ANY},
    .examples = examples,
    .run = run,
};
