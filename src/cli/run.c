/* genv run: one command in an environment of its own. */
#include <errno.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/fields.h"
#include "cli/installation.h"
#include "cli/isolate.h"
#include "cli/kernel.h"
#include "cli/run.h"
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

/* Reserves what @request and the saved configuration say, or enters the environment that @kernel left as it is. Returns
 * whether to isolate the command. */
static int reserve(struct cli *cli, const struct run_request *request, const struct kernel_command *kernel,
                   struct genv_env **ret_env, struct genv_error *err)
{
    const struct genv_member members[] = {kernel->member, {.pid = getpid()}}; /* the first one names it */
    struct genv_reservation reservation = GENV_RESERVATION_INIT;
    int r = isolate_decide(cli, request->isolate, request->no_isolate, !request->load, &reservation.isolate, err);

    reservation.eid = kernel->left;
    reservation.members = kernel->id ? members : members + 1;
    reservation.member_count = kernel->id ? 2 : 1;
    reservation.config = request->config;
    reservation.attach = request->attach && !kernel->left;
    reservation.over_subscribe = request->over_subscribe;
    if (r == 0 && !kernel->left && request->load)
        r = saved_load(cli, &request->config, &reservation.config, err);
    if (r == 0)
        r = genv_reserve(cli->genv, &reservation, ret_env, NULL, err);
    return r < 0 ? r : reservation.isolate;
}

int run_in_own_env(struct cli *cli, const struct run_request *request, const char *file, char **words,
                   struct genv_error *err)
{
    const struct genv_member self = {.pid = getpid()};
    cleanup_kernel_command struct kernel_command kernel = {.id = NULL};
    cleanup_env struct genv_env *env = NULL;
    struct installation installation;
    int r = installation_find(&installation, err), isolate = 0;

    if (r == 0 && request->kernel)
        r = kernel_command_read(words, &kernel, err);
    if (r == 0)
        r = cli_open(cli, err);
    if (r == 0 && kernel.id)
        r = kernel_command_find_left(cli, &kernel, err);
    if (r == 0)
        r = isolate = reserve(cli, request, &kernel, &env, err);
    if (r < 0)
        return r;
    r = variables_export(env, installation.shims, err);
    if (r == 0 && isolate)
        r = genv_isolate(cli->genv, env, err);
    if (r == 0)
        r = cli_execute_as(cli, file, words, err); /* this process becomes the command, and is what is registered */
    if (kernel.id && !kernel.left)                 /* what it had before, it keeps for the next try */
        genv_deactivate(cli->genv, env->eid, &kernel.member, NULL);
    genv_deactivate(cli->genv, env->eid, &self, NULL);
    return r;
}

static int run(struct cli *cli, const struct arguments *arguments, struct genv_error *err)
{
    const struct values *values = arguments->values;
    const struct run_request request = {
        .config = values->config,
        .load = !values->no_load,
        .attach = !values->no_attach,
        .over_subscribe = values->over_subscribe,
        .isolate = values->isolate,
        .no_isolate = values->no_isolate,
        .kernel = values->kernel,
    };

    return run_in_own_env(cli, &request, arguments->operands[0], arguments->operands, err);
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
