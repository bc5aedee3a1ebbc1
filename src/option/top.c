/* genv top: the program genv-top, so that nothing else loads a library for terminals. */
#include "option/top.h"

#include <stddef.h>

static const struct top_options defaults = {.interval_seconds = 2};

static const struct option options[] = {
    {.name = "interval",
     .letter = 'i',
     .type = OPTION_SECONDS,
     .argument = "SECONDS",
     .help = "Update every SECONDS (default: 2)",
     .offset = offsetof(struct top_options, interval_seconds),
     .least_seconds = 0.1},
    {.name = "user",
     .letter = 'u',
     .type = OPTION_TEXT,
     .argument = "USER",
     .help = "Show only users whose name contains USER",
     .offset = offsetof(struct top_options, user)},
    {.name = "env",
     .letter = 'e',
     .type = OPTION_TEXT,
     .argument = "ENVIRONMENT",
     .help = "Show only environments whose ID or name contains ENVIRONMENT",
     .offset = offsetof(struct top_options, env)},
    {.name = "once",
     .type = OPTION_FLAG,
     .help = "Print everything once as text; needs no terminal",
     .offset = offsetof(struct top_options, once)},
    {.name = "no-color",
     .type = OPTION_FLAG,
     .help = "Do not use colors",
     .offset = offsetof(struct top_options, no_color)},
    {.name = NULL},
};

static const struct example examples[] = {
    {"genv top", "Show devices, environments and processes until you press q; ? lists the keys."},
    {"genv top --user paul", "Start with only what belongs to paul."},
    {"genv top --once", "Print the state of the machine as text, for an email or a log."},
    {NULL, NULL},
};

const struct command command_top = {
    .name = "top",
    .summary = "Watch devices, environments and processes",
    .description =
        "A live view for a terminal: how much of each device is used and who holds it, its utilization over the last "
        "minutes, the environments, and the processes that use devices. Lists can be sorted, and filtered by user or "
        "environment; press ? for the keys.\n\nIf the driver does not respond, the last figures stay on screen with "
        "their age; if there are none yet, the environments are shown without them after 5 seconds (30 with --once).",
    .group = GROUP_MACHINE,
    .options = options,
    .defaults = &defaults,
    .values_size = sizeof(struct top_options),
    .examples = examples,
    .program = "genv-top",
};
