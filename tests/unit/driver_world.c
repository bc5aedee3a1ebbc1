/* What the drivers' tests share: a simulated machine, and short ways to ask for it. */
#include "driver_world.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/text.h"

char world_directory[] = "/tmp/genv-driver-test-XXXXXX";

void world_path(char path[static WORLD_PATH_SIZE], const char *name)
{
    snprintf(path, WORLD_PATH_SIZE, "%s/%s", world_directory, name);
}

void world_write(const char *name, const char *text)
{
    char path[WORLD_PATH_SIZE], aside[WORLD_PATH_SIZE];
    FILE *file;

    world_path(path, name);
    world_path(aside, "aside");
    file = fopen(aside, "w");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(rename(aside, path), 0);
}

void world_set(const char *json)
{
    char path[WORLD_PATH_SIZE];

    world_write("world.json", json);
    world_path(path, "world.json");
    setenv("GENV_SIMULATOR", path, 1);
}

struct driver *world_open_driver(void)
{
    struct genv_error err = {0};
    struct driver *driver = NULL;

    if (driver_open(&driver, &err) < 0)
        fail_msg("driver_open: %s", err.message);
    return driver;
}

/* Lists through a driver of its own. */
struct genv_device *world_list(size_t *ret_count)
{
    struct genv_device *devices = NULL;
    struct genv_error err = {0};
    struct driver *driver = world_open_driver();

    if (driver->ops->list(driver, &devices, ret_count, &err) < 0)
        fail_msg("list: %s", err.message);
    driver_close(driver);
    return devices;
}

void world_open_fails(int code, const char *part)
{
    struct driver *driver = NULL;
    struct genv_error err = {0};

    assert_int_equal(driver_open(&driver, &err), -code);
    assert_null(driver);
    assert_int_equal(err.code, code);
    assert_null(strchr(err.message, '\n'));
    if (!strstr(err.message, part))
        fail_msg("\"%s\" is not in \"%s\"", part, err.message);
}

int world_clear_variables(void **state)
{
    (void)state;
    unsetenv("GENV_DEVICES");
    unsetenv("GENV_MOCK_DEVICE_COUNT");
    unsetenv("GENV_MOCK_DEVICE_TOTAL_MEMORY");
    unsetenv("GENV_SIMULATOR");
    return 0;
}

int world_make(void **state)
{
    (void)state;
    return mkdtemp(world_directory) ? 0 : -1;
}

int world_remove(void **state)
{
    static const char *const names[] = {"world.json", "lock", "output", NVML_LIBRARY};
    char path[WORLD_PATH_SIZE];

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        world_path(path, names[i]);
        unlink(path);
    }
    return rmdir(world_directory);
}

/* Sets a world of one device with the processes 1 to @count, using 1 to @count bytes. */
void world_set_crowd(const char *driver_version, unsigned count)
{
    struct text json = TEXT_INIT;
    char *text;

    text_addf(&json, "{\"driver_version\": \"%s\", \"devices\": [{\"uuid\": \"" A "\", \"processes\": [",
              driver_version);
    for (unsigned i = 1; i <= count; i++)
        text_addf(&json, "%s{\"pid\": %u, \"used_memory\": %u}", i == 1 ? "" : ", ", i, i);
    text_add(&json, "]}]}");
    text = text_take(&json);
    assert_non_null(text);
    world_set(text);
    free(text);
}

/* Reads the processes of the first device; returns 0 or what add_processes() does. */
int world_read_processes(struct driver_process **ret_processes, size_t *ret_count)
{
    struct driver *driver = world_open_driver();
    struct genv_device *devices;
    size_t count;
    int r;

    *ret_processes = NULL;
    *ret_count = 0;
    assert_int_equal(driver->ops->list(driver, &devices, &count, NULL), 0);
    r = driver->ops->add_processes(driver, &devices[0], ret_processes, ret_count, NULL);
    driver_close(driver);
    free(devices);
    return r;
}
