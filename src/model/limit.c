/* How much each user may hold: /etc/genv/limits.conf. */
#include "model/limit.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>

#include "model/env.h"

#define WORDS 3

void limits_release(struct limits *limits)
{
    free(limits->items);
    *limits = (struct limits){0};
}

static struct limit *find(const struct limits *limits, enum limit_subject subject, const char *name,
                          enum limit_kind kind)
{
    for (size_t i = 0; i < limits->count; i++) {
        struct limit *limit = &limits->items[i];

        if (limit->subject == subject && limit->kind == kind && strcmp(limit->name, name) == 0)
            return limit;
    }
    return NULL;
}

int limits_set(struct limits *limits, const struct limit *limit, struct genv_error *err)
{
    struct limit *there = find(limits, limit->subject, limit->name, limit->kind), *grown;

    if (there) {
        *there = *limit;
        return 0;
    }
    grown = reallocarray(limits->items, limits->count + 1, sizeof(*grown));
    if (!grown)
        return error_no_memory(err);
    limits->items = grown;
    limits->items[limits->count++] = *limit;
    return 0;
}

static int parse_subject(const char *word, struct limit *limit)
{
    limit->subject = strcmp(word, "*") == 0 ? LIMIT_ANYONE : *word == '@' ? LIMIT_GROUP : LIMIT_USER;
    if (limit->subject == LIMIT_ANYONE)
        return 0;
    word += limit->subject == LIMIT_GROUP;
    if (!*word || strlen(word) >= sizeof(limit->name) || !utf8_is_printable(word))
        return -EINVAL;
    copy_string(limit->name, sizeof(limit->name), word);
    return 0;
}

static int parse_maximum(const char *word, struct limit *limit)
{
    if (limit->kind == LIMIT_ISOLATE) {
        limit->maximum = strcmp(word, "yes") == 0 ? 0 : LIMIT_NONE;
        return limit->maximum == 0 || strcmp(word, "no") == 0 ? 0 : -EINVAL;
    }
    if (strcmp(word, "unlimited") == 0) {
        limit->maximum = LIMIT_NONE;
        return 0;
    }
    if (limit->kind == LIMIT_ENVIRONMENTS)
        return text_to_u64(word, UINT32_MAX, &limit->maximum);
    if (limit->kind == LIMIT_DEVICES || strcmp(word, "0") == 0)
        return text_to_u64(word, DEVICE_COUNT_MAX, &limit->maximum);
    return genv_amount_parse(word, &limit->maximum, NULL);
}

/* LIMIT_KIND_COUNT: it is none. */
static enum limit_kind find_kind(const char *word)
{
    static const char *const kinds[LIMIT_KIND_COUNT] = {
        [LIMIT_DEVICES] = "devices",
        [LIMIT_MEMORY] = "memory",
        [LIMIT_ENVIRONMENTS] = "environments",
        [LIMIT_ISOLATE] = "isolate",
    };
    enum limit_kind kind = 0;

    while (kind < LIMIT_KIND_COUNT && strcmp(word, kinds[kind]) != 0)
        kind++;
    return kind;
}

static int parse_words(char *const words[WORDS], struct limit *limit, struct genv_error *err)
{
    if (parse_subject(words[0], limit) < 0)
        return error_set(err, EINVAL, "expected a user, @group or *, not '%s'", words[0]);
    if (parse_maximum(words[2], limit) < 0 && limit->kind == LIMIT_ISOLATE)
        return error_set(err, EINVAL, "isolate: expected yes or no, not '%s'", words[2]);
    if (parse_maximum(words[2], limit) < 0)
        return error_set(err, EINVAL, "'%s' is not a limit on %s: expected %s, or unlimited", words[2], words[1],
                         limit->kind == LIMIT_MEMORY ? "an amount such as 40g" : "a number such as 4");
    return 0;
}

/* What a later version limits keeps this one from nothing else that the file says. */
static void note_unknown(struct limits *limits, unsigned line, const char *word)
{
    if (limits->unknown_line)
        return;
    limits->unknown_line = line;
    snprintf(limits->unknown, sizeof(limits->unknown), "%s", word);
    utf8_make_printable(limits->unknown);
}

/* Takes @line apart. */
static int parse_line(char *line, unsigned number, struct limits *limits, struct genv_error *err)
{
    struct limit limit = {.line = number};
    char *words[WORDS + 1], *rest = line, *word;
    const struct limit *there;
    size_t count = 0;
    int r;

    line[strcspn(line, "#")] = '\0';
    while ((word = strsep(&rest, " \t\r")) && count <= WORDS) {
        if (*word)
            words[count++] = word;
    }
    if (count == 0)
        return 0;
    limit.kind = count > 1 ? find_kind(words[1]) : LIMIT_KIND_COUNT;
    if (count > 1 && limit.kind == LIMIT_KIND_COUNT && !isdigit((unsigned char)*words[1])) { /* "devices 3" lacks one */
        note_unknown(limits, number, words[1]);
        return 0;
    }
    if (count != WORDS || limit.kind == LIMIT_KIND_COUNT)
        return error_set(
            err, EINVAL,
            "expected a user, @group or *; devices, memory or environments; and the limit, as in 'paul devices 4'");
    r = parse_words(words, &limit, err);
    if (r < 0)
        return r;
    there = find(limits, limit.subject, limit.name, limit.kind);
    if (there)
        return error_set(err, EINVAL, "line %u already sets this limit", there->line);
    return limits_set(limits, &limit, err);
}

int limits_parse(const char *text, struct limits *ret_limits, struct genv_error *err)
{
    cleanup_limits struct limits limits = {0};
    cleanup_free char *copy = strdup(utf8_skip_mark(text));
    char *rest = copy, *line;
    unsigned number = 0;

    if (!copy)
        return error_no_memory(err);
    while ((line = strsep(&rest, "\n"))) {
        int r = parse_line(line, ++number, &limits, err);

        if (r < 0)
            return error_prefix(err, r, "line %u", number);
    }
    *ret_limits = limits;
    limits = (struct limits){0};
    return 0;
}

/* The most that one of the groups allows; false: none says anything. */
static bool of_groups(const struct limits *limits, enum limit_kind kind, const char *const *groups, size_t count,
                      uint64_t *ret_maximum)
{
    bool found = false;
    uint64_t most = 0;

    for (size_t i = 0; i < count; i++) {
        const struct limit *limit = find(limits, LIMIT_GROUP, groups[i], kind);

        if (!limit)
            continue;
        found = true;
        most = limit->maximum > most ? limit->maximum : most;
    }
    if (found)
        *ret_maximum = most;
    return found;
}

struct allowance limits_of(const struct limits *limits, const char *username, const char *const *groups,
                           size_t group_count)
{
    struct allowance allowance;

    for (int kind = 0; kind < LIMIT_KIND_COUNT; kind++) {
        const struct limit *own = find(limits, LIMIT_USER, username, kind);
        const struct limit *anyone = find(limits, LIMIT_ANYONE, "", kind);

        allowance.maximum[kind] = anyone                       ? anyone->maximum
                                  : kind == LIMIT_ENVIRONMENTS ? LIMIT_ENVIRONMENTS_DEFAULT
                                                               : LIMIT_NONE;
        of_groups(limits, kind, groups, group_count, &allowance.maximum[kind]);
        if (own)
            allowance.maximum[kind] = own->maximum;
    }
    return allowance;
}
