/* The options of `genv remote` itself, in front of its commands. */
#include "option/remote.h"

#include <stddef.h>

const struct remote_options remote_defaults = {.timeout_seconds = 10};

const struct option remote_option_rows[] = {
    {.name = "hosts",
     .alias = "host",
     .letter = 'H',
     .type = OPTION_TEXT,
     .argument = "HOSTS",
     .help = "Use these hosts: a list of [USER@]HOST, separated by commas",
     .offset = offsetof(struct remote_options, hosts),
     .group = 1},
    {.name = "hostfile",
     .type = OPTION_TEXT,
     .argument = "FILE",
     .help =
         "Read hosts from FILE, one per line (default: $GENV_HOSTFILE, ~/.config/genv/hostfile or /etc/genv/hostfile)",
     .offset = offsetof(struct remote_options, hostfile),
     .group = 1},
    {.name = "user",
     .alias = "username",
     .letter = 'l',
     .type = OPTION_TEXT,
     .argument = "USER",
     .help = "Log in as this user on hosts whose entry has no USER@",
     .offset = offsetof(struct remote_options, user)},
    {.name = "timeout",
     .letter = 't',
     .type = OPTION_SECONDS,
     .argument = "SECONDS",
     .help = "Give up on a host after SECONDS (default: 10)",
     .offset = offsetof(struct remote_options, timeout_seconds)},
    {.name = "genv",
     .type = OPTION_TEXT,
     .argument = "PATH",
     .help = "Run this genv on hosts whose entry has no genv=PATH (default: the genv that ssh finds in PATH)",
     .offset = offsetof(struct remote_options, genv)},
    {.name = "exit-on-error",
     .letter = 'e',
     .type = OPTION_FLAG,
     .help = "Fail if any host fails, instead of continuing with the others",
     .offset = offsetof(struct remote_options, strict)},
    {.name = "quiet",
     .letter = 'q',
     .type = OPTION_FLAG,
     .help = "Do not report hosts that fail",
     .offset = offsetof(struct remote_options, quiet)},
    {.name = NULL},
};
