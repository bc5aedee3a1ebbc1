/* genv._genv: libgenv for Python, by the limited API of 3.9. */
#include "module.h"

static int refuse_subinterpreters(void)
{
    if (PyInterpreterState_GetID(PyInterpreterState_Get()) == 0)
        return 0;
    PyErr_SetString(PyExc_ImportError, "genv cannot be used in a subinterpreter: environments and their variables "
                                       "belong to the whole process; import genv in the main interpreter");
    return -1;
}

static int initialize(PyObject *module)
{
    PyMethodDef *const groups[] = {environment_methods, lock_methods, home_methods, snapshot_methods};

    if (refuse_subinterpreters() < 0 || call_add_errors(module) < 0 ||
        PyModule_AddStringConstant(module, "version", genv_version()) < 0)
        return -1;
    for (size_t i = 0; i < sizeof(groups) / sizeof(groups[0]); i++) {
        if (PyModule_AddFunctions(module, groups[i]) < 0)
            return -1;
    }
    return PyModule_AddIntConstant(module, "ENVS", GENV_DEPTH_ENVS) < 0 ||
                   PyModule_AddIntConstant(module, "DEVICES", GENV_DEPTH_DEVICES) < 0 ||
                   PyModule_AddIntConstant(module, "LIVE", GENV_DEPTH_LIVE) < 0
               ? -1
               : 0;
}

static PyModuleDef_Slot slots[] = {
    {Py_mod_exec, initialize},
    {0, NULL},
};

static struct PyModuleDef definition = {
    PyModuleDef_HEAD_INIT,
    .m_name = "genv._genv",
    .m_doc = "libgenv. Use genv.sdk instead, which keeps the variables of the process up to date.",
    .m_slots = slots,
};

PyMODINIT_FUNC PyInit__genv(void);

PyMODINIT_FUNC PyInit__genv(void)
{
    return PyModuleDef_Init(&definition);
}
