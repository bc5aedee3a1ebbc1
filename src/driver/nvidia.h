/* What is known of NVIDIA's devices without opening their driver. */
#ifndef DRIVER_NVIDIA_H
#define DRIVER_NVIDIA_H

#include "driver/driver.h"

#define NVIDIA_KERNEL_DIRECTORY "/proc/driver/nvidia"
#define NVIDIA_NODES            "/dev"

extern const struct driver_words nvidia_words;

/* driver_fingerprint(), from what the kernel module lists under @directory: its version, the GPUs, and the instances
 * that they are divided into; and from which of their nodes are in the folder @nodes. */
int nvidia_fingerprint(const char *directory, const char *nodes, uint64_t *ret_fingerprint);

/* Whether CUDA, which counts by PCI address what it can open, gives one of @devices another number than its index:
 * because NVML has another order, or because a cgroup or a mode keeps this process from one of the nodes in @nodes. */
bool nvidia_is_counted_otherwise(const struct genv_device *devices, size_t count, const char *nodes);

/* WSL2 has the GPUs of its Windows host: no kernel module, one node for all of them, and the libraries are Windows'. */
#define NVIDIA_WSL_NODE    "/dev/dxg"
#define NVIDIA_WSL_LIBRARY "/usr/lib/wsl/lib/libnvidia-ml.so.1"
#define NVIDIA_WSL_ABSENT  "Windows has no NVIDIA driver: install it there, then run 'wsl --shutdown'"

/* The same there, from the node and the library. */
int nvidia_wsl_fingerprint(const char *node, const char *library, uint64_t *ret_fingerprint);
/* Whether this is such a machine. */
bool nvidia_is_wsl(void);

#endif
