/* genv top: becomes the program genv-top, so that nothing else loads a library for terminals. */
#include "cli/cli.h"
#include "cli/installation.h"

#include <errno.h>

struct values {
    double interval_seconds;
    const char *user, *env;
    bool once, no_color;
};

static const struct values defaults = {.interval_seconds = 2};

static const struct option options[] = {
    {.name = "interval",
     .letter = 'i',
     .type = OPTION_SECONDS,
     .argument = "SECONDS",
     .help = "Time between two looks at the devices, by default 2",
     .offset = offsetof(struct values, interval_seconds)},
    {.name = "user",
     .letter = 'u',
     .type = OPTION_TEXT,
     .argument = "USER",
     .help = "Show what belongs to users whose name has USER in it only",
     .offset = offsetof(struct values, user)},
    {.name = "env",
     .letter = 'e',
     .type = OPTION_TEXT,
     .argument = "ENVIRONMENT",
     .help = "Show environments whose identifier or name has ENVIRONMENT in it only",
     .offset = offsetof(struct values, env)},
    {.name = "once",
     .type = OPTION_FLAG,
     .help = "Print all of it once, as text, also without a terminal",
     .offset = offsetof(struct values, once)},
    {.name = "no-color", .type = OPTION_FLAG, .help = "Use no colours", .offset = offsetof(struct values, no_color)},
    {.name = NULL},
};

static int run(struct cli *cli, const struct arguments *arguments, struct genv_error *err)
{
    const struct values *values = arguments->values;
    struct installation installation;
    char program[sizeof(installation.root) + 32], interval[48];
    char *words[10] = {program, interval};
    size_t count = 2;
    int r = installation_find(&installation, err);

    if (r < 0)
        return r;
    if (values->interval_seconds < 0.1)
        return cli_usage_error(cli, error_set(err, EINVAL, "--interval: give 0.1 seconds or more"), err);
    snprintf(program, sizeof(program), "%s/libexec/genv-top", installation.root);
    snprintf(interval, sizeof(interval), "--interval=%.3f", values->interval_seconds);
    if (values->once)
        words[count++] = "--once";
    if (values->no_color)
        words[count++] = "--no-color";
    if (values->user) {
        words[count++] = "--user";
        words[count++] = (char *)values->user;
    }
    if (values->env) {
        words[count++] = "--env";
        words[count++] = (char *)values->env;
    }
    r = cli_execute(cli, words, err);
    cli->failure_status = EXIT_FAILURE;
    return r;
}

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
                   "A driver that does not answer stops nothing but the figures, whose age is shown then.",
    .group = GROUP_MACHINE,
    .options = options,
    .defaults = &defaults,
    .values_size = sizeof(struct values),
    .examples = examples,
    .run = run,
};
