/* A rule that is broken: by which process or attachment, and what would mend it. */
#ifndef POLICY_VIOLATION_H
#define POLICY_VIOLATION_H

#include "base/error.h"
#include "base/text.h"

enum enforce_rule {
    RULE_NON_ENV_PROCESSES, /* a process uses a device outside any environment */
    RULE_ENV_DEVICES,       /* a process of an environment uses a device that is not attached to it */
    RULE_ENV_MEMORY,        /* an environment's processes use more of a device than its capacity */
    RULE_MAX_DEVICES,       /* a user's environments hold more devices than his maximum */
    RULE_MAX_MEMORY,        /* or more memory of devices */
    RULE_COUNT,
};

extern const char *const enforce_rule_names[RULE_COUNT + 1]; /* as options and the journal spell them, NULL behind */

enum enforce_remedy { REMEDY_TERMINATE, REMEDY_DETACH };

/* A finding, and what mends it. */
struct violation {
    enum enforce_rule rule;
    enum enforce_remedy remedy;
    size_t host;               /* position in the request's hosts */
    char uuid[GENV_UUID_SIZE]; /* of the device */
    unsigned index;            /* its index, for sentences */
    uid_t uid;
    char username[GENV_USERNAME_SIZE];
    char eid[GENV_EID_MAX + 1]; /* "": of a process outside environments */
    pid_t pid;                  /* of the process to terminate; 0: it is the attachment that goes */
    uint64_t start_time;
    char command[GENV_COMMAND_SIZE];
    struct timespec attached; /* of a maximum: when the attachment that goes was made, which says which one it is */
    uint64_t used;            /* bytes, or devices, by the rule */
    uint64_t allowed;
    uint64_t left_ms; /* what there is left of the grace, for warnings; 0: not known */
};

struct violation_list {
    struct violation *items;
    size_t count;
};

void violation_list_release(struct violation_list *list);
#define cleanup_violation_list cleanup_with(violation_list_release)

/* Adds a copy. -ENOMEM. */
int violation_list_add(struct violation_list *list, const struct violation *violation);

/* Puts @list in the order in which to act: processes first, which need no lock, then attachments, those of an
 * environment together; and of both the users take turns, each in the order that there was. -ENOMEM, nothing changed.
 */
int violation_list_take_turns(struct violation_list *list);

/* The sentence about it: "Process 42 (python train.py) of paul uses GPU 1 outside any environment". */
void violation_describe(const struct violation *violation, struct text *text);

/* Whether a fresh look at the host still shows it: the same process, by PID and start time, or the same attachment. A
 * remedy that was decided upon some time ago is only applied if it does. */
bool violation_holds(const struct violation *violation, const struct genv_snapshot *snapshot);

/* Whether @a and @b are the same process, or attachment, on the same host that breaks the same rule. */
bool violation_equals(const struct violation *a, const struct violation *b);
/* An order of violations, by which those are neighbours that differ in nothing but when the attachment was made. */
int violation_compare(const struct violation *a, const struct violation *b);
/* The same without that. */
int violation_compare_subjects(const struct violation *a, const struct violation *b);

/* The violation as JSON, for genv on the host that it is about, which looks for itself who the process is; named as in
 * the journal: {"rule":"env-memory","pid":42,"start_time":98765,"eid":"1573","attached":"2026-11-20T10:14:12.345Z",
 * "uuid":"GPU-…","device":1,"used":5000000000,"allowed":4000000000}. free() it; NULL: out of memory. */
char *violation_to_json(const struct violation *violation);
/* The way back, of what may be hostile; what only the host knows (uid, username, command) stays empty, and members that
 * are not known here are ignored. -EINVAL: it is not a violation. */
int violation_from_json(const char *text, struct violation *ret_violation, struct genv_error *err);
/* Takes what only a look at the host tells from @snapshot. */
void violation_complete(struct violation *violation, const struct genv_snapshot *snapshot);

#endif
