/* One call of libgenv from Python: a handle that no other call has meanwhile, so that threads are independent, and that
 * a fork does not inherit. */
#ifndef CALL_H
#define CALL_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <genv/genv.h>

#define CALL_WARNINGS_MAX       8
#define CALL_CIRCUMSTANCES_SIZE 1024

struct warnings {
    char *texts[CALL_WARNINGS_MAX];
    size_t count;
};

struct call {
    PyObject *module;
    struct genv *g;
    struct genv_error err;
    PyThreadState *thread; /* while others may run */
    struct warnings warnings;
    char circumstances[CALL_CIRCUMSTANCES_SIZE]; /* that the handle is for */
};

/* NULL and an exception on failure. call_end() is the caller's on success. */
struct call *call_begin(PyObject *module);

/* Around what may wait: other threads run meanwhile. Ctrl-C and other signals are handled while it waits, in the main
 * thread; if a handler raises an exception, what waits gives up. */
void call_release(struct call *call);
void call_acquire(struct call *call);

/* Gives the handle back and returns 0, or -1 with an exception where @r is negative, or there is one already. It issues
 * the library's warnings, which may be errors. A call that has changed something takes them instead, as a list in
 * *@ret_warnings (a new reference), for the package to issue them when the variables have been changed too. */
int call_end(struct call *call, int r, PyObject **ret_warnings);

/* Raises the library's sentence, as the class that its errno has. */
void call_raise(PyObject *module, int r, const struct genv_error *err);

/* Adds genv.Error and its subclasses to the module. */
int call_add_errors(PyObject *module);

#endif
