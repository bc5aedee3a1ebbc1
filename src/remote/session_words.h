/* What the two sides of a session say to each other: the words that ask `genv remote-session` for it, and the line that
 * it answers with (frame.h). Decides, and does no input or output. */
#ifndef REMOTE_SESSION_WORDS_H
#define REMOTE_SESSION_WORDS_H

#include "base/error.h"
#include "base/text.h"
#include "remote/frame.h"
#include "remote/session.h"

/* The words of genv there, NULL-terminated; strv_free() them. -ENOMEM. */
int session_words(const struct session_request *request, const char *nonce, char ***ret_words, struct genv_error *err);

/* Adds the answer: @result 0, -EBUSY, or another negative errno, whose sentence is in @err. */
void session_add_answer(struct text *text, const char *nonce, int result, const struct genv_error *err);

/* Looks for the answer in what has come. 0: the shell or the command runs, and what it prints begins at ret_line->end.
 * -EAGAIN: it is not there yet. -EBUSY, or -EREMOTEIO with the sentence of the other side: nothing was started there.
 * -EPROTO: it is not to be understood. */
int session_read_answer(const struct text *output, const char *nonce, struct frame_line *ret_line,
                        struct genv_error *err);

#endif
