/* genv shell-direnv: what `use genv` in a project's .envrc evaluates. */
#include <errno.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/proc.h"
#include "cli/cli.h"
#include "cli/fields.h"
#include "cli/installation.h"
#include "cli/leave.h"
#include "cli/saved.h"
#include "cli/sharers.h"

struct values {
    struct genv_config config;
    bool no_load;
    bool over_subscribe;
};

static const struct values defaults = {.config = GENV_CONFIG_INIT};

static const struct option options[] = {
    GENV_CONFIG_FIELDS(FIELD_OPTION) /* a row each */
    NO_LOAD_OPTION,
    OVER_SUBSCRIBE_OPTION,
    {.name = NULL},
};

#define DIRENV "direnv" /* what the kernel calls it */

/* Whether @pid runs `direnv exec`, which becomes the command. */
static bool is_exec(pid_t pid)
{
    char word[8];

    proc_first_argument(pid, word, sizeof(word));
    return strcmp(word, "exec") == 0;
}

/* Whether the shell @pid was given one command (-c), and goes when that is done. */
static bool is_passing(pid_t pid)
{
    char word[16];

    proc_first_argument(pid, word, sizeof(word));
    return word[0] == '-' && word[1] != '-' && strchr(word, 'c');
}

/* The direnv that evaluates .envrc here. 0: there is none. */
static pid_t find_direnv(void)
{
    char name[sizeof(DIRENV) + 1];
    struct proc_stat stat;
    pid_t pid = getppid();

    for (; pid > 1; pid = stat.parent) {
        proc_name(pid, name, sizeof(name));
        if (strcmp(name, DIRENV) == 0)
            return pid;
        if (proc_stat_read(pid, &stat) < 0)
            return 0;
    }
    return 0;
}

/* Who gets the variables from @direnv and stays: what has run `direnv export`, past shells that only do that; with
 * `direnv exec`, direnv itself. 0: that cannot be told. */
static pid_t find_holder(pid_t direnv)
{
    struct proc_stat stat;
    enum shell_kind kind;
    pid_t pid = direnv;

    if (!direnv || is_exec(direnv))
        return direnv;
    do {
        if (proc_stat_read(pid, &stat) < 0)
            return 0;
        pid = stat.parent;
    } while (pid > 1 && shell_kind_of_process(pid, &kind) != -ENOENT && is_passing(pid));
    return pid > 1 ? pid : 0;
}

static bool is_same_directory(const char *one, const char *other)
{
    struct stat first, second;

    return stat(one, &first) == 0 && stat(other, &second) == 0 && first.st_dev == second.st_dev &&
           first.st_ino == second.st_ino;
}

/* Whether the shell comes from another project, whose variables it still had when it ran @direnv: DIRENV_DIR is "-" and
 * the directory of that one's .envrc. That of this one is the nearest, upwards from where the shell is. */
static bool is_from_elsewhere(pid_t direnv)
{
    char before[PATH_MAX], path[PATH_MAX + sizeof("/.envrc")], *slash;

    if (proc_variable(direnv, "DIRENV_DIR", before, sizeof(before)) < 0 || before[0] != '-' ||
        proc_variable(direnv, "PWD", path, PATH_MAX) < 0)
        return false;
    for (; (slash = strrchr(path, '/')); *slash = '\0') {
        size_t length = strlen(path);
        bool found;

        copy_string(path + length, sizeof(path) - length, "/.envrc");
        found = access(path, F_OK) == 0;
        path[length] = '\0';
        if (found)
            return !is_same_directory(path, before + 1);
    }
    return false;
}

/* Has @holder enter a new environment, or the one that it is in: what the other project has left running goes on in
 * that one, which then is not the holder's any more. */
static int reserve(struct cli *cli, const struct values *values, pid_t direnv, pid_t holder, struct genv_env **ret_env,
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
    if (r == 0 && eids[0] && is_from_elsewhere(direnv))
        r = leave_environment(cli, eids[0], holder, err);
    else if (r == 0)
        reservation.eid = eids[0];
    if (r != 0)
        return r;
    reservation.members = &member;
    reservation.member_count = 1;
    reservation.fields = GENV_CONFIG_ALL;
    reservation.over_subscribe = values->over_subscribe;
    if (reservation.eid && reservation.config.gpus < 0)
        reservation.config.gpus = 0; /* what .envrc said before is let go */
    return genv_reserve(cli->genv, &reservation, ret_env, NULL, err);
}

static int run(struct cli *cli, const struct arguments *arguments, struct genv_error *err)
{
    cleanup_free struct genv_variable *variables = NULL;
    cleanup_env struct genv_env *env = NULL;
    struct installation installation;
    pid_t direnv = find_direnv(), holder = find_holder(direnv);
    int r = installation_find(&installation, err);

    if (r == 0)
        r = cli_open(cli, err);
    if (r < 0)
        return r;
    if (cli_current_eid() && cli_current_env(cli, &env, NULL) == 0)
        return 0; /* whoever has activated it goes on with it */
    if (!holder)
        return error_set(err, EPERM, "cannot tell which shell direnv runs this for: use 'genv activate' in that shell");
    r = reserve(cli, arguments->values, direnv, holder, &env, err);
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
