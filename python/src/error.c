/* The exceptions: genv.Error, and subclasses for what programs tell apart. */
#include "call.h"

#include <errno.h>

static const struct {
    int code; /* errno; 0: any other */
    const char *name, *doc;
} classes[] = {
    {0, "Error", "An operation failed. The text says what failed, why and what to do; 'errno' is the error number."},
    {EBUSY, "Unavailable", "Not enough devices are available now."},
    {ETIMEDOUT, "TimedOut", "A lock was not free, or the driver did not answer, in time."},
    {EAGAIN, "TimedOut", NULL},
    {EINVAL, "Invalid", "A value is out of range or not well-formed. It is a ValueError as well."},
};

static PyObject *find_class(PyObject *module, int code)
{
    for (size_t i = 0; i < sizeof(classes) / sizeof(classes[0]); i++) {
        if (classes[i].code == code)
            return PyObject_GetAttrString(module, classes[i].name);
    }
    return PyObject_GetAttrString(module, classes[0].name);
}

void call_raise(PyObject *module, int r, const struct genv_error *err)
{
    int code = err->code ? err->code : -r;
    PyObject *class = find_class(module, code);
    PyObject *text = PyUnicode_DecodeUTF8(err->message, (Py_ssize_t)strlen(err->message), "replace");
    PyObject *error = class && text ? PyObject_CallFunctionObjArgs(class, text, NULL) : NULL;
    PyObject *number = error ? PyLong_FromLong(code) : NULL;

    if (number && PyObject_SetAttrString(error, "errno", number) == 0)
        PyErr_SetObject(class, error);
    Py_XDECREF(number);
    Py_XDECREF(error);
    Py_XDECREF(text);
    Py_XDECREF(class);
}

static int add_class(PyObject *module, size_t i, PyObject *base)
{
    PyObject *bases = classes[i].code == EINVAL ? PyTuple_Pack(2, base, PyExc_ValueError) : PyTuple_Pack(1, base);
    char name[64];
    PyObject *class = NULL;
    int r = -1;

    PyOS_snprintf(name, sizeof(name), "genv.%s", classes[i].name);
    if (bases)
        class = PyErr_NewExceptionWithDoc(name, classes[i].doc, bases, NULL);
    if (class)
        r = PyObject_SetAttrString(module, classes[i].name, class);
    if (r == 0 && classes[i].code == 0) /* of those that a program raises itself */
        r = PyObject_SetAttrString(class, "errno", Py_None);
    Py_XDECREF(class);
    Py_XDECREF(bases);
    return r;
}

int call_add_errors(PyObject *module)
{
    PyObject *error = NULL;
    int r = add_class(module, 0, PyExc_RuntimeError);

    if (r == 0)
        error = PyObject_GetAttrString(module, classes[0].name);
    for (size_t i = 1; error && r == 0 && i < sizeof(classes) / sizeof(classes[0]); i++) {
        if (classes[i].doc)
            r = add_class(module, i, error);
    }
    Py_XDECREF(error);
    return error ? r : -1;
}
