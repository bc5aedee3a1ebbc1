/* What enforcement found and did: a log (store/log.h) with an entry for each. */
#ifndef ENFORCE_JOURNAL_H
#define ENFORCE_JOURNAL_H

#include "enforce/act.h"
#include "store/log.h"

#define JOURNAL_NAME "enforcement.log" /* in the state directory, unless the user names another */

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

/* log_read() of the entries alone. */
int journal_read(const char *path, void (*each)(json_t *entry, void *data), void *data, struct genv_error *err);

#endif
