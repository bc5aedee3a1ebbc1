/* genv top: the program genv-top, so that nothing else loads a library for terminals. */
#include "option/top.h"

#include <stddef.h>

static const struct top_options defaults = {.interval_seconds = 2};

static const struct option options[] = {
    {.name = "interval",
     .letter = 'i',
     .type = OPTION_SECONDS,
     .argument = "SECONDS",
     .help = "Time between two looks at the devices, by default 2",
     .offset = offsetof(struct top_options, interval_seconds),
     .least_seconds = 0.1},
    {.name = "user",
     .letter = 'u',
     .type = OPTION_TEXT,
     .argument = "USER",
     .help = "Show what belongs to users whose name has USER in it only",
     .offset = offsetof(struct top_options, user)},
    {.name = "env",
     .letter = 'e',
     .type = OPTION_TEXT,
     .argument = "ENVIRONMENT",
     .help = "Show environments whose identifier or name has ENVIRONMENT in it only",
     .offset = offsetof(struct top_options, env)},
    {.name = "once",
     .type = OPTION_FLAG,
     .help = "Print all of it once, as text, also without a terminal",
     .offset = offsetof(struct top_options, once)},
    {.name = "no-color",
     .type = OPTION_FLAG,
     .help = "Use no colours",
     .offset = offsetof(struct top_options, no_color)},
    {.name = NULL},
};

static const struct example examples[] = {
    {"genv top", "Shows the devices, the environments and the processes until q is pressed; ? explains the keys."},
    {"genv top --user paul", "Begins with what belongs to paul."},
    {"genv top --once", "Prints the state of the machine as text, for a mail or a log."},
    {NULL, NULL},
};

const struct command command_top = {
    .name = "top",
    .summary = "Watch devices, environments and processes",
    .description = "A live view for a terminal: how much of each device is used and who holds it, how utilisation went "
                   "in the last minutes, the environments, and the processes that use devices. They can be sorted, and "
                   "filtered by user or environment; the key ? explains the keys.\n\n"
                   "A driver that does not answer stops nothing but the figures, whose age is shown then; without any, "
                   "the environments are shown after 5 seconds, with --once after 30.",
    .group = GROUP_MACHINE,
    .options = options,
    .defaults = &defaults,
    .values_size = sizeof(struct top_options),
    .examples = examples,
    .program = "genv-top",
};
