/* NVML's results: their names in the JSON file, and their words. */
#include "world.h"

#include <string.h>

#include "base/macros.h"

static const struct {
    nvmlReturn_t result;
    const char *name, *text;
} known[] = {
    {NVML_SUCCESS, "success", "Success"},
    {NVML_ERROR_UNINITIALIZED, "uninitialized", "Uninitialized"},
    {NVML_ERROR_INVALID_ARGUMENT, "invalid_argument", "Invalid Argument"},
    {NVML_ERROR_NOT_SUPPORTED, "not_supported", "Not Supported"},
    {NVML_ERROR_NO_PERMISSION, "no_permission", "Insufficient Permissions"},
    {NVML_ERROR_ALREADY_INITIALIZED, "already_initialized", "Already Initialized"},
    {NVML_ERROR_NOT_FOUND, "not_found", "Not Found"},
    {NVML_ERROR_INSUFFICIENT_SIZE, "insufficient_size", "Insufficient Size"},
    {NVML_ERROR_INSUFFICIENT_POWER, "insufficient_power", "Insufficient External Power"},
    {NVML_ERROR_DRIVER_NOT_LOADED, "driver_not_loaded", "Driver Not Loaded"},
    {NVML_ERROR_TIMEOUT, "timeout", "Timeout"},
    {NVML_ERROR_IRQ_ISSUE, "irq_issue", "Interrupt Request Issue"},
    {NVML_ERROR_LIBRARY_NOT_FOUND, "library_not_found", "NVML Shared Library Not Found"},
    {NVML_ERROR_FUNCTION_NOT_FOUND, "function_not_found", "Function Not Found"},
    {NVML_ERROR_CORRUPTED_INFOROM, "corrupted_inforom", "Corrupted infoROM"},
    {NVML_ERROR_GPU_IS_LOST, "gpu_is_lost", "GPU is lost"},
    {NVML_ERROR_RESET_REQUIRED, "reset_required", "GPU requires reset"},
    {NVML_ERROR_OPERATING_SYSTEM, "operating_system", "Blocked by the operating system"},
    {NVML_ERROR_LIB_RM_VERSION_MISMATCH, "lib_rm_version_mismatch", "Driver/library version mismatch"},
    {NVML_ERROR_IN_USE, "in_use", "In use by another client"},
    {NVML_ERROR_MEMORY, "memory", "Insufficient Memory"},
    {NVML_ERROR_NO_DATA, "no_data", "No Data"},
    {NVML_ERROR_ARGUMENT_VERSION_MISMATCH, "argument_version_mismatch", "Argument version mismatch"},
    {NVML_ERROR_NOT_READY, "not_ready", "Not Ready"},
    {NVML_ERROR_GPU_NOT_FOUND, "gpu_not_found", "GPU Not Found"},
    {NVML_ERROR_UNKNOWN, "unknown", "Unknown Error"},
};

int world_result_by_name(const char *name)
{
    for (size_t i = 0; i < ARRAY_SIZE(known); i++) {
        if (strcmp(known[i].name, name) == 0)
            return (int)known[i].result;
    }
    return -1;
}

const char *world_result_text(nvmlReturn_t result)
{
    for (size_t i = 0; i < ARRAY_SIZE(known); i++) {
        if (known[i].result == result)
            return known[i].text;
    }
    return "Unknown Error";
}

nvmlReturn_t world_result(const json_t *results, const char *function)
{
    const char *name = json_string_value(json_object_get(results, function));

    return name ? (nvmlReturn_t)world_result_by_name(name) : NVML_SUCCESS;
}
