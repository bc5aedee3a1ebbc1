/* What enforcement found and did: one JSON object a line, in a file that is rotated by size. */
#ifndef ENFORCE_JOURNAL_H
#define ENFORCE_JOURNAL_H

#include "enforce/act.h"

#include <jansson.h>

#define JOURNAL_NAME     "enforcement.log" /* in the state directory, unless the user names another */
#define JOURNAL_SIZE_MAX (1 << 20)         /* bytes; then the file becomes FILE.1, and FILE.1 is replaced */

struct journal;

/* The file belongs to the caller or root and is no link, or -EPERM: the state directory is everybody's to write in. It
 * is made, mode 0644, by the first line. */
int journal_open(const char *path, struct journal **ret_journal, struct genv_error *err);
/* The same of the default path, where anybody may put something first: for root a file of somebody else's, a link or
 * whatever else is no directory is removed, at once or when it is found later, and a new file made in its place. */
int journal_open_default(const char *path, struct journal **ret_journal, struct genv_error *err);
void journal_close(struct journal *journal); /* NULL is fine */

/* An entry: "time", "event" ("found", "warned", or the outcome's name), "host" (unless it is ""), "rule", "pid",
 * "start_time", "command", "eid", "uid", "username", "device", "used", "allowed", "error", "message" (the sentence);
 * what does not apply is left out. A new reference. */
json_t *journal_entry(const char *event, const char *host, const struct violation *violation, const char *error,
                      const char *message);
/* The entry in @line, of a file or of another host's genv, which may hold anything: only what an entry has is taken,
 * and its texts are made printable. A new reference; NULL: the line is not an entry. */
json_t *journal_entry_from_line(const char *line, size_t length);
/* Appends it as a line, whole or not at all. Takes no reference. */
int journal_write(struct journal *journal, json_t *entry, struct genv_error *err);

/* Calls @each with every entry, oldest first, the rotated file's included; what is no entry is passed over. -ENOENT: no
 * journal. */
int journal_read(const char *path, void (*each)(json_t *entry, void *data), void *data, struct genv_error *err);

#endif
