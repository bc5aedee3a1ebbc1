/* How a call begins and ends: the handle, other threads, signals, warnings. */
#include "call.h"

#include <stdlib.h>
#include <string.h>

static void note_warning(const char *message, void *data)
{
    struct call *call = data;
    char *copy = call->warning_count < CALL_WARNINGS_MAX ? strdup(message) : NULL;

    if (copy)
        call->warnings[call->warning_count++] = copy;
}

/* In the thread that waits, without the interpreter's lock. */
static bool was_interrupted(void *data)
{
    struct call *call = data;
    int r;

    call_acquire(call);
    r = PyErr_CheckSignals();
    call_release(call);
    return r < 0;
}

int call_begin(struct call *call, PyObject *module)
{
    struct genv_options options = {.warn = note_warning, .warn_data = call};
    int r;

    *call = (struct call){.module = module};
    r = genv_open(&options, &call->g, &call->err);
    if (r < 0) {
        call_raise(module, r, &call->err);
        return -1;
    }
    genv_set_interrupt(call->g, was_interrupted, call);
    return 0;
}

void call_release(struct call *call)
{
    call->thread = PyEval_SaveThread();
}

void call_acquire(struct call *call)
{
    PyEval_RestoreThread(call->thread);
}

/* A sentence may quote anything that was in somebody's file. */
static int warn(const char *message)
{
    return PyErr_WarnFormat(PyExc_RuntimeWarning, 2, "genv: %s", message);
}

int call_end(struct call *call, int r)
{
    genv_close(call->g);
    for (size_t i = 0; i < call->warning_count; i++) {
        if (!PyErr_Occurred())
            warn(call->warnings[i]);
        free(call->warnings[i]);
    }
    if (r < 0 && !PyErr_Occurred())
        call_raise(call->module, r, &call->err);
    return PyErr_Occurred() ? -1 : 0;
}
