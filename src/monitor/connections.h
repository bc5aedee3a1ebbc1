/* Who is connected: when there are too many, those that have been slow for longest make room. */
#ifndef MONITOR_CONNECTIONS_H
#define MONITOR_CONNECTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>

#define CONNECTIONS_MAX         64
#define CONNECTIONS_COMFORTABLE 48 /* from here on each new one costs the oldest one its place */
#define CONNECTIONS_PER_ADDRESS 8  /* loopback excepted */

struct connection {
    int fd; /* -1: a free place */
    unsigned long long number;
    struct sockaddr_storage address;
};

/* Of one thread. */
struct connections {
    struct connection items[CONNECTIONS_MAX];
    size_t count;
    unsigned long long number; /* counts what happens: the lowest number of all is the oldest */
};

void connections_init(struct connections *connections);
/* A new connection from @address. Shuts those down that have to make room for it. NULL: there is no place. */
struct connection *connections_add(struct connections *connections, int fd, const struct sockaddr *address);
/* It has asked for something that it gets: it counts as new. */
void connections_touch(struct connections *connections, struct connection *connection);
void connections_remove(struct connections *connections, struct connection *connection);

#endif
