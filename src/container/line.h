/* The command line of an OCI runtime, as runc and crun have it: OPTION... COMMAND OPTION... ID; crun also takes
 * options behind the ID, beginnings of names, and letters joined. Decides, and does no
 * input or output. */
#ifndef CONTAINER_LINE_H
#define CONTAINER_LINE_H

#include <stdbool.h>

struct runtime_line {
    char **command;           /* in the words: "create"; NULL: there is none */
    const char *id;           /* of the container; NULL: not given */
    const char *bundle;       /* "." where it is not given */
    const char *config;       /* crun's --config; NULL: config.json in the bundle */
    const char *process_file; /* of `exec --process`; NULL: not given */
    const char *log;          /* NULL: standard error alone */
    bool log_is_json, detach; /* of `run --detach` */
};

/* Reads @words, which begin with the runtime's own name and are NULL-terminated. Of an option that is not known here,
 * the next word is taken for its value unless it is a command; behind the command, unless nothing follows. */
struct runtime_line line_read(char **words);

#endif
