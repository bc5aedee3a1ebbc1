/* The command line of an OCI runtime, a word per line: what is found in it are its own words, and what is in front of
 * the command changes nothing about what is behind it. */
#include "fuzz.h"

#include "container/line.h"

static bool is_within(const char *text, char **words)
{
    for (; *words; words++) {
        if (text >= *words && text <= *words + strlen(*words))
            return true;
    }
    return false;
}

static bool same(const char *a, const char *b)
{
    return a == b || (a && b && strcmp(a, b) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t count;
    cleanup_words char **words = input_words(data, size, &count);
    struct runtime_line line, alone;
    char *runtime = "runc", *in_front;

    if (count == 0)
        return 0;
    line = line_read(words);
    promise(!line.command || (line.command > words && line.command < words + count));
    promise(!line.id || (line.command && is_within(line.id, line.command)));
    promise(strcmp(line.bundle, ".") == 0 || is_within(line.bundle, words));
    promise(!line.process_file || is_within(line.process_file, words));
    promise(!line.log || is_within(line.log, words));
    if (!line.command || **line.command == '-')
        return 0;
    in_front = line.command[-1];
    line.command[-1] = runtime; /* as if nothing were in front of it */
    alone = line_read(line.command - 1);
    promise(alone.command == line.command);
    promise(same(alone.id, line.id) && same(alone.bundle, line.bundle));
    promise(same(alone.process_file, line.process_file) && same(alone.config, line.config));
    line.command[-1] = in_front;
    return 0;
}
