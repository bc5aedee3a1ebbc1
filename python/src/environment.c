/* Environments: entered, configured, attached, left. Each function returns (environment, variables, warnings). */
#include "module.h"

#include <unistd.h>

#define DEVICES_MAX 1024

/* The answer, and the end of the call. Takes @env. */
static PyObject *answer(struct call *call, int r, struct genv_env *env)
{
    PyObject *module = call->module, *result = NULL, *value = NULL, *variables = NULL, *warnings = NULL;

    if (call_end(call, r, &warnings) == 0) {
        value = value_of_env(env);
        variables = value ? value_of_variables(module, env) : NULL;
    }
    if (variables)
        result = PyTuple_Pack(3, value, variables, warnings);
    Py_XDECREF(variables);
    Py_XDECREF(value);
    Py_XDECREF(warnings);
    genv_env_free(env);
    return result;
}

/* The texts of the tuple @names, encoded anew in @ret_bytes, which owns them; -1 and an exception. */
static int take_names(PyObject *module, PyObject *names, const char *devices[DEVICES_MAX], size_t *ret_count,
                      PyObject **ret_bytes)
{
    Py_ssize_t count = PyTuple_Size(names);
    PyObject *bytes;

    if (count < 0)
        return -1;
    if (count > DEVICES_MAX) {
        PyErr_Format(PyExc_ValueError, "too many devices (limit %d)", DEVICES_MAX);
        return -1;
    }
    bytes = PyTuple_New(count);
    for (Py_ssize_t i = 0; bytes && i < count; i++) {
        PyObject *name = value_to_bytes(module, PyTuple_GetItem(names, i), "the device");

        if (!name || PyTuple_SetItem(bytes, i, name) < 0)
            Py_CLEAR(bytes);
        else
            devices[i] = PyBytes_AsString(name);
    }
    *ret_count = (size_t)count;
    *ret_bytes = bytes;
    return bytes ? 0 : -1;
}

/* Adds @eid to @list, whether there is an exception or not; -1: there is no memory. */
static int tell(PyObject *list, const char *eid)
{
    PyObject *type, *value, *traceback, *text;
    int r;

    PyErr_Fetch(&type, &value, &traceback);
    text = PyUnicode_FromString(eid);
    r = text ? PyList_Append(list, text) : -1;
    Py_XDECREF(text);
    if (r == 0 || type)
        PyErr_Restore(type, value, traceback);
    return r;
}

static PyObject *reserve(PyObject *module, PyObject *args)
{
    const struct genv_member self = {.pid = getpid()};
    struct genv_reservation reservation = GENV_RESERVATION_INIT;
    PyObject *entered, *config, *names, *bytes = NULL, *result;
    const char *devices[DEVICES_MAX];
    struct genv_env *env = NULL;
    struct call *call;
    int r, update, over_subscribe;

    if (!PyArg_ParseTuple(args, "OzOppO", &entered, &reservation.eid, &config, &update, &over_subscribe, &names) ||
        value_to_config(module, config, &reservation.config) < 0 ||
        take_names(module, names, devices, &reservation.device_count, &bytes) < 0)
        return NULL;
    reservation.members = &self;
    reservation.member_count = 1;
    reservation.fields = update ? GENV_CONFIG_ALL : 0;
    reservation.over_subscribe = over_subscribe;
    reservation.devices = devices;
    reservation.attach = reservation.device_count == 0;
    if (!(call = call_begin(module))) {
        Py_DECREF(bytes);
        return NULL;
    }
    call_release(call);
    r = genv_reserve(call->g, &reservation, &env, NULL, &call->err);
    call_acquire(call);
    if (r >= 0 && tell(entered, env->eid) < 0)
        genv_deactivate(call->g, env->eid, &self, NULL);
    result = answer(call, r, env);
    Py_DECREF(bytes);
    return result;
}

static PyObject *leave(PyObject *module, PyObject *args)
{
    struct genv_member member = {0};
    const char *eid;
    struct call *call;
    PyObject *warnings = NULL;
    int r;

    if (!PyArg_ParseTuple(args, "si", &eid, &member.pid) || !(call = call_begin(module)))
        return NULL;
    call_release(call);
    r = genv_deactivate(call->g, eid, &member, &call->err);
    call_acquire(call);
    if (call_end(call, r, &warnings) < 0)
        Py_CLEAR(warnings);
    return warnings;
}

static PyObject *look_up(PyObject *module, PyObject *args)
{
    struct genv_env *env = NULL;
    const char *eid;
    struct call *call;
    int r;

    if (!PyArg_ParseTuple(args, "s", &eid) || !(call = call_begin(module)))
        return NULL;
    call_release(call);
    r = genv_env_get(call->g, eid, &env, &call->err);
    call_acquire(call);
    return answer(call, r, env);
}

static PyObject *configure(PyObject *module, PyObject *args)
{
    struct genv_config config;
    struct genv_env *env = NULL;
    const char *eid;
    struct call *call;
    PyObject *fields;
    int r;

    if (!PyArg_ParseTuple(args, "sO", &eid, &fields) || value_to_config(module, fields, &config) < 0 ||
        !(call = call_begin(module)))
        return NULL;
    call_release(call);
    r = genv_configure(call->g, eid, &config, GENV_CONFIG_ALL, &env, &call->err);
    call_acquire(call);
    return answer(call, r, env);
}

static PyObject *attach(PyObject *module, PyObject *args)
{
    struct genv_attach_request request = GENV_ATTACH_INIT;
    struct genv_env *env = NULL;
    const char *eid;
    struct call *call;
    int r, over_subscribe;

    if (!PyArg_ParseTuple(args, "szip", &eid, &request.device, &request.count, &over_subscribe) ||
        !(call = call_begin(module)))
        return NULL;
    request.over_subscribe = over_subscribe;
    request.at_least = true;
    call_release(call);
    r = genv_attach(call->g, eid, &request, &env, &call->err);
    call_acquire(call);
    return answer(call, r, env);
}

static PyObject *detach(PyObject *module, PyObject *args)
{
    struct genv_env *env = NULL;
    const char *eid, *device;
    struct call *call;
    int r;

    if (!PyArg_ParseTuple(args, "sz", &eid, &device) || !(call = call_begin(module)))
        return NULL;
    call_release(call);
    r = genv_detach(call->g, eid, device, &env, &call->err);
    call_acquire(call);
    return answer(call, r, env);
}

PyMethodDef environment_methods[] = {
    {"reserve", reserve, METH_VARARGS,
     "reserve(entered, eid, config, update, over_subscribe, devices): create or enter an environment and attach the "
     "configured count, or the devices of a tuple; all in one step. With update, one that exists is configured as "
     "well. "
     "Its identifier is added to the list entered, also where an exception comes after that."},
    {"leave", leave, METH_VARARGS, "leave(eid, pid): take the process out; returns warnings alone."},
    {"look_up", look_up, METH_VARARGS, "look_up(eid): a live environment."},
    {"configure", configure, METH_VARARGS, "configure(eid, config): replace the configuration."},
    {"attach", attach, METH_VARARGS,
     "attach(eid, device, count, over_subscribe): the device, or at least the count; -1 is the configured one."},
    {"detach", detach, METH_VARARGS, "detach(eid, device): device None is all of them."},
    {NULL, NULL, 0, NULL},
};
