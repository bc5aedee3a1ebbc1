/* The directory .genv: the input's parts, with a byte 255 between them, are its files gpu-memory, gpus and name. */
#include "fuzz.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <genv/genv.h>

#include "base/file.h"
#include "base/text.h"

static const char *const files[] = {"gpu-memory", "gpus", "name"};
static char directory[] = "/tmp/genv-fuzz-XXXXXX";
static int directory_fd = -1;

static void remove_files(void)
{
    for (size_t i = 0; i < ARRAY_SIZE(files); i++)
        unlinkat(directory_fd, files[i], 0);
}

static void remove_directory(void)
{
    remove_files();
    rmdir(directory);
}

static void make_directory(void)
{
    promise(mkdtemp(directory));
    directory_fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    promise(directory_fd >= 0 && atexit(remove_directory) == 0);
}

static void write_files(const uint8_t *data, size_t size)
{
    for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
        const uint8_t *end = size ? memchr(data, 255, size) : NULL;
        size_t length = end ? (size_t)(end - data) : size;
        cleanup_close int fd = openat(directory_fd, files[i], O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

        promise(fd >= 0 && file_write(fd, data, length) == 0);
        if (!end)
            return;
        data += length + 1;
        size -= length + 1;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct genv_config config, again;
    struct genv_error err = {0};
    unsigned fields, again_fields;

    if (directory_fd < 0)
        make_directory();
    write_files(data, size);
    if (genv_home_load(directory, &config, &fields, &err) < 0) {
        promise(*err.message && utf8_is_printable(err.message));
        remove_files();
        return 0;
    }
    promise(fields & GENV_CONFIG_GPU_MEMORY && config.gpu_memory > 0);
    promise(genv_home_save(directory, &config, GENV_CONFIG_ALL, NULL) == 0);
    promise(genv_home_load(directory, &again, &again_fields, NULL) == 0 && again_fields == fields);
    promise(strcmp(again.name, config.name) == 0 && again.gpus == config.gpus && again.gpu_memory == config.gpu_memory);
    remove_files();
    return 0;
}
