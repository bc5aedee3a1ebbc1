/* Which machine's daemon docker speaks to, or podman. */
#include "shim/docker_daemon.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <fcntl.h>
#include <string.h>
#include <strings.h>

#include "base/file.h"
#include "base/json.h"
#include "base/proc.h"
#include "shim/docker_options.h"

#define FILE_SIZE_MAX (1024 * 1024)

/* What says where the daemon is; all of it borrowed, and NULL where nothing does. */
struct choice {
    const char *host, *context, *config;
    const char *connection; /* podman's --connection, or -c: the name of one */
    const char *remote;     /* podman's --remote: "", or what is behind its "=" */
};

static struct choice read_options(char **words)
{
    struct choice choice = {.host = NULL};
    struct docker_word word;

    for (; (word = docker_read(docker_global_options, words)).kind == DOCKER_OPTION; words += word.word_count) {
        const char *name = word.option ? word.option->name : "";

        if (strcmp(name, "host") == 0 || strcmp(name, "url") == 0)
            choice.host = word.value;
        if (strcmp(name, "context") == 0)
            choice.context = word.value;
        if (strcmp(name, "context") == 0 && words[0][1] != '-') /* docker's short one of that is podman's of this */
            choice.connection = word.value;
        if (strcmp(name, "config") == 0)
            choice.config = word.value;
        if (strcmp(name, "connection") == 0)
            choice.connection = word.value;
        if (strcmp(name, "remote") == 0)
            choice.remote = word.value ? word.value : "";
    }
    return choice;
}

static const char *variable(const char *name)
{
    const char *value = getenv(name);

    return value && *value ? value : NULL;
}

/* The folder of docker's configuration, opened; -1: there is none. */
static int open_folder(const char *config)
{
    cleanup_text struct text path = TEXT_INIT;
    const char *home = getenv("HOME");

    config = config ? config : variable("DOCKER_CONFIG");
    if (config)
        text_add(&path, config);
    else
        text_addf(&path, "%s/.docker", home ? home : "");
    return path.failed ? -1 : open(path.data, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

static json_t *load(int folder, const char *name)
{
    cleanup_free char *text = NULL;
    size_t length;

    if (file_read_at(folder, name, FILE_SIZE_MAX, &text, &length) < 0)
        return NULL;
    return json_loadb(text, length, 0, NULL);
}

/* Adds the address of the context called @context, of contexts/meta/HASH/meta.json in @folder. */
static void add_context(int folder, const char *context, struct text *address)
{
    int fd = openat(folder, "contexts/meta", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    cleanup_closedir DIR *contexts = fd < 0 ? NULL : fdopendir(fd);
    struct dirent *entry;

    while (contexts && (entry = readdir(contexts))) {
        cleanup_close int one = openat(dirfd(contexts), entry->d_name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        cleanup_json json_t *meta = one < 0 ? NULL : load(one, "meta.json");
        const char *name = NULL, *host = NULL;

        if (json_unpack(meta, "{s:s, s:{s:{s:s}}}", "Name", &name, "Endpoints", "docker", "Host", &host) == 0 &&
            strcmp(name, context) == 0)
            text_add(address, host);
    }
}

static void add_docker_address(const struct choice *choice, struct text *address)
{
    const char *host = choice->host, *context = choice->context;
    cleanup_close int folder = -1;
    cleanup_json json_t *config = NULL;

    if (!host && !context)
        host = variable("DOCKER_HOST");
    if (host) {
        text_add(address, host);
        return;
    }
    folder = open_folder(choice->config);
    context = context ? context : variable("DOCKER_CONTEXT");
    if (!context && folder >= 0) {
        config = load(folder, "config.json");
        context = json_string_value(json_object_get(config, "currentContext"));
    }
    if (folder >= 0 && context && strcmp(context, "default") != 0)
        add_context(folder, context, address);
}

/* Whether @host is the loopback of this machine, or what a daemon calls all of its addresses. */
static bool is_here(const char *host)
{
    char own[256];
    struct in6_addr in6;
    struct in_addr in;

    proc_hostname(own, sizeof(own));
    if (strcasecmp(host, "localhost") == 0 || strcasecmp(host, own) == 0)
        return true;
    if (inet_pton(AF_INET6, host, &in6) == 1) {
        if (!IN6_IS_ADDR_V4MAPPED(&in6))
            return IN6_IS_ADDR_LOOPBACK(&in6) || IN6_IS_ADDR_UNSPECIFIED(&in6);
        memcpy(&in, &in6.s6_addr[12], sizeof(in));
    } else if (inet_pton(AF_INET, host, &in) != 1) {
        return false;
    }
    return in.s_addr == INADDR_ANY || ntohl(in.s_addr) >> 24 == IN_LOOPBACKNET;
}

bool docker_address_is_elsewhere(const char *address)
{
    const char *scheme_end = strstr(address, "://"), *rest = scheme_end ? scheme_end + 3 : address;
    const char *user_end = strchr(rest, '@');
    char host[256];
    size_t length;

    if (*rest == '/' || *rest == '\0' || strncmp(address, "unix:", 5) == 0 || strncmp(address, "fd:", 3) == 0)
        return false;
    rest = user_end ? user_end + 1 : rest;
    if (*rest == '[')
        length = strcspn(++rest, "]");
    else
        length = strcspn(rest, ":/");
    if (length == 0 || length >= sizeof(host))
        return length != 0;
    memcpy(host, rest, length);
    host[length] = '\0';
    return !is_here(host);
}

static bool docker_itself_is_elsewhere(const struct choice *choice, struct text *ret_where)
{
    add_docker_address(choice, ret_where);
    return ret_where->length && docker_address_is_elsewhere(ret_where->data);
}

/* Whether @host is the socket of the name docker.sock in one of the two folders, of which one may not be known. */
static bool is_socket_in(const char *host, const char *folder, const char *other)
{
    cleanup_text struct text address = TEXT_INIT, another = TEXT_INIT;

    text_addf(&address, "unix://%s/docker.sock", folder ? folder : other);
    text_addf(&another, "unix://%s/docker.sock", other);
    return !address.failed && !another.failed && (strcmp(host, address.data) == 0 || strcmp(host, another.data) == 0);
}

static enum docker_daemon find_docker_daemon(const struct choice *choice)
{
    cleanup_text struct text address = TEXT_INIT;
    char folder[64];

    add_docker_address(choice, &address);
    if (address.failed)
        return DOCKER_DAEMON_OTHER;
    snprintf(folder, sizeof(folder), "/run/user/%u", (unsigned)geteuid());
    if (!address.length || is_socket_in(address.data, "/run", "/var/run"))
        return DOCKER_DAEMON_SYSTEM;
    return is_socket_in(address.data, variable("XDG_RUNTIME_DIR"), folder) ? DOCKER_DAEMON_OWN : DOCKER_DAEMON_OTHER;
}

/* podman's connections, as `podman system connection` of podman 5 writes them; NULL: there are none. */
static json_t *load_connections(void)
{
    const char *file = variable("PODMAN_CONNECTIONS_CONF"), *config = variable("XDG_CONFIG_HOME");
    const char *home = variable("HOME");
    cleanup_text struct text path = TEXT_INIT;

    if (file)
        text_add(&path, file);
    else if (config)
        text_addf(&path, "%s/containers/podman-connections.json", config);
    else
        text_addf(&path, "%s/.config/containers/podman-connections.json", home ? home : "");
    return path.failed ? NULL : load(AT_FDCWD, path.data);
}

/* Where podman's connection called @name leads, or its default one (NULL). */
static void add_connection(const char *name, struct text *address)
{
    cleanup_json json_t *file = load_connections();
    json_t *all = json_object_get(file, "Connection");
    const char *uri;

    name = name ? name : json_string_value(json_object_get(all, "Default"));
    uri = name ? json_string_value(json_object_get(json_object_get(json_object_get(all, "Connections"), name), "URI"))
               : NULL;
    if (uri)
        text_add(address, uri);
}

/* As podman reads it. */
static bool is_false(const char *value)
{
    static const char *const words[] = {"0", "f", "F", "false", "FALSE", "False"};

    for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
        if (value && strcmp(value, words[i]) == 0)
            return true;
    }
    return false;
}

/* podman starts containers itself unless it is told of a service. It takes docker's --host and --context for its own,
 * and none of docker's variables. */
static bool podman_is_elsewhere(const struct choice *choice, struct text *ret_where)
{
    const char *connection = choice->connection ? choice->connection : choice->context, *host = choice->host;

    if (connection && strcmp(connection, "default") == 0 && !choice->connection)
        connection = NULL; /* as docker's own is called */
    if (!host && !connection && is_false(choice->remote))
        return false;
    if (!host && !connection) {
        host = variable("CONTAINER_HOST");
        connection = variable("CONTAINER_CONNECTION");
    }
    if (host)
        text_add(ret_where, host);
    else if (connection || choice->remote)
        add_connection(connection, ret_where);
    if (ret_where->length)
        return docker_address_is_elsewhere(ret_where->data);
    /* A connection that is in none of the files that are looked at; of "default" podman itself says so. */
    return connection ? strcmp(connection, "default") != 0 : choice->remote != NULL;
}

/* podman itself, where nothing names a service. */
static enum docker_daemon find_podman(const struct choice *choice)
{
    bool local = is_false(choice->remote);

    if (choice->host || choice->connection || choice->context || (choice->remote && !local))
        return DOCKER_DAEMON_OTHER;
    return local || (!variable("CONTAINER_HOST") && !variable("CONTAINER_CONNECTION")) ? DOCKER_DAEMON_OWN
                                                                                       : DOCKER_DAEMON_OTHER;
}

enum docker_daemon docker_find_daemon(bool is_podman, char **words)
{
    struct choice choice = read_options(words);

    return is_podman ? find_podman(&choice) : find_docker_daemon(&choice);
}

bool docker_is_elsewhere(bool is_podman, char **words, struct text *ret_where)
{
    struct choice choice = read_options(words);

    return is_podman ? podman_is_elsewhere(&choice, ret_where) : docker_itself_is_elsewhere(&choice, ret_where);
}
