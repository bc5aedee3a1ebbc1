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

void ids_add_uuids(struct text *text, const struct genv_env *env, const char *list, const char *nobody)
{
    for (;;) {
        const char *id = list + strspn(list, BLANKS), *end = list + strcspn(list, ",");
        const struct genv_attachment *attachment;
        size_t length;

        list = end;
        while (end > id && strchr(BLANKS, end[-1]))
            end--;
        length = end > id ? (size_t)(end - id) : 0;
        attachment = find(env, id, length);
        if (attachment)
            text_add(text, attachment->device.uuid);
        else if (nobody && is_place(env, id, length))
            text_add(text, nobody);
        else
            text_add_bytes(text, id, length);
        if (!*list)
            return;
        text_add(text, ",");
        list++;
    }
}
