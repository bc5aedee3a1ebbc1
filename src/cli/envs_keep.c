/* genv envs keep and variables: for editors, whose process may restart while its environment lasts. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/syscall.h>

#include "base/file.h"
#include "base/json.h"
#include "base/proc.h"
#include "cli/cli.h"
#include "cli/fields.h"
#include "cli/installation.h"
#include "cli/isolate.h"
#include "cli/saved.h"
#include "cli/sharers.h"
#include "cli/variables.h"

#define LINGER_S    10
#define INTERVAL_MS 200 /* between looks at who else holds the environment, while it lingers */

struct values {
    struct genv_config config;
    bool no_load;
    bool no_attach;
    bool over_subscribe;
    bool no_isolate;
    bool join;
    const char *eid;
    const char *default_name;
    pid_t pid;
    double linger_s;
};

static const struct values defaults = {.config = GENV_CONFIG_INIT, .linger_s = LINGER_S};

#define EID_OPTION(sentence, is_required)                                                                              \
    {                                                                                                                  \
        .name = "eid", .type = OPTION_EID, .argument = "EID", .help = (sentence),                                      \
        .offset = offsetof(struct values, eid), .required = (is_required)                                              \
    }

static const struct option keep_options[] = {
    EID_OPTION("ID of the environment (default: a new one, PID)", false),
    {.name = "join",
     .type = OPTION_FLAG,
     .help = "Enter --eid, and create nothing if it has ended",
     .offset = offsetof(struct values, join)},
    {.name = "pid",
     .type = OPTION_PID,
     .argument = "PID",
     .help = "PID of the process",
     .offset = offsetof(struct values, pid),
     .required = true},
    {.name = "linger",
     .type = OPTION_SECONDS,
     .argument = "SECONDS",
     .help = "Keep the environment for SECONDS after the process has ended (default: 10)",
     .offset = offsetof(struct values, linger_s)},
    {.name = "default-name",
     .type = OPTION_NAME,
     .argument = "NAME",
     .help = "Name of a new environment if the saved configuration has none",
     .offset = offsetof(struct values, default_name)},
    GENV_CONFIG_FIELDS(FIELD_OPTION) /* a row each */
    SAVED_OPTIONS,
    OVER_SUBSCRIBE_OPTION,
    NO_ISOLATE_OPTION,
    {.name = NULL},
};

static bool has_member(const struct genv_env *env, pid_t pid)
{
    for (size_t i = 0; i < env->process_count; i++) {
        if (env->processes[i].pid == pid)
            return true;
    }
    return false;
}

/* Whether @values->pid is a member of --eid already. -ENOENT: --join, and the environment has ended. */
static int look_before(struct cli *cli, const struct values *values, bool *ret_was_member, struct genv_error *err)
{
    cleanup_env struct genv_env *env = NULL;
    int r = values->eid ? genv_env_get(cli->genv, values->eid, &env, err) : 0;

    *ret_was_member = env && has_member(env, values->pid);
    return r == -ENOENT && !values->join ? 0 : r;
}

/* Refuses where programs are isolated by default: a wall cannot be put around a process that is running. */
static int check_isolation(struct cli *cli, const struct values *values, struct genv_error *err)
{
    int r = values->join || values->no_isolate ? 0 : genv_isolates(cli->genv, !values->no_load, err);

    return r > 0 ? error_set(err, ENOTSUP,
                             "cannot isolate process %d, which is running already: use --no-isolate, or write 'no' "
                             "into .genv/isolate",
                             (int)values->pid)
                 : r;
}

/* The environment, created or entered, with @values->pid and this process as members. */
static int reserve(struct cli *cli, const struct values *values, bool *ret_created, struct genv_env **ret_env,
                   struct genv_error *err)
{
    const struct genv_member members[] = {{.pid = values->pid}, {.pid = getpid()}};
    struct genv_reservation reservation = GENV_RESERVATION_INIT;
    struct genv_error reason = {0};
    int r;

    reservation.eid = values->eid;
    reservation.members = members;
    reservation.member_count = ARRAY_SIZE(members);
    reservation.config = values->config;
    reservation.fields = genv_config_given(&values->config);
    reservation.attach = !values->no_attach;
    reservation.over_subscribe = values->over_subscribe;
    reservation.even_detached = true;
    r = values->no_load ? 0 : saved_load(cli, &values->config, &reservation.config, err);
    if (r < 0)
        return r;
    if (values->default_name && !reservation.config.name[0])
        copy_string(reservation.config.name, sizeof(reservation.config.name), values->default_name);
    r = genv_reserve(cli->genv, &reservation, ret_env, ret_created, &reason);
    if (r == 1)
        program_complain(reason.message);
    return r < 0 ? error_set(err, reason.code, "%s", reason.message) : 0;
}

/* Tells the caller that the environment is there, and lets go of what is the caller's. */
static int announce(const struct genv_env *env, struct genv_error *err)
{
    cleanup_text struct text line = TEXT_INIT;
    cleanup_close int nothing = open("/dev/null", O_RDWR | O_CLOEXEC);
    int r;

    text_addf(&line, "%s\n", env->eid);
    if (line.failed)
        return error_no_memory(err);
    r = file_write(STDOUT_FILENO, line.data, line.length);
    if (r < 0)
        return error_set_errno(err, -r, "cannot write to standard output");
    for (int fd = STDIN_FILENO; nothing >= 0 && fd <= STDERR_FILENO; fd++)
        dup2(nothing, fd);
    (void)!chdir("/"); /* a file system that is in use cannot be unmounted */
    return 0;
}

/* Whether a member other than @pid and this process holds the environment @eid, or nobody can any more. */
static bool is_in_other_hands(struct cli *cli, const char *eid, pid_t pid)
{
    cleanup_env struct genv_env *env = NULL;
    int r = genv_env_get(cli->genv, eid, &env, NULL);

    if (r == 0 && env->kernel_count)
        return true;
    for (size_t i = 0; r == 0 && i < env->process_count; i++) {
        const struct genv_process *process = &env->processes[i];

        if (process->pid != pid && process->pid != getpid() && proc_is_alive(process->pid, process->start_time))
            return true;
    }
    return r == -ENOENT;
}

/* Takes both out again: what failed holds nothing. */
static void leave_again(struct cli *cli, const struct values *values, const char *eid, bool was_member)
{
    const struct genv_member other = {.pid = values->pid}, self = {.pid = getpid()};

    if (!was_member)
        genv_deactivate(cli->genv, eid, &other, NULL);
    genv_deactivate(cli->genv, eid, &self, NULL);
}

static int enter(struct cli *cli, const struct values *values, struct genv_env **ret_env, struct genv_error *err)
{
    bool was_member = false, created = false;
    int r = cli_open(cli, err);

    if (r == 0)
        r = check_isolation(cli, values, err);
    if (r == 0)
        r = look_before(cli, values, &was_member, err);
    if (r == 0)
        r = reserve(cli, values, &created, ret_env, err);
    if (r < 0)
        return r;
    if (values->join && created) /* it has ended in between */
        r = error_set(err, ENOENT, "there is no environment %s", values->eid);
    else
        r = announce(*ret_env, err);
    if (r < 0)
        leave_again(cli, values, (*ret_env)->eid, was_member);
    return r;
}

static int run_keep(struct cli *cli, const struct arguments *arguments, struct genv_error *err)
{
    const struct values *values = arguments->values;
    const struct genv_member self = {.pid = getpid()};
    cleanup_close int process = (int)syscall(SYS_pidfd_open, values->pid, 0);
    struct pollfd end = {.fd = process, .events = POLLIN};
    cleanup_env struct genv_env *env = NULL;
    long looks;
    int r;

    if (values->join && !values->eid)
        return cli_usage_error(cli, error_set(err, EINVAL, "--join needs --eid"), err);
    if (process < 0)
        return error_set_errno(err, errno, "cannot watch process %d", (int)values->pid);
    signal(SIGPIPE, SIG_IGN); /* an error tells better that nobody reads the answer */
    r = enter(cli, values, &env, err);
    if (r < 0)
        return r;
    while (poll(&end, 1, -1) < 0 && errno == EINTR)
        ;
    looks = (long)(values->linger_s * 1000 / INTERVAL_MS);
    for (long i = 0; i < looks; i++) {
        if (is_in_other_hands(cli, env->eid, values->pid))
            break;
        poll(NULL, 0, INTERVAL_MS);
    }
    genv_deactivate(cli->genv, env->eid, &self, NULL);
    return 0;
}

static const struct example keep_examples[] = {
    {"setsid genv envs keep --pid $$ --gpus 1 &", "Keep a device for this shell, and for 10 seconds after its end."},
    {NULL, NULL},
};

const struct command command_envs_keep = {
    .name = "envs keep",
    .summary = "Keep an environment for a process that may restart",
    .description =
        "Creates an environment, or enters one, and registers the process and itself in it. Loads the saved "
        "configuration like 'genv activate', and attaches the configured count of devices. Prints the ID, then closes "
        "its output and stays until the process has ended and nobody else has entered the environment in the "
        "following seconds.",
    .options = keep_options,
    .defaults = &defaults,
    .values_size = sizeof(defaults),
    .examples = keep_examples,
    .run = run_keep,
};

static const struct option variables_options[] = {
    EID_OPTION("ID of the environment", true),
    {.name = NULL},
};

/* As they are in this process after variables_export(): null stands for one that is not set. */
static int add_variables(struct text *output, const struct genv_env *env, struct genv_error *err)
{
    cleanup_free struct genv_variable *variables = NULL;
    cleanup_free char *printed = NULL;
    cleanup_json json_t *json = json_object();
    int r = genv_variables(env, false, &variables, err);

    if (r < 0)
        return r;
    for (const struct genv_variable *variable = variables; variable->name; variable++)
        json_object_set_new(json, variable->name, variable->value ? json_string(variable->value) : json_null());
    json_object_set_new(json, "PATH", json_string(getenv("PATH")));
    printed = json_dumps(json, JSON_INDENT(2));
    if (!printed)
        return error_no_memory(err);
    text_addf(output, "%s\n", printed);
    return 0;
}

static int run_variables(struct cli *cli, const struct arguments *arguments, struct genv_error *err)
{
    const struct values *values = arguments->values;
    cleanup_env struct genv_env *env = NULL;
    struct installation installation;
    int r = installation_find(&installation, err);

    if (r == 0)
        r = cli_open(cli, err);
    if (r == 0)
        r = cli_own_env(cli, values->eid, &env, err);
    if (r == 0)
        r = variables_export(env, installation.shims, err);
    return r < 0 ? r : add_variables(&cli->output, env, err);
}

const struct command command_envs_variables = {
    .name = "envs variables",
    .summary = "Print the variables of a program in an environment as JSON",
    .description = "A value is null if the variable is to be unset. PATH is the caller's, with the shims in front.",
    .options = variables_options,
    .defaults = &defaults,
    .values_size = sizeof(defaults),
    .run = run_variables,
};
