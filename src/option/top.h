/* The words of `genv top`. */
#ifndef OPTION_TOP_H
#define OPTION_TOP_H

#include "option/command.h"

struct top_options {
    double interval_seconds;
    const char *user, *env; /* NULL: of all */
    bool once, no_color;
};

extern const struct command command_top;

#endif
