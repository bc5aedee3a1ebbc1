/* Lists of devices, as users and CUDA_VISIBLE_DEVICES name them. */
#include "shim/ids.h"

#include <string.h>

#define BLANKS " \t"

static const struct genv_attachment *find(const struct genv_env *env, const char *id, size_t length)
{
    for (size_t i = 0; i < env->attachment_count; i++) {
        char index[16];

        snprintf(index, sizeof(index), "%d", env->attachments[i].index);
        if (strlen(index) == length && memcmp(index, id, length) == 0)
            return &env->attachments[i];
    }
    return NULL;
}

/* Whether it is an index that could be a device's place in the view: these count from 0. */
static bool is_place(const struct genv_env *env, const char *id, size_t length)
{
    size_t number = 0;

    for (size_t i = 0; i < length; i++) {
        if (id[i] < '0' || id[i] > '9')
            return false;
        number = number * 10 + (size_t)(id[i] - '0');
        if (number >= env->attachment_count)
            return false;
    }
    return length > 0;
}

/* Takes the next entry of @list, without blanks, and moves behind its comma. False: there is none left. */
static bool next_id(const char **list, const char **ret_id, size_t *ret_length)
{
    const char *id = *list, *end;

    if (!id)
        return false;
    end = id + strcspn(id, ",");
    *list = *end ? end + 1 : NULL;
    id += strspn(id, BLANKS);
    while (end > id && strchr(BLANKS, end[-1]))
        end--;
    *ret_id = id;
    *ret_length = end > id ? (size_t)(end - id) : 0;
    return true;
}

void ids_add_uuids(struct text *text, const struct genv_env *env, const char *list, const char *nobody)
{
    const char *id, *comma = "";
    size_t length;

    for (; next_id(&list, &id, &length); comma = ",") {
        const struct genv_attachment *attachment = find(env, id, length);

        text_add(text, comma);
        if (attachment)
            text_add(text, attachment->device.uuid);
        else if (nobody && is_place(env, id, length))
            text_add(text, nobody);
        else
            text_add_bytes(text, id, length);
    }
}

bool ids_are_places(const struct genv_env *env, const char *list)
{
    const char *id;
    size_t length, count = 0;

    for (size_t i = 0; i < env->attachment_count; i++)
        count += env->attachments[i].index >= 0;
    while (next_id(&list, &id, &length)) {
        const struct genv_attachment *attachment = find(env, id, length);

        if (attachment && (size_t)attachment->index >= count)
            return false;
    }
    return true;
}
