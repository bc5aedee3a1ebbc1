/* The listening socket and the HTTP library. */
#include "monitor/server.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <string.h>

#include "base/text.h"
#include "monitor/answer.h"
#include "monitor/connections.h"

#define IDLE_SECONDS 10
#define HEADERS_BYTES                                                                                                  \
    (16 * 1024) /* of a request; browsers send a machine all cookies of localhost, whoever set them                    \
                 */

struct server {
    struct MHD_Daemon *daemon;
    struct observer *observer;
    struct answers answers;
    struct connections connections;
    char host[256];
    unsigned port;
};

static void connection_changed(void *data, struct MHD_Connection *connection, void **socket_context,
                               enum MHD_ConnectionNotificationCode what)
{
    struct server *server = data;
    const union MHD_ConnectionInfo *info; /* the next one is told in the same place */
    int fd;

    if (what == MHD_CONNECTION_NOTIFY_CLOSED) {
        if (*socket_context)
            connections_remove(&server->connections, *socket_context);
        return;
    }
    info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
    fd = info->connect_fd;
    info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
    *socket_context = connections_add(&server->connections, fd, info->client_addr);
}

static bool has_body(struct MHD_Connection *connection)
{
    const char *length = MHD_lookup_connection_value(connection, MHD_HEADER_KIND, "Content-Length");

    return (length && strcmp(length, "0") != 0) ||
           MHD_lookup_connection_value(connection, MHD_HEADER_KIND, "Transfer-Encoding");
}

static enum MHD_Result handle(void *data, struct MHD_Connection *connection, const char *url, const char *method,
                              const char *version, const char *upload, size_t *upload_size, void **request)
{
    struct server *server = data;
    const union MHD_ConnectionInfo *info;

    (void)version;
    (void)upload;
    if (!*request) { /* the library calls twice for each request: when it has the headers, and when it has all */
        *request = server;
        return has_body(connection) ? answer_body(connection, method) : MHD_YES;
    }
    *upload_size = 0;
    info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    if (info && info->socket_context)
        connections_touch(&server->connections, info->socket_context);
    return answer(&server->answers, connection, method, url);
}

/* Paths are compared as they come: "%2e" is no dot. */
static size_t keep_escapes(void *data, struct MHD_Connection *connection, char *text)
{
    (void)data;
    (void)connection;
    return strlen(text);
}

static void drop_message(void *data, const char *format, va_list args)
{
    (void)data;
    (void)format;
    (void)args;
}

static bool is_loopback(const struct sockaddr *address)
{
    if (address->sa_family == AF_INET6) {
        const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)(const void *)address;

        return IN6_IS_ADDR_LOOPBACK(&in6->sin6_addr);
    }
    return ntohl(((const struct sockaddr_in *)(const void *)address)->sin_addr.s_addr) >> 24 == IN_LOOPBACKNET;
}

static int listen_at(const struct addrinfo *info, const struct server_options *options, int *ret_fd,
                     struct genv_error *err)
{
    cleanup_close int fd = socket(info->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    const int on = 1, off = 0, defer_seconds = IDLE_SECONDS;

    if (fd < 0)
        return error_set_errno(err, errno, "cannot create a socket for %s", options->address);
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    if (info->ai_family == AF_INET6)
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off));
    /* Who says nothing waits in the kernel, so that a crowd of them takes no place from one whose request is on its
     * way. */
    setsockopt(fd, IPPROTO_TCP, TCP_DEFER_ACCEPT, &defer_seconds, sizeof(defer_seconds));
    if (bind(fd, info->ai_addr, info->ai_addrlen) == 0 && listen(fd, SOMAXCONN) == 0) {
        *ret_fd = steal_fd(&fd);
        return 0;
    }
    if (errno == EADDRINUSE)
        return error_set(err, EADDRINUSE, "port %u of %s is in use by another program: choose another with --port",
                         options->port, options->address);
    if (errno == EACCES)
        return error_set(err, EACCES, "port %u needs root: choose one above 1023 with --port", options->port);
    if (errno == EADDRNOTAVAIL)
        return error_set(err, EADDRNOTAVAIL, "this machine has no address %s: choose one of its own with --host",
                         options->address);
    return error_set_errno(err, errno, "cannot listen on port %u of %s", options->port, options->address);
}

static int open_socket(struct server *server, const struct server_options *options, int *ret_fd, struct genv_error *err)
{
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE | AI_NUMERICSERV};
    union {
        struct sockaddr any;
        struct sockaddr_in in;
        struct sockaddr_in6 in6;
    } address = {.in6 = {.sin6_family = AF_UNSPEC}};
    socklen_t length = sizeof(address);
    struct addrinfo *info;
    char port[16];
    int r;

    snprintf(port, sizeof(port), "%u", options->port);
    r = getaddrinfo(options->address, port, &hints, &info);
    if (r != 0)
        return error_set(err, EADDRNOTAVAIL, "'%s' is not an address of this machine (%s): choose another with --host",
                         options->address, gai_strerror(r));
    r = listen_at(info, options, ret_fd, err);
    freeaddrinfo(info);
    if (r < 0)
        return r;
    getsockname(*ret_fd, &address.any, &length);
    server->port = ntohs(address.any.sa_family == AF_INET6 ? address.in6.sin6_port : address.in.sin_port);
    copy_string(server->host, sizeof(server->host), options->address);
    server->answers.host = is_loopback(&address.any) || options->allowed_hosts ? server->host : NULL;
    server->answers.allowed = options->allowed_hosts;
    return 0;
}

static int start_daemon(struct server *server, int *fd, struct genv_error *err)
{
    server->daemon = MHD_start_daemon(
        MHD_USE_EPOLL_INTERNAL_THREAD | MHD_USE_ITC | MHD_USE_ERROR_LOG, 0, NULL, NULL, handle, server,
        MHD_OPTION_EXTERNAL_LOGGER, drop_message, NULL, MHD_OPTION_LISTEN_SOCKET, *fd, MHD_OPTION_CONNECTION_LIMIT,
        (unsigned)CONNECTIONS_MAX, MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)IDLE_SECONDS,
        MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)HEADERS_BYTES, MHD_OPTION_NOTIFY_CONNECTION, connection_changed,
        server, MHD_OPTION_UNESCAPE_CALLBACK, keep_escapes, NULL, MHD_OPTION_END);
    if (!server->daemon)
        return error_set(err, EIO, "cannot start the HTTP server");
    *fd = -1; /* the library's now */
    return 0;
}

int server_start(struct source *source, const struct server_options *options, struct server **ret_server,
                 struct genv_error *err)
{
    struct server *server = calloc(1, sizeof(*server));
    cleanup_close int fd = -1;
    int r;

    if (!server)
        return error_no_memory(err);
    connections_init(&server->connections);
    r = open_socket(server, options, &fd, err);
    if (r == 0)
        r = observer_start(source, options->interval_seconds, &server->observer, err);
    if (r == 0) {
        server->answers.observer = server->observer;
        server->answers.remote = source->remote;
        server->answers.interval_seconds = options->interval_seconds;
        r = start_daemon(server, &fd, err);
    }
    if (r < 0) {
        if (server->observer)
            observer_stop(server->observer);
        free(server);
        return r;
    }
    *ret_server = server;
    return 0;
}

unsigned server_port(const struct server *server)
{
    return server->port;
}

bool server_stop(struct server *server)
{
    bool stopped;

    MHD_stop_daemon(server->daemon);
    answers_release(&server->answers);
    stopped = observer_stop(server->observer);
    free(server);
    return stopped;
}
