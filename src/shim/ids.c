/* Lists of devices, as users and CUDA_VISIBLE_DEVICES name them. */
#include "shim/ids.h"

#include <string.h>

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

void ids_add_uuids(struct text *text, const struct genv_env *env, const char *list)
{
    for (;;) {
        size_t length = strcspn(list, ",");
        const struct genv_attachment *attachment = find(env, list, length);

        if (attachment)
            text_add(text, attachment->device.uuid);
        else
            text_add_bytes(text, list, length);
        list += length;
        if (!*list)
            return;
        text_add(text, ",");
        list++;
    }
}
