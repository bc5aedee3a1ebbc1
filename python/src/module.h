/* What genv._genv offers; the package around it is in ../genv. The docstrings are in environment.c and so on. */
#ifndef MODULE_H
#define MODULE_H

#include "value.h"

extern PyMethodDef environment_methods[], lock_methods[], home_methods[], snapshot_methods[];

#endif
