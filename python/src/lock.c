/* Access locks of devices. */
#include "module.h"

#include <stdlib.h>

#define CAPSULE "genv._genv.lock"

struct held {
    struct genv_lock *lock; /* NULL: it is still waited for */
    struct held *next, **link;
};

/* What this process holds, for its forked children to close. Linked before the wait, since a fork may come before the
 * waiting thread has the interpreter's lock again. */
static struct held *first;

static struct held *add(void)
{
    struct held *held = calloc(1, sizeof(*held));

    if (!held) {
        PyErr_NoMemory();
        return NULL;
    }
    held->next = first;
    held->link = &first;
    if (first)
        first->link = &held->next;
    first = held;
    return held;
}

static void let_go(struct held *held)
{
    *held->link = held->next;
    if (held->next)
        held->next->link = held->link;
    genv_unlock(held->lock);
    free(held);
}

static void free_capsule(PyObject *capsule)
{
    let_go(PyCapsule_GetPointer(capsule, CAPSULE));
}

static PyObject *lock(PyObject *module, PyObject *args)
{
    struct held *held;
    const char *eid;
    double timeout;
    struct call *call;
    PyObject *capsule = NULL, *warnings = NULL;
    int r;

    if (!PyArg_ParseTuple(args, "sd", &eid, &timeout) || !(held = add()))
        return NULL;
    if (!(call = call_begin(module))) {
        let_go(held);
        return NULL;
    }
    call_release(call);
    r = genv_lock(call->g, eid, timeout, &held->lock, &call->err);
    call_acquire(call);
    if (call_end(call, r, &warnings) == 0)
        capsule = PyCapsule_New(held, CAPSULE, free_capsule);
    if (!capsule) {
        Py_XDECREF(warnings);
        let_go(held);
        return NULL;
    }
    return Py_BuildValue("NsN", capsule, genv_lock_token(held->lock), warnings);
}

static PyObject *after_fork(PyObject *module, PyObject *unused)
{
    (void)module, (void)unused;
    for (struct held *held = first; held; held = held->next) {
        genv_unlock(held->lock);
        held->lock = NULL;
    }
    Py_RETURN_NONE;
}

PyMethodDef lock_methods[] = {
    {"lock", lock, METH_VARARGS,
     "lock(eid, timeout): the locks of all attached devices, held while the first element of the result lives, "
     "the value of GENV_LOCK, and warnings. A timeout below 0 waits without limit; 0 does not wait."},
    {"after_fork", after_fork, METH_NOARGS, "after_fork(): in a child, close what its parent holds."},
    {NULL, NULL, 0, NULL},
};
