/* Who else has what this environment has. */
#ifndef CLI_SHARERS_H
#define CLI_SHARERS_H

#include "cli/cli.h"

/* Warns of each device of @env that others are attached to beyond what it has, by -o on either side: its memory may
 * run out. Says nothing where that cannot be told. */
void sharers_warn(struct cli *cli, const struct genv_env *env);

/* The option -o of a command whose `struct values` has over_subscribe; plumbing has the second name in its help. */
#define OVER_SUBSCRIBE_OPTION OVER_SUBSCRIBE_OPTION_CALLED("over-subscribe", "allow-over-subscription")
#define OVER_SUBSCRIBE_OPTION_CALLED(called, also)                                                                     \
    {                                                                                                                  \
        .name = (called), .alias = (also), .letter = 'o', .type = OPTION_FLAG,                                         \
        .help = "Also attach devices that other environments hold", .offset = offsetof(struct values, over_subscribe)  \
    }

#endif
