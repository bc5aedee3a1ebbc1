/* What `genv snapshot` printed on a host, after whatever its start-up files did: more of that changes nothing. */
#include "fuzz.h"

#include <errno.h>

#include "base/text.h"
#include "model/snapshot.h"
#include "remote/survey.h"

/* The snapshot as a host sends it, with noise of its start-up files around it. */
static char *parse_again(const char *json)
{
    cleanup_text struct text output = TEXT_INIT;
    struct genv_snapshot *snapshot = NULL;
    char *again;

    text_addf(&output, "Welcome {to} it\n}\n%s \r\nlogout", json);
    promise(survey_parse(&output, &snapshot, NULL) == 0);
    again = snapshot_to_json(snapshot);
    snapshot_free(snapshot);
    return again;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    cleanup_free char *first = NULL, *second = NULL;
    cleanup_text struct text output = TEXT_INIT;
    struct genv_snapshot *snapshot = NULL;
    struct genv_error err = {0};

    text_add_bytes(&output, data, size);
    if (survey_parse(&output, &snapshot, &err) < 0) {
        promise(err.code == EPROTO && utf8_is_printable(err.message) && !snapshot);
        return 0;
    }
    first = snapshot_to_json(snapshot);
    snapshot_free(snapshot);
    promise(first);
    second = parse_again(first);
    promise(second && strcmp(first, second) == 0);
    return 0;
}
