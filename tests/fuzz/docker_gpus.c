/* docker's `--gpus VALUE` and `--device VALUE`: what it is given names devices of the environment alone, and stays so.
 */
#include "fuzz.h"

#include "base/text.h"
#include "shim/docker_gpus.h"

static struct genv_attachment attachments[] = {
    {.device.uuid = "GPU-a", .index = 0},
    {.device.uuid = "GPU-gone", .index = -1},
    {.device.uuid = "GPU-c", .index = 2},
};
static const struct genv_env env = {
    .eid = "1573", .attachments = attachments, .attachment_count = ARRAY_SIZE(attachments)};
static const struct genv_env other = {.eid = "1574"};

/* What is allowed is allowed again as it is; without devices it asked for none. */
static void check_gpus(const char *value)
{
    cleanup_text struct text first = TEXT_INIT, second = TEXT_INIT, none = TEXT_INIT;
    struct genv_error err = {0};

    if (docker_translate_gpus(value, &other, &none, NULL) == 0)
        promise(strcmp(none.data, value) == 0 && strchr(value, '0'));
    if (docker_translate_gpus(value, &env, &first, &err) < 0) {
        promise(utf8_is_printable(err.message) && strstr(err.message, "--gpus"));
        return;
    }
    promise(docker_translate_gpus(first.data, &env, &second, NULL) == 0);
    promise(strcmp(first.data, second.data) == 0);
}

static void check_device(const char *value)
{
    cleanup_text struct text target = TEXT_INIT, none = TEXT_INIT;
    struct genv_error err = {0};
    char *rest, *name;

    promise(docker_translate_device(value, &other, &none, NULL) < 0);
    if (docker_translate_device(value, &env, &target, &err) < 0) {
        promise(utf8_is_printable(err.message) && strstr(err.message, "--device"));
        return;
    }
    for (rest = target.data; (name = strsep(&rest, ","));) {
        cleanup_text struct text same = TEXT_INIT;

        promise(docker_names_gpus(name) && docker_translate_device(name, &env, &same, NULL) == 0);
        promise(strcmp(same.data, name) == 0);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    cleanup_free char *value = input_text(data, size);

    check_gpus(value);
    if (docker_names_gpus(value))
        check_device(value);
    return 0;
}
