/* How many entries there are about each user: the first of a kind are told one by one, many more in one. */
#include "enforce/tally.h"

#include <string.h>

#include "base/json.h"
#include "enforce/journal.h"

#define ROWS_MAX 1024 /* of a host, which may be hostile and make users up: those beyond that share its last row */

static void row_release(struct tally_row *row)
{
    json_decref(row->last);
    free(row->event);
    free(row->host);
    free(row->user);
}

void tally_release(struct tally *tally)
{
    for (size_t i = 0; i < tally->count; i++)
        row_release(&tally->rows[i]);
    free(tally->rows);
    *tally = (struct tally){0};
}

static const char *member(const json_t *entry, const char *key)
{
    const char *text = json_string_value(json_object_get(entry, key));

    return text ? text : "";
}

/* The row of @entry, or the one that it has to share; NULL: it is to have one of its own. */
static struct tally_row *find(const struct tally *tally, const json_t *entry)
{
    struct tally_row *last = NULL;
    size_t count = 0;

    for (size_t i = 0; i < tally->count; i++) {
        struct tally_row *row = &tally->rows[i];

        if (strcmp(row->host, member(entry, "host")) != 0)
            continue;
        if (strcmp(row->user, member(entry, "username")) == 0 && strcmp(row->event, member(entry, "event")) == 0)
            return row;
        last = row;
        count++;
    }
    return count < ROWS_MAX ? NULL : last;
}

/* NULL: out of memory. */
static struct tally_row *add(struct tally *tally, const json_t *entry, int64_t now_ms)
{
    struct tally_row *grown = reallocarray(tally->rows, tally->count + 1, sizeof(*grown)), *row;

    if (!grown)
        return NULL;
    tally->rows = grown;
    row = &grown[tally->count];
    *row = (struct tally_row){.event = strdup(member(entry, "event")),
                              .host = strdup(member(entry, "host")),
                              .user = strdup(member(entry, "username")),
                              .since_ms = now_ms};
    if (row->event && row->host && row->user) {
        tally->count++;
        return row;
    }
    row_release(row);
    return NULL;
}

static bool is_over(const struct tally_row *row, int64_t now_ms)
{
    return now_ms - row->since_ms >= TALLY_MS;
}

bool tally_admit(struct tally *tally, json_t *entry, int64_t now_ms)
{
    struct tally_row *row = find(tally, entry);

    if (!row)
        row = add(tally, entry, now_ms);
    if (!row)
        return true;
    if (is_over(row, now_ms) && !row->more) {
        row->since_ms = now_ms;
        row->told = 0;
        row->summed = false;
    }
    if (row->told < TALLY_LINES) {
        row->told++;
        return true;
    }
    row->more++;
    json_decref(row->last);
    row->last = json_incref(entry);
    return false;
}

void tally_sum(struct tally *tally, int64_t now_ms, bool all, void (*each)(json_t *entry, void *data), void *data)
{
    size_t kept = 0;

    for (size_t i = 0; i < tally->count; i++) {
        struct tally_row *row = &tally->rows[i];
        cleanup_json json_t *entry = NULL;

        if (row->more && (!row->summed || all || is_over(row, now_ms))) {
            entry = journal_entry_of_more(row->last, row->more);
            row->more = 0;
            row->summed = true;
        }
        if (entry)
            each(entry, data);
        if (row->more || !is_over(row, now_ms))
            tally->rows[kept++] = *row;
        else
            row_release(row);
    }
    tally->count = kept;
}
