/* genv run: one command in an environment of its own. */
#include <errno.h>
#include <string.h>

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
    const char *kernel; /* its connection file, or NULL */
};

static const struct values defaults = {.config = GENV_CONFIG_INIT};

static const struct option options[] = {
    GENV_CONFIG_FIELDS(FIELD_OPTION) /* a row each */
    SAVED_OPTIONS,
    OVER_SUBSCRIBE_OPTION,
    ISOLATE_OPTIONS("Keep the command, and whatever it starts, from opening any other device"),
    {.name = "kernel",
     .type = OPTION_TEXT,
     .filled = true,
     .argument = "FILE",
     .help = "The command is the Jupyter kernel with this connection file: the environment stays as it is while the "
             "kernel restarts",
     .offset = offsetof(struct values, kernel)},
    {.name = NULL},
};

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

/* Has @reservation enter the environment that the kernel left when it stopped to be started again; unless this is its
 * first start, or it has ended. */
static int return_to(struct cli *cli, const struct genv_member *kernel, struct genv_reservation *reservation,
                     char **ret_eid, struct genv_error *err)
{
    cleanup_free char **eids = NULL;
    cleanup_env struct genv_env *env = NULL;
    int r = genv_find(cli->genv, kernel, &eids, err);

    if (r < 0 || !*eids || cli_own_env(cli, *eids, &env, NULL) < 0)
        return r;
    *ret_eid = strdup(*eids);
    if (!*ret_eid)
        return error_no_memory(err);
    reservation->eid = *ret_eid;
    reservation->attach = false;
    return 0;
}

/* Reserves what the options and the saved configuration say. Returns whether to isolate the command. */
static int reserve(struct cli *cli, const struct values *values, const struct genv_member *members, size_t member_count,
                   struct genv_env **ret_env, struct genv_error *err)
{
    struct genv_reservation reservation = GENV_RESERVATION_INIT;
    cleanup_free char *eid = NULL;
    int r = isolate_decide(cli, values->isolate, values->no_isolate, values->no_load, &reservation.isolate, err);

    reservation.members = members;
    reservation.member_count = member_count;
    reservation.config = values->config;
    reservation.attach = !values->no_attach;
    reservation.over_subscribe = values->over_subscribe;
    if (r == 0 && members[0].kernel_id)
        r = return_to(cli, &members[0], &reservation, &eid, err);
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
    cleanup_free char *kernel_id = values->kernel ? kernel_id_of(values->kernel) : NULL;
    const struct genv_member kernel = {.kernel_id = kernel_id, .connection_file = values->kernel};
    const struct genv_member members[] = {values->kernel ? kernel : self, self}; /* the first one names it */
    cleanup_env struct genv_env *env = NULL;
    struct installation installation;
    int r = installation_find(&installation, err), isolate = 0;

    if (r == 0 && values->kernel && !kernel_id)
        r = error_no_memory(err);
    if (r == 0)
        r = cli_open(cli, err);
    if (r == 0)
        r = isolate = reserve(cli, values, members, values->kernel ? 2 : 1, &env, err);
    if (r < 0)
        return r;
    r = variables_export(env, installation.shims, err);
    if (r == 0 && isolate)
        r = genv_isolate(cli->genv, env, err);
    if (r == 0)
        r = cli_execute(cli, arguments->operands,
                        err); /* this process becomes the command, and is what is registered */
    if (kernel_id)
        genv_deactivate(cli->genv, env->eid, &kernel, NULL);
    genv_deactivate(cli->genv, env->eid, &self, NULL);
    return r;
}

static const struct example examples[] = {
    {"genv run --gpus 1 -- python train.py", "Train on a device that nobody else holds."},
    {"genv run --gpus 2 --gpu-memory 8g --name eval ./evaluate", "Reserve 8 GB on each of two devices."},
    {"genv run --kernel kernel-7.json -- ipython kernel -f kernel-7.json",
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
