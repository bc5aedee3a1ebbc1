/* genv-monitor, what `genv monitor` and `genv remote monitor` become. */
#include <malloc.h>
#include <signal.h>
#include <string.h>

#include "base/text.h"
#include "monitor/answer.h"
#include "monitor/config.h"
#include "monitor/server.h"
#include "monitor/source_remote.h"
#include "option/monitor.h"
#include "option/program.h"
#include "option/remote.h"

/* What it serves: this machine, or @remote's. */
struct options {
    struct monitor_options monitor;
    struct remote_options remote;
    bool is_remote;
};

/* "remote OPTIONS monitor OPTIONS", as they are behind "genv"; without the commands' names those of `genv monitor`.
 * Returns as program_parse() does. */
static int parse(char **words, int count, struct options *options)
{
    static const struct command remote = {
        .name = "remote",
        .options = remote_option_rows,
        .defaults = &remote_defaults,
        .values_size = sizeof(options->remote),
        .operands = {.synopsis = "monitor [ARGUMENT...]", .kind = OPERAND_COMMAND, .min = 1, .max = OPERANDS_ANY},
    };
    struct arguments arguments;
    int status;

    options->is_remote = count && strcmp(words[0], "remote") == 0;
    if (!options->is_remote)
        return program_parse(&command_monitor, words, count, &options->monitor, &arguments);
    status = program_parse(&remote, words + 1, count - 1, &options->remote, &arguments);
    if (status < 0 && strcmp(arguments.operands[0], "monitor") != 0) {
        program_complain("genv-monitor is an internal program: run 'genv monitor'");
        return EXIT_USAGE;
    }
    if (status >= 0)
        return status;
    return program_parse(&command_remote_monitor, arguments.operands + 1, arguments.operand_count - 1,
                         &options->monitor, &arguments);
}

/* Returns as program_parse() does. */
static int check(const struct options *options)
{
    const struct command *command = options->is_remote ? &command_remote_monitor : &command_monitor;
    struct genv_error err = {0};

    if (!options->monitor.allowed_hosts || answer_check_allowed(options->monitor.allowed_hosts, &err) == 0)
        return -1;
    command_refuse(command, &err);
    program_complain(err.message);
    return EXIT_USAGE;
}

static void say_where(const struct server *server, const char *address)
{
    bool six = strchr(address, ':');

    printf("Serving http://%s%s%s:%u/ and http://%s%s%s:%u/metrics\n", six ? "[" : "", address, six ? "]" : "",
           server_port(server), six ? "[" : "", address, six ? "]" : "", server_port(server));
    fflush(stdout);
}

static int open_remote(const struct remote_options *remote, struct source **ret_source, struct genv_error *err)
{
    const struct host_defaults defaults = {.user = remote->user, .genv = remote->genv};
    cleanup_host_list struct host_list hosts = {0};
    int r = hosts_choose(remote->hosts, remote->hostfile, &defaults, &hosts, err);

    return r < 0 ? r : source_open_remote(&hosts, remote->timeout_seconds, ret_source, err);
}

/* Serving does without the files, unless somebody says where they are to be. */
static int write_config(const struct monitor_options *options, unsigned port)
{
    const struct config_options config = {
        .directory = options->config_dir,
        .address = options->host,
        .port = port,
        .interval_seconds = options->interval_seconds,
    };
    struct genv_error err = {0};
    int r = config_write(&config, &err);

    if (r < 0)
        program_complain(err.message);
    return options->config_dir ? r : 0;
}

/* Returns the exit status. */
static int serve(struct source *source, const struct monitor_options *options, const sigset_t *ending)
{
    const struct server_options how = {
        .address = options->host,
        .port = options->port,
        .interval_seconds = options->interval_seconds,
        .allowed_hosts = options->allowed_hosts,
    };
    struct server *server = NULL;
    struct genv_error err = {0};
    int signal;

    if (server_start(source, &how, &server, &err) < 0) {
        program_complain(err.message);
        source->close(source);
        return EXIT_FAILURE;
    }
    if (write_config(options, server_port(server)) < 0) {
        if (server_stop(server))
            source->close(source);
        return EXIT_FAILURE;
    }
    say_where(server, options->host);
    sigwait(ending, &signal);
    if (server_stop(server))
        source->close(source);
    return EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
    struct options options;
    int status = parse(argv + 1, argc > 0 ? argc - 1 : 0, &options);
    struct source *source = NULL;
    struct genv_error err = {0};
    sigset_t ending;

    if (status < 0)
        status = check(&options);
    if (status >= 0)
        return status;
    mallopt(M_ARENA_MAX, 1); /* each thread's own heap would cost more than waiting for the one */
    signal(SIGPIPE, SIG_IGN);
    sigemptyset(&ending);
    sigaddset(&ending, SIGINT);
    sigaddset(&ending, SIGTERM);
    sigaddset(&ending, SIGHUP);
    sigprocmask(SIG_BLOCK, &ending, NULL); /* in the threads too: only sigwait() takes them */
    if ((options.is_remote ? open_remote(&options.remote, &source, &err) : source_open_local(&source, &err)) < 0) {
        program_complain(err.message);
        return EXIT_FAILURE;
    }
    return serve(source, &options.monitor, &ending);
}
