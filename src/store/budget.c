/* How much of one user's records the commands of others read. */
#include "store/budget.h"

#include <errno.h>
#include <stdlib.h>

#include "base/user.h"
#include "model/record.h"
#include "store/limits_file.h"
#include "store/private.h"

#define BYTES_A_RECORD 4096 /* on average; nearly all are of a few hundred */

/* Files of a user's that others moved here have not the mode of records: they take no room from those that do. */
struct budget_owner {
    uid_t uid;
    bool marked, asked;
    size_t seen;
    uint64_t records, bytes; /* that were read */
    uint64_t maximum;        /* records */
};

static struct budget_owner *find_or_add(struct budget *budget, uid_t uid, bool marked)
{
    struct budget_owner *owners;

    for (size_t i = budget->count; i-- > 0;) {
        if (budget->owners[i].uid == uid && budget->owners[i].marked == marked)
            return &budget->owners[i];
    }
    owners = reallocarray(budget->owners, budget->count + 1, sizeof(*owners));
    if (!owners)
        return NULL;
    budget->owners = owners;
    owners[budget->count] = (struct budget_owner){.uid = uid, .marked = marked, .maximum = LIMIT_ENVIRONMENTS_DEFAULT};
    return &owners[budget->count++];
}

static bool is_spent(const struct budget_owner *owner)
{
    return owner->records > owner->maximum || owner->bytes > owner->maximum * BYTES_A_RECORD;
}

/* The limits file is not read before it matters. A lower limit than the default is for who creates environments: what
 * there is already still holds devices. */
static void ask_for_more(const struct budget *budget, struct budget_owner *owner)
{
    cleanup_limits struct limits limits = {0};
    char username[GENV_USERNAME_SIZE];
    uint64_t maximum;

    if (owner->asked || !budget->limits_file)
        return;
    owner->asked = true;
    if (limits_load(budget->limits_file, &limits, NULL) < 0)
        return;
    user_name(owner->uid, username, sizeof(username));
    maximum = limits_allowance(&limits, username).maximum[LIMIT_ENVIRONMENTS];
    if (maximum > owner->maximum)
        owner->maximum = maximum < LIMIT_ENVIRONMENTS_MAX ? maximum : LIMIT_ENVIRONMENTS_MAX;
}

int budget_see(struct budget *budget, const struct stat *st)
{
    struct budget_owner *owner = find_or_add(budget, st->st_uid, has_mode_of_record(st));

    if (!owner)
        return -ENOMEM;
    owner->seen++;
    return 0;
}

size_t budget_seen(const struct budget *budget, uid_t uid)
{
    size_t seen = 0;

    for (size_t i = 0; i < budget->count; i++)
        seen += budget->owners[i].uid == uid ? budget->owners[i].seen : 0;
    return seen;
}

int budget_admit(struct budget *budget, const struct stat *st, struct genv_error *err)
{
    struct budget_owner *owner;

    if (st->st_size > RECORD_SIZE_MAX)
        return error_set(err, EFBIG, "it is too large for a record");
    if (st->st_uid == budget->reader)
        return 0;
    owner = find_or_add(budget, st->st_uid, has_mode_of_record(st));
    if (!owner)
        return error_no_memory(err);
    owner->records++;
    owner->bytes += (uint64_t)st->st_size;
    if (is_spent(owner))
        ask_for_more(budget, owner);
    if (!is_spent(owner))
        return 0;
    return error_set(err, EDQUOT, "their owner has more than %llu environments, or has made them too large",
                     (unsigned long long)owner->maximum);
}

void budget_release(struct budget *budget)
{
    free(budget->owners);
    budget->owners = NULL;
    budget->count = 0;
}
