/* A command line of genv-docker, a word per line: docker's own words come out in their order, nothing of genv's options
 * is among them, and what is behind the image is as it was. */
#include "fuzz.h"

#include "base/text.h"
#include "shim/docker_genv.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t count, front;
    cleanup_words char **words = input_words(data, size, &count);
    cleanup_docker_genv struct docker_genv genv = {.run = NULL};
    cleanup_argv struct argv target = {.count = 0};
    struct genv_error err = {0};
    char **word = words;

    if (count == 0)
        return 0;
    if (docker_genv_read(words, &genv, &err) < 0) {
        promise(*err.message && utf8_is_printable(err.message));
        return 0;
    }
    if (!genv.run)
        return 0;
    promise(genv.run > words && genv.run <= words + count);
    front = (size_t)(genv.run - words);
    docker_genv_write(&target, words, &genv, "genv", false, "claim");
    promise(!target.failed && target.count <= count + 3 + 9); /* the runtime, the claim, the variables */
    for (size_t i = 0; i < front; i++)
        promise(strcmp(target.items[i], words[i]) == 0);
    promise(strcmp(target.items[front], "--runtime=genv") == 0);
    /* What is docker's is a subsequence of the words, up to their last one. */
    for (size_t i = 0; i < genv.options.count; i++) {
        while (*word && strcmp(*word, genv.options.items[i]) != 0)
            word++;
        promise(*word);
        word++;
    }
    return 0;
}
