/* What the drivers' tests share: a simulated machine, and short ways to ask for it. They fail the test where a driver
 * fails, unless they say otherwise. */
#ifndef UNIT_DRIVER_WORLD_H
#define UNIT_DRIVER_WORLD_H

#include "driver/driver.h"
#include "driver/nvml_abi.h"

#define A "GPU-aaaaaaaa-0000-0000-0000-000000000001"
#define B "GPU-bbbbbbbb-0000-0000-0000-000000000002"
#define C "GPU-cccccccc-0000-0000-0000-000000000003"

#define WORLD_PATH_SIZE 64

extern char world_directory[];

/* For cmocka: the directory of the test's files, and a test's environment without genv's variables. */
int world_make(void **state);
int world_remove(void **state);
int world_clear_variables(void **state);
#define TEST(function) cmocka_unit_test_setup(function, world_clear_variables)

void world_path(char path[static WORLD_PATH_SIZE], const char *name);
/* Replaces the file as a whole. */
void world_write(const char *name, const char *text);

/* Makes the simulated machine what @json says. */
void world_set(const char *json);
/* A machine of one device, A, with the processes 1 to @count, which use 1 to @count bytes. */
void world_set_crowd(const char *driver_version, unsigned count);

struct driver *world_open_driver(void);
/* That opening fails with @code, a positive errno, in one line that has @part in it. */
void world_open_fails(int code, const char *part);
/* Lists through a driver of its own. */
struct genv_device *world_list(size_t *ret_count);
/* The processes on the first device, through a driver of its own; returns what add_processes() does. */
int world_read_processes(struct driver_process **ret_processes, size_t *ret_count);

#endif
