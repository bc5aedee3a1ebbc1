/* Python objects of what libgenv tells, and the other way round. */
#include "value.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define DEPTH_MAX 8

/* The objects and lists that have begun and not ended. The first is the result, and owns the others. */
struct builder {
    PyObject *open[DEPTH_MAX];
    int depth;
};

static PyObject *convert(const struct genv_value *value)
{
    switch (value->kind) {
    case GENV_VALUE_BOOL:
        return PyBool_FromLong(value->boolean);
    case GENV_VALUE_INTEGER:
        return PyLong_FromLongLong(value->integer);
    case GENV_VALUE_REAL:
        return PyFloat_FromDouble(value->real);
    case GENV_VALUE_TEXT:
        return PyUnicode_DecodeUTF8(value->text, (Py_ssize_t)strlen(value->text), "replace");
    case GENV_VALUE_TIME:
        return PyFloat_FromDouble((double)value->time.tv_sec + (double)value->time.tv_nsec / 1e9);
    case GENV_VALUE_OBJECT:
        return PyDict_New();
    case GENV_VALUE_LIST:
        return PyList_New(0);
    default:
        Py_INCREF(Py_None);
        return Py_None;
    }
}

static int build(const struct genv_value *value, void *data)
{
    struct builder *builder = data;
    PyObject *parent = builder->depth ? builder->open[builder->depth - 1] : NULL;
    PyObject *object;
    int r = 0;

    if (value->kind == GENV_VALUE_END) {
        if (builder->depth > 1)
            builder->depth--;
        return 0;
    }
    object = builder->depth < DEPTH_MAX ? convert(value) : PyErr_NoMemory();
    if (!object)
        return -EINVAL;
    if (parent)
        r = value->key ? PyDict_SetItemString(parent, value->key, object) : PyList_Append(parent, object);
    if (value->kind == GENV_VALUE_OBJECT || value->kind == GENV_VALUE_LIST)
        builder->open[builder->depth++] = object;
    if (parent)
        Py_DECREF(object);
    return r < 0 ? -EINVAL : 0;
}

static PyObject *end_building(struct builder *builder, int r)
{
    if (r == 0)
        return builder->open[0];
    Py_XDECREF(builder->open[0]);
    return PyErr_Occurred() ? NULL : PyErr_NoMemory();
}

PyObject *value_of_snapshot(const struct genv_snapshot *snapshot)
{
    struct builder builder = {.depth = 0};

    return end_building(&builder, genv_snapshot_visit(snapshot, build, &builder));
}

#define ROW(bit, member, kind, ...) {GENV_CONFIG_##bit, #member, kind},

enum kind { NAME, COUNT, AMOUNT };

static const struct {
    enum genv_config_field bit;
    const char *name;
    enum kind kind;
} fields[] = {GENV_CONFIG_FIELDS(ROW)};

#define FIELD_COUNT (sizeof(fields) / sizeof(fields[0]))

static PyObject *value_of_field(const struct genv_config *config, size_t i)
{
    char text[GENV_CONFIG_TEXT_SIZE];

    if (!genv_config_format(config, fields[i].bit, text)) {
        Py_INCREF(Py_None);
        return Py_None;
    }
    return fields[i].kind == COUNT ? PyLong_FromString(text, NULL, 10) : PyUnicode_FromString(text);
}

PyObject *value_to_bytes(PyObject *module, PyObject *text, const char *name)
{
    struct genv_error err = {.code = EINVAL};
    PyObject *bytes = PyUnicode_AsUTF8String(text);

    if (bytes && strlen(PyBytes_AsString(bytes)) == (size_t)PyBytes_Size(bytes))
        return bytes;
    if (!bytes && !PyErr_ExceptionMatches(PyExc_UnicodeError))
        return NULL;
    Py_XDECREF(bytes);
    PyErr_Clear();
    PyOS_snprintf(err.message, sizeof(err.message), "%s has a character that is not valid in a name", name);
    call_raise(module, -EINVAL, &err);
    return NULL;
}

/* Adds @value, whose reference it takes, as a member; -1 and an exception. */
static int set(PyObject *dict, const char *key, PyObject *value)
{
    int r = value ? PyDict_SetItemString(dict, key, value) : -1;

    Py_XDECREF(value);
    return r;
}

PyObject *value_of_config(const struct genv_config *config)
{
    PyObject *dict = PyDict_New();
    int r = dict ? 0 : -1;

    for (size_t i = 0; r == 0 && i < FIELD_COUNT; i++)
        r = set(dict, fields[i].name, value_of_field(config, i));
    if (r < 0)
        Py_CLEAR(dict);
    return dict;
}

static int append(PyObject *list, PyObject *value)
{
    int r = value ? PyList_Append(list, value) : -1;

    Py_XDECREF(value);
    return r;
}

static PyObject *value_of_index(int index)
{
    if (index >= 0)
        return PyLong_FromLong(index);
    Py_INCREF(Py_None);
    return Py_None;
}

PyObject *value_of_env(const struct genv_env *env)
{
    PyObject *dict = value_of_config(&env->config), *indices = PyList_New(0), *uuids = PyList_New(0);
    int r = dict && indices && uuids ? set(dict, "eid", PyUnicode_FromString(env->eid)) : -1;

    for (size_t i = 0; r == 0 && i < env->attachment_count; i++) {
        r = append(indices, value_of_index(env->attachments[i].index));
        if (r == 0)
            r = append(uuids, PyUnicode_FromString(env->attachments[i].device.uuid));
    }
    if (r == 0)
        r = PyDict_SetItemString(dict, "devices", indices);
    if (r == 0)
        r = PyDict_SetItemString(dict, "uuids", uuids);
    Py_XDECREF(indices);
    Py_XDECREF(uuids);
    if (r < 0)
        Py_CLEAR(dict);
    return dict;
}

/* Text, or a number where one is meant. */
static PyObject *text_of(PyObject *value, size_t i)
{
    PyObject *number, *text;

    if (PyUnicode_Check(value)) {
        Py_INCREF(value);
        return value;
    }
    if (fields[i].kind == NAME || PyBool_Check(value) || !PyIndex_Check(value))
        return PyErr_Format(PyExc_TypeError, "%s must be %s, not %R", fields[i].name,
                            fields[i].kind == COUNT ? "an integer" : "a string", (PyObject *)Py_TYPE(value));
    number = PyNumber_Index(value);
    text = number ? PyObject_Str(number) : NULL;
    Py_XDECREF(number);
    return text;
}

static int parse_field(PyObject *module, PyObject *value, size_t i, struct genv_config *config)
{
    struct genv_error err = {0};
    PyObject *text = text_of(value, i);
    PyObject *bytes = text ? value_to_bytes(module, text, fields[i].name) : NULL;
    int r = bytes ? genv_config_parse(config, fields[i].bit, PyBytes_AsString(bytes), &err) : -1;

    if (bytes && r < 0)
        call_raise(module, r, &err);
    Py_XDECREF(bytes);
    Py_XDECREF(text);
    return r;
}

int value_to_config(PyObject *module, PyObject *dict, struct genv_config *ret_config)
{
    struct genv_config config = GENV_CONFIG_INIT;

    if (!PyDict_Check(dict)) {
        PyErr_SetString(PyExc_TypeError, "the configuration must be a dictionary");
        return -1;
    }
    for (size_t i = 0; i < FIELD_COUNT; i++) {
        PyObject *value = PyDict_GetItemString(dict, fields[i].name);

        if (value && value != Py_None && parse_field(module, value, i, &config) < 0)
            return -1;
    }
    *ret_config = config;
    return 0;
}

PyObject *value_of_variables(PyObject *module, const struct genv_env *env)
{
    struct genv_variable *variables = NULL;
    struct genv_error err = {0};
    PyObject *dict = NULL;
    int r = genv_variables(env, false, &variables, &err);

    if (r < 0) {
        call_raise(module, r, &err);
        return NULL;
    }
    dict = PyDict_New();
    for (const struct genv_variable *variable = variables; dict && variable->name; variable++) {
        if (set(dict, variable->name, Py_BuildValue("z", variable->value)) < 0)
            Py_CLEAR(dict);
    }
    free(variables);
    return dict;
}
