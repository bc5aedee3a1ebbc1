/* What may end a wait early: asked after a signal handler has run in the thread that waits. */
#ifndef BASE_INTERRUPT_H
#define BASE_INTERRUPT_H

#include <stdbool.h>
#include <stddef.h>

struct interrupt {
    bool (*ask)(void *data); /* true: give up with -ECANCELED; NULL: nobody is asked */
    void *data;
};

static inline bool interrupt_ask(const struct interrupt *interrupt)
{
    return interrupt && interrupt->ask && interrupt->ask(interrupt->data);
}

#endif
