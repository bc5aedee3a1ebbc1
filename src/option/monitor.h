/* The words of `genv monitor` and `genv remote monitor`. */
#ifndef OPTION_MONITOR_H
#define OPTION_MONITOR_H

#include "option/command.h"

struct monitor_options {
    const char *config_dir; /* NULL: in the state directory */
    const char *host;
    const char *allowed_hosts; /* NULL: none */
    unsigned port;
    double interval_seconds;
};

extern const struct command command_monitor, command_remote_monitor;

#endif
