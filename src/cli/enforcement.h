/* What `genv enforce` and `genv remote enforce` share: their options, and how is told what happens. */
#ifndef CLI_ENFORCEMENT_H
#define CLI_ENFORCEMENT_H

#include "cli/cli.h"
#include "enforce/session.h"

struct enforcement_options {
    double interval_seconds;
    bool non_env_processes, no_non_env_processes;
    bool env_devices, no_env_devices;
    bool env_memory, no_env_memory;
    int max_devices; /* -1: none */
    struct option_words max_devices_for;
    uint64_t max_memory; /* 0: none */
    const char *limits_file;
    bool dry_run;
    double grace_seconds;
    double kill_after_seconds;
    const char *log;
    bool history;
    int format;
};

extern const struct option enforcement_option_rows[];
extern const struct enforcement_options enforcement_defaults;

/* What the enforce layer is given. */
struct enforcement {
    struct cli *cli;
    int format;
    struct session_maximum maxima[2 + OPTION_CHOICES_MAX];
    struct session_options session;
};

/* Fills @enforcement, which stays where it is, by the options, and opens cli->genv. */
int enforcement_prepare(struct enforcement *enforcement, struct cli *cli, const struct enforcement_options *values,
                        struct genv_error *err);

/* Prints the journal, as `--history` asks. */
int enforcement_print_history(struct cli *cli, const struct enforcement_options *options, struct genv_error *err);

#endif
