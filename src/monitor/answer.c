/* The paths, and what is behind each. */
#include "monitor/answer.h"

#include <string.h>

#include "base/text.h"
#include "monitor/metrics.h"
#include "monitor/overview.h"
#include "monitor/page.h"

static const struct {
    const char *path;
    int answer;
} paths[] = {
    {"/metrics", ANSWER_METRICS},
    {"/api/v1/snapshot", ANSWER_SNAPSHOT},
    {"/api/v1/overview", ANSWER_OVERVIEW},
    {"/api/v1/history", ANSWER_HISTORY},
};

static const char *const types[ANSWER_COUNT] = {
    [ANSWER_METRICS] = "text/plain; version=0.0.4; charset=utf-8",
    [ANSWER_OPENMETRICS] = "application/openmetrics-text; version=1.0.0; charset=utf-8",
    [ANSWER_SNAPSHOT] = "application/json",
    [ANSWER_OVERVIEW] = "application/json",
    [ANSWER_HISTORY] = "application/json",
};

static const char *const safe_headers[][2] = {
    {"Content-Security-Policy",
     "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
     "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"},
    {"X-Content-Type-Options", "nosniff"},
    {"Referrer-Policy", "no-referrer"},
    {"Cross-Origin-Resource-Policy", "same-origin"},
};

static struct MHD_Response *make(size_t length, const void *bytes, enum MHD_ResponseMemoryMode mode, const char *type,
                                 const char *cache)
{
    /* The library takes a pointer to what it could change, and does not. */
    struct MHD_Response *response = MHD_create_response_from_buffer(length, (void *)bytes, mode);

    if (!response)
        return NULL;
    MHD_add_response_header(response, "Content-Type", type);
    MHD_add_response_header(response, "Cache-Control", cache);
    for (size_t i = 0; i < ARRAY_SIZE(safe_headers); i++)
        MHD_add_response_header(response, safe_headers[i][0], safe_headers[i][1]);
    return response;
}

static enum MHD_Result queue(struct MHD_Connection *connection, unsigned status, struct MHD_Response *response)
{
    enum MHD_Result result = response ? MHD_queue_response(connection, status, response) : MHD_NO;

    if (response)
        MHD_destroy_response(response);
    return result;
}

/* @header and @value may be NULL. */
static enum MHD_Result say(struct MHD_Connection *connection, unsigned status, const char *line, const char *header,
                           const char *value)
{
    struct MHD_Response *response =
        make(strlen(line), line, MHD_RESPMEM_MUST_COPY, "text/plain; charset=utf-8", "no-store");

    if (response && header)
        MHD_add_response_header(response, header, value);
    return queue(connection, status, response);
}

static bool is_served(const char *method)
{
    return strcmp(method, MHD_HTTP_METHOD_GET) == 0 || strcmp(method, MHD_HTTP_METHOD_HEAD) == 0;
}

static enum MHD_Result refuse_method(struct MHD_Connection *connection)
{
    return say(connection, MHD_HTTP_METHOD_NOT_ALLOWED, "only GET and HEAD are served\n", "Allow", "GET, HEAD");
}

enum MHD_Result answer_body(struct MHD_Connection *connection, const char *method)
{
    if (!is_served(method))
        return refuse_method(connection);
    return say(connection, MHD_HTTP_CONTENT_TOO_LARGE, "requests must not have a body\n", "Connection", "close");
}

static enum MHD_Result refuse(struct MHD_Connection *connection, bool json, const char *message)
{
    cleanup_text struct text line = TEXT_INIT;
    struct MHD_Response *response;
    char *text;

    if (!json) {
        text_addf(&line, "%s\n", message);
        return say(connection, MHD_HTTP_SERVICE_UNAVAILABLE, line.data ? line.data : "", "Retry-After", "1");
    }
    text = error_to_json(message);
    if (!text)
        return MHD_NO;
    response = make(strlen(text), text, MHD_RESPMEM_MUST_FREE, "application/json", "no-store");
    if (!response)
        free(text);
    else
        MHD_add_response_header(response, "Retry-After", "1");
    return queue(connection, MHD_HTTP_SERVICE_UNAVAILABLE, response);
}

static char *render(const struct answers *answers, int which, const struct observed *observed, size_t *ret_length)
{
    char *text = NULL;

    switch (which) {
    case ANSWER_METRICS:
        return metrics_render(observed->observation, observed->idle, answers->remote, METRICS_PROMETHEUS, ret_length);
    case ANSWER_OPENMETRICS:
        return metrics_render(observed->observation, observed->idle, answers->remote, METRICS_OPENMETRICS, ret_length);
    case ANSWER_SNAPSHOT:
        text = snapshots_to_json(observed->observation, answers->remote);
        break;
    case ANSWER_OVERVIEW:
        text = overview_to_json(observed->observation, observed->idle, answers->remote, answers->interval_seconds);
        break;
    default:
        text = history_to_json(observed->history);
        break;
    }
    *ret_length = text ? strlen(text) : 0;
    return text;
}

void answers_release(struct answers *answers)
{
    for (size_t i = 0; i < ANSWER_COUNT; i++) {
        if (answers->made[i])
            MHD_destroy_response(answers->made[i]);
        answers->made[i] = NULL;
    }
}

static struct MHD_Response *make_data(struct answers *answers, int which, const struct observed *observed)
{
    size_t length = 0;
    char *text;

    if (answers->number != observed->number)
        answers_release(answers);
    answers->number = observed->number;
    if (answers->made[which])
        return answers->made[which];
    text = render(answers, which, observed, &length);
    if (!text)
        return NULL;
    answers->made[which] = make(length, text, MHD_RESPMEM_MUST_FREE, types[which], "no-store");
    if (!answers->made[which])
        free(text);
    else if (which == ANSWER_METRICS || which == ANSWER_OPENMETRICS)
        MHD_add_response_header(answers->made[which], "Vary", "Accept");
    return answers->made[which];
}

/* One machine that can't tell its state has no snapshot to show. */
static bool is_missing(const struct answers *answers, int which, const struct observation *observation)
{
    return which == ANSWER_SNAPSHOT && !answers->remote && !observation->hosts[0].snapshot;
}

static enum MHD_Result answer_data(struct answers *answers, struct MHD_Connection *connection, int which)
{
    bool json = which != ANSWER_METRICS && which != ANSWER_OPENMETRICS;
    enum MHD_Result result = MHD_NO;
    struct MHD_Response *response;
    struct genv_error err = {0};
    struct observed observed;

    if (observer_begin(answers->observer, &observed, &err) < 0)
        return refuse(connection, json, err.message);
    if (is_missing(answers, which, observed.observation)) {
        result = refuse(connection, json, observed.observation->hosts[0].reason);
    } else {
        response = make_data(answers, which, &observed);
        if (response)
            result = MHD_queue_response(connection, MHD_HTTP_OK, response);
    }
    observer_end(answers->observer);
    return result;
}

static enum MHD_Result answer_health(const struct answers *answers, struct MHD_Connection *connection)
{
    struct genv_error err = {0};
    struct observed observed;

    if (observer_begin(answers->observer, &observed, &err) < 0)
        return refuse(connection, false, err.message);
    observer_end(answers->observer);
    return say(connection, MHD_HTTP_OK, "ok\n", NULL, NULL);
}

static enum MHD_Result answer_file(struct MHD_Connection *connection, const struct page_file *file)
{
    const char *known = MHD_lookup_connection_value(connection, MHD_HEADER_KIND, "If-None-Match");
    bool same = known && strcmp(known, file->etag) == 0;
    struct MHD_Response *response =
        make(same ? 0 : file->length, file->data, MHD_RESPMEM_PERSISTENT, file->type, "no-cache");

    if (response)
        MHD_add_response_header(response, "ETag", file->etag);
    return queue(connection, same ? MHD_HTTP_NOT_MODIFIED : MHD_HTTP_OK, response);
}

static enum MHD_Result answer_path(struct answers *answers, struct MHD_Connection *connection, const char *path)
{
    for (size_t i = 0; i < ARRAY_SIZE(paths); i++) {
        int which = paths[i].answer;

        if (strcmp(paths[i].path, path) != 0)
            continue;
        if (which == ANSWER_METRICS &&
            answer_is_openmetrics(MHD_lookup_connection_value(connection, MHD_HEADER_KIND, "Accept")))
            which = ANSWER_OPENMETRICS;
        return answer_data(answers, connection, which);
    }
    if (strcmp(path, "/healthz") == 0)
        return answer_health(answers, connection);
    for (const struct page_file *file = page_files; file->path; file++) {
        if (strcmp(file->path, path) == 0)
            return answer_file(connection, file);
    }
    return say(connection, MHD_HTTP_NOT_FOUND, "not found: try / or /metrics\n", NULL, NULL);
}

static bool is_for_us(const struct answers *answers, const char *host)
{
    return !answers->host || !host || answer_is_loopback(host) || answer_is_host(host, answers->host) ||
           (answers->allowed && answer_is_allowed(host, answers->allowed));
}

static enum MHD_Result refuse_host(struct MHD_Connection *connection, const char *host)
{
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._";
    size_t length = strspn(host, letters);
    cleanup_text struct text line = TEXT_INIT;

    if (length == 0 || (host[length] && host[length] != ':'))
        text_add(&line, "this monitor does not serve the host name of the request\n");
    else
        text_addf(&line,
                  "this monitor does not serve the host name '%.*s': if a proxy uses it, start 'genv monitor' with "
                  "--allowed-hosts %.*s\n",
                  (int)length, host, (int)length, host);
    return say(connection, MHD_HTTP_MISDIRECTED_REQUEST, line.data ? line.data : "", NULL, NULL);
}

enum MHD_Result answer(struct answers *answers, struct MHD_Connection *connection, const char *method, const char *path)
{
    const char *host = MHD_lookup_connection_value(connection, MHD_HEADER_KIND, "Host");

    /* A page from elsewhere whose name was made to mean this machine (DNS rebinding) would read all that is served. */
    if (!is_for_us(answers, host))
        return refuse_host(connection, host);
    if (!is_served(method))
        return refuse_method(connection);
    return answer_path(answers, connection, path);
}
