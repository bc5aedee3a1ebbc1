/* How much of one user's records the commands of others read. */
#ifndef STORE_BUDGET_H
#define STORE_BUDGET_H

#include "base/error.h"

#include <sys/stat.h>

/* The owners of a listing; zero-initialise it. */
struct budget {
    uid_t reader;            /* who reads all of their own */
    const char *limits_file; /* may allow a user more; NULL: there is none */
    struct budget_owner *owners;
    size_t count;
};

/* Counts a file that stands where a record would. -ENOMEM. */
int budget_see(struct budget *budget, const struct stat *st);
/* Counts one that is about to be read. -EFBIG: it is larger than any record; -EDQUOT: its owner has had others read
 * enough; -ENOMEM. */
int budget_admit(struct budget *budget, const struct stat *st, struct genv_error *err);
/* How many files of @uid's were seen. */
size_t budget_seen(const struct budget *budget, uid_t uid);
void budget_release(struct budget *budget);

#endif
