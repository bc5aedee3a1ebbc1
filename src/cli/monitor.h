/* What `genv monitor` and `genv remote monitor` share. */
#ifndef CLI_MONITOR_H
#define CLI_MONITOR_H

#include "cli/cli.h"

struct monitor_options {
    const char *config_dir;
    const char *host;
    const char *port;
    double interval_seconds;
};

extern const struct option monitor_option_rows[];
extern const struct monitor_options monitor_defaults;

/* Checks the options and becomes the program genv-monitor, with @words (NULL-terminated, or NULL) behind them. Returns
 * only on failure. */
int monitor_become(struct cli *cli, const struct monitor_options *options, const char *const *words,
                   struct genv_error *err);

#endif
