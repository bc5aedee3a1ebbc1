/* Looking again and again: what breaks the rules now, since when, and what is due to be acted on. */
#include "enforce/rounds.h"

#include <errno.h>
#include <string.h>

#include "base/clock.h"

#define RETRY_MS 600000

static struct allowance allowance_of(const char *username, void *data)
{
    return limits_allowance(data, username);
}

/* Where those begin that are about the same as @violation. */
static size_t find_first(const struct rounds *rounds, const struct violation *violation)
{
    size_t first = 0, end = rounds->pending_count;

    while (first < end) {
        size_t middle = first + (end - first) / 2;

        if (violation_compare_subjects(&rounds->pending[middle].violation, violation) < 0)
            first = middle + 1;
        else
            end = middle;
    }
    return first;
}

static bool is_about_the_same(const struct rounds *rounds, size_t i, const struct violation *violation)
{
    return i < rounds->pending_count && violation_compare_subjects(&rounds->pending[i].violation, violation) == 0;
}

static struct pending *find_pending(const struct rounds *rounds, const struct violation *violation)
{
    for (size_t i = find_first(rounds, violation); is_about_the_same(rounds, i, violation); i++) {
        if (violation_equals(&rounds->pending[i].violation, violation))
            return &rounds->pending[i];
    }
    return NULL;
}

static int compare_pending(const void *left, const void *right)
{
    const struct pending *a = left, *b = right;

    return violation_compare(&a->violation, &b->violation);
}

static int64_t grace_ms(const struct rounds *rounds)
{
    return clock_seconds_to_ms(rounds->grace_seconds);
}

/* What could not be dealt with, and is still there, is tried again after a while. */
static bool is_due(const struct rounds *rounds, const struct pending *pending, int64_t now)
{
    if (pending->again_ms)
        return rounds->retry && now >= pending->again_ms;
    return now - pending->since_ms >= grace_ms(rounds);
}

/* @found, since when each, and what became of those that were there before; the others are @ret_new. */
static int carry_on(const struct rounds *rounds, const struct violation_list *found, const int64_t *since_ms,
                    int64_t now, struct pending *ret_pending, struct violation_list *ret_new)
{
    for (size_t i = 0; i < found->count; i++) {
        const struct pending *before = find_pending(rounds, &found->items[i]);
        bool stayed = before && !before->over;
        int64_t left = since_ms[i] + grace_ms(rounds) - now;

        ret_pending[i] = (struct pending){
            .violation = found->items[i], .since_ms = since_ms[i], .again_ms = stayed ? before->again_ms : 0};
        if (stayed)
            continue;
        if (violation_list_add(ret_new, &found->items[i]) < 0)
            return -ENOMEM;
        ret_new->items[ret_new->count - 1].left_ms = left > 0 ? (uint64_t)left : 1; /* 0: nobody knows */
    }
    return 0;
}

static int collect_due(const struct rounds *rounds, struct pending *pending, size_t count, int64_t now,
                       struct violation_list *ret_due)
{
    for (size_t i = 0; i < count; i++) {
        if (!is_due(rounds, &pending[i], now))
            continue;
        pending[i].again_ms = now + RETRY_MS;
        if (violation_list_add(ret_due, &pending[i].violation) < 0)
            return -ENOMEM;
    }
    return violation_list_take_turns(ret_due);
}

int rounds_look(struct rounds *rounds, const struct enforce_host *hosts, size_t host_count,
                struct violation_list *ret_new, struct violation_list *ret_due, struct genv_error *err)
{
    const struct enforce_request request = {
        .hosts = hosts,
        .host_count = host_count,
        .rules = rounds->rules,
        .allowance = allowance_of,
        .data = (void *)rounds->limits,
    };
    cleanup_violation_list struct violation_list found = {0};
    cleanup_free struct pending *pending = NULL;
    cleanup_free int64_t *since_ms = NULL;
    int64_t now = clock_monotonic_ms();
    int r = enforce_decide(&request, &found, err);

    if (r < 0)
        return r;
    pending = calloc(found.count + 1, sizeof(*pending));
    since_ms = calloc(found.count + 1, sizeof(*since_ms));
    if (!pending || !since_ms || graces_look(&rounds->graces, &found, now, grace_ms(rounds), since_ms) < 0 ||
        carry_on(rounds, &found, since_ms, now, pending, ret_new) < 0 ||
        collect_due(rounds, pending, found.count, now, ret_due) < 0)
        return error_no_memory(err);
    if (found.count)
        qsort(pending, found.count, sizeof(*pending), compare_pending);
    free(rounds->pending);
    rounds->pending = STEAL_POINTER(pending);
    rounds->pending_count = found.count;
    return 0;
}

void rounds_not_done(struct rounds *rounds, const struct violation_list *due)
{
    for (size_t i = 0; i < due->count; i++) {
        struct pending *pending = find_pending(rounds, &due->items[i]);

        if (pending)
            pending->again_ms = 0;
    }
}

void rounds_postpone(struct rounds *rounds, const struct violation *violation)
{
    struct pending *pending = find_pending(rounds, violation);

    if (pending)
        pending->again_ms = clock_monotonic_ms();
}

void rounds_settle(struct rounds *rounds, const struct violation *violation)
{
    for (size_t i = find_first(rounds, violation); is_about_the_same(rounds, i, violation); i++)
        rounds->pending[i].over = true;
}

int64_t rounds_next_ms(const struct rounds *rounds)
{
    int64_t now = clock_monotonic_ms(), next = -1;

    for (size_t i = 0; i < rounds->pending_count; i++) {
        const struct pending *pending = &rounds->pending[i];
        int64_t left = pending->since_ms + grace_ms(rounds) - now;

        if (pending->again_ms || pending->over)
            continue;
        left = left < 0 ? 0 : left;
        next = next < 0 || left < next ? left : next;
    }
    return next;
}

void rounds_release(struct rounds *rounds)
{
    free(rounds->pending);
    graces_release(&rounds->graces);
    rounds->pending = NULL;
    rounds->pending_count = 0;
}
