/* Attachments that are to go, and wait for the lock of the state directory. */
#include "enforce/detaching.h"

#include <errno.h>
#include <string.h>

#include "base/clock.h"
#include "enforce/act_private.h"

#define AT_ONCE     64    /* detachments under one lock, or one environment's: others want it too */
#define WORK_MS     300   /* then there may be something more urgent */
#define PAUSE_MS    50    /* between attempts at the lock, each of which waits for a moment */
#define PATIENCE_MS 10000 /* as of every change */

void detaching_release(struct detaching *detaching)
{
    violation_list_release(&detaching->waiting);
}

int detaching_add(struct detaching *detaching, const struct violation_list *list)
{
    cleanup_violation_list struct violation_list all = {0};

    for (size_t i = detaching->done; i < detaching->waiting.count; i++) {
        if (violation_list_add(&all, &detaching->waiting.items[i]) < 0)
            return -ENOMEM;
    }
    for (size_t i = 0; i < list->count; i++) {
        if (violation_list_add(&all, &list->items[i]) < 0)
            return -ENOMEM;
    }
    if (violation_list_take_turns(&all) < 0)
        return -ENOMEM;
    violation_list_release(&detaching->waiting);
    detaching->waiting = all;
    detaching->done = 0;
    all = (struct violation_list){0};
    return 0;
}

/* How many of @violations make the next batch: whole environments. */
static size_t batch_size(const struct violation *violations, size_t count)
{
    size_t size = 0;

    while (size < count && size < AT_ONCE) {
        const char *eid = violations[size].eid;

        while (size < count && strcmp(violations[size].eid, eid) == 0)
            size++;
    }
    return size;
}

/* What is being detached, and what the library tells of it. */
struct batch {
    struct genv_detachment *detachments;
    struct genv_event *events;
    size_t count;
};

/* Not of the other devices of a record that goes as a whole, nor of an end that was found. */
static void keep_event(const struct genv_event *event, void *data)
{
    const struct batch *batch = data;

    if (event->kind != GENV_EVENT_DETACHED || event->reason != GENV_REASON_ASKED)
        return;
    for (size_t i = 0; i < batch->count; i++) {
        if (strcmp(batch->detachments[i].uuid, event->attachment.device.uuid) == 0 &&
            strcmp(batch->detachments[i].eid, event->eid) == 0)
            batch->events[i] = *event;
    }
}

static void report_batch(const struct batch *batch, const struct violation *violations,
                         const struct act_options *options)
{
    for (size_t i = 0; i < batch->count; i++) {
        const struct genv_event *event = batch->events[i].kind == GENV_EVENT_DETACHED ? &batch->events[i] : NULL;
        struct genv_detachment *detachment = &batch->detachments[i];
        struct genv_error err = detachment->err;
        const struct act_report detached = {.violation = &violations[i], .outcome = ACT_DETACHED, .event = event};

        if (detachment->result == -EPERM && geteuid())
            err.code = 0; // whose it is was said already: who may do it is to be told
        if (detachment->result < 0)
            act_tell_failure(options, &violations[i], detachment->result, &err);
        else
            options->report(&detached, options->data);
    }
}

/* -ETIMEDOUT: others hold the lock, and nothing was reported. */
static int detach_batch(struct genv *g, const struct violation *violations, size_t count,
                        const struct act_options *options, struct genv_error *err)
{
    cleanup_free struct genv_detachment *detachments = calloc(count + 1, sizeof(*detachments));
    cleanup_free struct genv_event *events = calloc(count + 1, sizeof(*events));
    struct batch batch = {detachments, events, count};
    int r;

    if (!detachments || !events)
        return error_no_memory(err);
    for (size_t i = 0; i < count; i++) {
        detachments[i].attached = violations[i].attached;
        copy_string(detachments[i].eid, sizeof(detachments[i].eid), violations[i].eid);
        copy_string(detachments[i].uuid, sizeof(detachments[i].uuid), violations[i].uuid);
    }
    genv_listen(g, keep_event, &batch);
    r = genv_detach_many(g, detachments, count, err);
    genv_listen(g, NULL, NULL);
    if (r == 0)
        report_batch(&batch, violations, options);
    return r;
}

/* Nothing was tried of the next @count. */
static void give_up(struct detaching *detaching, size_t count, const struct genv_error *err,
                    const struct act_options *options)
{
    for (size_t i = 0; i < count; i++) {
        const struct act_report busy = {
            .violation = &detaching->waiting.items[detaching->done++], .outcome = ACT_BUSY, .err = *err};

        options->report(&busy, options->data);
    }
}

/* The next batch. -ETIMEDOUT: not now. */
static int work_once(struct detaching *detaching, struct genv *g, const struct act_options *options)
{
    const struct violation *next = &detaching->waiting.items[detaching->done];
    size_t left = detaching->waiting.count - detaching->done, count = batch_size(next, left);
    struct genv_error err = {0};
    int r = detach_batch(g, next, count, options, &err);
    int64_t now = clock_monotonic_ms();

    if (r != -ETIMEDOUT) {
        detaching->locked_ms = 0;
        if (r < 0)
            give_up(detaching, count, &err, options);
        else
            detaching->done += count;
        return r;
    }
    if (!detaching->locked_ms)
        detaching->locked_ms = now;
    detaching->next_ms = now + PAUSE_MS;
    if (now - detaching->locked_ms >= PATIENCE_MS) {
        detaching->locked_ms = 0;
        give_up(detaching, left, &err, options);
    }
    return r;
}

void detaching_work(struct detaching *detaching, struct genv *g, const struct act_options *options)
{
    int64_t begin = clock_monotonic_ms();
    int r = detaching_next_ms(detaching) == 0 ? 0 : -EAGAIN;

    while (r != -EAGAIN && r != -ETIMEDOUT && detaching->done < detaching->waiting.count) {
        r = work_once(detaching, g, options);
        if (clock_monotonic_ms() - begin > WORK_MS)
            break;
    }
}

int detaching_next_ms(const struct detaching *detaching)
{
    return detaching->done < detaching->waiting.count ? clock_poll_timeout(detaching->next_ms) : -1;
}
