/* Since when rules are broken: whose grace is over, whatever they have put in the place of what broke them first. */
#include "policy/grace.h"

#include <errno.h>
#include <string.h>

/* What has one grace, and the violation that says so. */
struct sighting {
    struct standing standing;
    size_t violation;
};

void graces_release(struct graces *graces)
{
    free(graces->items);
    *graces = (struct graces){0};
}

static int compare_u64(uint64_t a, uint64_t b)
{
    return a < b ? -1 : a > b;
}

static int compare(const struct standing *a, const struct standing *b)
{
    const int orders[] = {
        compare_u64(a->kind, b->kind),
        compare_u64(a->rule, b->rule),
        compare_u64(a->host, b->host),
        compare_u64(a->uid, b->uid),
        compare_u64((uint64_t)a->pid, (uint64_t)b->pid),
        compare_u64(a->start_time, b->start_time),
        strcmp(a->uuid, b->uuid),
        strcmp(a->username, b->username),
    };

    for (size_t i = 0; i < ARRAY_SIZE(orders); i++) {
        if (orders[i])
            return orders[i];
    }
    return 0;
}

static int compare_sightings(const void *left, const void *right)
{
    const struct sighting *a = left, *b = right;
    int order = compare(&a->standing, &b->standing);

    return order ? order : compare_u64(a->violation, b->violation);
}

/* A maximum is a user's over all devices; other rules are about the use of one. Whose process it is may be unknown. */
static size_t see(const struct violation *violation, size_t number, struct sighting sightings[static 2])
{
    size_t count = 0;

    if (violation->rule == RULE_MAX_DEVICES || violation->rule == RULE_MAX_MEMORY) {
        sightings[0] = (struct sighting){{.kind = STANDING_MAXIMUM, .rule = violation->rule}, number};
        copy_string(sightings[0].standing.username, GENV_USERNAME_SIZE, violation->username);
        return 1;
    }
    if (violation->uid != (uid_t)-1) {
        sightings[count] =
            (struct sighting){{.kind = STANDING_DEVICE, .host = violation->host, .uid = violation->uid}, number};
        copy_string(sightings[count++].standing.uuid, GENV_UUID_SIZE, violation->uuid);
    }
    sightings[count++] = (struct sighting){
        {.kind = STANDING_PROCESS, .host = violation->host, .pid = violation->pid, .start_time = violation->start_time},
        number};
    return count;
}

/* The same standing as @wanted at @from or behind it, in the order of both. */
static size_t seek(const struct graces *graces, size_t from, const struct standing *wanted)
{
    while (from < graces->count && compare(&graces->items[from], wanted) < 0)
        from++;
    return from;
}

static void forget(struct graces *graces, int64_t now_ms, int64_t grace_ms)
{
    size_t kept = 0;

    for (size_t i = 0; i < graces->count; i++) {
        const struct standing *standing = &graces->items[i];

        if (standing->look == graces->look || now_ms - standing->seen_ms < grace_ms)
            graces->items[kept++] = *standing;
    }
    graces->count = kept;
}

/* Takes the beginnings over from @graces, and gives each violation the earliest of its own. */
static void remember(const struct graces *graces, const struct sighting *sightings, size_t count, int64_t *since_ms)
{
    for (size_t i = 0, at = 0; i < count; i++) {
        const struct standing *standing = &sightings[i].standing;
        size_t violation = sightings[i].violation;

        at = seek(graces, at, standing);
        if (at < graces->count && compare(&graces->items[at], standing) == 0 &&
            graces->items[at].since_ms < since_ms[violation])
            since_ms[violation] = graces->items[at].since_ms;
    }
}

/* Both lists in one, each standing once. Returns how many there are. */
static size_t merge(const struct graces *graces, const struct sighting *sightings, size_t count,
                    const int64_t *since_ms, int64_t now_ms, struct standing *ret_standings)
{
    size_t merged = 0, at = 0;

    for (size_t i = 0; i <= count; i++) {
        const struct standing *standing = i < count ? &sightings[i].standing : NULL;
        size_t next = standing ? seek(graces, at, standing) : graces->count;
        int64_t since = standing ? since_ms[sightings[i].violation] : 0;

        while (at < next)
            ret_standings[merged++] = graces->items[at++];
        if (!standing)
            break;
        if (at < graces->count && compare(&graces->items[at], standing) == 0)
            at++;
        if (!merged || compare(&ret_standings[merged - 1], standing) != 0) {
            ret_standings[merged] = *standing;
            ret_standings[merged].seen_ms = now_ms;
            ret_standings[merged].look = graces->look + 1;
            ret_standings[merged++].since_ms = since;
        } else if (since < ret_standings[merged - 1].since_ms) {
            ret_standings[merged - 1].since_ms = since;
        }
    }
    return merged;
}

int graces_look(struct graces *graces, const struct violation_list *found, int64_t now_ms, int64_t grace_ms,
                int64_t *ret_since_ms)
{
    cleanup_free struct sighting *sightings = calloc(2 * found->count + 1, sizeof(*sightings));
    struct standing *merged = calloc(graces->count + 2 * found->count + 1, sizeof(*merged));
    size_t count = 0;

    if (!sightings || !merged) {
        free(merged);
        return -ENOMEM;
    }
    for (size_t i = 0; i < found->count; i++) {
        ret_since_ms[i] = now_ms;
        count += see(&found->items[i], i, &sightings[count]);
    }
    if (count)
        qsort(sightings, count, sizeof(*sightings), compare_sightings);
    forget(graces, now_ms, grace_ms);
    remember(graces, sightings, count, ret_since_ms);
    count = merge(graces, sightings, count, ret_since_ms, now_ms, merged);
    free(graces->items);
    *graces = (struct graces){merged, count, graces->look + 1};
    return 0;
}
