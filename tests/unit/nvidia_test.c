/* What the kernel says of NVIDIA's devices. */
#include "unit.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "base/text.h"
#include "driver/nvidia.h"

static void make_folder(const char *directory, const char *name)
{
    cleanup_free char *path = unit_path(directory, name);

    assert_int_equal(mkdir(path, 0755), 0);
}

static void remove_folder(const char *directory, const char *name)
{
    cleanup_free char *path = unit_path(directory, name);

    assert_int_equal(rmdir(path), 0);
}

/* What /proc/driver/nvidia looks like, and a /dev beside it. */
static void make_driver(const char *directory)
{
    make_folder(directory, "dev");
    unit_write(directory, "version", "NVRM version: NVIDIA UNIX x86_64 Kernel Module  550.163.01\n");
    make_folder(directory, "gpus");
    make_folder(directory, "gpus/0000:01:00.0");
}

static uint64_t fingerprint(const char *directory)
{
    cleanup_free char *nodes = unit_path(directory, "dev");
    uint64_t number = 0;

    assert_int_equal(nvidia_fingerprint(directory, nodes, &number), 0);
    assert_true(number != 0);
    return number;
}

static void it_is_the_same_while_nothing_changes(void **state)
{
    make_driver(*state);
    assert_true(fingerprint(*state) == fingerprint(*state));
}

static void it_changes_with_the_driver_and_the_gpus(void **state)
{
    uint64_t seen[4];

    make_driver(*state);
    seen[0] = fingerprint(*state);
    unit_write(*state, "version", "NVRM version: NVIDIA UNIX x86_64 Kernel Module  550.163.02\n");
    seen[1] = fingerprint(*state);
    make_folder(*state, "gpus/0000:02:00.0"); /* a GPU more */
    seen[2] = fingerprint(*state);
    remove_folder(*state, "gpus/0000:01:00.0"); /* another GPU */
    seen[3] = fingerprint(*state);
    for (size_t i = 0; i < ARRAY_SIZE(seen); i++) {
        for (size_t k = 0; k < i; k++)
            assert_true(seen[i] != seen[k]);
    }
}

/* As the driver lists what may be used: a folder per instance, with files that say how. */
static void it_changes_with_mig_and_its_instances(void **state)
{
    uint64_t seen[6];

    make_driver(*state);
    seen[0] = fingerprint(*state);
    make_folder(*state, "capabilities");
    make_folder(*state, "capabilities/gpu0");
    make_folder(*state, "capabilities/gpu1");
    make_folder(*state, "capabilities/gpu0/mig");
    seen[1] = fingerprint(*state);
    make_folder(*state, "capabilities/gpu0/mig/gi1");
    unit_write(*state, "capabilities/gpu0/mig/gi1/access", "DeviceFileMinor: 12\n");
    seen[2] = fingerprint(*state);
    make_folder(*state, "capabilities/gpu0/mig/gi1/ci0");
    seen[3] = fingerprint(*state);
    make_folder(*state, "capabilities/gpu0/mig/gi2");
    seen[4] = fingerprint(*state);
    remove_folder(*state, "capabilities/gpu0/mig/gi1/ci0");
    make_folder(*state, "capabilities/gpu0/mig/gi2/ci0"); /* the same names, elsewhere */
    seen[5] = fingerprint(*state);
    for (size_t i = 0; i < ARRAY_SIZE(seen); i++) {
        for (size_t k = 0; k < i; k++)
            assert_true(seen[i] != seen[k]);
    }
}

/* A container has some of the nodes, under the same kernel; what is no device of its own does not count. */
static void it_changes_with_the_nodes_that_are_here(void **state)
{
    cleanup_free char *node = unit_path(*state, "dev/nvidia0");
    uint64_t seen[5];

    make_driver(*state);
    seen[0] = fingerprint(*state);
    unit_write(*state, "dev/nvidia0", "");
    seen[1] = fingerprint(*state);
    unit_write(*state, "dev/nvidia10", "");
    seen[2] = fingerprint(*state);
    assert_int_equal(unlink(node), 0);
    seen[3] = fingerprint(*state);
    assert_int_equal(symlink("/dev/null", node), 0); /* another device by that name */
    seen[4] = fingerprint(*state);
    for (size_t i = 0; i < ARRAY_SIZE(seen); i++) {
        for (size_t k = 0; k < i; k++)
            assert_true(seen[i] != seen[k]);
    }
    unit_write(*state, "dev/nvidiactl", "");
    unit_write(*state, "dev/nvidia-uvm", "");
    unit_write(*state, "dev/nvme0", "");
    assert_true(fingerprint(*state) == seen[4]);
}

static void without_word_of_the_kernel_there_is_none(void **state)
{
    cleanup_free char *missing = unit_path(*state, "missing"), *version = unit_path(*state, "version");
    uint64_t number = 7;

    assert_int_equal(nvidia_fingerprint(missing, *state, &number), -ENOENT);
    assert_int_equal(nvidia_fingerprint(*state, *state, &number), -ENOENT);
    unit_write(*state, "version", "550\n");
    assert_int_equal(nvidia_fingerprint(*state, *state, &number), -ENOENT); /* no gpus */
    assert_int_equal(unlink(version), 0);
    make_driver(*state);
    assert_int_equal(unlink(version), 0);
    assert_int_equal(mkfifo(version, 0600), 0);
    assert_int_equal(nvidia_fingerprint(*state, *state, &number), -ENOENT);
    assert_int_equal(number, 7);
}

/* Two devices, and the folder of their nodes. */
struct pair {
    struct genv_device devices[2];
    const char *nodes;
};

static struct pair make_pair(const char *first, const char *second, const char *nodes)
{
    struct pair pair = {.devices = {{.minor = -1}, {.index = 1, .minor = -1}}, .nodes = nodes};

    copy_string(pair.devices[0].pci_bus_id, GENV_BUS_ID_SIZE, first);
    copy_string(pair.devices[1].pci_bus_id, GENV_BUS_ID_SIZE, second);
    return pair;
}

static bool is_counted_otherwise(const struct pair *pair)
{
    return nvidia_is_counted_otherwise(pair->devices, 2, pair->nodes);
}

static void cuda_counts_by_pci_address(void **state)
{
    static const struct {
        const char *first, *second;
        bool otherwise;
    } rows[] = {
        {"00000000:01:00.0", "00000000:02:00.0", false},
        {"00000000:02:00.0", "00000000:01:00.0", true},
        {"00000000:3b:00.0", "00000000:AF:00.0", false},
        {"00000001:01:00.0", "00000000:FF:00.0", true},
        {"00000000:01:1F.0", "00000000:01:02.0", true},
        {"00000000:FF:00.0", "00010000:00:00.0", false},
        {"", "00000000:01:00.0", false},
        {"00000000:02:00.0", "", false},
    };

    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct pair pair = make_pair(rows[i].first, rows[i].second, *state);

        if (is_counted_otherwise(&pair) != rows[i].otherwise)
            fail_msg("%s, %s", rows[i].first, rows[i].second);
        copy_string(pair.devices[0].id.vendor, GENV_VENDOR_SIZE, "amd");
        assert_false(is_counted_otherwise(&pair));
    }
}

static void cuda_counts_what_it_can_open(void **state)
{
    struct pair pair = make_pair("00000000:01:00.0", "00000000:02:00.0", *state);

    pair.devices[0].minor = 1;
    pair.devices[1].minor = 0;
    assert_false(is_counted_otherwise(&pair)); /* none is there before somebody uses the driver */
    unit_write(*state, "nvidia0", "");
    assert_true(is_counted_otherwise(&pair));
    unit_write(*state, "nvidia1", "");
    assert_false(is_counted_otherwise(&pair));
    pair.devices[1].state = GENV_DEVICE_FORBIDDEN;
    assert_true(is_counted_otherwise(&pair));
    pair.devices[1].state = GENV_DEVICE_LOST;
    assert_false(is_counted_otherwise(&pair));
}

static void wsl_is_known_by_its_node_and_library(void **state)
{
    cleanup_free char *node = unit_path(*state, "dxg"), *library = unit_path(*state, "libnvidia-ml.so.1");
    uint64_t one = 7, same, other;

    assert_int_equal(nvidia_wsl_fingerprint(node, library, &one), -ENOENT);
    unit_write(*state, "dxg", "");
    assert_int_equal(nvidia_wsl_fingerprint(node, library, &one), -ENOENT);
    assert_int_equal(one, 7);
    unit_write(*state, "libnvidia-ml.so.1", "x");
    assert_int_equal(nvidia_wsl_fingerprint(node, library, &one), 0);
    assert_int_equal(nvidia_wsl_fingerprint(node, library, &same), 0);
    assert_true(one == same);
    unit_write(*state, "libnvidia-ml.so.1", "another driver");
    assert_int_equal(nvidia_wsl_fingerprint(node, library, &other), 0);
    assert_true(one != other);
}

static const struct CMUnitTest tests[] = {
    test_in_directory(wsl_is_known_by_its_node_and_library),
    test_in_directory(it_is_the_same_while_nothing_changes),
    test_in_directory(it_changes_with_the_driver_and_the_gpus),
    test_in_directory(it_changes_with_mig_and_its_instances),
    test_in_directory(it_changes_with_the_nodes_that_are_here),
    test_in_directory(without_word_of_the_kernel_there_is_none),
    test_in_directory(cuda_counts_by_pci_address),
    test_in_directory(cuda_counts_what_it_can_open),
};

UNIT_MAIN(tests)
