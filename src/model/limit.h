/* How much each user may hold: /etc/genv/limits.conf.
 *
 * A line says who, what and how much: "paul devices 4", "@students memory 40g", "* devices 2"; "#" begins a comment,
 * and "unlimited" lifts what a wider line says. A user's own line wins over those of his groups, of which the most
 * generous counts, and they win over "*". */
#ifndef MODEL_LIMIT_H
#define MODEL_LIMIT_H

#include "base/error.h"
#include "base/text.h"

#define LIMITS_FILE     "/etc/genv/limits.conf"
#define LIMITS_SIZE_MAX (1024 * 1024)

#define LIMIT_NONE UINT64_MAX

enum limit_subject { LIMIT_ANYONE, LIMIT_GROUP, LIMIT_USER };
enum limit_kind { LIMIT_DEVICES, LIMIT_MEMORY, LIMIT_KIND_COUNT };

struct limit {
    enum limit_subject subject;
    enum limit_kind kind;
    char name[GENV_USERNAME_SIZE]; /* of the user or group */
    uint64_t maximum;              /* devices or bytes; LIMIT_NONE: unlimited */
    unsigned line;
};

struct limits {
    struct limit *items;
    size_t count;
};

void limits_release(struct limits *limits);
#define cleanup_limits cleanup_with(limits_release)

/* Reads the text of a limits file. -EINVAL names the line: not of that form, or said twice. */
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
