/* Sends many hosts what concerns each of them: words behind a command of genv there, in as many calls as it takes. */
#ifndef REMOTE_ERRANDS_H
#define REMOTE_ERRANDS_H

#include "base/text.h"
#include "remote/hosts.h"

struct errand {
    size_t host; /* position among the hosts */
    char *word;  /* may hold anything */
};

struct errands_request {
    const struct host_list *hosts;
    const char *const *command; /* genv's words in front, NULL-terminated */
    const struct errand *errands;
    size_t count;
    double timeout_seconds; /* for each call, connecting included */
    /* Takes the answer, also what there is of one that failed. */
    void (*answered)(const struct host *host, const struct text *answer, void *data);
    /* Once for each host that failed, which is not told of the rest; @err does not name it. */
    void (*failed)(const struct host *host, const struct genv_error *err, void *data);
    void *data;
};

/* All hosts at once, each one's errands in their order. 0, whatever the hosts answered; -EINTR with *ret_signal: a
 * signal ended it. */
int errands_run(const struct errands_request *request, int *ret_signal, struct genv_error *err);

#endif
