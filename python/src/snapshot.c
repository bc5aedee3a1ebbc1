/* Everything at once. */
#include "module.h"

static PyObject *snapshot(PyObject *module, PyObject *args)
{
    struct genv_snapshot *taken = NULL;
    PyObject *result = NULL;
    struct call call;
    int r, live;

    if (!PyArg_ParseTuple(args, "p", &live) || call_begin(&call, module) < 0)
        return NULL;
    call_release(&call);
    r = genv_snapshot_take(call.g, live ? GENV_DEPTH_LIVE : GENV_DEPTH_DEVICES, &taken, &call.err);
    call_acquire(&call);
    if (call_end(&call, r) == 0)
        result = value_of_snapshot(taken);
    genv_snapshot_free(taken);
    return result;
}

PyMethodDef snapshot_methods[] = {
    {"snapshot", snapshot, METH_VARARGS,
     "snapshot(live): environments and devices; with live, what the driver says of use and processes as well."},
    {NULL, NULL, 0, NULL},
};
