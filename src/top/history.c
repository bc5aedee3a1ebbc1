/* The utilisation of the last minutes: a ring of seconds for each device. */
#include "top/history.h"

#include <errno.h>
#include <string.h>

#include "base/text.h"

struct track {
    char uuid[GENV_UUID_SIZE];
    bool seen; /* in the snapshot that is being learnt */
    int8_t percent[HISTORY_SECONDS];
};

struct history {
    struct track *tracks;
    size_t count;
    long last; /* second that was learnt last */
    bool any;
};

struct history *history_new(void)
{
    return calloc(1, sizeof(struct history));
}

void history_free(struct history *history)
{
    if (!history)
        return;
    free(history->tracks);
    free(history);
}

static struct track *find(const struct history *history, const char *uuid)
{
    for (size_t i = 0; i < history->count; i++) {
        if (strcmp(history->tracks[i].uuid, uuid) == 0)
            return &history->tracks[i];
    }
    return NULL;
}

static struct track *find_or_add(struct history *history, const char *uuid)
{
    struct track *track = find(history, uuid), *grown;

    if (track)
        return track;
    grown = reallocarray(history->tracks, history->count + 1, sizeof(*grown));
    if (!grown)
        return NULL;
    history->tracks = grown;
    track = &grown[history->count++];
    copy_string(track->uuid, sizeof(track->uuid), uuid);
    memset(track->percent, HISTORY_UNKNOWN, sizeof(track->percent));
    return track;
}

/* Forgets the seconds before @from that nobody looked at, and gives @percent to those from @from to @now. */
static void fill(const struct history *history, struct track *track, int percent, long from, long now)
{
    long first = history->any ? history->last + 1 : now;

    if (first < now - HISTORY_SECONDS + 1)
        first = now - HISTORY_SECONDS + 1;
    for (long second = first; second <= now; second++)
        track->percent[second % HISTORY_SECONDS] = (int8_t)(second >= from ? percent : HISTORY_UNKNOWN);
    track->percent[now % HISTORY_SECONDS] = (int8_t)percent;
    track->seen = true;
}

static void forget_unseen(struct history *history)
{
    size_t kept = 0;

    for (size_t i = 0; i < history->count; i++) {
        if (history->tracks[i].seen)
            history->tracks[kept++] = history->tracks[i];
    }
    history->count = kept;
}

int history_learn(struct history *history, const struct genv_snapshot *snapshot, long now, long hold)
{
    long from = history->any && now - history->last <= hold ? history->last + 1 : now;
    int sum = 0, known = 0;

    for (size_t i = 0; i < history->count; i++)
        history->tracks[i].seen = false;
    for (size_t i = 0; i <= snapshot->device_count; i++) {
        bool all = i == snapshot->device_count;
        int percent = all ? HISTORY_UNKNOWN : snapshot->devices[i].sample.utilization;
        struct track *track;

        if (!all && !*snapshot->devices[i].id.uuid)
            continue;
        track = find_or_add(history, all ? HISTORY_ALL : snapshot->devices[i].id.uuid);
        if (!track)
            return -ENOMEM;
        if (!all && (snapshot->devices[i].state != GENV_DEVICE_OK || percent < 0))
            percent = HISTORY_UNKNOWN;
        percent = percent > 100 ? 100 : percent;
        sum += percent >= 0 ? percent : 0;
        known += percent >= 0;
        if (all && known)
            percent = (sum + known / 2) / known;
        fill(history, track, percent, from, now);
    }
    forget_unseen(history);
    history->last = now;
    history->any = true;
    return 0;
}

int history_value(const struct history *history, const char *uuid, long step, long steps_back)
{
    const struct track *track = history ? find(history, uuid) : NULL;
    long sum = 0, known = 0, first;

    if (!track)
        return HISTORY_UNKNOWN;
    first = (history->last / step - steps_back) * step;
    for (long second = first; second < first + step; second++) {
        if (second < 0 || second > history->last || second <= history->last - HISTORY_SECONDS ||
            track->percent[second % HISTORY_SECONDS] < 0)
            continue;
        sum += track->percent[second % HISTORY_SECONDS];
        known++;
    }
    return known ? (int)((sum + known / 2) / known) : HISTORY_UNKNOWN;
}
