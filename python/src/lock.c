/* Access locks of devices. */
#include "module.h"

#define CAPSULE "genv._genv.lock"

static void free_capsule(PyObject *capsule)
{
    genv_unlock(PyCapsule_GetPointer(capsule, CAPSULE));
}

static PyObject *lock(PyObject *module, PyObject *args)
{
    struct genv_lock *held = NULL;
    const char *eid;
    double timeout;
    struct call *call;
    PyObject *capsule;
    int r;

    if (!PyArg_ParseTuple(args, "sd", &eid, &timeout) || !(call = call_begin(module)))
        return NULL;
    call_release(call);
    r = genv_lock(call->g, eid, timeout, &held, &call->err);
    call_acquire(call);
    if (call_end(call, r) < 0) {
        genv_unlock(held);
        return NULL;
    }
    capsule = PyCapsule_New(held, CAPSULE, free_capsule);
    if (!capsule) {
        genv_unlock(held);
        return NULL;
    }
    return Py_BuildValue("Ns", capsule, genv_lock_token(held));
}

PyMethodDef lock_methods[] = {
    {"lock", lock, METH_VARARGS,
     "lock(eid, timeout): the locks of all attached devices, held while the first element of the result lives, and "
     "the value of GENV_LOCK. A timeout below 0 waits without limit; 0 does not wait."},
    {NULL, NULL, 0, NULL},
};
