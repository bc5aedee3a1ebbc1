/* The list of connections. */
#include "monitor/connections.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>

void connections_init(struct connections *connections)
{
    *connections = (struct connections){.count = 0};
    for (size_t i = 0; i < CONNECTIONS_MAX; i++)
        connections->items[i].fd = -1;
}

/* The address without its port, and whether it is this machine. */
static size_t host_of(const struct sockaddr *address, const void **ret_host, bool *ret_loopback)
{
    if (address->sa_family == AF_INET) {
        const struct sockaddr_in *in = (const struct sockaddr_in *)(const void *)address;

        *ret_host = &in->sin_addr;
        *ret_loopback = ntohl(in->sin_addr.s_addr) >> 24 == IN_LOOPBACKNET;
        return sizeof(in->sin_addr);
    }
    if (address->sa_family == AF_INET6) {
        const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)(const void *)address;
        bool mapped = IN6_IS_ADDR_V4MAPPED(&in6->sin6_addr);

        *ret_host = &in6->sin6_addr;
        *ret_loopback =
            IN6_IS_ADDR_LOOPBACK(&in6->sin6_addr) || (mapped && in6->sin6_addr.s6_addr[12] == IN_LOOPBACKNET);
        return sizeof(in6->sin6_addr);
    }
    *ret_host = NULL;
    *ret_loopback = true;
    return 0;
}

static bool is_same_host(const struct connection *connection, const void *host, size_t length)
{
    const void *other;
    bool loopback;

    return host_of((const struct sockaddr *)&connection->address, &other, &loopback) == length &&
           memcmp(other, host, length) == 0;
}

/* The server's library notices the end by itself, and takes the connection out. */
static void shut_oldest(struct connections *connections, const void *host, size_t length)
{
    struct connection *oldest = NULL;

    for (size_t i = 0; i < CONNECTIONS_MAX; i++) {
        struct connection *connection = &connections->items[i];

        if (connection->fd < 0 || (oldest && connection->number > oldest->number))
            continue;
        if (!length || is_same_host(connection, host, length))
            oldest = connection;
    }
    if (!oldest)
        return;
    shutdown(oldest->fd, SHUT_RDWR);
    connections_touch(connections, oldest);
}

static size_t count_host(const struct connections *connections, const void *host, size_t length)
{
    size_t count = 0;

    for (size_t i = 0; i < CONNECTIONS_MAX; i++)
        count += connections->items[i].fd >= 0 && is_same_host(&connections->items[i], host, length);
    return count;
}

struct connection *connections_add(struct connections *connections, int fd, const struct sockaddr *address)
{
    struct connection *place = connections->items;
    const void *host;
    bool loopback;
    size_t length = host_of(address, &host, &loopback);

    if (!loopback && count_host(connections, host, length) >= CONNECTIONS_PER_ADDRESS)
        shut_oldest(connections, host, length);
    else if (connections->count >= CONNECTIONS_COMFORTABLE)
        shut_oldest(connections, NULL, 0);
    while (place < connections->items + CONNECTIONS_MAX && place->fd >= 0)
        place++;
    if (place == connections->items + CONNECTIONS_MAX)
        return NULL;
    *place = (struct connection){.fd = fd};
    memcpy(&place->address, address,
           length == sizeof(struct in6_addr) ? sizeof(struct sockaddr_in6) : sizeof(struct sockaddr_in));
    connections->count++;
    connections_touch(connections, place);
    return place;
}

void connections_touch(struct connections *connections, struct connection *connection)
{
    connection->number = ++connections->number;
}

void connections_remove(struct connections *connections, struct connection *connection)
{
    connection->fd = -1;
    connections->count--;
}
