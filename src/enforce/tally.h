/* How many entries there are about each user: the first of a kind are told one by one, many more in one. */
#ifndef ENFORCE_TALLY_H
#define ENFORCE_TALLY_H

#include <stdbool.h>
#include <stdint.h>

#include <jansson.h>

#define TALLY_LINES 32     /* of a kind about one user, one by one */
#define TALLY_MS    600000 /* in that time */

/* Entries of one event about one user on one host. */
struct tally_row {
    json_t *last; /* of those that were not told; NULL: there is none */
    char *event, *host, *user;
    int64_t since_ms;
    unsigned told;
    uint64_t more; /* that are to be told in one */
    bool summed;   /* once since then */
};

struct tally {
    struct tally_row *rows;
    size_t count;
};

void tally_release(struct tally *tally);

/* Counts @entry, of the journal. true: it is to be told by itself, as also where memory runs out. */
bool tally_admit(struct tally *tally, json_t *entry, int64_t now_ms);

/* Calls @each with an entry for those that were not told one by one, as soon as there are some, and then not before
 * the ten minutes are over, or @all. */
void tally_sum(struct tally *tally, int64_t now_ms, bool all, void (*each)(json_t *entry, void *data), void *data);

#endif
