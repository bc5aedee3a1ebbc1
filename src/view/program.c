/* What the program that loaded the view makes of devices' numbers. */
#include "view/program.h"

#include <fcntl.h>
#include <stdatomic.h>
#include <string.h>

#include "base/file.h"
#include "base/macros.h"

#define WORDS_MAX ((size_t)4 << 20)

/* Whether @word makes nvidia-smi say how many devices there are; -L counts them itself. */
static bool tells_of_count(const char *word)
{
    static const char *const words[] = {"-q", "--query", "-L", "--list-gpus"};

    for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
        if (strcmp(word, words[i]) == 0)
            return true;
    }
    return false;
}

bool program_words_pass_over_numbers(const char *words, size_t length)
{
    const char *end = words + length, *name = words, *first;
    bool queries = false;

    if (length == 0 || end[-1] != '\0')
        return false;
    if (strrchr(name, '/'))
        name = strrchr(name, '/') + 1;
    if (strcmp(name, "nvidia-smi") != 0)
        return false;
    first = words + strlen(words) + 1;
    if (first < end && *first != '-')
        return true; /* dmon, topo and the like tell of no number, whatever their options */
    for (const char *word = first; word < end; word += strlen(word) + 1) {
        queries |= strncmp(word, "--query-gpu", strlen("--query-gpu")) == 0;
        if (tells_of_count(word) || (queries && strstr(word, "count")))
            return false;
    }
    return true;
}

bool program_passes_over_numbers(void)
{
    static atomic_int known; /* 0: not yet; else 1, and 1 more if it does */
    int answer = atomic_load(&known);
    cleanup_free char *words = NULL;
    size_t length;

    if (answer == 0) {
        answer = 1;
        if (file_read_at(AT_FDCWD, "/proc/self/cmdline", WORDS_MAX, &words, &length) == 0)
            answer += program_words_pass_over_numbers(words, length);
        atomic_store(&known, answer);
    }
    return answer == 2;
}
