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

#endif
