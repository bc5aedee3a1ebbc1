/* An environment as it stands in its file: JSON that anybody, and any version of genv, may have written.
 *
 * Whatever is new in a record is a further member. One that this version does not know survives its rewrite, in lists
 * too. "min_version" (absent: "version") is the lowest version that may rewrite the record, or tell whether it lives.
 */
#ifndef MODEL_RECORD_H
#define MODEL_RECORD_H

#include "base/json.h"
#include "base/proc.h"
#include "model/env.h"

#define RECORD_SIZE_MAX (1024 * 1024)

struct record {
    int version;
    char boot_id[BOOT_ID_SIZE]; /* of the boot in which it was written: PIDs and times mean nothing in another */
    char machine[MACHINE_SIZE]; /* where it was written; "": not known */
    struct genv_env env;        /* eid and uid are not in the text: the file's name and owner say them */
};

enum record_origin {
    RECORD_OWN,
    RECORD_LATER,     /* a later version wrote it and lets no earlier one change it */
    RECORD_INVALID,   /* of what it says only the devices count */
    RECORD_ELSEWHERE, /* of another machine, which alone knows about its members */
    RECORD_DOUBTFUL,  /* somebody other than its owner may have written it: only the devices count, for nobody */
};

/* What a record says beyond struct genv_env. Most have no more to say, and none of these. */
struct genv_rest {
    enum record_origin origin;
    json_t *source;             /* the record as it was read, where it has members that are not known here; else NULL */
    char machine[MACHINE_SIZE]; /* that it names; "": that of who writes it */
};

void record_rest_free(struct genv_rest *rest); /* NULL is fine */

/* Returns 0; or -EINVAL, with the reason, for a text that is not a valid record. If such a text, or one of a later
 * version, has attachments all the same, their devices are those of @ret_record, and nothing else is in it but, if
 * they can be read, the boot and the machine. @ret_record is for the caller to release either way. */
int record_decode(const char *text, size_t length, struct record *ret_record, struct genv_error *err);
/* With what @record->env.rest has; free() it. NULL: out of memory. */
char *record_encode(const struct record *record, size_t *ret_length);

enum record_origin record_origin(const struct genv_env *env);
/* -ENOMEM, nothing changed. */
int record_set_origin(struct genv_env *env, enum record_origin origin);
int record_set_machine(struct genv_env *env, const char *machine);
/* -ENOTSUP, with the reason: the record is not to be written, or removed, by this version here. */
int record_check_changeable(const struct genv_env *env, struct genv_error *err);

#endif
