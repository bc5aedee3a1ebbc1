/* All that a host answered when it was asked for its snapshot, and what is then decided by it: what breaks a rule there
 * is told as the host reads it, and no more devices are counted on than there are. */
#include "fuzz.h"

#include "base/text.h"
#include "model/device.h"
#include "policy/enforce.h"
#include "policy/placement.h"
#include "remote/survey.h"

#define CAPACITY (UINT64_C(1) << 30)

static struct allowance allowance(const char *username, void *data)
{
    (void)data;
    promise(utf8_is_printable(username));
    return (struct allowance){.maximum = {1, CAPACITY}};
}

static void check_violation(const struct violation *violation, const struct genv_snapshot *snapshot)
{
    cleanup_text struct text sentence = TEXT_INIT;
    cleanup_free char *json = violation_to_json(violation);
    bool certain = violation->pid == 0 || violation->start_time; /* of whom it is: else they are left alone */
    bool exact = violation->attached.tv_nsec % 1000000 == 0;     /* as genv writes it; no more is told */
    struct violation there;

    violation_describe(violation, &sentence);
    promise(sentence.data && utf8_is_printable(sentence.data));
    promise(violation_holds(violation, snapshot) || !certain);
    if (!uuid_is_plain(violation->uuid)) /* no driver names a device so; its host refuses to be told */
        return;
    promise(json && violation_from_json(json, &there, NULL) == 0);
    there.host = violation->host;
    violation_complete(&there, snapshot);
    promise(there.rule == violation->rule && there.pid == violation->pid && strcmp(there.uuid, violation->uuid) == 0);
    promise(violation_holds(&there, snapshot) || !certain || !exact);
}

static void check_rules(const struct genv_snapshot *snapshot)
{
    const struct enforce_host hosts[] = {{"gpu-1", snapshot}, {"gpu-2", snapshot}};
    const struct enforce_request request = {
        .hosts = hosts,
        .host_count = ARRAY_SIZE(hosts),
        .rules = (1 << RULE_COUNT) - 1,
        .allowance = allowance,
    };
    cleanup_violation_list struct violation_list list = {0};

    promise(enforce_decide(&request, &list, NULL) == 0);
    for (size_t i = 0; i < list.count; i++) {
        promise(list.items[i].host < ARRAY_SIZE(hosts));
        check_violation(&list.items[i], snapshot);
    }
}

static void check_placement(const struct genv_snapshot *snapshot)
{
    const struct genv_snapshot *const snapshots[] = {NULL, snapshot};
    size_t available = genv_snapshot_available(snapshot, CAPACITY), order[2], count = 0;

    promise(available <= snapshot->device_count && genv_snapshot_available(snapshot, 0) <= snapshot->device_count);
    promise(placement_order(snapshots, 2, available, CAPACITY, PLACEMENT_SPREAD, order, &count) == 0);
    promise(count == 1 && order[0] == 1);
    promise(placement_order(snapshots, 2, available + 1, CAPACITY, PLACEMENT_PACK, order, &count) == 0);
    promise(count == 0);
}

/* Where a host answers with a command of its own, anything may stand around what genv printed. */
static void check_found(const struct genv_snapshot *snapshot)
{
    cleanup_free char *printed = genv_snapshot_to_json(snapshot), *again = NULL;
    cleanup_text struct text answer = TEXT_INIT;
    struct genv_snapshot *found = NULL;

    promise(printed);
    text_addf(&answer, "Welcome {\n{ }\n%s\nGoodbye\n", printed);
    promise(survey_parse(&answer, &found, NULL) == 0);
    again = genv_snapshot_to_json(found);
    promise(again && strcmp(printed, again) == 0);
    genv_snapshot_free(found);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    cleanup_text struct text answer = TEXT_INIT;
    struct genv_snapshot *snapshot = NULL;
    struct genv_error err = {0};

    text_add_bytes(&answer, data, size);
    if (survey_parse(&answer, &snapshot, &err) < 0) {
        promise(*err.message && utf8_is_printable(err.message) && !snapshot);
        return 0;
    }
    check_found(snapshot);
    check_placement(snapshot);
    check_rules(snapshot);
    genv_snapshot_free(snapshot);
    return 0;
}
