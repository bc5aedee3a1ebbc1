/* Events: a line that reads as one is written printable, and reads alike again. */
#include "fuzz.h"

#include "base/json.h"
#include "base/text.h"
#include "model/env.h"
#include "model/event.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    cleanup_free char *line = input_text(data, size), *first = NULL, *second = NULL;
    cleanup_json json_t *json = NULL, *again = NULL;
    struct genv_event event, same;

    if (event_decode(line, size, &event, NULL) < 0)
        return 0;
    promise(genv_eid_validate(event.eid, NULL) == 0 && event.uid != (uid_t)-1 && event.by != (uid_t)-1);
    promise(event.kind <= GENV_EVENT_ENDED && event.reason <= GENV_REASON_REBOOTED);
    json = event_encode(&event);
    first = json ? json_dumps(json, JSON_COMPACT) : NULL;
    promise(first && utf8_is_printable(first));
    promise(event_decode(first, strlen(first), &same, NULL) == 0);
    again = event_encode(&same);
    second = again ? json_dumps(again, JSON_COMPACT) : NULL;
    promise(second && strcmp(first, second) == 0);
    return 0;
}
