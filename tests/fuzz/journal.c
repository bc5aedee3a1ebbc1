/* Lines of the journal, and of what another host's genv did: an entry is printable, and reads alike when written. */
#include "fuzz.h"

#include "base/json.h"
#include "base/text.h"
#include "enforce/errand.h"
#include "enforce/journal.h"

/* A host speaks for itself alone. */
static void check_host(const char *line, size_t size)
{
    cleanup_json json_t *entry = errand_read(line, size, "gpu-1");
    struct violation violation = {.host = 0};

    promise(errand_outcome(entry, &violation) == ACT_OUTCOME_COUNT || entry);
    promise(!entry || strcmp(json_string_value(json_object_get(entry, "host")), "gpu-1") == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    cleanup_free char *line = input_text(data, size), *first = NULL, *second = NULL;
    cleanup_json json_t *entry = journal_entry_from_line(line, size), *again = NULL;
    const char *key;
    json_t *value;

    check_host(line, size);
    if (!entry)
        return 0;
    promise(json_is_string(json_object_get(entry, "time")) && json_is_string(json_object_get(entry, "event")));
    json_object_foreach (entry, key, value)
        promise(json_is_integer(value) || utf8_is_printable(json_string_value(value)));
    first = json_dumps(entry, JSON_COMPACT);
    promise(first && utf8_is_printable(first));
    again = journal_entry_from_line(first, strlen(first));
    second = json_dumps(again, JSON_COMPACT);
    promise(second && strcmp(first, second) == 0);
    return 0;
}
