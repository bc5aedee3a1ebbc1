/* Devices as data: which one is meant, and what a process uses of it. */
#include "model/device.h"

#include <string.h>
#include <strings.h>

#include "base/text.h"

const struct genv_device *device_find(const struct genv_device *devices, size_t count, const char *uuid)
{
    for (size_t i = 0; *uuid && i < count; i++) {
        if (strcmp(devices[i].id.uuid, uuid) == 0)
            return &devices[i];
    }
    return NULL;
}

bool device_is_named(const struct genv_device_id *id, int index, const char *name)
{
    uint64_t number;

    if (text_to_u64(name, INT32_MAX, &number) == 0)
        return index >= 0 && number == (uint64_t)index;
    return *name && strcasecmp(id->uuid, name) == 0;
}

const struct genv_device *device_find_named(const struct genv_device *devices, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++) {
        if (device_is_named(&devices[i].id, (int)devices[i].index, name))
            return &devices[i];
    }
    return NULL;
}

bool uuid_is_plain(const char *uuid)
{
    static const char others[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._:-";

    return *uuid && *uuid != '.' && uuid[strspn(uuid, others)] == '\0';
}

const struct genv_usage *process_usage(const struct genv_gpu_process *process, const char *uuid)
{
    for (size_t i = 0; *uuid && i < process->usage_count; i++) {
        if (strcmp(process->usages[i].uuid, uuid) == 0)
            return &process->usages[i];
    }
    return NULL;
}
