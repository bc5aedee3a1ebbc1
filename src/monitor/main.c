/* genv-monitor, what `genv monitor` becomes. Its options are those of that command, checked there and all of them
 * given: --host ADDR --port PORT --interval SECONDS [--config-dir DIR], and of `genv remote monitor` --remote and those
 * of `genv remote`. */
#include <getopt.h>
#include <malloc.h>
#include <signal.h>
#include <string.h>

#include "base/text.h"
#include "monitor/config.h"
#include "monitor/server.h"
#include "monitor/source_remote.h"

struct options {
    struct server_options server;
    const char *config_dir;
    bool remote;
    const char *hosts, *hostfile;
    struct host_defaults host_defaults;
    double timeout_seconds;
};

static void complain(const char *message)
{
    fprintf(stderr, "genv: %s\n", message);
}

static int take(int letter, const char *value, struct options *options)
{
    switch (letter) {
    case 'H':
        options->server.address = value;
        return 0;
    case 'p':
        options->server.port = (unsigned)strtoul(value, NULL, 10);
        return 0;
    case 'i':
        options->server.interval_seconds = strtod(value, NULL);
        return 0;
    case 'c':
        options->config_dir = value;
        return 0;
    case 'r':
        options->remote = true;
        return 0;
    case 'h':
        options->hosts = value;
        return 0;
    case 'f':
        options->hostfile = value;
        return 0;
    case 'u':
        options->host_defaults.user = value;
        return 0;
    case 'g':
        options->host_defaults.genv = value;
        return 0;
    case 't':
        options->timeout_seconds = strtod(value, NULL);
        return 0;
    default:
        return -1;
    }
}

static int parse(int argc, char **argv, struct options *options)
{
    static const struct option rows[] = {
        {"host", required_argument, NULL, 'H'},
        {"port", required_argument, NULL, 'p'},
        {"interval", required_argument, NULL, 'i'},
        {"config-dir", required_argument, NULL, 'c'},
        {"remote", no_argument, NULL, 'r'},
        {"hosts", required_argument, NULL, 'h'},
        {"hostfile", required_argument, NULL, 'f'},
        {"user", required_argument, NULL, 'u'},
        {"genv", required_argument, NULL, 'g'},
        {"timeout", required_argument, NULL, 't'},
        {0},
    };
    int letter;

    while ((letter = getopt_long(argc, argv, "", rows, NULL)) != -1) {
        if (take(letter, optarg, options) < 0)
            return -1;
    }
    return optind == argc ? 0 : -1;
}

static void say_where(const struct server *server, const char *address)
{
    bool six = strchr(address, ':');

    printf("Serving http://%s%s%s:%u/ and http://%s%s%s:%u/metrics\n", six ? "[" : "", address, six ? "]" : "",
           server_port(server), six ? "[" : "", address, six ? "]" : "", server_port(server));
    fflush(stdout);
}

static int open_remote(const struct options *options, struct source **ret_source, struct genv_error *err)
{
    cleanup_host_list struct host_list hosts = {0};
    cleanup_free char *path = NULL;
    int r = 0;

    if (options->hosts) {
        r = hosts_parse(options->hosts, &options->host_defaults, &hosts, err);
    } else {
        if (!options->hostfile)
            r = hosts_find_file(&path, err);
        if (r == 0)
            r = hosts_read(path ? path : options->hostfile, &options->host_defaults, &hosts, err);
    }
    return r < 0 ? r : source_open_remote(&hosts, options->timeout_seconds, ret_source, err);
}

/* Serving does without the files, unless somebody says where they are to be. */
static int write_config(const struct options *options, unsigned port)
{
    const struct config_options config = {
        .directory = options->config_dir,
        .address = options->server.address,
        .port = port,
        .interval_seconds = options->server.interval_seconds,
    };
    struct genv_error err = {0};
    int r = config_write(&config, &err);

    if (r < 0)
        complain(err.message);
    return options->config_dir ? r : 0;
}

/* Returns the exit status. */
static int serve(struct source *source, const struct options *options, const sigset_t *ending)
{
    struct server *server = NULL;
    struct genv_error err = {0};
    int signal;

    if (server_start(source, &options->server, &server, &err) < 0) {
        complain(err.message);
        source->close(source);
        return EXIT_FAILURE;
    }
    if (write_config(options, server_port(server)) < 0) {
        if (server_stop(server))
            source->close(source);
        return EXIT_FAILURE;
    }
    say_where(server, options->server.address);
    sigwait(ending, &signal);
    if (server_stop(server))
        source->close(source);
    return EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
    struct options options = {.server = {.address = "127.0.0.1", .port = 8000, .interval_seconds = 10}};
    struct source *source = NULL;
    struct genv_error err = {0};
    sigset_t ending;

    if (parse(argc, argv, &options) < 0) {
        complain("genv-monitor is part of genv: run 'genv monitor'");
        return 2;
    }
    mallopt(M_ARENA_MAX, 1); /* each thread's own heap would cost more than waiting for the one */
    signal(SIGPIPE, SIG_IGN);
    sigemptyset(&ending);
    sigaddset(&ending, SIGINT);
    sigaddset(&ending, SIGTERM);
    sigaddset(&ending, SIGHUP);
    sigprocmask(SIG_BLOCK, &ending, NULL); /* in the threads too: only sigwait() takes them */
    if ((options.remote ? open_remote(&options, &source, &err) : source_open_local(&source, &err)) < 0) {
        complain(err.message);
        return EXIT_FAILURE;
    }
    return serve(source, &options, &ending);
}
