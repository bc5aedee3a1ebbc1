/* genv remote activate, genv remote run: an environment on a host that has what it takes. */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "cli/fields.h"
#include "cli/remote.h"
#include "remote/rank.h"
#include "remote/session.h"

struct values {
    struct genv_config config;
    int policy; /* enum placement_policy */
    bool no_prompt;
    bool terminal;
    bool no_terminal;
};

static const struct values defaults = {.config = GENV_CONFIG_INIT};

static const char *const policies[] = {[PLACEMENT_PACK] = "pack", [PLACEMENT_SPREAD] = "spread", NULL};

#define REQUEST_ROWS                                                                                                   \
    GENV_CONFIG_FIELDS(FIELD_OPTION)                                                                                   \
    {                                                                                                                  \
        .name = "host-policy", .type = OPTION_CHOICE, .argument = "POLICY",                                            \
        .help = "Of the hosts that have enough, take the one with the least (pack, the default) or the most (spread) " \
                "devices left over",                                                                                   \
        .offset = offsetof(struct values, policy), .choices = policies                                                 \
    }

static const struct option activate_options[] = {
    REQUEST_ROWS,
    {.name = "no-prompt",
     .type = OPTION_FLAG,
     .help = "Leave the prompt as it is, without \"(genv)\"",
     .offset = offsetof(struct values, no_prompt)},
    {.name = NULL},
};

static const struct option run_options[] = {
    REQUEST_ROWS,
    {.name = "tty",
     .type = OPTION_FLAG,
     .help = "Run the command on a terminal, as is done when all standard streams here are one",
     .offset = offsetof(struct values, terminal),
     .group = 1},
    {.name = "no-tty",
     .type = OPTION_FLAG,
     .help = "Run it without one",
     .offset = offsetof(struct values, no_terminal),
     .group = 1},
    {.name = NULL},
};

static bool suffices(const struct genv_snapshot *snapshot, void *data)
{
    const struct genv_config *wanted = data;
    size_t gpus = wanted->gpus > 0 ? (size_t)wanted->gpus : 0;

    return genv_snapshot_available(snapshot, wanted->gpu_memory) >= gpus;
}

/* Why no host will do: what the one with the most has. */
static int refuse(const struct survey *survey, const struct genv_config *wanted, struct genv_error *err)
{
    static const char sentence[] = "Cannot find a host with enough available resources";
    const struct host *best = NULL;
    size_t most = 0;

    for (size_t i = 0; i < survey->count; i++) {
        const struct genv_snapshot *snapshot = survey->answers[i].snapshot;
        size_t here = snapshot ? genv_snapshot_available(snapshot, wanted->gpu_memory) : 0;

        if (here <= most)
            continue;
        most = here;
        best = survey->answers[i].host;
    }
    if (!best || (int)most >= wanted->gpus)
        return error_set(err, EBUSY, "%s", sentence);
    return error_set(err, EBUSY, "%s: the most is %zu%s, on %s", sentence, most,
                     wanted->gpu_memory ? " with that much memory" : "", best->name);
}

/* Asks one host after the other. Returns as session_run() does; -EBUSY: none of them had enough any more. @tried marks
 * those that were asked. */
static int try_hosts(const struct remote_options *remote, const struct session_request *request,
                     const struct survey *survey, enum placement_policy policy, bool *tried, int *ret_status,
                     struct genv_error *err)
{
    cleanup_free size_t *order = calloc(survey->count + 1, sizeof(*order));
    size_t count;

    if (!order || survey_rank(survey, &request->config, policy, order, &count) < 0)
        return error_no_memory(err);
    for (size_t i = 0; i < count; i++) {
        const struct host *host = survey->answers[order[i]].host;
        struct genv_error reason = {0};
        int r;

        if (tried[order[i]])
            continue;
        tried[order[i]] = true;
        r = session_run(host, request, ret_status, &reason);
        if (r == 0 || r == -EINTR)
            return r;
        if (r == -E2BIG) /* so it is for every host */
            return error_set(err, E2BIG, "%s", reason.message);
        if (r != -EBUSY && remote->strict)
            return error_set(err, -r, "%s: %s", host->name, reason.message);
        if (r != -EBUSY)
            remote_complain(remote, host, &reason);
    }
    return refuse(survey, &request->config, err);
}

static bool all_answered(const struct survey *survey)
{
    for (size_t i = 0; i < survey->count; i++) {
        if (survey->answers[i].err.code == ECANCELED)
            return false;
    }
    return true;
}

/* First those that answer soon, then, if none of them will do, all. */
static int find_and_run(const struct remote_options *remote, struct session_request *request,
                        enum placement_policy policy, int *ret_status, struct genv_error *err)
{
    struct survey_options looks = {.suffices = suffices, .data = &request->config};
    cleanup_host_list struct host_list hosts = {0};
    cleanup_free bool *tried = NULL, *named = NULL;
    int r = remote_hosts(remote, &hosts, err);

    if (r < 0)
        return r;
    tried = calloc(hosts.count + 1, sizeof(*tried));
    named = calloc(hosts.count + 1, sizeof(*named));
    if (!tried || !named)
        return error_no_memory(err);
    for (;;) {
        cleanup_survey struct survey survey = {0};

        r = remote_survey(remote, &hosts, &looks, named, &survey, err);
        if (r == 0)
            r = try_hosts(remote, request, &survey, policy, tried, ret_status, err);
        if (r != -EBUSY || all_answered(&survey))
            return r;
        looks.suffices = NULL;
    }
}

static int run(const struct arguments *arguments, struct session_request *request, struct genv_error *err)
{
    const struct remote_options *remote = arguments->above;
    const struct values *values = arguments->values;
    int status = 0, r;

    request->config = values->config;
    request->timeout_seconds = remote->timeout_seconds;
    r = find_and_run(remote, request, (enum placement_policy)values->policy, &status, err);
    return r == 0 || r == -EINTR ? status : r;
}

static int run_activate(struct cli *cli, const struct arguments *arguments, struct genv_error *err)
{
    const struct values *values = arguments->values;
    struct session_request request = {.prompt = !values->no_prompt, .terminal = true};

    (void)cli;
    if (!isatty(STDIN_FILENO))
        return error_set(err, ENOTTY,
                         "'genv remote activate' opens a shell, which needs a terminal: use 'genv remote "
                         "run' for one command");
    return run(arguments, &request, err);
}

static int run_run(struct cli *cli, const struct arguments *arguments, struct genv_error *err)
{
    const struct values *values = arguments->values;
    bool on_terminal = isatty(STDIN_FILENO) && isatty(STDOUT_FILENO) && isatty(STDERR_FILENO);
    struct session_request request = {
        .command = arguments->operands,
        .terminal = values->terminal || (on_terminal && !values->no_terminal),
    };

    (void)cli;
    return run(arguments, &request, err);
}

static const struct example activate_examples[] = {
    {"genv remote --hostfile hostfile.txt activate --gpus 2", "A shell with two devices, wherever they are free."},
    {"genv remote activate --gpus 1 --gpu-memory 8g --host-policy spread", "A part of a device, on the emptiest host."},
    {NULL, NULL},
};

const struct command command_remote_activate = {
    .name = "remote activate",
    .summary = "Open a shell in an environment on a host with enough available",
    .description =
        "Finds a host that has the devices, and the memory on each, available, reserves them there, and opens your "
        "login shell in that environment; where somebody else was faster, the next host is asked. The environment ends "
        "with the connection.",
    .options = activate_options,
    .defaults = &defaults,
    .values_size = sizeof(defaults),
    .examples = activate_examples,
    .run = run_activate,
};

static const struct example run_examples[] = {
    {"genv remote run --gpus 1 -- python train.py", "Trains on whichever host has a device free."},
    {"genv remote run --gpus 1 -- sh -c 'nvidia-smi | wc -l'", "Arguments arrive exactly as they are typed."},
    {NULL, NULL},
};

const struct command command_remote_run = {
    .name = "remote run",
    .summary = "Run a command in an environment on a host with enough available",
    .description =
        "As 'genv remote activate', for one command in your home directory there. Its arguments arrive as they are; "
        "standard input, output and error and the exit status are the command's. It ends with the connection. 255 is "
        "the status of a connection that was lost.",
    .options = run_options,
    .defaults = &defaults,
    .values_size = sizeof(defaults),
    .operands = {.synopsis = "[--] COMMAND [ARGUMENT...]", .kind = OPERAND_COMMAND, .min = 1, .max = OPERANDS_ANY},
    .examples = run_examples,
    .run = run_run,
};
