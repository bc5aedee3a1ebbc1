/* Everything at once. */
#include "module.h"

static PyObject *snapshot(PyObject *module, PyObject *args)
{
    struct genv_snapshot *taken = NULL;
    PyObject *result = NULL;
    struct call *call;
    int r, depth;

    if (!PyArg_ParseTuple(args, "i", &depth))
        return NULL;
    if (depth < GENV_DEPTH_ENVS || depth > GENV_DEPTH_LIVE)
        return PyErr_Format(PyExc_ValueError, "there is no depth %d", depth);
    if (!(call = call_begin(module)))
        return NULL;
    call_release(call);
    r = genv_snapshot_take(call->g, (enum genv_depth)depth, &taken, &call->err);
    call_acquire(call);
    if (call_end(call, r, NULL) == 0)
        result = value_of_snapshot(taken);
    genv_snapshot_free(taken);
    return result;
}

PyMethodDef snapshot_methods[] = {
    {"snapshot", snapshot, METH_VARARGS,
     "snapshot(depth): environments; from DEVICES on, devices; at LIVE, what the driver says of use and processes."},
    {NULL, NULL, 0, NULL},
};
