/* genv remote monitor: becomes libexec/genv-monitor for many machines. */
#include "cli/monitor.h"
#include "cli/remote.h"

#define WORDS_MAX 16

static int run(struct cli *cli, const struct arguments *arguments, struct genv_error *err)
{
    const struct remote_options *remote = arguments->above;
    cleanup_host_list struct host_list hosts = {0};
    const char *words[WORDS_MAX] = {"--remote"};
    const struct {
        const char *name, *value;
    } passed[] = {
        {"--hosts", remote->hosts},
        {"--hostfile", remote->hostfile},
        {"--user", remote->user},
        {"--genv", remote->genv},
    };
    char timeout[32];
    size_t count = 1;
    int r = remote_hosts(remote, &hosts, err); /* what is wrong with them is said here */

    if (r < 0)
        return r;
    for (size_t i = 0; i < ARRAY_SIZE(passed); i++) {
        if (!passed[i].value)
            continue;
        words[count++] = passed[i].name;
        words[count++] = passed[i].value;
    }
    snprintf(timeout, sizeof(timeout), "%.3f", remote->timeout_seconds);
    words[count++] = "--timeout";
    words[count++] = timeout;
    return monitor_become(cli, arguments->values, words, err);
}

static const struct example examples[] = {
    {"genv remote --hostfile hostfile.txt monitor", "Serves a dashboard of all hosts at http://127.0.0.1:8000/."},
    {NULL, NULL},
};

const struct command command_remote_monitor = {
    .name = "remote monitor",
    .summary = "Serve metrics and a dashboard of all hosts",
    .description =
        "As 'genv monitor', which see; every metric carries the label hostname. A host without genv tells its devices "
        "through its nvidia-smi; one that does not answer is genv_host_up 0, and one that is slow is waited for apart "
        "from the others.",
    .options = monitor_option_rows,
    .defaults = &monitor_defaults,
    .values_size = sizeof(struct monitor_options),
    .examples = examples,
    .run = run,
};
