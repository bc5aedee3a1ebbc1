/* What is known of NVIDIA's devices without opening their driver. */
#include "driver/nvidia.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/text.h"

#define VERSION_SIZE_MAX 4096
#define INSTANCE_DEPTH   4 /* capabilities/gpu0/mig/gi1/ci0 */
#define NODE             "nvidia"

const struct driver_words nvidia_words = {
    .visible_variable = "CUDA_VISIBLE_DEVICES",
    .order_variable = "CUDA_DEVICE_ORDER",
    .order = "PCI_BUS_ID",
    .remedies = {[GENV_DEVICE_OK] = "",
                 [GENV_DEVICE_LOST] = "reset it (nvidia-smi --gpu-reset -i N) or reboot; dmesg may say why",
                 [GENV_DEVICE_FORBIDDEN] = "ask for read and write permission on /dev/nvidia* (in WSL2: /dev/dxg)",
                 [GENV_DEVICE_FAILED] = "see the output of nvidia-smi and dmesg"},
    .no_device = "check whether nvidia-smi -L lists any",
    .divided = "turn MIG off with nvidia-smi -mig 0",
};

/* Adds up the names of the folders in @name, and of those in them down to @depth: the order says nothing. */
static int sum_folders(int directory, const char *name, uint64_t state, int depth, uint64_t *sum)
{
    cleanup_close int fd = openat(directory, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    cleanup_closedir DIR *folder = fd < 0 ? NULL : fdopendir(fd);
    struct dirent *entry;
    int own;

    if (!folder)
        return -ENOENT;
    own = steal_fd(&fd);
    state = text_hash(text_hash(state, "/"), name);
    while ((entry = readdir(folder))) {
        if (*entry->d_name == '.' || entry->d_type == DT_REG)
            continue;
        *sum += text_hash(state, entry->d_name);
        if (depth > 1)
            sum_folders(own, entry->d_name, state, depth - 1, sum);
    }
    return 0;
}

/* Adds up the device nodes in @nodes, nvidia0 and so on: a container has some of its host's, and the same kernel. */
static void sum_nodes(const char *nodes, uint64_t *sum)
{
    cleanup_closedir DIR *folder = opendir(nodes);
    struct dirent *entry;

    while (folder && (entry = readdir(folder))) {
        const char *number = entry->d_name + strlen(NODE);
        char device[32];
        struct stat st;

        if (strncmp(entry->d_name, NODE, strlen(NODE)) != 0 || *number < '0' || *number > '9' ||
            fstatat(dirfd(folder), entry->d_name, &st, 0) < 0)
            continue;
        snprintf(device, sizeof(device), ":%llx", (unsigned long long)st.st_rdev);
        *sum += text_hash(text_hash(TEXT_HASH_INIT, entry->d_name), device);
    }
}

int nvidia_fingerprint(const char *directory, const char *nodes, uint64_t *ret_fingerprint)
{
    cleanup_close int fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    cleanup_free char *version = NULL;
    uint64_t sum = 0;

    if (fd < 0 || file_read_at(fd, "version", VERSION_SIZE_MAX, &version, NULL) < 0 ||
        sum_folders(fd, "gpus", TEXT_HASH_INIT, 1, &sum) < 0)
        return -ENOENT;
    sum_folders(fd, "capabilities", TEXT_HASH_INIT, INSTANCE_DEPTH, &sum); /* there is none without MIG */
    sum_nodes(nodes, &sum);
    *ret_fingerprint = text_hash(TEXT_HASH_INIT, version) ^ sum;
    return 0;
}

/* "00000000:3B:00.0" as a number that sorts as the address does; 0: it is none. */
static uint64_t bus_address(const char *bus_id)
{
    unsigned domain, bus, device, function;

    if (sscanf(bus_id, "%x:%x:%x.%x", &domain, &bus, &device, &function) != 4)
        return 0;
    return (uint64_t)domain << 32 | bus << 16 | device << 8 | function;
}

bool nvidia_is_counted_otherwise(const struct genv_device *devices, size_t count, const char *nodes)
{
    bool any_there = false, any_missing = false;
    uint64_t last = 0;

    for (size_t i = 0; i < count; i++) {
        uint64_t address = bus_address(devices[i].pci_bus_id);
        char path[PATH_MAX];

        if (*devices[i].id.vendor && strcmp(devices[i].id.vendor, GENV_VENDOR_NVIDIA) != 0)
            continue;
        if (devices[i].state == GENV_DEVICE_FORBIDDEN || (address && address < last))
            return true;
        last = address ? address : last;
        snprintf(path, sizeof(path), "%s/" NODE "%d", nodes, devices[i].minor);
        if (devices[i].minor < 0)
            continue;
        if (access(path, R_OK | W_OK) == 0) /* it asks the cgroups as well, and wakes nobody up */
            any_there = true;
        else if (errno == EACCES || errno == EPERM)
            return true;
        else
            any_missing = true;
    }
    return any_there && any_missing; /* with all of them missing, the driver has not been used since the boot */
}

bool nvidia_is_wsl(void)
{
    return access(NVIDIA_WSL_NODE, F_OK) == 0 && access(NVIDIA_KERNEL_DIRECTORY, F_OK) < 0;
}

int nvidia_wsl_fingerprint(const char *node, const char *library, uint64_t *ret_fingerprint)
{
    cleanup_text struct text text = TEXT_INIT;
    struct stat device, file;

    if (stat(node, &device) < 0 || stat(library, &file) < 0)
        return -ENOENT;
    text_addf(&text, "%llx:%llx:%llx:%lld.%09ld", (unsigned long long)device.st_rdev, (unsigned long long)file.st_ino,
              (unsigned long long)file.st_size, (long long)file.st_mtim.tv_sec, file.st_mtim.tv_nsec);
    if (text.failed)
        return -ENOENT;
    *ret_fingerprint = text_hash(text_hash(TEXT_HASH_INIT, "wsl"), text.data);
    return 0;
}
