/* How what a host answers is told from what start-up files there print. */
#include "remote/frame.h"

#include <errno.h>
#include <string.h>
#include <sys/random.h>

#define MARK      "genv-session " /* as the first version had it */
#define MARK_SIZE (sizeof(MARK) + FRAME_NONCE_SIZE)

int frame_make_nonce(char ret_nonce[static FRAME_NONCE_SIZE], struct genv_error *err)
{
    unsigned char bytes[FRAME_NONCE_SIZE / 2];

    if (getrandom(bytes, sizeof(bytes), 0) != sizeof(bytes))
        return error_set_errno(err, EIO, "cannot get random bytes");
    for (size_t i = 0; i < sizeof(bytes); i++)
        snprintf(ret_nonce + 2 * i, 3, "%02x", bytes[i]);
    return 0;
}

void frame_add_line(struct text *text, const char *nonce, const char *words)
{
    text_addf(text, MARK "%s %s\n", nonce, words);
}

/* Single quotes mean the same to every shell; what is between them is for POSIX's. */
void frame_add_runner(struct text *command, const char *nonce)
{
    text_addf(command, "sh -c 'echo " MARK "%s begin; \"$0\" \"$@\"; s=$?; echo " MARK "%s end; exit $s' ", nonce,
              nonce);
}

int frame_find(const struct text *text, size_t from, const char *nonce, struct frame_line *ret_line)
{
    char mark[MARK_SIZE];
    const char *begin, *words, *end;
    size_t left, length;

    if (!text->data || from >= text->length)
        return -EAGAIN;
    length = (size_t)snprintf(mark, sizeof(mark), MARK "%s ", nonce);
    begin = memmem(text->data + from, text->length - from, mark, length);
    if (!begin)
        return -EAGAIN;
    words = begin + length;
    left = text->length - (size_t)(words - text->data);
    end = memchr(words, '\n', left < FRAME_WORDS_SIZE ? left : FRAME_WORDS_SIZE);
    if (!end)
        return left < FRAME_WORDS_SIZE ? -EAGAIN : -EPROTO;
    ret_line->begin = (size_t)(begin - text->data);
    ret_line->end = (size_t)(end + 1 - text->data);
    length = (size_t)(end - words);
    if (length && words[length - 1] == '\r') /* a terminal's */
        length--;
    memcpy(ret_line->words, words, length);
    ret_line->words[length] = '\0';
    return 0;
}

/* The first line that says @words. Returns as frame_find() does. */
static int find_words(const struct text *text, size_t from, const char *nonce, const char *words,
                      struct frame_line *ret_line)
{
    int r = frame_find(text, from, nonce, ret_line);

    while (r == 0 && strcmp(ret_line->words, words) != 0)
        r = frame_find(text, ret_line->end, nonce, ret_line);
    return r;
}

bool frame_has_answer(const struct text *output, const char *nonce)
{
    struct frame_line line;

    return find_words(output, 0, nonce, "begin", &line) == 0;
}

/* Leaves in @text what is from @begin to @end. */
static void keep(struct text *text, size_t begin, size_t end)
{
    if (!text->data)
        return;
    memmove(text->data, text->data + begin, end - begin);
    text->length = end - begin;
    text->data[text->length] = '\0';
}

int frame_unwrap(struct text *output, const char *nonce, struct genv_error *err)
{
    struct frame_line line, begin, end;
    int r = frame_find(output, 0, nonce, &line);

    if (r == -EAGAIN)
        return 0;
    if (r < 0 || find_words(output, 0, nonce, "begin", &begin) < 0) {
        keep(output, 0, 0);
        return error_set(err, EPROTO, "unexpected output from genv on the host: wrong first line");
    }
    if (find_words(output, begin.end, nonce, "begin", &line) == 0) {
        keep(output, 0, 0);
        return error_set(err, EPROTO,
                         "unexpected output from genv on the host: two answers; check whether your startup files on "
                         "the host run commands twice");
    }
    r = find_words(output, begin.end, nonce, "end", &end);
    keep(output, begin.end, r < 0 ? output->length : end.begin);
    return r < 0 ? error_set(err, EPROTO, "incomplete output from genv on the host") : 0;
}
