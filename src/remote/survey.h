/* The state of many machines at one moment: a snapshot of each host, or the reason why there is none. */
#ifndef REMOTE_SURVEY_H
#define REMOTE_SURVEY_H

#include "base/text.h"
#include "remote/hosts.h"
#include <genv/genv.h>

struct survey_answer {
    const struct host *host;
    struct genv_snapshot *snapshot; /* NULL: failed, or not waited for */
    struct genv_error err;          /* why, without the host's name; code ECANCELED: not waited for */
};

struct survey {
    struct survey_answer *answers; /* in the hosts' order */
    size_t count;
};

struct survey_options {
    double timeout_seconds; /* for each host, connecting included */
    /* Whether this snapshot is what one looks for: then the hosts that have not answered get one more second. NULL: all
     * are waited for. */
    bool (*suffices)(const struct genv_snapshot *snapshot, void *data);
    void *data;
};

/* Asks all hosts at once. 0, whatever the hosts answered; -EINTR with *ret_signal: a signal ended it. */
int survey_take(const struct host_list *hosts, const struct survey_options *options, struct survey *ret_survey,
                int *ret_signal, struct genv_error *err);
/* The snapshot that `genv snapshot` answered, what stands around it left aside. -EPROTO: there is none. */
int survey_parse(const struct text *answer, struct genv_snapshot **ret_snapshot, struct genv_error *err);
/* -EIO: none of the hosts answered. If @strict also the error, with the host's name, of one that failed. */
int survey_check(const struct survey *survey, bool strict, struct genv_error *err);
/* How many hosts answered. */
size_t survey_count_answers(const struct survey *survey);
void survey_release(struct survey *survey);
#define cleanup_survey cleanup_with(survey_release)

#endif
