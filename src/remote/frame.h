/* How what a host answers is told from what start-up files there print: by lines that carry a nonce of the caller's.
 *
 *     genv-session NONCE WORDS
 *
 * `genv remote-session` prints one before the shell or the command that it starts: "ready", "busy" or "failed MESSAGE".
 * An answer, of whichever program, stands between two that a shell there prints: "begin" and "end". So every version of
 * genv is understood, and nvidia-smi as well. What is in front of a line of ours may not even end its own; on a
 * terminal the lines end in CR LF. Lines of another nonce are noise as any other. */
#ifndef REMOTE_FRAME_H
#define REMOTE_FRAME_H

#include "base/error.h"
#include "base/text.h"

#define FRAME_NONCE_SIZE 33   /* a terminated nonce's */
#define FRAME_WORDS_SIZE 1280 /* terminated WORDS: more than the sentence of an error takes */

int frame_make_nonce(char ret_nonce[static FRAME_NONCE_SIZE], struct genv_error *err);

/* Adds a line of ours. */
void frame_add_line(struct text *text, const char *nonce, const char *words);
/* Adds to a command line, which any shell may read, what runs the words behind it and prints the two lines of an
 * answer around their output. Their exit status stays. A host may refuse it, and run the bare words. */
void frame_add_runner(struct text *command, const char *nonce);

struct frame_line {
    size_t begin, end; /* of the line, its end included, in the text */
    char words[FRAME_WORDS_SIZE];
};

/* Finds the first line of ours in @text at or behind @from. -EAGAIN: there is none, or it is not complete yet. -EPROTO:
 * it is longer than any of ours. */
int frame_find(const struct text *text, size_t from, const char *nonce, struct frame_line *ret_line);

/* Whether the line in front of an answer is there: the host has run the runner, and not something else instead. */
bool frame_has_answer(const struct text *output, const char *nonce);

/* Leaves in @output, all that a host printed, its answer alone. Where there is no line of ours that is all: a command
 * that the host forces upon whoever logs in, perhaps, which is to answer instead. -EPROTO: it was cut off, and what has
 * come is left; or there are two, and nothing is. */
int frame_unwrap(struct text *output, const char *nonce, struct genv_error *err);

#endif
