/* Runs genv on many hosts at once, and hands over each answer as it comes. */
#ifndef REMOTE_ASK_H
#define REMOTE_ASK_H

#include "base/text.h"
#include "remote/hosts.h"

struct question {
    const struct host *host;
    const char *const *words; /* genv's, NULL-terminated; they may hold anything */
    struct genv_error err;    /* why there is no answer, without the host's name; code ECANCELED: not waited for */
};

struct ask_options {
    double timeout_seconds; /* for each host, connecting included */
    /* Takes what genv on the host of question @index printed (frame.h), if it ended well. A negative errno, with the
     * sentence: that is no answer. */
    int (*take)(size_t index, const struct text *output, void *data, struct genv_error *err);
    /* It is also given what was printed, if anything, by one that failed or took too long, each time that genv ran.
     * @err is NULL then, what it returns does not matter, and the question has its error nevertheless. */
    bool always;
    /* Whether this answer will do, so that those that have not come get one more second. NULL: all are waited for. */
    bool (*suffices)(size_t index, void *data);
    void *data;
};

/* 0, whatever the hosts answered; -EINTR with *ret_signal: a signal ended it. */
int ask_hosts(struct question *questions, size_t count, const struct ask_options *options, int *ret_signal,
              struct genv_error *err);

#endif
