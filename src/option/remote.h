/* The options of `genv remote` itself, in front of its commands. */
#ifndef OPTION_REMOTE_H
#define OPTION_REMOTE_H

#include "option/option.h"

struct remote_options {
    const char *hosts;
    const char *hostfile;
    const char *user;
    const char *genv;
    double timeout_seconds;
    bool strict;
    bool quiet;
};

extern const struct option remote_option_rows[];
extern const struct remote_options remote_defaults;

#endif
