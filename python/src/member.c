/* Environments of other processes and of Jupyter kernels, for programs that start them. */
#include "module.h"

#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>

static PyObject *enter(PyObject *module, PyObject *args)
{
    struct genv_member members[2] = {{0}}, *last = members;
    struct genv_reservation reservation = GENV_RESERVATION_INIT;
    const char *kernel_id, *connection_file;
    struct genv_env *env = NULL;
    PyObject *config;
    struct call *call;
    int r, pid, manager, update, over_subscribe;

    if (!PyArg_ParseTuple(args, "zizziOpp", &reservation.eid, &pid, &kernel_id, &connection_file, &manager, &config,
                          &update, &over_subscribe) ||
        value_to_config(module, config, &reservation.config) < 0 || !(call = call_begin(module)))
        return NULL;
    if (kernel_id)
        *last++ = (struct genv_member){.kernel_id = kernel_id, .connection_file = connection_file, .manager = manager};
    if (pid || !kernel_id)
        *last++ = (struct genv_member){.pid = pid};
    reservation.members = members;
    reservation.member_count = (size_t)(last - members);
    reservation.fields = update ? GENV_CONFIG_ALL : 0;
    reservation.attach = update;
    reservation.over_subscribe = over_subscribe;
    call_release(call);
    r = genv_reserve(call->g, &reservation, &env, NULL, &call->err);
    call_acquire(call);
    return environment_answer(call, r, env);
}

static PyObject *take_out(PyObject *module, PyObject *args)
{
    struct genv_member member = {0};
    const char *eid;
    struct call *call;
    int r;

    if (!PyArg_ParseTuple(args, "siz", &eid, &member.pid, &member.kernel_id) || !(call = call_begin(module)))
        return NULL;
    call_release(call);
    r = genv_deactivate(call->g, eid, &member, &call->err);
    call_acquire(call);
    if (call_end(call, r, NULL) < 0)
        return NULL;
    Py_RETURN_NONE;
}

static PyObject *list_of(char **eids)
{
    PyObject *list = PyList_New(0);

    for (char **eid = eids; list && *eid; eid++) {
        PyObject *text = PyUnicode_FromString(*eid);

        if (!text || PyList_Append(list, text) < 0)
            Py_CLEAR(list);
        Py_XDECREF(text);
    }
    return list;
}

static PyObject *find(PyObject *module, PyObject *args)
{
    struct genv_member member = {0};
    PyObject *list = NULL;
    char **eids = NULL;
    struct call *call;
    int r;

    if (!PyArg_ParseTuple(args, "iz", &member.pid, &member.kernel_id) || !(call = call_begin(module)))
        return NULL;
    call_release(call);
    r = genv_find(call->g, &member, &eids, &call->err);
    call_acquire(call);
    if (call_end(call, r, NULL) == 0)
        list = list_of(eids);
    free(eids);
    return list;
}

/* The library is in ROOT/lib, or ROOT/libgenv of a build tree. */
static PyObject *root(PyObject *module, PyObject *unused)
{
    Dl_info info;
    char *path, *slash;
    PyObject *result;

    (void)module;
    (void)unused;
    path = dladdr((void *)genv_version, &info) ? realpath(info.dli_fname, NULL) : NULL;
    for (int level = 0; path && level < 2; level++) {
        slash = strrchr(path, '/');
        if (slash)
            *slash = '\0';
    }
    result = path ? PyUnicode_DecodeFSDefault(path) : PyErr_SetFromErrno(PyExc_OSError);
    free(path);
    return result;
}

PyMethodDef member_methods[] = {
    {"enter", enter, METH_VARARGS,
     "enter(eid, pid, kernel_id, connection_file, manager, config, update, over_subscribe): create or enter an "
     "environment and "
     "register a process, a kernel or both. One that is created is configured and attached; with update, one that "
     "exists as well."},
    {"take_out", take_out, METH_VARARGS,
     "take_out(eid, pid, kernel_id): take the process, or the kernel if it is given, out."},
    {"find", find, METH_VARARGS, "find(pid, kernel_id): the environments that the process, or the kernel, is in."},
    {"root", root, METH_NOARGS, "root(): the folder that genv is installed in."},
    {NULL, NULL, 0, NULL},
};
