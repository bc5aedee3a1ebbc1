/* What the two sides of a session say to each other. Decides, and does no input or output. */
#include "remote/session_words.h"

#include <errno.h>
#include <string.h>

#include "remote/ssh.h"

#define FRONT_MAX 16 /* words of our own, in front of the command */
#define FAILED    "failed "

/* "--NAME=VALUE" */
static char *option_word(const char *name, const char *value)
{
    struct text word = TEXT_INIT;

    text_addf(&word, "--%s=%s", name, value);
    return text_take(&word);
}

#define CONFIG_OPTION(bit, member, kind, name, ...) {GENV_CONFIG_##bit, (name)},

static const struct {
    enum genv_config_field field;
    const char *name;
} config_options[] = {GENV_CONFIG_FIELDS(CONFIG_OPTION)};

/* Returns how many words there are; one is NULL where memory ran out. */
static size_t fill(const struct session_request *request, const char *nonce, char **words)
{
    size_t count = 0;

    words[count++] = strdup("remote-session");
    words[count++] = option_word("nonce", nonce);
    for (size_t i = 0; i < ARRAY_SIZE(config_options); i++) {
        char value[GENV_CONFIG_TEXT_SIZE];

        if (genv_config_format(&request->config, config_options[i].field, value))
            words[count++] = option_word(config_options[i].name, value);
    }
    if (!request->command && !request->prompt)
        words[count++] = strdup("--no-prompt");
    words[count++] = strdup(request->command ? "--" : "--shell");
    for (char **word = request->command; word && *word; word++)
        words[count++] = strdup(*word);
    return count;
}

int session_words(const struct session_request *request, const char *nonce, char ***ret_words, struct genv_error *err)
{
    size_t count = 0;
    char **words;
    bool failed = false;

    while (request->command && request->command[count])
        count++;
    words = calloc(FRONT_MAX + count + 1, sizeof(*words));
    if (!words)
        return error_no_memory(err);
    count = fill(request, nonce, words);
    for (size_t i = 0; i < count; i++)
        failed = failed || !words[i];
    if (!failed) {
        *ret_words = words;
        return 0;
    }
    for (size_t i = 0; i < count; i++)
        free(words[i]);
    free(words);
    return error_no_memory(err);
}

void session_add_answer(struct text *text, const char *nonce, int result, const struct genv_error *err)
{
    cleanup_text struct text words = TEXT_INIT;

    if (result == 0 || result == -EBUSY)
        text_add(&words, result == 0 ? "ready" : "busy");
    else
        text_addf(&words, FAILED "%s", err->message);
    if (!words.failed)
        frame_add_line(text, nonce, words.data);
}

int session_read_answer(const struct text *output, const char *nonce, struct frame_line *ret_line,
                        struct genv_error *err)
{
    const char *words = ret_line->words;
    int r = frame_find(output, 0, nonce, ret_line);

    if (r == -EAGAIN)
        return r;
    if (r < 0)
        return error_set(err, EPROTO, "unexpected output from genv on the host");
    if (strcmp(words, "ready") == 0)
        return 0;
    if (strcmp(words, "busy") == 0)
        return error_set(err, EBUSY, "the devices are no longer available: someone else was faster");
    if (strncmp(words, FAILED, strlen(FAILED)) == 0 && words[strlen(FAILED)])
        return error_set(err, EREMOTEIO, "%s", words + strlen(FAILED));
    return error_set(err, EPROTO, "unexpected output from genv on the host: '%s'", words);
}
