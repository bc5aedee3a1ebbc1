/* The machine's own libnvidia-ml.so.1, which the view passes calls on to: found and loaded with it, or at the
 * first call that finds one. */
#ifndef VIEW_BACKEND_H
#define VIEW_BACKEND_H

#include "driver/nvml_abi.h"
#include "view/names.h" /* made from entries.def */

/* The backend's functions by entry, NULL before the first look-up; stubs jump through it. */
extern void *backend_targets[ENTRY_COUNT];

/* What to jump to for @entry: the backend's function; one that answers FUNCTION_NOT_FOUND where the backend lacks it,
 * LIBRARY_NOT_FOUND where there is no backend; for a refused entry, while an environment is shown, NOT_SUPPORTED. Keeps
 * errno. */
void *backend_look_up(enum entry entry);

/* Whether the backend has it. */
bool backend_has(enum entry entry);
/* Whether there is a backend; whether there is one, and it does not have it. */
bool backend_is_there(void);
bool backend_lacks(enum entry entry);

/* The backend's function: BACKEND(nvmlDeviceGetCount_v2)(&count). */
#define BACKEND(name) ((__typeof__(name) *)backend_look_up(ENTRY_##name))

/* What every view answers nvmlInternalGetExportTable() for: nobody else does, so that views don't load each other. */
extern const unsigned char backend_view_guid[16];

#endif
