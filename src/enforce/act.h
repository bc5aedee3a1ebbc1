/* Acts on violations on this machine: after a fresh look, and on the very process or attachment that each is about.
 *
 * A process is held by a pidfd, opened before the fresh look in which its PID and start time are compared, and
 * signalled through it: a PID that was used again meanwhile is never hit. SIGTERM first; SIGKILL after a while to what
 * is still there and still breaks the rule.
 *
 * Processes come first, since they need no lock. Attachments need that of the state directory, which anybody can hold:
 * they are detached as it can be had, many at a time, and meanwhile processes are acted on. */
#ifndef ENFORCE_ACT_H
#define ENFORCE_ACT_H

#include "policy/violation.h"
#include <genv/genv.h>

enum act_outcome {
    ACT_TERMINATED, /* SIGTERM was sent */
    ACT_KILLED,     /* SIGKILL was sent */
    ACT_DETACHED,
    ACT_GONE,      /* it had ended, or the violation had, before anything was done */
    ACT_WITHHELD,  /* a dry run: would have been done */
    ACT_FORBIDDEN, /* no right to */
    ACT_FAILED,
    ACT_BUSY, /* the lock of the state directory could not be had: it may be at the next look */
    ACT_OUTCOME_COUNT,
};

extern const char *const act_outcome_names[ACT_OUTCOME_COUNT]; /* as the journal spells them: "terminated", … */

struct act_report {
    const struct violation *violation;
    enum act_outcome outcome;
    struct genv_error err;          /* ACT_FORBIDDEN, ACT_FAILED, ACT_BUSY: why */
    const struct genv_event *event; /* ACT_DETACHED: what the library told of it */
};

struct act_options {
    bool dry_run;
    double kill_after_seconds;
    bool own_pids; /* tests only: the driver's PIDs are those of the PID namespace that this runs in */
    void (*report)(const struct act_report *report, void *data); /* each outcome, as it happens */
    void *data;
};

/* Processes that were told to end, and have not yet, and what is still to be detached. */
struct acts;

/* While it detaches, it alone listens on @g (genv_listen()). */
int acts_new(struct genv *g, const struct act_options *options, struct acts **ret_acts, struct genv_error *err);
void acts_free(struct acts *acts); /* NULL is fine */

/* Takes a fresh look and acts on those of @violations that still hold, in their order: terminates processes, each once
 * however many rules it breaks, and none that was told to end already; then begins to detach, all devices of an
 * environment in one commit. Their @host is not looked at. In a PID namespace other than the host's no process is
 * touched. Reports everything; returns a negative errno only where no fresh look could be taken. */
int acts_apply(struct acts *acts, const struct violation *violations, size_t count, struct genv_error *err);

/* Milliseconds until acts_continue() has something to do: SIGKILLs that are due, detachments; -1: nothing. It takes no
 * longer than a look and some hundred milliseconds. */
int acts_next_ms(const struct acts *acts);
int acts_continue(struct acts *acts, struct genv_error *err);

/* "Terminated process 42 (python train.py) of paul", "Cannot terminate process 42 …: run as root", … */
void act_report_describe(const struct act_report *report, struct text *text);

#endif
