/* genv activate: creates an environment, or enters one, in the shell that called. */
#include <errno.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/fields.h"
#include "cli/isolate.h"
#include "cli/saved.h"
#include "cli/sharers.h"

struct values {
    const char *eid;
    struct genv_config config;
    bool no_load;
    bool no_attach;
    bool no_prompt;
    bool over_subscribe;
    bool isolate;
    bool no_isolate;
};

static const struct values defaults = {.config = GENV_CONFIG_INIT};

static const struct option options[] = {
    {.name = "id",
     .alias = "eid",
     .type = OPTION_EID,
     .argument = "EID",
     .help = "Join the environment with this ID; if there is none, create it with this ID, which cannot be a number "
             "(default: the shell's PID)",
     .offset = offsetof(struct values, eid)},
    GENV_CONFIG_FIELDS(FIELD_OPTION) /* a row each */
    SAVED_OPTIONS,
    {.name = "no-prompt",
     .type = OPTION_FLAG,
     .help = "Do not add \"(genv)\" to the prompt; to make this permanent, set GENV_PROMPT=0",
     .offset = offsetof(struct values, no_prompt)},
    OVER_SUBSCRIBE_OPTION,
    ISOLATE_OPTIONS(
        "Start a shell within this one that cannot open any other device, and leave the environment with it"),
    {.name = NULL},
};

/* The identifiers of the caller's environments called @name, "12, 34", and the first of them. Returns how many. */
static size_t find_named(const struct genv_snapshot *snapshot, const char *name, struct text *list, char *ret_eid)
{
    size_t count = 0;

    for (size_t i = 0; i < snapshot->env_count; i++) {
        const struct genv_env *env = &snapshot->envs[i];

        if (env->uid != geteuid() || strcmp(env->config.name, name) != 0)
            continue;
        if (count++ == 0)
            copy_string(ret_eid, GENV_EID_MAX + 1, env->eid);
        text_addf(list, "%s%s", count > 1 ? ", " : "", env->eid);
    }
    return count;
}

/* The environment that @word, an identifier or a name, means. Returns whether it lives; -ENOENT: it does not, and
 * none can be created so (@joins: none is to be). */
static int resolve(struct cli *cli, const char *word, bool joins, char *ret_eid, struct genv_error *err)
{
    cleanup_snapshot struct genv_snapshot *snapshot = NULL;
    cleanup_env struct genv_env *env = NULL;
    cleanup_text struct text list = TEXT_INIT;
    struct genv_error refusal = {0};
    size_t count;
    int r, found = genv_eid_validate(word, NULL) == 0 ? cli_own_env(cli, word, &env, &refusal) : -ENOENT;

    copy_string(ret_eid, GENV_EID_MAX + 1, word);
    if (found == 0)
        return 1;
    r = genv_snapshot_take(cli->genv, GENV_DEPTH_ENVS, &snapshot, err);
    if (r < 0)
        return r;
    count = find_named(snapshot, word, &list, ret_eid);
    if (list.failed)
        return error_no_memory(err);
    if (count == 1)
        return 1;
    if (count > 1)
        return error_set(err, EINVAL, "%zu environments are named '%s': choose one by its ID: %s", count, word,
                         list.data);
    if (found == -EPERM) /* another user's, whose identifier hides no name of one's own */
        return error_set(err, EPERM, "%s", refusal.message);
    if (joins)
        return error_set(
            err, ENOENT,
            "none of your environments has the name or ID '%s': create one with 'genv activate --name NAME'", word);
    if (strspn(word, "0123456789") == strlen(word))
        return error_set(err, ENOENT,
                         "no environment has the ID %s; a new ID cannot be a number: leave out --id, or choose a word",
                         word);
    return 0;
}

/* One environment a shell. A shell that was only started from inside one, and an environment that has ended, are no
 * obstacle. */
static int refuse_active(struct cli *cli, struct genv_error *err)
{
    const struct genv_member shell = {.pid = cli->shell_pid};
    const char *eid = cli_current_eid();
    cleanup_free char **eids = NULL;

    if (!eid || genv_find(cli->genv, &shell, &eids, NULL) < 0)
        return 0;
    for (char **each = eids; *each; each++) {
        if (strcmp(*each, eid) == 0)
            return error_set(err, EEXIST, "this shell is already in environment %s: run 'genv deactivate' first", eid);
    }
    return 0;
}

/* What is reserved for a shell that ends at once would be exported, and nobody's. */
static int refuse_passing(const struct cli *cli, struct genv_error *err)
{
    if (getenv("DIRENV_IN_ENVRC"))
        return error_set(err, EPERM,
                         "direnv runs .envrc in a shell that exits at once: write 'use genv' there instead of 'genv "
                         "activate' (see 'genv shell --help')");
    if (cli->span == SHELL_PASSES)
        return error_set(err, EPERM,
                         "this shell runs a single command and then exits, which ends the environment: activate it in "
                         "an interactive shell, or use 'genv run'");
    return 0;
}

static void tell_of_subshell(const struct genv_env *env)
{
    cleanup_text struct text line = TEXT_INIT;

    text_addf(
        &line,
        "environment %s ends with this subshell: to stay in it, activate it outside parentheses, $() and pipelines",
        env->eid);
    if (!line.failed)
        program_complain(line.data);
}

/* The calling shell is the member. */
static int enter_this_shell(struct cli *cli, const struct values *values, const struct genv_reservation *reservation,
                            struct genv_error *err)
{
    cleanup_env struct genv_env *env = NULL;
    int entered, r = genv_reserve(cli->genv, reservation, &env, NULL, err);

    if (r < 0)
        return r;
    entered = cli_enter_shell(cli, env, !values->no_prompt, err);
    if (entered < 0) {
        genv_deactivate(cli->genv, env->eid, reservation->members, NULL);
        return entered;
    }
    if (cli->span == SHELL_IS_SUBSHELL)
        tell_of_subshell(env);
    if (reservation->over_subscribe)
        sharers_warn(cli, env);
    if (env->attachment_count && isatty(STDERR_FILENO)) /* a script is told by its exit status */
        cli_add_attachment_line(&cli->output, env);
    return r > 0 ? -err->code : 0; /* active, but detached */
}

/* This process, which becomes a shell, is the member. */
static int enter_isolated_shell(struct cli *cli, const struct genv_reservation *reservation, struct genv_error *err)
{
    cleanup_env struct genv_env *env = NULL;
    int r = genv_reserve(cli->genv, reservation, &env, NULL, err);

    if (r < 0)
        return r;
    if (reservation->over_subscribe)
        sharers_warn(cli, env);
    r = isolate_become_shell(cli, env, err);
    genv_deactivate(cli->genv, env->eid, reservation->members, NULL);
    return r;
}

/* @ret_isolate: what the caller needs is a shell within its own. */
static int check_caller(struct cli *cli, const struct arguments *arguments, bool *ret_isolate, struct genv_error *err)
{
    const struct values *values = arguments->values;
    int r;

    if (!cli->in_shell && !values->isolate)
        return cli_refuse_without_shell(cli, err);
    if (values->eid && arguments->operand_count)
        return cli_usage_error(cli, error_set(err, EINVAL, "--id and a name cannot be used together"), err);
    r = refuse_passing(cli, err);
    if (r == 0)
        r = cli_open(cli, err);
    if (r == 0)
        r = refuse_active(cli, err);
    if (r == 0)
        r = isolate_decide(cli, values->isolate, values->no_isolate, values->no_load, ret_isolate, err);
    if (r == 0 && *ret_isolate && !isatty(STDIN_FILENO))
        return error_set(err, ENOTTY,
                         "'genv activate --isolate' starts a shell, which needs a terminal: use 'genv run --isolate' "
                         "in scripts");
    return r;
}

static int run(struct cli *cli, const struct arguments *arguments, struct genv_error *err)
{
    const struct values *values = arguments->values;
    struct genv_reservation reservation = GENV_RESERVATION_INIT;
    struct genv_member member = {.pid = cli->shell_pid};
    const char *word = arguments->operand_count ? arguments->operands[0] : values->eid;
    char eid[GENV_EID_MAX + 1] = "";
    int lives = 0, r = check_caller(cli, arguments, &reservation.isolate, err);

    if (r == 0 && reservation.isolate && cli->in_shell)
        return isolate_call_again(cli, err);
    if (r == 0 && word)
        r = lives = resolve(cli, word, arguments->operand_count > 0, eid, err);
    if (r >= 0 && !values->no_load && !lives)
        r = saved_load(cli, &values->config, &reservation.config, err);
    if (r < 0)
        return r;
    if (reservation.isolate)
        member.pid = getpid();
    reservation.eid = word ? eid : NULL;
    reservation.members = &member;
    reservation.member_count = 1;
    reservation.fields = genv_config_given(&values->config); /* what nobody mentions stays as an environment has it */
    genv_config_copy(&reservation.config, &values->config, reservation.fields);
    reservation.attach = !values->no_attach;
    reservation.over_subscribe = values->over_subscribe;
    reservation.even_detached = !reservation.isolate;
    return reservation.isolate ? enter_isolated_shell(cli, &reservation, err)
                               : enter_this_shell(cli, values, &reservation, err);
}

static const struct example examples[] = {
    {"genv activate", "Create an environment without devices."},
    {"genv activate --name training --gpus 2", "Create one and attach two devices to it."},
    {"genv activate --gpus 1 --gpu-memory 4g", "Reserve 4 GB of a device's memory; others can use the rest."},
    {"genv activate training", "Join the environment with this name, which another terminal created."},
    {"genv activate --id 1667", "Join the environment with this ID."},
    {NULL, NULL},
};

const struct command command_activate = {
    .name = "activate",
    .summary = "Create an environment and enter it in this shell",
    .description =
        "Without an argument, creates an environment. It has no devices, unless the saved configuration (see 'genv "
        "home') or an option gives a device count: then that many are attached. Options override the saved "
        "configuration field by field. If the devices cannot be attached, genv says why, and the environment is active "
        "without devices.\n\nWith the name or ID of one of your environments, the shell joins it. The environment "
        "keeps its devices and configuration: the saved configuration is not loaded, and only the options that you "
        "give change it.\n\nAn environment ends when the last process in it exits or leaves.",
    .group = GROUP_ENVIRONMENT,
    .options = options,
    .defaults = &defaults,
    .values_size = sizeof(defaults),
    .operands = {.synopsis = "[NAME|ID]", .kind = OPERAND_TEXT, .max = 1},
    .examples = examples,
    .run = run,
};
