/* What can open the devices of its environment alone. */
#ifndef CLI_ISOLATE_H
#define CLI_ISOLATE_H

#include "cli/cli.h"

/* The option --no-isolate of a command whose `struct values` has no_isolate. */
#define NO_ISOLATE_OPTION                                                                                              \
    {                                                                                                                  \
        .name = "no-isolate", .type = OPTION_FLAG,                                                                     \
        .help = "Do not isolate, even if .genv/isolate or the administrator's limits file says so",                    \
        .offset = offsetof(struct values, no_isolate)                                                                  \
    }

/* That, and --isolate, which does what @words say, of one that also has isolate. */
#define ISOLATE_OPTIONS(words)                                                                                         \
    {.name = "isolate", .type = OPTION_FLAG, .help = (words), .offset = offsetof(struct values, isolate)},             \
        NO_ISOLATE_OPTION

/* Whether to isolate: what @isolate and @no_isolate say, the options, else what is saved (unless @no_load) or the
 * administrator's default. cli->genv is opened. */
int isolate_decide(struct cli *cli, bool isolate, bool no_isolate, bool no_load, bool *ret_isolate,
                   struct genv_error *err);

/* Has the calling shell run the same command again, in the foreground and without the shell function, so that it can
 * start a shell of its own there. */
int isolate_call_again(struct cli *cli, struct genv_error *err);

/* Becomes a shell of the calling one's kind, in the isolated @env, that ends when the user leaves it. Returns only on
 * failure. */
int isolate_become_shell(struct cli *cli, const struct genv_env *env, struct genv_error *err);

#endif
