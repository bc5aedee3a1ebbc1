/* The administrator's limits file, and who the users of this machine are to it. */
#ifndef STORE_LIMITS_FILE_H
#define STORE_LIMITS_FILE_H

#include "model/limit.h"

/* Reads the file at @path; none says nothing, and limits nothing. -EINVAL names the line that is wrong. */
int limits_load(const char *path, struct limits *ret_limits, struct genv_error *err);

/* What the user @username of this machine, with the groups that he is in here, may hold. */
struct allowance limits_allowance(const struct limits *limits, const char *username);

/* Tells @complain of each group, and with @users each user, that this machine does not know, with the line of the file
 * at
 * @path if it is from there. Their limits stay: names come and go, and no name is to stop all others' enforcement. */
void limits_check_subjects(const struct limits *limits, const char *path, bool users,
                           void (*complain)(const char *message, void *data), void *data);

#endif
