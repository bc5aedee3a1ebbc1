/* An environment as it stands in its file: JSON that anybody may have written. */
#ifndef MODEL_RECORD_H
#define MODEL_RECORD_H

#include "base/proc.h"
#include "model/env.h"

#define RECORD_SIZE_MAX (1024 * 1024)

struct record {
    int version;
    char boot_id[BOOT_ID_SIZE]; /* of the boot in which it was written: PIDs and times mean nothing in another */
    struct genv_env env;        /* eid and uid are not in the text: the file's name and owner say them */
};

/* -EINVAL, with the reason, for a text that is not a valid record; @ret_record is for the caller to release either way.
 */
int record_decode(const char *text, size_t length, struct record *ret_record, struct genv_error *err);
/* free() it; NULL: out of memory. */
char *record_encode(const struct record *record, size_t *ret_length);

#endif
