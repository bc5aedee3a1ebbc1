/* Which machine's daemon docker speaks to, or podman. */
#ifndef SHIM_DOCKER_DAEMON_H
#define SHIM_DOCKER_DAEMON_H

#include "base/text.h"

#include <stdbool.h>

/* Whether it is another machine's, by the global options at @words, and what else the engine goes by: docker by its
 * variables, contexts and configuration, podman by CONTAINER_HOST and CONTAINER_CONNECTION. @ret_where, "ssh://gpu2",
 * is its address as far as it is known. */
bool docker_is_elsewhere(bool is_podman, char **words, struct text *ret_where);

enum docker_daemon {
    DOCKER_DAEMON_OTHER,  /* another machine's, or one of this machine whose configuration is not known */
    DOCKER_DAEMON_SYSTEM, /* root's, at its usual socket */
    DOCKER_DAEMON_OWN,    /* the caller's own, without root; of podman: itself, without any service */
};

/* Whose daemon it is, by the same. */
enum docker_daemon docker_find_daemon(bool is_podman, char **words);

/* Whether @address, such as "tcp://10.0.0.1:2375", is another machine's. */
bool docker_address_is_elsewhere(const char *address);

#endif
