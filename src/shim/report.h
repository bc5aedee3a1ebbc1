/* What nvidia-smi says where the real one can't: small forms of its outputs, from genv's own data. */
#ifndef SHIM_REPORT_H
#define SHIM_REPORT_H

/* The exit status of nvidia-smi where there is no device, NVML_ERROR_NOT_FOUND, and its sentence. */
#define REPORT_NO_DEVICES 6
int report_no_devices(void);

/* nvidia-smi of the simulated devices: the table, -L, --query-gpu. Returns the exit status. */
int report_simulated(char **words);

/* nvidia-smi -L of this environment's devices. Returns the exit status. */
int report_list(void);

#endif
