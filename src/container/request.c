/* What a container asks genv for. */
#include "container/request.h"

#include <errno.h>
#include <string.h>

#define EID            "GENV_ENVIRONMENT_ID"
#define ACTIVATE       "GENV_ACTIVATE"
#define ATTACH         "GENV_ATTACH"
#define SHIMS          "GENV_MOUNT_SHIMS"
#define LOCKS          "GENV_MOUNT_DEVICE_LOCKS"
#define OVER_SUBSCRIBE "GENV_ALLOW_OVER_SUBSCRIPTION"
#define DEVICES        "GENV_DEVICE_UUIDS"

const char request_claim_variable[] = "GENV_CLAIM";

#define CONFIG_VARIABLE(field, member, kind, name, variable, ...) variable,
static const char *const variables[] = {
    GENV_CONFIG_FIELDS(CONFIG_VARIABLE) EID,
    ACTIVATE,
    ATTACH,
    SHIMS,
    LOCKS,
    OVER_SUBSCRIBE,
    DEVICES,
    request_claim_variable,
};

/* On unless it is "0". */
static bool is_on(const json_t *env, const char *name)
{
    const char *value = config_variable(env, name);

    return !value || strcmp(value, "0") != 0;
}

bool request_is_made(const json_t *env)
{
    for (size_t i = 0; i < ARRAY_SIZE(variables); i++) {
        if (config_variable(env, variables[i]))
            return is_on(env, ACTIVATE);
    }
    return false;
}

static bool has_string(const char *text, size_t length, const char *name, const char *value)
{
    char beginning[64];
    int size = snprintf(beginning, sizeof(beginning), "\"%s=%s", name, value);

    return memmem(text, length, beginning, (size_t)size);
}

bool request_may_be_made(const char *text, size_t length)
{
    for (size_t i = 0; i < ARRAY_SIZE(variables); i++) {
        if (has_string(text, length, variables[i], ""))
            return !has_string(text, length, ACTIVATE, "0\"");
    }
    return false;
}

/* An empty value, as of a variable that compose was not given, is none. */
static const char *value_of(const json_t *env, const char *name)
{
    const char *value = config_variable(env, name);

    return value && *value ? value : NULL;
}

#define CONFIG_ROW(field, member, kind, name, variable, ...) {GENV_CONFIG_##field, variable},
static const struct {
    enum genv_config_field bit;
    const char *variable;
} fields[] = {GENV_CONFIG_FIELDS(CONFIG_ROW)};

int request_read(const json_t *env, struct container_request *ret_request, struct genv_error *err)
{
    struct container_request request = {
        .config = GENV_CONFIG_INIT,
        .eid = value_of(env, EID),
        .claim = value_of(env, request_claim_variable),
        .devices = value_of(env, DEVICES),
        .attach = is_on(env, ATTACH),
        .shims = is_on(env, SHIMS),
        .locks = is_on(env, LOCKS),
    };
    const char *share = config_variable(env, OVER_SUBSCRIBE);
    int r = request.eid ? genv_eid_validate(request.eid, err) : 0;

    if (r < 0)
        return error_prefix(err, r, EID);
    if (request.devices && !request.eid)
        return error_set(err, EINVAL,
                         "GENV_DEVICE_UUIDS chooses among the devices of the environment that the container joins: set "
                         "GENV_ENVIRONMENT_ID, or set GENV_GPUS instead");
    for (size_t i = 0; i < ARRAY_SIZE(fields); i++) {
        const char *value = value_of(env, fields[i].variable);

        r = value ? genv_config_parse(&request.config, fields[i].bit, value, err) : 0;
        if (r < 0)
            return error_prefix(err, r, "%s", fields[i].variable);
    }
    request.over_subscribe = share && strcmp(share, "1") == 0;
    *ret_request = request;
    return 0;
}
