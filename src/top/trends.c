/* The utilisation of the last minutes: a ring of seconds for each device. */
#include "top/trends.h"

#include <errno.h>
#include <string.h>

#include "base/text.h"

struct track {
    char uuid[GENV_UUID_SIZE];
    bool seen; /* in the snapshot that is being learnt */
    int8_t percent[TRENDS_SECONDS];
};

struct trends {
    struct track *tracks;
    size_t count;
    long last; /* second that was learnt last */
    bool any;
};

struct trends *trends_new(void)
{
    return calloc(1, sizeof(struct trends));
}

void trends_free(struct trends *trends)
{
    if (!trends)
        return;
    free(trends->tracks);
    free(trends);
}

static struct track *find(const struct trends *trends, const char *uuid)
{
    for (size_t i = 0; i < trends->count; i++) {
        if (strcmp(trends->tracks[i].uuid, uuid) == 0)
            return &trends->tracks[i];
    }
    return NULL;
}

static struct track *find_or_add(struct trends *trends, const char *uuid)
{
    struct track *track = find(trends, uuid), *grown;

    if (track)
        return track;
    grown = reallocarray(trends->tracks, trends->count + 1, sizeof(*grown));
    if (!grown)
        return NULL;
    trends->tracks = grown;
    track = &grown[trends->count++];
    copy_string(track->uuid, sizeof(track->uuid), uuid);
    memset(track->percent, TRENDS_UNKNOWN, sizeof(track->percent));
    return track;
}

/* Forgets the seconds before @from that nobody looked at, and gives @percent to those from @from to @now. */
static void fill(const struct trends *trends, struct track *track, int percent, long from, long now)
{
    long first = trends->any ? trends->last + 1 : now;

    if (first < now - TRENDS_SECONDS + 1)
        first = now - TRENDS_SECONDS + 1;
    for (long second = first; second <= now; second++)
        track->percent[second % TRENDS_SECONDS] = (int8_t)(second >= from ? percent : TRENDS_UNKNOWN);
    track->percent[now % TRENDS_SECONDS] = (int8_t)percent;
    track->seen = true;
}

static void forget_unseen(struct trends *trends)
{
    size_t kept = 0;

    for (size_t i = 0; i < trends->count; i++) {
        if (trends->tracks[i].seen)
            trends->tracks[kept++] = trends->tracks[i];
    }
    trends->count = kept;
}

int trends_learn(struct trends *trends, const struct genv_snapshot *snapshot, long now, long hold)
{
    long from = trends->any && now - trends->last <= hold ? trends->last + 1 : now;
    int sum = 0, known = 0;

    for (size_t i = 0; i < trends->count; i++)
        trends->tracks[i].seen = false;
    for (size_t i = 0; i <= snapshot->device_count; i++) {
        bool all = i == snapshot->device_count;
        int percent = all ? TRENDS_UNKNOWN : snapshot->devices[i].sample.utilization;
        struct track *track;

        if (!all && !*snapshot->devices[i].id.uuid)
            continue;
        track = find_or_add(trends, all ? TRENDS_ALL : snapshot->devices[i].id.uuid);
        if (!track)
            return -ENOMEM;
        if (!all && (snapshot->devices[i].state != GENV_DEVICE_OK || percent < 0))
            percent = TRENDS_UNKNOWN;
        percent = percent > 100 ? 100 : percent;
        sum += percent >= 0 ? percent : 0;
        known += percent >= 0;
        if (all && known)
            percent = (sum + known / 2) / known;
        fill(trends, track, percent, from, now);
    }
    forget_unseen(trends);
    trends->last = now;
    trends->any = true;
    return 0;
}

int trends_value(const struct trends *trends, const char *uuid, long step, long steps_back)
{
    const struct track *track = trends ? find(trends, uuid) : NULL;
    long sum = 0, known = 0, first;

    if (!track)
        return TRENDS_UNKNOWN;
    first = (trends->last / step - steps_back) * step;
    for (long second = first; second < first + step; second++) {
        if (second < 0 || second > trends->last || second <= trends->last - TRENDS_SECONDS ||
            track->percent[second % TRENDS_SECONDS] < 0)
            continue;
        sum += track->percent[second % TRENDS_SECONDS];
        known++;
    }
    return known ? (int)((sum + known / 2) / known) : TRENDS_UNKNOWN;
}
