/* genv monitor, genv remote monitor: the program genv-monitor, so that genv itself links no HTTP library. */
#include "option/monitor.h"

#include <stddef.h>

static const struct monitor_options defaults = {.host = "127.0.0.1", .port = 8000, .interval_seconds = 10};

static const struct option options[] = {
    {.name = "config-dir",
     .type = OPTION_TEXT,
     .argument = "DIR",
     .help = "Directory for the configuration of Prometheus and Grafana (default: $GENV_TMPDIR/metrics)",
     .offset = offsetof(struct monitor_options, config_dir),
     .filled = true},
    {.name = "port",
     .letter = 'p',
     .type = OPTION_PORT,
     .argument = "PORT",
     .help = "Listen on this port; 0 picks a free one (default: 8000)",
     .offset = offsetof(struct monitor_options, port)},
    {.name = "host",
     .type = OPTION_TEXT,
     .argument = "ADDR",
     .help = "Listen on this address (default: 127.0.0.1, this machine only). 0.0.0.0 and :: listen on all networks, "
             "without a password",
     .offset = offsetof(struct monitor_options, host),
     .filled = true},
    {.name = "allowed-hosts",
     .type = OPTION_TEXT,
     .argument = "NAME,...",
     .help = "Also answer requests for these host names, such as the name of a proxy: gpu.example.org, .example.org "
             "(with all subdomains) or * (any name). If --host is a network address, all names are answered unless "
             "this option is given",
     .offset = offsetof(struct monitor_options, allowed_hosts),
     .filled = true},
    {.name = "interval",
     .letter = 'i',
     .type = OPTION_SECONDS,
     .argument = "SECONDS",
     .help = "Refresh the data up to once every SECONDS (default: 10)",
     .offset = offsetof(struct monitor_options, interval_seconds),
     .least_seconds = 0.1},
    {.name = NULL},
};

static const struct example examples[] = {
    {"genv monitor", "Serve a dashboard at http://127.0.0.1:8000/, for users of this machine."},
    {"genv monitor --host 0.0.0.0 --port 9400", "Serve it to everyone who can reach this machine over the network."},
    {"genv monitor --allowed-hosts gpu.example.org",
     "Serve it behind a proxy of that name, which handles authentication."},
    {"prometheus --config.file=/var/tmp/genv/metrics/prometheus/prometheus.yml",
     "Collect the metrics, with the configuration that 'genv monitor' wrote."},
    {NULL, NULL},
};

const struct command command_monitor = {
    .name = "monitor",
    .summary = "Serve metrics and a dashboard",
    .description =
        "Serves a live page of devices, environments and processes (/), metrics for Prometheus (/metrics), and the "
        "same data as JSON (/api/v1/snapshot), until it is interrupted. The data is refreshed when somebody asks for "
        "it, up to once per interval, and every now and then otherwise.\n\nIt also writes ready-to-use configuration "
        "for Prometheus and Grafana, with alerts and a dashboard. These files are overwritten at each start: copy them "
        "before you change them.\n\nAnyone who can reach the address can see, without a password, the names of users "
        "and environments and what they use. Nothing can be changed through it.",
    .group = GROUP_MACHINE,
    .options = options,
    .defaults = &defaults,
    .values_size = sizeof(struct monitor_options),
    .examples = examples,
    .program = "genv-monitor",
};

static const struct example remote_examples[] = {
    {"genv remote --hostfile hostfile.txt monitor", "Serve a dashboard of all hosts at http://127.0.0.1:8000/."},
    {NULL, NULL},
};

const struct command command_remote_monitor = {
    .name = "remote monitor",
    .summary = "Serve metrics and a dashboard of all hosts",
    .description = "Works like 'genv monitor' (see 'genv monitor --help'); every metric has the label hostname. The "
                   "devices of a host without genv are read from its nvidia-smi. A host that does not respond has "
                   "genv_host_up 0, and a slow host does not delay the others.",
    .options = options,
    .defaults = &defaults,
    .values_size = sizeof(struct monitor_options),
    .examples = remote_examples,
    .program = "genv-monitor",
};
