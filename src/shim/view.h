/* The view: the NVML library that shows one environment only, found first by the programs that this process becomes. */
#ifndef SHIM_VIEW_H
#define SHIM_VIEW_H

#include "base/error.h"

/* Puts @folder, which holds the view, in front of LD_LIBRARY_PATH, once. -ENOENT: it does not hold it; -EINVAL: a path
 * that can't stand in that variable. The variable is as it was then. */
int view_use(const char *folder, struct genv_error *err);

/* Whether the dynamic linker will ignore LD_LIBRARY_PATH for the program: it is to run with more rights than we. */
bool view_is_ignored_by(const char *program);

#endif
