/* genv shell-direnv: what `use genv` in a project's .envrc evaluates. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "base/file.h"
#include "base/proc.h"
#include "cli/cli.h"
#include "cli/fields.h"
#include "cli/installation.h"
#include "cli/saved.h"

struct values {
    struct genv_config config;
    bool no_load;
    bool over_subscribe;
};

static const struct values defaults = {.config = GENV_CONFIG_INIT};

static const struct option options[] = {
    GENV_CONFIG_FIELDS(FIELD_OPTION) /* a row each */
    {.name = "no-load",
     .type = OPTION_FLAG,
     .help = "Do not load the saved configuration",
     .offset = offsetof(struct values, no_load)},
    {.name = "over-subscribe",
     .alias = "allow-over-subscription",
     .letter = 'o',
     .type = OPTION_FLAG,
     .help = "Also attach devices that others hold",
     .offset = offsetof(struct values, over_subscribe)},
    {.name = NULL},
};

#define WORDS_SIZE 4096 /* of a command line, of which the beginning is looked at */

static bool is_called(pid_t pid, const char *name)
{
    char path[32];
    cleanup_free char *command = NULL;

    snprintf(path, sizeof(path), "/proc/%d/comm", pid);
    if (file_read_at(AT_FDCWD, path, 64, &command, NULL) < 0)
        return false;
    command[strcspn(command, "\n")] = '\0';
    return strcmp(command, name) == 0;
}

/* The first word of @pid's command line behind its name. */
static bool has_word(pid_t pid, bool (*is_it)(const char *word))
{
    char path[32];
    cleanup_free char *words = NULL;
    size_t length, first;

    snprintf(path, sizeof(path), "/proc/%d/cmdline", pid);
    if (file_read_at(AT_FDCWD, path, WORDS_SIZE, &words, &length) < 0)
        return false;
    first = strlen(words) + 1;
    return first < length && is_it(words + first);
}

static bool is_exec(const char *word)
{
    return strcmp(word, "exec") == 0;
}

static bool is_one_command(const char *word)
{
    return word[0] == '-' && word[1] != '-' && strchr(word, 'c');
}

/* Who gets the variables from direnv and stays: what has run `direnv export`, past shells that only do that; with
 * `direnv exec`, direnv itself, which becomes the command. 0: that cannot be told. */
static pid_t find_holder(void)
{
    struct proc_stat stat;
    enum shell_kind kind;
    pid_t pid = getppid();

    for (; pid > 1 && !is_called(pid, "direnv"); pid = stat.parent) {
        if (proc_stat_read(pid, &stat) < 0)
            return 0;
    }
    if (pid <= 1 || has_word(pid, is_exec))
        return pid > 1 ? pid : 0;
    do {
        char command[GENV_COMMAND_SIZE];

        if (proc_stat_read(pid, &stat) < 0)
            return 0;
        pid = stat.parent;
        proc_command(pid, command, sizeof(command));
        command[strcspn(command, " ")] = '\0';
        if (shell_kind_of_program(command, &kind) == -ENOENT)
            break;
    } while (pid > 1 && has_word(pid, is_one_command));
    return pid > 1 ? pid : 0;
}

/* Enters the environment that @holder is in, as the one of another project perhaps, or a new one. */
static int reserve(struct cli *cli, const struct values *values, pid_t holder, struct genv_env **ret_env,
                   struct genv_error *err)
{
    const struct genv_member member = {.pid = holder};
    struct genv_reservation reservation = GENV_RESERVATION_INIT;
    cleanup_free char **eids = NULL;
    int r = values->no_load ? 0 : saved_load(cli, &values->config, &reservation.config, err);

    if (values->no_load)
        reservation.config = values->config;
    if (r == 0)
        r = genv_find(cli->genv, &member, &eids, err);
    if (r != 0)
        return r;
    reservation.eid = eids[0];
    reservation.members = &member;
    reservation.member_count = 1;
    reservation.fields = GENV_CONFIG_ALL;
    reservation.over_subscribe = values->over_subscribe;
    if (reservation.eid && reservation.config.gpus < 0)
        reservation.config.gpus = 0; /* what the other project had is let go */
    return genv_reserve(cli->genv, &reservation, ret_env, NULL, err);
}

static int run(struct cli *cli, const struct arguments *arguments, struct genv_error *err)
{
    cleanup_free struct genv_variable *variables = NULL;
    cleanup_env struct genv_env *env = NULL;
    struct installation installation;
    pid_t holder = find_holder();
    int r = installation_find(&installation, err);

    if (r == 0)
        r = cli_open(cli, err);
    if (r < 0)
        return r;
    if (cli_current_eid() && cli_current_env(cli, &env, NULL) == 0)
        return 0; /* whoever has activated it goes on with it */
    if (!holder)
        return error_set(err, EPERM, "cannot tell which shell direnv runs this for: use 'genv activate' in that shell");
    r = reserve(cli, arguments->values, holder, &env, err);
    if (r == 0)
        r = genv_variables(env, false, &variables, err);
    if (r == 0)
        shell_add_exports(&cli->output, variables, installation.shims);
    return r;
}

const struct command command_shell_direnv = {
    .name = "shell-direnv",
    .summary = "Create an environment for the shell that direnv runs for",
    .description = "For 'use genv' in .envrc, which 'genv shell --init direnv' defines.",
    .group = GROUP_SETUP,
    .hidden = true,
    .options = options,
    .defaults = &defaults,
    .values_size = sizeof(defaults),
    .run = run,
};
