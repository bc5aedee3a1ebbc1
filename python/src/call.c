/* How a call begins and ends: the handle, other threads, signals, warnings. */
#include "call.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void note_warning(const char *message, void *data)
{
    struct call *call = data;
    struct warnings *warnings = &call->warnings;
    char *copy = warnings->count < CALL_WARNINGS_MAX ? strdup(message) : NULL;

    if (copy)
        warnings->texts[warnings->count++] = copy;
}

/* In the thread that waits, without the interpreter's lock. */
static bool was_interrupted(void *data)
{
    struct call *call = data;
    bool interrupted;

    call_acquire(call);
    interrupted = PyErr_Occurred() || PyErr_CheckSignals() < 0; /* once is for the whole call */
    call_release(call);
    return interrupted;
}

/* What a handle goes by, besides the process and the user. */
static const char *const variables[] = {"GENV_TMPDIR", "GENV_STATE_TIMEOUT", "GENV_DRIVER_TIMEOUT"};

static void describe_circumstances(char text[CALL_CIRCUMSTANCES_SIZE])
{
    int length = PyOS_snprintf(text, CALL_CIRCUMSTANCES_SIZE, "%d %u", (int)getpid(), (unsigned)geteuid());

    for (size_t i = 0; i < sizeof(variables) / sizeof(variables[0]) && length < CALL_CIRCUMSTANCES_SIZE; i++) {
        const char *value = getenv(variables[i]);

        length += PyOS_snprintf(text + length, (size_t)(CALL_CIRCUMSTANCES_SIZE - length), "\n%s", value ? value : "");
    }
    if (length >= CALL_CIRCUMSTANCES_SIZE) /* like nothing else */
        text[0] = '\0';
}

/* The last call that has ended, for the next one: opening a handle takes reading files, and one that is kept knows when
 * a driver hangs. Changes hands under the interpreter's lock. */
static struct call *spare;

static void free_call(struct call *call)
{
    if (call)
        genv_close(call->g);
    free(call);
}

static struct call *take_spare(const char *circumstances)
{
    struct call *call = spare;

    spare = NULL;
    if (call && *circumstances && strcmp(call->circumstances, circumstances) == 0)
        return call;
    free_call(call);
    return NULL;
}

struct call *call_begin(PyObject *module)
{
    char circumstances[CALL_CIRCUMSTANCES_SIZE];
    struct genv_options options = {.warn = note_warning};
    struct genv_error err = {0};
    struct call *call;
    int r;

    describe_circumstances(circumstances);
    call = take_spare(circumstances);
    if (call)
        return call;
    call = calloc(1, sizeof(*call));
    if (!call) {
        PyErr_NoMemory();
        return NULL;
    }
    options.warn_data = call;
    r = genv_open(&options, &call->g, &err);
    if (r < 0) {
        call_raise(module, r, &err);
        free_call(call);
        return NULL;
    }
    call->module = module;
    memcpy(call->circumstances, circumstances, sizeof(circumstances));
    genv_set_interrupt(call->g, was_interrupted, call);
    return call;
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

/* NULL and an exception on failure. */
static PyObject *list_of(const struct warnings *warnings)
{
    PyObject *list = PyList_New(0);

    for (size_t i = 0; list && i < warnings->count; i++) {
        PyObject *text = PyUnicode_FromFormat("genv: %s", warnings->texts[i]);

        if (!text || PyList_Append(list, text) < 0)
            Py_CLEAR(list);
        Py_XDECREF(text);
    }
    return list;
}

int call_end(struct call *call, int r, PyObject **ret_warnings)
{
    struct genv_error err = call->err;
    struct warnings warnings = call->warnings;
    PyObject *module = call->module;

    /* From here on Python code may run, which may call again. */
    call->err = (struct genv_error){0};
    call->warnings.count = 0;
    free_call(spare);
    spare = call;
    if (r >= 0 && ret_warnings && !PyErr_Occurred())
        *ret_warnings = list_of(&warnings);
    for (size_t i = 0; i < warnings.count; i++) {
        if ((r < 0 || !ret_warnings) && !PyErr_Occurred())
            warn(warnings.texts[i]);
        free(warnings.texts[i]);
    }
    if (r < 0 && !PyErr_Occurred())
        call_raise(module, r, &err);
    return PyErr_Occurred() ? -1 : 0;
}
