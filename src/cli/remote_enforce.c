/* genv remote enforce: makes the agreement hold on many machines, a user's maximum over all of them together. */
#include "cli/enforcement.h"
#include "cli/remote.h"
#include "enforce/hosts.h"

static void host_failed(const struct host *host, const struct genv_error *err, void *data)
{
    remote_complain(data, host, err);
}

static int run(struct cli *cli, const struct arguments *arguments, struct genv_error *err)
{
    const struct enforcement_options *values = arguments->values;
    cleanup_host_list struct host_list hosts = {0};
    const struct remote_options *remote = arguments->above;
    struct enforcement enforcement;
    const struct hosts_options options = {
        .session = &enforcement.session,
        .hosts = &hosts,
        .timeout_seconds = remote->timeout_seconds,
        .strict = remote->strict,
        .host_failed = host_failed,
        .data = (void *)remote,
    };
    bool failed = false;
    int r;

    if (values->history)
        return enforcement_print_history(cli, values, err);
    r = remote_hosts(remote, &hosts, err);
    if (r == 0)
        r = enforcement_prepare(&enforcement, cli, values, err);
    if (r == 0)
        r = enforce_hosts(cli->genv, &options, &failed, err);
    return r < 0 ? r : failed ? EXIT_FAILURE : 0;
}

static const struct example examples[] = {
    {"genv remote -l root enforce --max-devices-per-user 4", "Limit each user to four devices on all hosts together."},
    {NULL, NULL},
};

const struct command command_remote_enforce = {
    .name = "remote enforce",
    .summary = "Enforce the rules of sharing on all hosts",
    .description = "Works like 'genv enforce' (see 'genv enforce --help'). A user's limit counts over all hosts "
                   "together; the limits file and group membership are those of this machine. Each host checks again "
                   "just before it acts. Acting on other users' processes needs root there (-l root). A host that does "
                   "not respond is reported, and the command continues with the others.",
    .options = enforcement_option_rows,
    .defaults = &enforcement_defaults,
    .values_size = sizeof(struct enforcement_options),
    .examples = examples,
    .run = run,
};
