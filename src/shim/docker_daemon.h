/* Which machine's daemon docker speaks to. */
#ifndef SHIM_DOCKER_DAEMON_H
#define SHIM_DOCKER_DAEMON_H

#include "base/text.h"

#include <stdbool.h>

/* Whether it is another machine's, by the options at @words, docker's global ones, and docker's variables, contexts and
 * configuration; @ret_where, "ssh://gpu2", is its address as far as it is known. podman's are read as well. */
bool docker_is_elsewhere(char **words, struct text *ret_where);

/* Whether @address, such as "tcp://10.0.0.1:2375", is another machine's. */
bool docker_address_is_elsewhere(const char *address);

#endif
