/* Runs a target on each file of a corpus, and prints TAP: what fuzzing found stays tested where no fuzzer is built. */
#include "fuzz.h"

#include <fcntl.h>

#include "base/file.h"

#define INPUT_MAX (4 * 1024 * 1024)

static int is_input(const struct dirent *entry)
{
    return entry->d_name[0] != '.';
}

int main(int argc, char **argv)
{
    struct dirent **entries;
    int count, directory;

    if (argc != 2) {
        fprintf(stderr, "Usage: %s CORPUS\n", argv[0]);
        return 2;
    }
    directory = open(argv[1], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    count = scandir(argv[1], &entries, is_input, alphasort);
    if (directory < 0 || count <= 0) {
        fprintf(stderr, "%s holds no input\n", argv[1]);
        return 1;
    }
    printf("1..%d\n", count);
    for (int i = 0; i < count; i++) {
        cleanup_free char *input = NULL;
        size_t size;

        if (file_read_at(directory, entries[i]->d_name, INPUT_MAX, &input, &size) < 0) {
            printf("not ok %d - %s\n", i + 1, entries[i]->d_name);
            continue;
        }
        fflush(stdout); /* ahead of what may end the process */
        LLVMFuzzerTestOneInput((const uint8_t *)input, size);
        printf("ok %d - %s\n", i + 1, entries[i]->d_name);
        free(entries[i]);
    }
    free(entries);
    close(directory);
    return 0;
}
