/* The one gate to the driver: whoever wants to know something of devices asks here.
 *
 * A process of its own asks, the program libexec/genv-driver, so that a driver that hangs, crashes or needs long costs
 * the caller a sentence. It is executed, never only forked, so callers may have threads. It inherits the caller's
 * environment and directory, and none of its descriptors (locks!); the caller never maps the driver's library, and is
 * left no descriptor and no child. It ends when the caller does, whichever way. */
#ifndef DRIVER_ASK_H
#define DRIVER_ASK_H

#include "base/interrupt.h"
#include "driver/answer.h"

struct driver_gate {
    int program; /* genv-driver, held since it was first asked: an upgrade may take its name away; -1: not yet */
    int hung;    /* a pipe that ends when what could not be ended has: until then nothing is asked; -1: nothing hangs */
    int cancel;  /* while it is readable, whoever waits gives up; the caller's. -1: none */
    struct interrupt interrupt; /* likewise */
    struct {
        int limit_ms;     /* in which the driver did not answer, … */
        int64_t until_ms; /* … and, by then, is not asked again for as long as that or less; 0: it has answered */
    } silence;
};

#define DRIVER_GATE_INIT                                                                                               \
    {                                                                                                                  \
        .program = -1, .hung = -1, .cancel = -1                                                                        \
    }

void driver_gate_close(struct driver_gate *gate);

/* Asks the driver in force for its devices and for @what (ANSWER_SAMPLES, ANSWER_PROCESSES), and waits for the answer
 * up to @timeout_ms, and a moment longer for what asks to end. Simulated devices, which can't be slow, are asked in
 * this process. Give the answer back with answer_release().
 *
 * -ETIMEDOUT: there was none in time, now or a moment ago through this gate, or what was asked before still hangs in
 * the kernel, where nobody can end it; -ECANCELED: gate->cancel or gate->interrupt; -EIO: there is no such program, or
 * it ended; -ESTALE: the program is of another version; else as driver_open(). */
int driver_ask(struct driver_gate *gate, unsigned what, int timeout_ms, struct driver_answer *ret_answer,
               struct genv_error *err);

#endif
