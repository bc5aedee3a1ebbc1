/* What nvidia-smi says where the real one can't: small forms of its outputs, from genv's own data. */
#ifndef SHIM_REPORT_H
#define SHIM_REPORT_H

#include <stdbool.h>

/* The exit status of nvidia-smi where there is no device, NVML_ERROR_NOT_FOUND, and its sentence. */
#define REPORT_NO_DEVICES 6
int report_no_devices(void);

/* nvidia-smi of the simulated devices: the table, -L, --query-gpu. Returns the exit status. */
int report_simulated(char **words);

/* nvidia-smi -L of this environment's devices. Returns the exit status. */
int report_list(void);
/* The same for the real one, which counts them instead of telling their numbers. False, and nothing is told: only that
 * one knows what there is to tell. */
bool report_list_by_number(int *ret_status);

#endif
