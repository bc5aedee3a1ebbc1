/* Limits files: what is read makes sense, can be written, and reads alike then. */
#include "fuzz.h"

#include "base/text.h"
#include "model/env.h"
#include "model/limit.h"

static void write_limit(struct text *text, const struct limit *limit)
{
    static const char *const kinds[] = {"devices", "memory", "environments"};
    static const char *const subjects[] = {[LIMIT_ANYONE] = "*", [LIMIT_GROUP] = "@", [LIMIT_USER] = ""};
    char amount[GENV_AMOUNT_SIZE];

    text_addf(text, "%s%s %s ", subjects[limit->subject], limit->name, kinds[limit->kind]);
    if (limit->maximum == LIMIT_NONE)
        text_add(text, "unlimited\n");
    else if (limit->kind != LIMIT_MEMORY || limit->maximum == 0)
        text_addf(text, "%llu\n", (unsigned long long)limit->maximum);
    else
        genv_amount_format(limit->maximum, amount), text_addf(text, "%s\n", amount);
}

static void check_valid(const struct limit *limit)
{
    promise(utf8_is_printable(limit->name) && !strpbrk(limit->name, "# "));
    promise((limit->subject == LIMIT_ANYONE) == !*limit->name);
    promise(limit->line > 0);
    promise(limit->maximum == LIMIT_NONE || limit->maximum <= INT64_MAX);
    promise(limit->kind != LIMIT_DEVICES || limit->maximum == LIMIT_NONE || limit->maximum <= DEVICE_COUNT_MAX);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    cleanup_free char *input = input_text(data, size);
    cleanup_limits struct limits limits = {0}, again = {0};
    cleanup_text struct text text = TEXT_INIT;
    struct genv_error err = {0};

    if (limits_parse(input, &limits, &err) < 0) {
        promise(strncmp(err.message, "line ", 5) == 0 && utf8_is_printable(err.message));
        return 0;
    }
    text_add(&text, "");
    for (size_t i = 0; i < limits.count; i++) {
        check_valid(&limits.items[i]);
        write_limit(&text, &limits.items[i]);
    }
    promise(limits_parse(text.data ? text.data : "", &again, NULL) == 0 && again.count == limits.count);
    for (size_t i = 0; i < limits.count; i++) {
        promise(again.items[i].subject == limits.items[i].subject && again.items[i].kind == limits.items[i].kind);
        promise(again.items[i].maximum == limits.items[i].maximum);
        promise(strcmp(again.items[i].name, limits.items[i].name) == 0);
    }
    limits_of(&limits, "paul", (const char *const[]){"students", "staff"}, 2);
    return 0;
}
