/* The saved configuration of a project, and amounts of memory as people write them. */
#include "module.h"

#include <stdlib.h>

static PyObject *home_find(PyObject *module, PyObject *unused)
{
    char *path = NULL;
    struct call *call;
    PyObject *result;

    (void)unused;
    if (!(call = call_begin(module)) || call_end(call, genv_home_find(call->g, &path, &call->err), NULL) < 0)
        return NULL;
    result = PyUnicode_DecodeFSDefault(path);
    free(path);
    return result;
}

static PyObject *home_load(PyObject *module, PyObject *args)
{
    struct genv_config config = GENV_CONFIG_INIT;
    struct genv_error err = {0};
    PyObject *path;
    unsigned fields;
    int r;

    if (!PyArg_ParseTuple(args, "O&", PyUnicode_FSConverter, &path))
        return NULL;
    r = genv_home_load(PyBytes_AsString(path), &config, &fields, &err);
    Py_DECREF(path);
    if (r < 0) {
        call_raise(module, r, &err);
        return NULL;
    }
    return value_of_config(&config);
}

static PyObject *home_save(PyObject *module, PyObject *args)
{
    struct genv_error err = {0};
    struct genv_config config;
    PyObject *path, *fields;
    int r;

    if (!PyArg_ParseTuple(args, "O&O", PyUnicode_FSConverter, &path, &fields))
        return NULL;
    r = value_to_config(module, fields, &config);
    if (r == 0) {
        r = genv_home_save(PyBytes_AsString(path), &config, GENV_CONFIG_ALL, &err);
        if (r < 0)
            call_raise(module, r, &err);
    }
    Py_DECREF(path);
    if (r < 0)
        return NULL;
    Py_RETURN_NONE;
}

static PyObject *parse_amount(PyObject *module, PyObject *args)
{
    struct genv_error err = {0};
    const char *text;
    uint64_t bytes;
    int r;

    if (!PyArg_ParseTuple(args, "s", &text))
        return NULL;
    r = genv_amount_parse(text, &bytes, &err);
    if (r < 0) {
        call_raise(module, r, &err);
        return NULL;
    }
    return PyLong_FromUnsignedLongLong(bytes);
}

static PyObject *format_amount(PyObject *module, PyObject *args)
{
    char text[GENV_AMOUNT_SIZE];
    unsigned long long bytes;

    (void)module;
    if (!PyArg_ParseTuple(args, "K", &bytes))
        return NULL;
    genv_amount_format(bytes, text);
    return PyUnicode_FromString(text);
}

PyMethodDef home_methods[] = {
    {"home_find", home_find, METH_NOARGS, "home_find(): the .genv directory in force."},
    {"home_load", home_load, METH_VARARGS, "home_load(path): its configuration."},
    {"home_save", home_save, METH_VARARGS, "home_save(path, config): write all fields to it."},
    {"parse_amount", parse_amount, METH_VARARGS, "parse_amount(text): '4g' in bytes."},
    {"format_amount", format_amount, METH_VARARGS, "format_amount(bytes): the shortest exact form."},
    {NULL, NULL, 0, NULL},
};
