/* Violations as JSON, which genv sends to the host that they are about: what is read is written, and reads alike. */
#include "fuzz.h"

#include "base/text.h"
#include "model/device.h"
#include "model/env.h"
#include "policy/violation.h"

/* To the millisecond: that is what is carried, and what attachments are compared by. */
static void cut_nanoseconds(struct violation *violation)
{
    violation->attached.tv_nsec -= violation->attached.tv_nsec % 1000000;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct genv_snapshot nothing;
    cleanup_free char *text = input_text(data, size), *first = NULL, *second = NULL;
    struct violation violation, again;
    struct genv_error err = {0};

    if (violation_from_json(text, &violation, &err) < 0) {
        promise(*err.message && utf8_is_printable(err.message));
        return 0;
    }
    promise(violation.rule < RULE_COUNT && violation.index <= DEVICE_COUNT_MAX && violation.pid >= 0);
    promise((violation.pid == 0) == (violation.remedy == REMEDY_DETACH));
    promise(!*violation.eid || genv_eid_validate(violation.eid, NULL) == 0);
    promise(uuid_is_plain(violation.uuid));
    promise(!violation_holds(&violation, &nothing));
    first = violation_to_json(&violation);
    promise(first && violation_from_json(first, &again, NULL) == 0);
    cut_nanoseconds(&violation);
    promise(violation_equals(&violation, &again));
    promise(again.used == violation.used && again.allowed == violation.allowed && again.index == violation.index);
    second = violation_to_json(&again);
    promise(second && strcmp(first, second) == 0);
    return 0;
}
