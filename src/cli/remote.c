/* genv remote: the hosts that its commands work on. */
#include "cli/remote.h"

#include <errno.h>
#include <signal.h>

#include "base/json.h"

int remote_hosts(const struct remote_options *values, struct host_list *ret_hosts, struct genv_error *err)
{
    const struct host_defaults host_defaults = {.user = values->user, .genv = values->genv};

    return hosts_choose(values->hosts, values->hostfile, &host_defaults, ret_hosts, err);
}

void remote_complain(const struct remote_options *values, const struct host *host, const struct genv_error *err)
{
    cleanup_text struct text line = TEXT_INIT;

    if (values->quiet)
        return;
    text_addf(&line, "%s: %s", host->name, err->message);
    if (!line.failed)
        program_complain(line.data);
}

void remote_end_by(int caught)
{
    if (!caught)
        return;
    signal(caught, SIG_DFL);
    raise(caught);
}

int remote_survey_all(const struct arguments *arguments, struct host_list *ret_hosts, struct survey *ret_survey,
                      struct genv_error *err)
{
    const struct remote_options *values = arguments->above;
    const struct survey_options how = {.timeout_seconds = values->timeout_seconds};
    int caught = 0, r = remote_hosts(values, ret_hosts, err);

    if (r == 0)
        r = survey_take(ret_hosts, &how, ret_survey, &caught, err);
    remote_end_by(caught);
    for (size_t i = 0; r == 0 && !values->strict && i < ret_survey->count; i++) {
        if (!ret_survey->answers[i].snapshot)
            remote_complain(values, ret_survey->answers[i].host, &ret_survey->answers[i].err);
    }
    return r < 0 ? r : survey_check(ret_survey, values->strict, err);
}

const struct option remote_table_option_rows[] = {
    TABLE_OPTION_ROWS,
    {.name = "no-summary",
     .type = OPTION_FLAG,
     .help = "Leave out the summary line",
     .offset = offsetof(struct remote_table_options, no_summary)},
    {.name = NULL},
};

/* What a host's object is to hold: a new reference. */
static json_t *host_to_json(const struct survey_answer *answer, const char *key,
                            char *(*part)(const struct genv_snapshot *snapshot))
{
    cleanup_free char *text = part(answer->snapshot);
    json_t *value = text ? json_loads(text, 0, NULL) : NULL;
    json_t *object = json_pack("{s:s}", "host", answer->host->name);

    if (!key) {
        json_object_update(object, value);
        json_decref(value);
    } else {
        json_object_set_new(object, "hostname", json_string(answer->snapshot->hostname));
        json_object_set_new(object, key, value);
    }
    return object;
}

int remote_add_json(struct text *text, const struct survey *survey, const char *key,
                    char *(*part)(const struct genv_snapshot *snapshot), struct genv_error *err)
{
    cleanup_json json_t *array = json_array();
    cleanup_free char *printed = NULL;

    for (size_t i = 0; i < survey->count; i++) {
        if (survey->answers[i].snapshot)
            json_array_append_new(array, host_to_json(&survey->answers[i], key, part));
    }
    printed = json_dumps(array, JSON_INDENT(2) | JSON_REAL_PRECISION(10));
    if (!printed)
        return error_no_memory(err);
    text_addf(text, "%s\n", printed);
    return 0;
}

static const struct command *const subcommands[] = {
    &command_remote_devices,  &command_remote_envs,     &command_remote_query,
    &command_remote_snapshot, &command_remote_activate, &command_remote_run,
    &command_remote_enforce,  &command_remote_monitor,  NULL,
};

static const struct example examples[] = {
    {"genv remote -H gpu-server-1,gpu-server-2 devices",
     "Show how many devices these hosts have, and how many are available."},
    {"genv remote --hostfile hostfile.txt activate --gpus 2",
     "Open a shell with two devices, on a host where they are available."},
    {"genv remote run --gpus 1 -- python train.py", "Run a command on such a host from the default host file."},
    {NULL, NULL},
};

const struct command command_remote = {
    .name = "remote",
    .summary = "Work with the devices of many hosts",
    .description =
        "Hosts are reached with your own ssh and its configuration (keys, ports, jump hosts), and never with a "
        "password: try 'ssh HOST genv --version'. The hosts need nothing but genv.\n\nA host file "
        "has one host per line, as [USER@]HOST, followed by genv=PATH if genv is not in PATH for commands that ssh "
        "runs; '#' starts a comment. A host that is listed twice counts once.\n\nA host that fails is reported on "
        "standard error, and the command continues with the others. Options go before the command.",
    .group = GROUP_MACHINES,
    .options = remote_option_rows,
    .defaults = &remote_defaults,
    .values_size = sizeof(struct remote_options),
    .operands = {.synopsis = "COMMAND [ARGUMENT...]", .kind = OPERAND_COMMAND, .min = 1, .max = OPERANDS_ANY},
    .subcommands = subcommands,
    .examples = examples,
};
