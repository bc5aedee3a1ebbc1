/* Python objects of what libgenv tells, and the other way round. */
#ifndef VALUE_H
#define VALUE_H

#include "call.h"

/* Dictionaries and lists with the keys of `genv snapshot`. Times are seconds since 1970, as floats. New references. */
PyObject *value_of_snapshot(const struct genv_snapshot *snapshot);

/* A dictionary of all fields; None: not configured. Amounts are texts, "4g". */
PyObject *value_of_config(const struct genv_config *config);

/* Its configuration, "eid", and of its devices the "devices", indices or None, and "uuids". Asks nobody for a user's
 * name, which can take long. */
PyObject *value_of_env(const struct genv_env *env);

/* The variables of a process in @env: a dictionary, None where one is not set. */
PyObject *value_of_variables(PyObject *module, const struct genv_env *env);

/* The text @text as UTF-8. NULL and genv.Invalid, which calls it @name: it cannot be, or has a null character. */
PyObject *value_to_bytes(PyObject *module, PyObject *text, const char *name);

/* The fields that @dict has and that are not None. -1 and an exception: a value is not valid. */
int value_to_config(PyObject *module, PyObject *dict, struct genv_config *ret_config);

#endif
