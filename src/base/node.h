/* The device nodes of GPUs, which the kernel knows by their numbers, whatever they are called. */
#ifndef BASE_NODE_H
#define BASE_NODE_H

#include <stdbool.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#define NVIDIA_MAJOR      195 /* of /dev/nvidiaN, whose minor number is N */
#define NVIDIA_GPU_MINORS 254 /* those from here on are the driver's own */

/* Whether that is the node of a GPU. */
static inline bool node_is_gpu(const struct stat *st)
{
    return S_ISCHR(st->st_mode) && major(st->st_rdev) == NVIDIA_MAJOR && minor(st->st_rdev) < NVIDIA_GPU_MINORS;
}

#endif
