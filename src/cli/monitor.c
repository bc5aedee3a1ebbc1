/* genv monitor: becomes libexec/genv-monitor, so that genv itself links no HTTP library. */
#include "cli/monitor.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>

#include "cli/installation.h"

#define LEAST_INTERVAL_SECONDS 0.1
#define WORDS_MAX              64

const struct monitor_options monitor_defaults = {.host = "127.0.0.1", .port = "8000", .interval_seconds = 10};

const struct option monitor_option_rows[] = {
    {.name = "config-dir",
     .type = OPTION_TEXT,
     .argument = "DIR",
     .help = "Where the configuration of Prometheus and Grafana is written, by default $GENV_TMPDIR/metrics",
     .offset = offsetof(struct monitor_options, config_dir)},
    {.name = "port",
     .letter = 'p',
     .type = OPTION_TEXT,
     .argument = "PORT",
     .help = "The port that is served, by default 8000; 0 is any that is free",
     .offset = offsetof(struct monitor_options, port)},
    {.name = "host",
     .type = OPTION_TEXT,
     .argument = "ADDR",
     .help = "The address that is served, by default 127.0.0.1: this machine alone. 0.0.0.0 and :: are all networks, "
             "without a password",
     .offset = offsetof(struct monitor_options, host)},
    {.name = "interval",
     .letter = 'i',
     .type = OPTION_SECONDS,
     .argument = "SECONDS",
     .help = "How old what is served may be, by default 10",
     .offset = offsetof(struct monitor_options, interval_seconds)},
    {.name = NULL},
};

static int check(struct cli *cli, const struct monitor_options *options, struct genv_error *err)
{
    uint64_t port;

    if (text_to_u64(options->port, 65535, &port) < 0)
        return cli_usage_error(
            cli,
            error_set(err, EINVAL, "--port: '%s' is not a port: give a whole number from 0 to 65535", options->port),
            err);
    if (options->interval_seconds < LEAST_INTERVAL_SECONDS)
        return cli_usage_error(
            cli, error_set(err, EINVAL, "--interval: give %.1f seconds or more", LEAST_INTERVAL_SECONDS), err);
    if (!*options->host || (options->config_dir && !*options->config_dir))
        return cli_usage_error(
            cli, error_set(err, EINVAL, "--%s: give something", *options->host ? "config-dir" : "host"), err);
    return 0;
}

int monitor_become(struct cli *cli, const struct monitor_options *options, const char *const *words,
                   struct genv_error *err)
{
    struct installation installation;
    char program[4200], interval[32];
    const char *all[WORDS_MAX] = {program, "--host", options->host, "--port", options->port, "--interval", interval};
    size_t count = 7;
    int r = check(cli, options, err);

    if (r == 0)
        r = installation_find(&installation, err);
    if (r < 0)
        return r;
    snprintf(program, sizeof(program), "%s/libexec/genv-monitor", installation.root);
    snprintf(interval, sizeof(interval), "%.3f", options->interval_seconds);
    if (options->config_dir) {
        all[count++] = "--config-dir";
        all[count++] = options->config_dir;
    }
    for (; words && *words && count < WORDS_MAX - 1; words++)
        all[count++] = *words;
    execv(program, (char **)all);
    if (errno == ENOENT)
        return error_set(err, ENOENT, "monitoring is not installed: %s is missing", program);
    return error_set_errno(err, errno, "can't execute %s", program);
}

static int run(struct cli *cli, const struct arguments *arguments, struct genv_error *err)
{
    return monitor_become(cli, arguments->values, NULL, err);
}

static const struct example examples[] = {
    {"genv monitor", "Serves a dashboard at http://127.0.0.1:8000/, for this machine's users."},
    {"genv monitor --host 0.0.0.0 --port 9400", "Serves it to the network: to everyone who reaches this machine."},
    {"prometheus --config.file=/var/tmp/genv/metrics/prometheus/prometheus.yml",
     "Collects what is served, with the configuration that 'genv monitor' wrote."},
    {NULL, NULL},
};

const struct command command_monitor = {
    .name = "monitor",
    .summary = "Serve metrics and a dashboard",
    .description =
        "Serves a page that shows devices, environments and processes as they change (/), metrics for Prometheus "
        "(/metrics), and the same as JSON (/api/v1/snapshot), until it is told to end. This machine is looked at when "
        "somebody asks, at most once an interval, and now and then when nobody does.\n\n"
        "It also writes configuration for Prometheus and Grafana, ready to run, with alerts and a dashboard. These "
        "files are written again at each start: to change them, copy them first.\n\n"
        "Whoever reaches the address may read, without a password: names of users and environments, and what they "
        "use. Nothing can be changed through it.",
    .group = GROUP_MACHINE,
    .options = monitor_option_rows,
    .defaults = &monitor_defaults,
    .values_size = sizeof(struct monitor_options),
    .examples = examples,
    .run = run,
};
