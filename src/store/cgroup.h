/* The cgroups of containers, which say who is in one: what enters a container later is nobody's child there. */
#ifndef STORE_CGROUP_H
#define STORE_CGROUP_H

#include <stdbool.h>
#include <sys/types.h>

/* The cgroup of a process as "HIERARCHY:PATH", of the same hierarchy for all; free() it. NULL: it is in none but the
 * root, as everybody, or cannot be told. */
char *cgroup_read(pid_t pid);

/* Whether @cgroup is that of a container whose first process is in @first, or one below it. */
bool cgroup_is_in(const char *cgroup, const char *first);

#endif
