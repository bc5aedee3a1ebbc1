/* A session on whichever host has enough. */
#include "remote/place.h"

#include <errno.h>

#include "remote/rank.h"

/* The search, under way. */
struct search {
    const struct place_options *options;
    const struct session_request *request;
    bool *tried; /* per host: it was asked for a session */
    bool *named; /* per host: that it fails was said */
};

static bool suffices(const struct genv_snapshot *snapshot, void *data)
{
    const struct genv_config *wanted = data;
    size_t gpus = wanted->gpus > 0 ? (size_t)wanted->gpus : 0;

    return genv_snapshot_available(snapshot, wanted->gpu_memory) >= gpus;
}

/* Why no host will do: what the one with the most has. */
static int refuse(const struct survey *survey, const struct genv_config *wanted, struct genv_error *err)
{
    static const char sentence[] = "Cannot find a host with enough available resources";
    const struct host *best = NULL;
    size_t most = 0;

    for (size_t i = 0; i < survey->count; i++) {
        const struct genv_snapshot *snapshot = survey->answers[i].snapshot;
        size_t here = snapshot ? genv_snapshot_available(snapshot, wanted->gpu_memory) : 0;

        if (here <= most)
            continue;
        most = here;
        best = survey->answers[i].host;
    }
    if (!best || (int)most >= wanted->gpus)
        return error_set(err, EBUSY, "%s", sentence);
    return error_set(err, EBUSY, "%s: %s has the most, %zu available device%s%s; ask for less, or try again later",
                     sentence, best->name, most, most == 1 ? "" : "s",
                     wanted->gpu_memory ? " with that much memory" : "");
}

/* Asks one host after the other. Returns as session_run() does; -EBUSY: none of them had enough any more. */
static int try_hosts(const struct search *search, const struct survey *survey, int *ret_status, struct genv_error *err)
{
    const struct place_options *options = search->options;
    cleanup_free size_t *order = calloc(survey->count + 1, sizeof(*order));
    enum placement_policy policy = options->spread ? PLACEMENT_SPREAD : PLACEMENT_PACK;
    size_t count;

    if (!order || survey_rank(survey, &search->request->config, policy, order, &count) < 0)
        return error_no_memory(err);
    for (size_t i = 0; i < count; i++) {
        const struct host *host = survey->answers[order[i]].host;
        struct genv_error reason = {0};
        int r;

        if (search->tried[order[i]])
            continue;
        search->tried[order[i]] = true;
        r = session_run(host, search->request, ret_status, &reason);
        if (r == 0 || r == -EINTR)
            return r;
        if (r == -E2BIG) /* so it is for every host */
            return error_set(err, E2BIG, "%s", reason.message);
        if (r != -EBUSY && options->strict)
            return error_set(err, -r, "%s: %s", host->name, reason.message);
        if (r != -EBUSY)
            options->host_failed(host, &reason, options->data);
    }
    return refuse(survey, &search->request->config, err);
}

static bool all_answered(const struct survey *survey)
{
    for (size_t i = 0; i < survey->count; i++) {
        if (survey->answers[i].err.code == ECANCELED)
            return false;
    }
    return true;
}

/* Says of each host that failed, once, why. */
static int judge(const struct search *search, const struct survey *survey, struct genv_error *err)
{
    const struct place_options *options = search->options;

    for (size_t i = 0; i < survey->count && !options->strict; i++) {
        const struct survey_answer *answer = &survey->answers[i];

        if (answer->snapshot || answer->err.code == ECANCELED || search->named[i])
            continue;
        search->named[i] = true;
        options->host_failed(answer->host, &answer->err, options->data);
    }
    return survey_check(survey, options->strict, err);
}

/* First those that answer soon, then, if none of them will do, all. */
static int find_and_run(const struct search *search, int *ret_status, int *ret_signal, struct genv_error *err)
{
    struct survey_options looks = {
        .timeout_seconds = search->options->timeout_seconds,
        .suffices = suffices,
        .data = (void *)&search->request->config,
    };

    for (;;) {
        cleanup_survey struct survey survey = {0};
        int r = survey_take(search->options->hosts, &looks, &survey, ret_signal, err);

        if (r == 0)
            r = judge(search, &survey, err);
        if (r == 0)
            r = try_hosts(search, &survey, ret_status, err);
        if (r != -EBUSY || all_answered(&survey))
            return r;
        looks.suffices = NULL;
    }
}

int place_session(const struct place_options *options, const struct session_request *request, int *ret_status,
                  int *ret_signal, struct genv_error *err)
{
    cleanup_free bool *tried = calloc(options->hosts->count + 1, sizeof(*tried));
    cleanup_free bool *named = calloc(options->hosts->count + 1, sizeof(*named));
    const struct search search = {.options = options, .request = request, .tried = tried, .named = named};

    return tried && named ? find_and_run(&search, ret_status, ret_signal, err) : error_no_memory(err);
}
