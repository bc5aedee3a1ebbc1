/* YAML: what it is read as is JSON within the limits of JSON, and as JSON, which is YAML too, it is read as the same.
 */
#include "fuzz.h"

#include <errno.h>

#include "base/json.h"
#include "container/from_yaml.h"

/* Without real numbers, of which JSON's text may be another one's. */
static bool has_reals(const json_t *value)
{
    const char *key;
    json_t *member;
    size_t i;

    json_array_foreach ((json_t *)value, i, member) {
        if (has_reals(member))
            return true;
    }
    json_object_foreach ((json_t *)value, key, member) {
        if (has_reals(member))
            return true;
    }
    return json_is_real(value);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    cleanup_free char *text = input_text(data, size), *written = NULL;
    struct genv_error err = {0};
    cleanup_json json_t *value = json_from_yaml(text, size, &err), *from_json = NULL, *from_yaml = NULL;

    promise(value || (err.code == EINVAL && *err.message));
    if (!value || (!json_is_object(value) && !json_is_array(value)))
        return 0;
    written = json_dumps(value, JSON_COMPACT);
    promise(written);
    from_json = json_parse(written, strlen(written), NULL);
    promise(from_json);
    if (has_reals(value))
        return 0;
    promise(json_equal(from_json, value));
    from_yaml = json_from_yaml(written, strlen(written), NULL); /* unless it has characters that YAML must escape */
    promise(!from_yaml || json_equal(from_yaml, value));
    return 0;
}
