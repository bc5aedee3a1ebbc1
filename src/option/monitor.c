/* genv monitor, genv remote monitor: the program genv-monitor, so that genv itself links no HTTP library. */
#include "option/monitor.h"

#include <stddef.h>

static const struct monitor_options defaults = {.host = "127.0.0.1", .port = 8000, .interval_seconds = 10};

static const struct option options[] = {
    {.name = "config-dir",
     .type = OPTION_TEXT,
     .argument = "DIR",
     .help = "Where the configuration of Prometheus and Grafana is written, by default $GENV_TMPDIR/metrics",
     .offset = offsetof(struct monitor_options, config_dir),
     .filled = true},
    {.name = "port",
     .letter = 'p',
     .type = OPTION_PORT,
     .argument = "PORT",
     .help = "The port that is served, by default 8000; 0 is any that is free",
     .offset = offsetof(struct monitor_options, port)},
    {.name = "host",
     .type = OPTION_TEXT,
     .argument = "ADDR",
     .help = "The address that is served, by default 127.0.0.1: this machine alone. 0.0.0.0 and :: are all networks, "
             "without a password",
     .offset = offsetof(struct monitor_options, host),
     .filled = true},
    {.name = "allowed-hosts",
     .type = OPTION_TEXT,
     .argument = "NAME,...",
     .help = "Names that it answers to beside its own, such as that of a proxy in front of it: gpu.example.org, "
             ".example.org with all below it, or *. Where it is served to networks it answers to any name, unless this "
             "is given",
     .offset = offsetof(struct monitor_options, allowed_hosts),
     .filled = true},
    {.name = "interval",
     .letter = 'i',
     .type = OPTION_SECONDS,
     .argument = "SECONDS",
     .help = "How old what is served may be, by default 10",
     .offset = offsetof(struct monitor_options, interval_seconds),
     .least_seconds = 0.1},
    {.name = NULL},
};

static const struct example examples[] = {
    {"genv monitor", "Serves a dashboard at http://127.0.0.1:8000/, for this machine's users."},
    {"genv monitor --host 0.0.0.0 --port 9400", "Serves it to the network: to everyone who reaches this machine."},
    {"genv monitor --allowed-hosts gpu.example.org",
     "Serves it behind a proxy, which asks who may read, and which the world knows by that name."},
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
    .options = options,
    .defaults = &defaults,
    .values_size = sizeof(struct monitor_options),
    .examples = examples,
    .program = "genv-monitor",
};

static const struct example remote_examples[] = {
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
    .options = options,
    .defaults = &defaults,
    .values_size = sizeof(struct monitor_options),
    .examples = remote_examples,
    .program = "genv-monitor",
};
