/* The signals that ask us to end. */
#include "remote/signals.h"

#include "base/macros.h"

#include <stdbool.h>

static bool is_ignored(int signal)
{
    struct sigaction action;

    return sigaction(signal, NULL, &action) == 0 && action.sa_handler == SIG_IGN;
}

void signals_add_ending(sigset_t *set)
{
    static const int ending[] = {SIGINT, SIGTERM, SIGHUP};
    sigset_t blocked;

    sigemptyset(&blocked);
    pthread_sigmask(SIG_BLOCK, NULL, &blocked);
    for (size_t i = 0; i < ARRAY_SIZE(ending); i++) {
        if (!is_ignored(ending[i]) && !sigismember(&blocked, ending[i]))
            sigaddset(set, ending[i]);
    }
}

void signals_add_ignored(sigset_t *set)
{
    static const int usual[] = {SIGINT, SIGHUP};

    for (size_t i = 0; i < ARRAY_SIZE(usual); i++) {
        if (is_ignored(usual[i]))
            sigaddset(set, usual[i]);
    }
}
