/* How much each user may hold: /etc/genv/limits.conf.
 *
 * A line says who, what and how much: "paul devices 4", "@students memory 40g", "* environments 50"; "#" begins a
 * comment, and "unlimited" lifts what a wider line says. "* isolate yes" has what starts isolated by default, "no"
 * lifts that. A user's own line wins over those of his groups, of which the
 * most generous counts, and they win over "*". */
#ifndef MODEL_LIMIT_H
#define MODEL_LIMIT_H

#include "base/error.h"
#include "base/text.h"

#define LIMITS_FILE     "/etc/genv/limits.conf"
#define LIMITS_SIZE_MAX (1024 * 1024)

#define LIMIT_NONE UINT64_MAX

enum limit_subject { LIMIT_ANYONE, LIMIT_GROUP, LIMIT_USER };
enum limit_kind {
    LIMIT_DEVICES,
    LIMIT_MEMORY,
    LIMIT_HELD_COUNT, /* those above are of devices that are held */
    LIMIT_ENVIRONMENTS = LIMIT_HELD_COUNT,
    LIMIT_ISOLATE, /* LIMIT_NONE, "no", or 0, "yes" */
    LIMIT_KIND_COUNT
};

#define LIMIT_ENVIRONMENTS_DEFAULT 1000   /* of each user: everybody's commands read them */
#define LIMIT_ENVIRONMENTS_MAX     100000 /* that are read, where there is no limit */

struct limit {
    enum limit_subject subject;
    enum limit_kind kind;
    char name[GENV_USERNAME_SIZE]; /* of the user or group */
    uint64_t maximum;              /* devices, bytes or environments; LIMIT_NONE: unlimited */
    unsigned line;
};

struct limits {
    struct limit *items;
    size_t count;
    unsigned unknown_line; /* the first that limits what this version does not know, and was ignored; 0: none */
    char unknown[32];      /* that */
};

void limits_release(struct limits *limits);
#define cleanup_limits cleanup_with(limits_release)

/* Reads the text of a limits file. -EINVAL names the line: not of that form, or said twice. A line about what a later
 * version may know is none. */
int limits_parse(const char *text, struct limits *ret_limits, struct genv_error *err);
/* Adds one; it replaces what is said of the same subject and kind. -ENOMEM. */
int limits_set(struct limits *limits, const struct limit *limit, struct genv_error *err);

/* What one user may hold; LIMIT_NONE: as much as there is. */
struct allowance {
    uint64_t maximum[LIMIT_KIND_COUNT];
};

/* The allowance of @username, who is in @groups. */
struct allowance limits_of(const struct limits *limits, const char *username, const char *const *groups,
                           size_t group_count);

#endif
