/* genv remote activate, genv remote run: an environment on a host that has what it takes. */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "cli/fields.h"
#include "cli/remote.h"
#include "cli/saved.h"
#include "remote/place.h"

struct values {
    struct genv_config config;
    bool no_load;
    bool no_attach;
    int policy;
    bool no_prompt;
    bool terminal;
    bool no_terminal;
};

static const struct values defaults = {.config = GENV_CONFIG_INIT};

enum { PACK, SPREAD };

static const char *const policies[] = {[PACK] = "pack", [SPREAD] = "spread", NULL};

#define REQUEST_ROWS                                                                                                   \
    GENV_CONFIG_FIELDS(FIELD_OPTION)                                                                                   \
    SAVED_OPTIONS,                                                                                                     \
    {                                                                                                                  \
        .name = "host-policy", .type = OPTION_CHOICE, .argument = "POLICY",                                            \
        .help = "Choose the host with the fewest (pack, the default) or the most (spread) devices left afterwards",    \
        .offset = offsetof(struct values, policy), .choices = policies                                                 \
    }

static const struct option activate_options[] = {
    REQUEST_ROWS,
    {.name = "no-prompt",
     .type = OPTION_FLAG,
     .help = "Do not add \"(genv)\" to the prompt",
     .offset = offsetof(struct values, no_prompt)},
    {.name = NULL},
};

static const struct option run_options[] = {
    REQUEST_ROWS,
    {.name = "tty",
     .type = OPTION_FLAG,
     .help = "Run the command on a terminal (the default if all standard streams are a terminal)",
     .offset = offsetof(struct values, terminal),
     .group = 1},
    {.name = "no-tty",
     .type = OPTION_FLAG,
     .help = "Run it without a terminal",
     .offset = offsetof(struct values, no_terminal),
     .group = 1},
    {.name = NULL},
};

static void host_failed(const struct host *host, const struct genv_error *err, void *data)
{
    remote_complain(data, host, err);
}

/* What is asked for: a project's configuration goes along with whoever works in it, to whatever host. */
static int configure(struct cli *cli, const struct values *values, struct genv_config *ret_config,
                     struct genv_error *err)
{
    int r = 0;

    *ret_config = values->config;
    if (!values->no_load)
        r = cli_open(cli, err);
    if (r == 0 && !values->no_load)
        r = saved_load(cli, &values->config, ret_config, err);
    if (values->no_attach)
        ret_config->gpus = -1;
    return r;
}

static int run(struct cli *cli, const struct arguments *arguments, struct session_request *request,
               struct genv_error *err)
{
    const struct remote_options *remote = arguments->above;
    const struct values *values = arguments->values;
    cleanup_host_list struct host_list hosts = {0};
    const struct place_options options = {
        .hosts = &hosts,
        .timeout_seconds = remote->timeout_seconds,
        .spread = values->policy == SPREAD,
        .strict = remote->strict,
        .host_failed = host_failed,
        .data = (void *)remote,
    };
    int status = 0, caught = 0, r;

    request->timeout_seconds = remote->timeout_seconds;
    r = configure(cli, values, &request->config, err);
    if (r == 0)
        r = remote_hosts(remote, &hosts, err);
    if (r == 0)
        r = place_session(&options, request, &status, &caught, err);
    remote_end_by(caught);
    return r == 0 || r == -EINTR ? status : r;
}

static int run_activate(struct cli *cli, const struct arguments *arguments, struct genv_error *err)
{
    const struct values *values = arguments->values;
    struct session_request request = {.prompt = !values->no_prompt, .terminal = true};

    if (!isatty(STDIN_FILENO))
        return error_set(err, ENOTTY,
                         "'genv remote activate' needs a terminal: to run a single command, use 'genv remote run'");
    return run(cli, arguments, &request, err);
}

static int run_run(struct cli *cli, const struct arguments *arguments, struct genv_error *err)
{
    const struct values *values = arguments->values;
    bool on_terminal = isatty(STDIN_FILENO) && isatty(STDOUT_FILENO) && isatty(STDERR_FILENO);
    struct session_request request = {
        .command = arguments->operands,
        .terminal = values->terminal || (on_terminal && !values->no_terminal),
    };

    return run(cli, arguments, &request, err);
}

static const struct example activate_examples[] = {
    {"genv remote --hostfile hostfile.txt activate --gpus 2",
     "Open a shell with two devices, on any host that has them available."},
    {"genv remote activate --gpus 1 --gpu-memory 8g --host-policy spread",
     "Reserve 8 GB of a device on the host with the most available devices."},
    {NULL, NULL},
};

const struct command command_remote_activate = {
    .name = "remote activate",
    .summary = "Open a shell on a host that has the requested devices available",
    .description =
        "Finds a host where the devices, and the memory on each, are available, reserves them there, and opens your "
        "login shell in that environment; if someone else was faster, it tries the next host. The shell ends with the "
        "connection, and the environment with it, unless programs that the shell left running (nohup) are still in it.",
    .options = activate_options,
    .defaults = &defaults,
    .values_size = sizeof(defaults),
    .examples = activate_examples,
    .run = run_activate,
};

static const struct example run_examples[] = {
    {"genv remote run --gpus 1 -- python train.py", "Train on any host that has an available device."},
    {"genv remote run --gpus 1 -- sh -c 'nvidia-smi | wc -l'", "Arguments arrive exactly as you type them."},
    {NULL, NULL},
};

const struct command command_remote_run = {
    .name = "remote run",
    .summary = "Run a command on a host that has the requested devices available",
    .description = "Like 'genv remote activate', but runs one command in your home directory on that host. Its "
                   "arguments arrive unchanged; its standard input, output and error are connected to yours, and its "
                   "exit status is returned. The command ends with the connection; if the connection is lost, the exit "
                   "status is 255. The configuration saved on this machine is loaded.",
    .options = run_options,
    .defaults = &defaults,
    .values_size = sizeof(defaults),
    .operands = {.synopsis = "[--] COMMAND [ARGUMENT...]", .kind = OPERAND_COMMAND, .min = 1, .max = OPERANDS_ANY},
    .examples = run_examples,
    .run = run_run,
};
