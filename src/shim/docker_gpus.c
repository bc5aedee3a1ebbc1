/* What docker is asked for in GPUs, in terms of an environment's devices. Decides, and does no input or output. */
#include "shim/docker_gpus.h"

#include <errno.h>
#include <limits.h>
#include <string.h>
#include <strings.h>

/* One `--gpus`: its comma-separated fields, taken apart. */
struct request {
    struct text count;        /* "all", "2"; data NULL: not given */
    struct text device;       /* "0,GPU-…"; data NULL: not given */
    struct text capabilities; /* "compute,utility"; data NULL: not given */
    struct text others;       /* each with a comma before it, as they go back */
};

static void request_release(struct request *request)
{
    text_release(&request->count);
    text_release(&request->device);
    text_release(&request->capabilities);
    text_release(&request->others);
}

/* Reads the next field of a line of CSV, as RFC 4180 quotes it; @cursor ends at its end or behind its comma. */
static int read_field(const char **cursor, struct text *field, bool *ret_more)
{
    const char *c = *cursor;
    bool quoted = *c == '"';

    text_add(field, "");
    for (c += quoted; *c && (quoted || *c != ','); c++) {
        if (*c == '"' && (!quoted || c[1] != '"'))
            break;
        c += *c == '"';
        text_add_bytes(field, c, 1);
    }
    if (quoted != (*c == '"'))
        return -EINVAL;
    c += quoted;
    if (*c && *c != ',')
        return -EINVAL;
    *ret_more = *c == ',';
    *cursor = c + *ret_more;
    return 0;
}

static void add_quoted(struct text *target, const char *field)
{
    if (!strpbrk(field, ",\"")) {
        text_add(target, field);
        return;
    }
    text_add(target, "\"");
    for (const char *c = field; *c; c++)
        text_add_bytes(target, *c == '"' ? "\"\"" : c, *c == '"' ? 2 : 1);
    text_add(target, "\"");
}

static bool starts_with(const char *string, const char *start)
{
    return strncmp(string, start, strlen(start)) == 0;
}

static int sort_field(struct request *request, const char *field, struct genv_error *err)
{
    bool count = starts_with(field, "count=") || !strchr(field, '=');
    bool device = starts_with(field, "device=");

    if ((count || device) && (request->count.data || request->device.data))
        return error_set(err, EINVAL,
                         "expected one count or one device list: write several devices as '\"device=0,1\"', with both "
                         "kinds of quotes");
    if (device)
        text_add(&request->device, strchr(field, '=') + 1);
    else if (count)
        text_add(&request->count, starts_with(field, "count=") ? strchr(field, '=') + 1 : field);
    else if (starts_with(field, "driver=") && strcmp(field, "driver=nvidia") != 0)
        return error_set(err, EINVAL, "unsupported driver: genv supports only driver=nvidia");
    else if (!starts_with(field, "driver=") && !starts_with(field, "capabilities=") && !starts_with(field, "options="))
        return error_set(err, EINVAL, "unknown field '%s'", field);
    else {
        text_add(&request->others, ",");
        add_quoted(&request->others, field);
        if (starts_with(field, "capabilities="))
            text_addf(&request->capabilities, "%s%s", request->capabilities.data ? "," : "", strchr(field, '=') + 1);
    }
    return 0;
}

static int parse(const char *value, struct request *request, struct genv_error *err)
{
    bool more = true;

    if (strpbrk(value, "\r\n"))
        return error_set(err, EINVAL, "the value must be a single line");
    while (more) {
        cleanup_text struct text field = TEXT_INIT;
        int r = read_field(&value, &field, &more);

        if (r < 0)
            return error_set(err, EINVAL, "the value has unmatched quotes");
        if (field.failed)
            return error_no_memory(err);
        r = sort_field(request, field.data, err);
        if (r < 0)
            return r;
    }
    if (request->count.failed || request->device.failed || request->capabilities.failed || request->others.failed)
        return error_no_memory(err);
    return 0;
}

static size_t count_attached(const struct genv_env *env)
{
    size_t count = 0;

    for (size_t i = 0; i < env->attachment_count; i++)
        count += env->attachments[i].index >= 0;
    return count;
}

/* Whether @name, by index or UUID, is that device of this machine. */
static bool is_called(const struct genv_attachment *attachment, const char *name)
{
    char index[16];

    snprintf(index, sizeof(index), "%d", attachment->index);
    return attachment->index >= 0 && (strcmp(index, name) == 0 || strcasecmp(attachment->device.uuid, name) == 0);
}

static bool is_attached(const struct genv_env *env, const char *name)
{
    for (size_t i = 0; i < env->attachment_count; i++) {
        if (is_called(&env->attachments[i], name))
            return true;
    }
    return false;
}

/* @count < 0: all. */
static int check_count(long count, const struct genv_env *env, struct genv_error *err)
{
    size_t attached = count_attached(env);

    if (attached == 0 && count != 0)
        return error_set(err, EBUSY, "environment %s has no devices: run 'genv attach' first", env->eid);
    if (count > 0 && (size_t)count > attached)
        return error_set(err, EBUSY, "environment %s has only %zu device%s: run 'genv attach --count %ld' first",
                         env->eid, attached, attached == 1 ? "" : "s", count);
    return 0;
}

/* "0,2": @count of the attached devices, or all (< 0). */
static void add_devices(struct text *target, const struct genv_env *env, long count, const char *prefix)
{
    const char *comma = "";

    for (size_t i = 0; i < env->attachment_count && count != 0; i++) {
        if (env->attachments[i].index < 0)
            continue;
        text_addf(target, "%s%s%d", comma, prefix, env->attachments[i].index);
        comma = ",";
        count--;
    }
}

int docker_check_device(const char *name, const struct genv_env *env, struct genv_error *err)
{
    cleanup_text struct text indices = TEXT_INIT;
    size_t digits = strspn(name, "0123456789");

    if (is_attached(env, name))
        return 0;
    if (count_attached(env) == 0)
        return check_count(-1, env, err);
    if (name[digits] != '\0' && strncasecmp(name, "GPU-", 4) != 0)
        return error_set(err, EINVAL, "'%s' is not the index or UUID of a whole device", name);
    add_devices(&indices, env, -1, "");
    return error_set(err, EPERM, "device %s is not attached to environment %s, which has %s", name, env->eid,
                     indices.failed ? "others" : indices.data);
}

/* Every device of "0,GPU-…". */
static int check_devices(char *list, const struct genv_env *env, struct genv_error *err)
{
    for (;;) {
        size_t length = strcspn(list, ",");
        bool last = list[length] == '\0';
        int r;

        list[length] = '\0';
        r = docker_check_device(list, env, err);
        if (r < 0 || last)
            return r;
        list[length] = ',';
        list += length + 1;
    }
}

static int parse_count(const char *text, long *ret_count, struct genv_error *err)
{
    char *end = NULL;

    *ret_count = -1;
    if (strcmp(text, "all") == 0)
        return 0;
    errno = 0;
    if (text[strspn(text, "+-0123456789")] == '\0' && *text)
        *ret_count = strtol(text, &end, 10);
    if (!end || end == text || *end || errno || *ret_count > INT_MAX)
        return error_set(err, EINVAL, "'%s' is not a count: expected a number or 'all'", text);
    return 0;
}

/* Which devices @request asks for, "0,GPU-…" or "" for none. *@ret_as_is: it says so itself. */
static int settle(const struct request *request, const struct genv_env *env, struct text *list, bool *ret_as_is,
                  struct genv_error *err)
{
    const char *device = request->device.data;
    long count = 1; /* what docker takes it for if it says neither how many nor which */
    int r = 0;

    *ret_as_is = device && strcmp(device, "all") != 0;
    if (*ret_as_is) {
        text_add(list, device);
        return list->failed ? 0 : check_devices(list->data, env, err);
    }
    if (device)
        count = -1;
    else if (request->count.data)
        r = parse_count(request->count.data, &count, err);
    if (r == 0)
        r = check_count(count, env, err);
    if (r < 0)
        return r;
    *ret_as_is = count == 0;
    add_devices(list, env, count, "");
    return 0;
}

static int translate(const char *value, const struct genv_env *env, struct text *target, struct genv_error *err)
{
    cleanup_with(request_release) struct request request = {.count = TEXT_INIT};
    cleanup_text struct text list = TEXT_INIT;
    bool as_is = false;
    int r = parse(value, &request, err);

    if (r == 0)
        r = settle(&request, env, &list, &as_is, err);
    if (r < 0)
        return r;
    if (list.failed)
        return error_no_memory(err);
    if (as_is)
        text_add(target, value);
    else
        text_addf(target, "\"device=%s\"%s", list.data, request.others.data ? request.others.data : "");
    return 0;
}

int docker_translate_gpus(const char *value, const struct genv_env *env, struct text *target, struct genv_error *err)
{
    int r = translate(value, env, target, err);

    if (r == 0 && target->failed)
        r = error_no_memory(err);
    return r < 0 ? error_prefix(err, r, "--gpus %s", value) : 0;
}

int docker_list_gpus(const char *value, const struct genv_env *env, struct text *target, struct text *ret_capabilities,
                     struct genv_error *err)
{
    cleanup_with(request_release) struct request request = {.count = TEXT_INIT};
    bool as_is = false;
    int r = parse(value, &request, err);

    if (r == 0)
        r = settle(&request, env, target, &as_is, err);
    if (r == 0 && target->failed)
        r = error_no_memory(err);
    if (r < 0)
        return error_prefix(err, r, "--gpus %s", value);
    *ret_capabilities = request.capabilities;
    request.capabilities = (struct text)TEXT_INIT;
    return 0;
}

size_t docker_add_uuids(const char *list, const struct genv_env *env, struct text *target)
{
    cleanup_free char *names = strdup(list);
    size_t count = 0;

    target->failed = target->failed || !names;
    for (size_t i = 0; names && i < env->attachment_count; i++) {
        bool found = false;

        for (char *name = names; !found && *name;) {
            size_t length = strcspn(name, ",");
            bool last = name[length] == '\0';

            name[length] = '\0';
            found = is_called(&env->attachments[i], name);
            if (!last)
                name[length] = ',';
            name += length + !last;
        }
        if (found)
            text_addf(target, "%s%s", count++ ? "," : "", env->attachments[i].device.uuid);
    }
    return count;
}

int docker_translate_list(const char *value, const struct genv_env *env, struct text *target, struct genv_error *err)
{
    cleanup_free char *list = strdup(value);
    int r;

    if (!list)
        return error_no_memory(err);
    r = strcmp(value, "all") == 0 ? check_count(-1, env, err) : check_devices(list, env, err);
    if (r < 0)
        return r;
    if (strcmp(value, "all") == 0)
        add_devices(target, env, -1, "");
    else
        text_add(target, value);
    return target->failed ? error_no_memory(err) : 0;
}

int docker_translate_visible(const char *value, const struct genv_env *env, struct text *target, struct genv_error *err)
{
    int r;

    if (!*value || strcmp(value, "none") == 0 || strcmp(value, "void") == 0) {
        text_add(target, value);
        return target->failed ? error_no_memory(err) : 0;
    }
    r = docker_translate_list(value, env, target, err);
    return r < 0 ? error_prefix(err, r, "NVIDIA_VISIBLE_DEVICES=%s", value) : 0;
}

/* The length of "nvidia.com/gpu" in "nvidia.com/gpu=0", or 0 where that is no CDI name of NVIDIA's. */
static size_t cdi_kind(const char *value)
{
    static const char vendor[] = "nvidia.com";
    size_t end = strcspn(value, "/"), length = strcspn(value, "=");

    if (end < strlen(vendor) || value[end] != '/' || value[length] != '=' || length < end ||
        strncmp(value + end - strlen(vendor), vendor, strlen(vendor)) != 0)
        return 0;
    return end == strlen(vendor) || value[end - strlen(vendor) - 1] == '.' ? length : 0;
}

bool docker_names_gpus(const char *value)
{
    static const char *const others[] = {"/imex-channel=", "/gds=", "/mofed="}; /* channels and helpers: no GPUs */
    const char *class = strchr(value, '/');

    if (cdi_kind(value) == 0)
        return false;
    for (size_t i = 0; i < ARRAY_SIZE(others); i++) {
        if (starts_with(class, others[i]))
            return false;
    }
    return true;
}

int docker_translate_device(const char *value, const struct genv_env *env, struct text *target, struct genv_error *err)
{
    size_t kind = cdi_kind(value);
    const char *name = value + kind + 1;
    char prefix[64];
    int r;

    if (!starts_with(value, "nvidia.com/gpu=") && !starts_with(value, "runtime.nvidia.com/gpu="))
        r = error_set(err, EINVAL, "expected nvidia.com/gpu=INDEX, =UUID or =all: genv supports only whole devices");
    else
        r = strcmp(name, "all") == 0 ? check_count(-1, env, err) : docker_check_device(name, env, err);
    if (r < 0)
        return error_prefix(err, r, "--device %s", value);
    snprintf(prefix, sizeof(prefix), "%.*s=", (int)kind, value);
    if (strcmp(name, "all") == 0)
        add_devices(target, env, -1, prefix);
    else
        text_add(target, value);
    return target->failed ? error_no_memory(err) : 0;
}
