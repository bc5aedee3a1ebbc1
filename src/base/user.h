/* Users, by number and name. */
#ifndef BASE_USER_H
#define BASE_USER_H

#include <stddef.h>
#include <sys/types.h>

/* The user's name, or his number where he has none that is printable. */
void user_name(uid_t uid, char *name, size_t size);

#endif
