/* What `genv enforce` and `genv remote enforce` share: their options, what has been found so far, and how it is told.
 */
#ifndef CLI_ENFORCEMENT_H
#define CLI_ENFORCEMENT_H

#include <sys/stat.h>

#include "cli/cli.h"
#include "enforce/act.h"
#include "enforce/journal.h"
#include "enforce/rounds.h"

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

struct enforcement {
    struct cli *cli;
    const struct enforcement_options *options;
    const char *state; /* directory */
    bool local;        /* users and groups have to be known here */
    bool dry_run;
    struct limits limits;
    struct stat limits_stat; /* of the file, as it was when it was read */
    struct rounds rounds;
    struct log *journal;
    bool failed; /* something could not be done */
};

/* Checks the options, reads the limits and opens the journal. @local: users have to be known here; groups always have.
 */
int enforcement_begin(struct enforcement *enforcement, struct cli *cli, const struct enforcement_options *options,
                      bool local, struct genv_error *err);
void enforcement_end(struct enforcement *enforcement);

/* rounds_look(), and tells what is new. A limits file that has changed is read again first. */
int enforcement_look(struct enforcement *enforcement, const struct enforce_host *hosts, size_t host_count,
                     struct violation_list *ret_new, struct violation_list *ret_due, struct genv_error *err);

/* Tells of an event, on standard output and in the journal. @host "": this machine. */
void enforcement_tell(struct enforcement *enforcement, const char *host, const char *event,
                      const struct violation *violation, const char *error, const char *message);
/* The same of an entry that another host's genv made. Takes no reference. */
void enforcement_tell_entry(struct enforcement *enforcement, json_t *entry);

/* Tells the user on his terminals what will happen in @grace_seconds; @sentence is what he was told. False: he has no
 * terminal here. */
bool enforcement_warn(const struct violation *violation, const struct genv_snapshot *snapshot, double grace_seconds,
                      struct text *sentence);

/* Prints the journal, as `--history` asks. */
int enforcement_print_history(struct cli *cli, const struct enforcement_options *options, struct genv_error *err);

#endif
