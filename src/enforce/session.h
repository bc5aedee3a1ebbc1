/* Enforcement that goes on: looks again and again at what breaks the rules, and acts; on this machine, or on many.
 * machine.h and hosts.h are the two that there are; what they share is here. */
#ifndef ENFORCE_SESSION_H
#define ENFORCE_SESSION_H

#include <sys/stat.h>

#include "enforce/journal.h"
#include "enforce/rounds.h"
#include "enforce/tally.h"

/* What a user may hold at most. */
struct session_maximum {
    char user[GENV_USERNAME_SIZE]; /* "": every one */
    bool is_memory;                /* @amount is bytes of it, otherwise devices */
    uint64_t amount;
};

struct session_options {
    double interval_seconds; /* 0: it ends as soon as what was found has had its grace and was acted on */
    bool non_env_processes, env_devices, env_memory; /* the rules; those of the maxima go by what there is of them */
    const struct session_maximum *maxima;            /* they win over the limits file's */
    size_t maximum_count;
    const char *limits_file; /* NULL: /etc/genv/limits.conf, which need not exist */
    bool dry_run;
    double grace_seconds;
    double kill_after_seconds;
    const char *journal; /* path; NULL: for root the one in the state directory, for others none */
    /* Takes an entry of the journal (journal.h) as it is made; it is the caller's to print. */
    void (*tell)(json_t *entry, void *data);
    /* Takes the sentence about something that is wrong, and goes on nevertheless. @passing: it may not be so at the
     * next look. */
    void (*complain)(const char *message, bool passing, void *data);
    void *data;
};

struct session {
    const struct session_options *options;
    const char *state; /* directory */
    bool local;        /* users, too, have to be known here */
    bool dry_run;
    struct limits limits;
    struct stat limits_stat; /* of the file, as it was when it was read */
    struct rounds rounds;
    struct journal *journal;
    struct tally tally;
    bool failed; /* something could not be done */
};

/* Reads the limits and opens the journal. @local: their users have to be known here; their groups always have. */
int session_begin(struct session *session, struct genv *g, const struct session_options *options, bool local,
                  struct genv_error *err);
void session_end(struct session *session);

/* rounds_look(), and tells what is new. A limits file that has changed is read again first. */
int session_look(struct session *session, const struct enforce_host *hosts, size_t host_count,
                 struct violation_list *ret_new, struct violation_list *ret_due, struct genv_error *err);

/* Tells of an entry and writes it into the journal; of many of a kind about one user the first ones. Takes no
 * reference; NULL, where memory ran out, says nothing. */
void session_tell(struct session *session, json_t *entry);
/* Tells how many there were besides. session_end() does so too. */
void session_sum_up(struct session *session);

/* Takes note of what became of @violation: what is over may come back, and what could not be tried is tried again. */
void session_follow_up(struct session *session, const struct violation *violation, enum act_outcome outcome);

/* The path of the journal of the handle's state directory, unless @named is another one; free() it. */
char *session_journal_path(const char *state, const char *named);

/* Whether GENV_TERMINATE_PROCESSES says that nothing is to be done. */
bool session_is_withheld(void);

#endif
