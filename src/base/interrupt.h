/* What may end a wait early: asked at intervals, and after a signal handler has run in the thread that waits. */
#ifndef BASE_INTERRUPT_H
#define BASE_INTERRUPT_H

#include <stdbool.h>
#include <stddef.h>

struct interrupt {
    bool (*ask)(void *data); /* true: give up with -ECANCELED; NULL: nobody is asked */
    void *data;
};

#define INTERRUPT_INTERVAL_MS 100

static inline bool interrupt_is_set(const struct interrupt *interrupt)
{
    return interrupt && interrupt->ask;
}

static inline bool interrupt_ask(const struct interrupt *interrupt)
{
    return interrupt_is_set(interrupt) && interrupt->ask(interrupt->data);
}

#endif
