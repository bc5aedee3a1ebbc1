/* Looking again and again: what breaks the rules now, since when, and what is due to be mended. */
#include "enforce/rounds.h"

#include <errno.h>
#include <string.h>

#include "base/clock.h"

#define RETRY_MS 600000

static struct allowance allowance_of(const char *username, void *data)
{
    return limits_allowance(data, username);
}

static struct pending *find_pending(const struct rounds *rounds, const struct violation *violation)
{
    for (size_t i = 0; i < rounds->pending_count; i++) {
        if (violation_equals(&rounds->pending[i].violation, violation))
            return &rounds->pending[i];
    }
    return NULL;
}

/* Whether both are about the same thing, whichever process or attachment is to go for it. */
static bool same_subject(const struct violation *a, const struct violation *b)
{
    if (a->rule != b->rule)
        return false;
    switch (a->rule) {
    case RULE_ENV_DEVICES:
    case RULE_ENV_MEMORY:
        return a->host == b->host && strcmp(a->uuid, b->uuid) == 0 && strcmp(a->eid, b->eid) == 0;
    case RULE_MAX_DEVICES:
    case RULE_MAX_MEMORY:
        return strcmp(a->username, b->username) == 0;
    case RULE_NON_ENV_PROCESSES:
    case RULE_COUNT:
        break;
    }
    return violation_equals(a, b);
}

/* Since when this is so: who lets processes or attachments take turns gains no time by that. */
static int64_t begin_of(const struct rounds *rounds, const struct violation *violation, int64_t now)
{
    int64_t begin = now;

    for (size_t i = 0; i < rounds->pending_count; i++) {
        if (same_subject(&rounds->pending[i].violation, violation) && rounds->pending[i].since_ms < begin)
            begin = rounds->pending[i].since_ms;
    }
    return begin;
}

static int add_pending(struct rounds *rounds, const struct violation *violation, int64_t now, struct genv_error *err)
{
    struct pending *grown = reallocarray(rounds->pending, rounds->pending_count + 1, sizeof(*rounds->pending));

    if (!grown)
        return error_no_memory(err);
    rounds->pending = grown;
    grown[rounds->pending_count] = (struct pending){
        .violation = *violation, .since_ms = begin_of(rounds, violation, now), .seen_ms = now, .round = rounds->round};
    rounds->pending_count++;
    return 0;
}

static int64_t grace_ms(const struct rounds *rounds)
{
    return clock_seconds_to_ms(rounds->grace_seconds);
}

/* Forgets what was over at the last look, and has been for as long as the grace. */
static void sweep(struct rounds *rounds, int64_t now)
{
    size_t kept = 0;

    for (size_t i = 0; rounds->pending && i < rounds->pending_count; i++) {
        const struct pending *pending = &rounds->pending[i];

        if (pending->round == rounds->round || now - pending->seen_ms < grace_ms(rounds))
            rounds->pending[kept++] = *pending;
    }
    rounds->pending_count = kept;
}

/* What could not be mended, and is still there, is tried again after a while. */
static bool is_due(const struct rounds *rounds, const struct pending *pending, int64_t now)
{
    if (pending->round != rounds->round)
        return false;
    if (pending->acted_ms)
        return rounds->retry && now - pending->acted_ms >= RETRY_MS;
    return now - pending->since_ms >= grace_ms(rounds);
}

/* Returns whether it was there in the round before as well; otherwise it has come back. */
static bool see(const struct rounds *rounds, struct pending *pending, int64_t now)
{
    bool stayed = pending->round + 1 == rounds->round;

    if (!stayed)
        pending->acted_ms = 0;
    pending->round = rounds->round;
    pending->seen_ms = now;
    return stayed;
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
    int64_t now = clock_monotonic_ms();
    int r = enforce_decide(&request, &found, err);

    sweep(rounds, now);
    rounds->round++;
    for (size_t i = 0; r == 0 && i < found.count; i++) {
        const struct violation *violation = &found.items[i];
        struct pending *pending = find_pending(rounds, violation);

        if (pending && see(rounds, pending, now))
            continue;
        if (!pending)
            r = add_pending(rounds, violation, now, err);
        if (r == 0 && violation_list_add(ret_new, violation) < 0)
            r = error_no_memory(err);
    }
    for (size_t i = 0; r == 0 && i < rounds->pending_count; i++) {
        struct pending *pending = &rounds->pending[i];

        if (!is_due(rounds, pending, now))
            continue;
        pending->acted_ms = now;
        if (violation_list_add(ret_due, &pending->violation) < 0)
            r = error_no_memory(err);
    }
    return r;
}

void rounds_not_done(struct rounds *rounds, const struct violation_list *due)
{
    for (size_t i = 0; i < due->count; i++) {
        struct pending *pending = find_pending(rounds, &due->items[i]);

        if (pending)
            pending->acted_ms = 0;
    }
}

int64_t rounds_next_ms(const struct rounds *rounds)
{
    int64_t now = clock_monotonic_ms(), next = -1;

    for (size_t i = 0; i < rounds->pending_count; i++) {
        int64_t left = rounds->pending[i].since_ms + grace_ms(rounds) - now;

        if (rounds->pending[i].acted_ms || rounds->pending[i].round != rounds->round)
            continue;
        left = left < 0 ? 0 : left;
        next = next < 0 || left < next ? left : next;
    }
    return next;
}

void rounds_release(struct rounds *rounds)
{
    free(rounds->pending);
    rounds->pending = NULL;
    rounds->pending_count = 0;
}
