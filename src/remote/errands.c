/* Sends many hosts what concerns each of them. */
#include "remote/errands.h"

#include <errno.h>
#include <string.h>

#include "remote/ask.h"
#include "remote/words.h"

#define BYTES_MAX (64 * 1024) /* of words, encoded, in one call: ssh takes no more than 100 KiB */

/* One call to each host that there is something left for. */
struct calls {
    const struct errands_request *request;
    struct question *questions;
    const char ***words; /* of each question */
    size_t count;
};

static int calls_init(struct calls *calls, const struct errands_request *request)
{
    size_t room = request->hosts->count + 1;

    *calls = (struct calls){.request = request};
    calls->questions = calloc(room, sizeof(*calls->questions));
    calls->words = calloc(room, sizeof(*calls->words));
    return calls->questions && calls->words ? 0 : -ENOMEM;
}

static void calls_release(struct calls *calls)
{
    for (size_t i = 0; i < calls->count; i++)
        free(calls->words[i]);
    free(calls->words);
    free(calls->questions);
}

static size_t encoded_length(const char *word)
{
    cleanup_text struct text text = TEXT_INIT;

    word_encode(&text, word);
    return text.length + 1;
}

/* The words of the next call to @host, NULL-terminated: those of the command, then as many errands as fit, which are
 * marked in @sent. Returns how many these are, or -ENOMEM. */
static ssize_t choose_words(const struct errands_request *request, size_t host, bool *sent, const char ***ret_words)
{
    size_t bytes = 0, count = 0, front = 0;
    const char **words;

    while (request->command[front])
        front++;
    words = calloc(front + request->count + 1, sizeof(*words));
    if (!words)
        return -ENOMEM;
    memcpy(words, request->command, front * sizeof(*words));
    for (size_t i = 0; i < request->count && bytes < BYTES_MAX; i++) {
        if (sent[i] || request->errands[i].host != host)
            continue;
        words[front + count++] = request->errands[i].word;
        bytes += encoded_length(request->errands[i].word);
        sent[i] = true;
    }
    *ret_words = words;
    return (ssize_t)count;
}

static int make_calls(struct calls *calls, bool *sent)
{
    const struct host_list *hosts = calls->request->hosts;

    for (size_t i = 0; i < hosts->count; i++) {
        const char **words = NULL;
        ssize_t n = choose_words(calls->request, i, sent, &words);

        if (n <= 0)
            free(words);
        if (n < 0)
            return (int)n;
        if (n == 0)
            continue;
        calls->questions[calls->count] = (struct question){.host = &hosts->hosts[i], .words = words};
        calls->words[calls->count++] = words;
    }
    return 0;
}

static int take(size_t index, const struct text *answer, void *data, struct genv_error *err)
{
    const struct calls *calls = data;

    (void)err;
    calls->request->answered(calls->questions[index].host, answer, calls->request->data);
    return 0;
}

/* A host that failed is not told of the rest. */
static void give_up(const struct calls *calls, bool *sent)
{
    const struct errands_request *request = calls->request;

    for (size_t i = 0; i < calls->count; i++) {
        const struct question *question = &calls->questions[i];

        if (!question->err.code)
            continue;
        request->failed(question->host, &question->err, request->data);
        for (size_t k = 0; k < request->count; k++)
            sent[k] = sent[k] || &request->hosts->hosts[request->errands[k].host] == question->host;
    }
}

/* Sends every host as much of what concerns it as fits; *ret_any: whether there was anything left. */
static int run_some(const struct errands_request *request, bool *sent, bool *ret_any, int *ret_signal,
                    struct genv_error *err)
{
    cleanup_with(calls_release) struct calls calls;
    const struct ask_options how = {
        .timeout_seconds = request->timeout_seconds, .take = take, .always = true, .data = &calls};
    int r = 0;

    if (calls_init(&calls, request) < 0 || make_calls(&calls, sent) < 0)
        return error_no_memory(err);
    *ret_any = calls.count > 0;
    if (calls.count)
        r = ask_hosts(calls.questions, calls.count, &how, ret_signal, err);
    if (r == 0)
        give_up(&calls, sent);
    return r;
}

int errands_run(const struct errands_request *request, int *ret_signal, struct genv_error *err)
{
    cleanup_free bool *sent = calloc(request->count + 1, sizeof(*sent));
    bool any = true;
    int r = 0;

    if (!sent)
        return error_no_memory(err);
    while (r == 0 && any)
        r = run_some(request, sent, &any, ret_signal, err);
    return r;
}
