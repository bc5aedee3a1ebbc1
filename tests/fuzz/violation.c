/* Violations as words, which genv sends to the host that they are about: what is read is written, and reads alike. */
#include "fuzz.h"

#include "base/text.h"
#include "model/env.h"
#include "policy/violation.h"

/* To the millisecond: that is what words carry, and what attachments are compared by. */
static void cut_nanoseconds(struct violation *violation)
{
    violation->attached.tv_nsec -= violation->attached.tv_nsec % 1000000;
}

/* Cut off anywhere, a word is refused or is about the same process or attachment. */
static void check_cuts(char *word, const struct violation *whole)
{
    struct violation cut;

    for (size_t length = strlen(word); length > 0; length--) {
        word[length - 1] = '\0';
        if (violation_from_word(word, &cut) == 0)
            promise(violation_equals(&cut, whole));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct genv_snapshot nothing;
    cleanup_free char *word = input_text(data, size), *first = NULL, *second = NULL;
    struct violation violation, again;

    if (violation_from_word(word, &violation) < 0)
        return 0;
    if (size < 256) /* each length is tried */
        check_cuts(word, &violation);
    promise(violation.rule < RULE_COUNT && violation.index <= DEVICE_COUNT_MAX && violation.pid >= 0);
    promise((violation.pid == 0) == (violation.remedy == REMEDY_DETACH));
    promise(!*violation.eid || eid_validate(violation.eid, NULL) == 0);
    promise(!violation_holds(&violation, &nothing));
    first = violation_to_word(&violation);
    promise(first && violation_from_word(first, &again) == 0);
    cut_nanoseconds(&violation);
    promise(violation_equals(&violation, &again));
    promise(again.used == violation.used && again.allowed == violation.allowed);
    second = violation_to_word(&again);
    promise(second && strcmp(first, second) == 0);
    return 0;
}
