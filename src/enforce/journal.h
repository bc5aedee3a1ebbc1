/* What enforcement found and did: a log (store/log.h) with an entry for each. What was done to processes has a log of
 * its own beside it, so that no number of other entries makes the log drop it. */
#ifndef ENFORCE_JOURNAL_H
#define ENFORCE_JOURNAL_H

#include "enforce/act.h"
#include "store/log.h"

#define JOURNAL_NAME      "enforcement.log" /* in the state directory, unless the user names another */
#define JOURNAL_PROCESSES ".processes"      /* behind that: of "terminated" and "killed" */

struct journal;

/* @own: the path is genv's own, as of log_open_own(); otherwise as of log_open(). */
int journal_open(const char *path, bool own, struct journal **ret_journal, struct genv_error *err);
void journal_close(struct journal *journal); /* NULL is fine */
/* log_write() into the log that @entry belongs to. */
int journal_write(struct journal *journal, const json_t *entry, struct genv_error *err);

/* An entry: "time", "event" ("found", "warned", or the outcome's name), "host" (unless it is ""), "rule", "pid",
 * "start_time", "command", "eid", "uid", "username", "device", "used", "allowed", "error", "message" (the sentence);
 * what does not apply is left out. A new reference. */
json_t *journal_entry(const char *event, const char *host, const struct violation *violation, const char *error,
                      const char *message);
/* The entry about what became of a violation. A detachment's has what event_encode() (event.h) says besides: it is the
 * line of that event as well. A new reference. */
json_t *journal_entry_of_act(const struct act_report *act);
/* The entry in @line, of a file or of another host's genv, which may hold anything: only what an entry has is taken,
 * and its texts are made printable. A new reference; NULL: the line is not an entry. */
json_t *journal_entry_from_line(const char *line, size_t length);

/* An entry that stands for @count others of the kind of @last. A new reference. */
json_t *journal_entry_of_more(const json_t *last, uint64_t count);

/* log_read() of the entries of both logs, by their times. What others have put in the place of the second one is
 * ignored. */
int journal_read(const char *path, void (*each)(json_t *entry, void *data), void *data, struct genv_error *err);

#endif
