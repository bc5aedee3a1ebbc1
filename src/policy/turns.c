/* In which order violations are acted on, so that what one user piles up keeps nobody else waiting. */
#include <errno.h>
#include <string.h>

#include "policy/violation.h"

/* What is acted on in one go: a process, or all that an environment gives back, in one commit. */
struct turn {
    const struct violation *violation;
    size_t order;  /* in the list as it was */
    size_t first;  /* the order of the first of the same go */
    size_t number; /* how many goes the same user has before */
};

static int compare_numbers(size_t a, size_t b)
{
    return a < b ? -1 : a > b;
}

static int compare_goes(const struct turn *a, const struct turn *b)
{
    const struct violation *left = a->violation, *right = b->violation;

    if (left->remedy != right->remedy)
        return left->remedy == REMEDY_TERMINATE ? -1 : 1;
    if (left->remedy == REMEDY_TERMINATE)
        return compare_numbers(a->order, b->order);
    if (left->host != right->host)
        return compare_numbers(left->host, right->host);
    return strcmp(left->eid, right->eid);
}

static int by_go(const void *left, const void *right)
{
    const struct turn *a = left, *b = right;
    int order = compare_goes(a, b);

    return order ? order : compare_numbers(a->order, b->order);
}

static int compare_users(const struct turn *a, const struct turn *b)
{
    const struct violation *left = a->violation, *right = b->violation;
    int order = strcmp(left->username, right->username);

    if (left->remedy != right->remedy)
        return left->remedy == REMEDY_TERMINATE ? -1 : 1;
    if (order)
        return order;
    return left->uid < right->uid ? -1 : left->uid > right->uid;
}

static int by_user(const void *left, const void *right)
{
    const struct turn *a = left, *b = right;
    int order = compare_users(a, b);

    if (order == 0)
        order = compare_numbers(a->first, b->first);
    return order ? order : compare_numbers(a->order, b->order);
}

static int by_number(const void *left, const void *right)
{
    const struct turn *a = left, *b = right;

    if (a->violation->remedy != b->violation->remedy)
        return a->violation->remedy == REMEDY_TERMINATE ? -1 : 1;
    if (a->number != b->number)
        return compare_numbers(a->number, b->number);
    if (a->first != b->first)
        return compare_numbers(a->first, b->first);
    return compare_numbers(a->order, b->order);
}

/* Numbers the turns of each user. */
static void count_turns(struct turn *turns, size_t count)
{
    qsort(turns, count, sizeof(*turns), by_go);
    for (size_t i = 0; i < count; i++)
        turns[i].first = i && compare_goes(&turns[i - 1], &turns[i]) == 0 ? turns[i - 1].first : turns[i].order;
    qsort(turns, count, sizeof(*turns), by_user);
    for (size_t i = 1; i < count; i++) {
        bool same_user = compare_users(&turns[i - 1], &turns[i]) == 0;

        turns[i].number = same_user ? turns[i - 1].number + (turns[i - 1].first != turns[i].first) : 0;
    }
}

int violation_list_take_turns(struct violation_list *list)
{
    cleanup_free struct turn *turns = calloc(list->count + 1, sizeof(*turns));
    struct violation_list arranged = {0};

    if (!turns)
        return -ENOMEM;
    for (size_t i = 0; i < list->count; i++)
        turns[i] = (struct turn){.violation = &list->items[i], .order = i};
    if (list->count) {
        count_turns(turns, list->count);
        qsort(turns, list->count, sizeof(*turns), by_number);
    }
    for (size_t i = 0; i < list->count; i++) {
        if (violation_list_add(&arranged, turns[i].violation) < 0) {
            violation_list_release(&arranged);
            return -ENOMEM;
        }
    }
    violation_list_release(list);
    *list = arranged;
    return 0;
}
