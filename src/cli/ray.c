/* genv ray start, genv ray stop: a Ray node in an environment of its own. */
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "base/proc.h"
#include "cli/cli.h"
#include "cli/fields.h"
#include "cli/installation.h"
#include "cli/saved.h"
#include "cli/sharers.h"
#include "cli/variables.h"

#define NODE         "raylet" /* the process that a node is: it starts the workers, and Ray's other processes follow it */
#define DEFAULT_NAME "ray"

struct values {
    struct genv_config config;
    bool no_load;
    bool over_subscribe;
};

static const struct values defaults = {.config = GENV_CONFIG_INIT};

static const struct option start_options[] = {
    GENV_CONFIG_FIELDS(FIELD_OPTION) /* a row each */
    {.name = "num-gpus",             /* as Ray calls it */
     .type = OPTION_FIELD,
     .argument = "N",
     .offset = offsetof(struct values, config),
     .field = GENV_CONFIG_GPUS},
    NO_LOAD_OPTION,
    OVER_SUBSCRIBE_OPTION,
    {.name = NULL},
};

/* "ray start --num-gpus=2", and Ray's options as they were given; free() the array alone. Ray would count the devices
 * by itself, but not simulated ones. */
static char **make_words(const struct arguments *arguments, char *num_gpus)
{
    char **words = calloc((size_t)arguments->operand_count + 4, sizeof(*words));

    if (!words)
        return NULL;
    words[0] = "ray";
    words[1] = "start";
    words[2] = num_gpus;
    memcpy(words + 3, arguments->operands, (size_t)arguments->operand_count * sizeof(*words));
    return words;
}

/* With --block, `ray start` lasts as long as the node. */
static bool is_blocking(char *const *words)
{
    while (*words && strcmp(*words, "--block") != 0)
        words++;
    return *words;
}

static int become_ray(struct cli *cli, char **words, struct genv_error *err)
{
    int r = cli_execute(cli, words, err);

    if (cli->failure_status == EXIT_NOT_FOUND)
        return error_set(err, ENOENT,
                         "command not found: 'ray': run 'pip install ray', or activate the virtualenv that has it");
    return r;
}

/* Runs @words, and adopts what it leaves behind. Returns its exit status, as a shell tells it. */
static int run_and_adopt(struct cli *cli, char **words, struct genv_error *err)
{
    const struct sigaction ignore = {.sa_handler = SIG_IGN};
    struct sigaction interrupt, quit;
    int status, r = 0;
    pid_t child;

    if (prctl(PR_SET_CHILD_SUBREAPER, 1) < 0 || (child = fork()) < 0)
        return error_set_errno(err, errno, "cannot start ray");
    if (child == 0) {
        prctl(PR_SET_PDEATHSIG, SIGTERM);
        become_ray(cli, words, err);
        program_complain(err->message);
        _exit(cli->failure_status);
    }
    /* Ctrl-C is for ray: what it leaves behind is still to be seen to. */
    sigaction(SIGINT, &ignore, &interrupt);
    sigaction(SIGQUIT, &ignore, &quit);
    while (waitpid(child, &status, 0) < 0 && r == 0)
        r = errno == EINTR ? 0 : error_set_errno(err, errno, "cannot wait for ray");
    sigaction(SIGINT, &interrupt, NULL);
    sigaction(SIGQUIT, &quit, NULL);
    if (r < 0)
        return r;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

/* The node that was adopted, or 0. */
static pid_t find_node(void)
{
    cleanup_free pid_t *children = NULL;
    size_t count = 0;
    char name[16];

    proc_children(getpid(), &children, &count);
    for (size_t i = 0; i < count; i++) {
        proc_name(children[i], name, sizeof(name));
        if (strcmp(name, NODE) == 0)
            return children[i];
    }
    return 0;
}

/* Starts Ray, and has its node keep the environment from then on, in place of this process. */
static int start_node(struct cli *cli, const char *eid, char **words, struct genv_error *err)
{
    struct genv_activation activation = {.eid = eid, .uid = (uid_t)-1, .config = GENV_CONFIG_INIT};
    int r = run_and_adopt(cli, words, err);
    pid_t node = r < 0 ? 0 : find_node();

    activation.member.pid = node;
    if (r == 0 && !node)
        return error_set(err, ESRCH, "ray has started no node, or it has ended already: see its log files");
    if (r == 0)
        r = genv_activate(cli->genv, &activation, NULL, NULL, err);
    if (r != 0 && node) /* without an environment, it must not use the devices */
        kill(node, SIGTERM);
    return r;
}

static int reserve(struct cli *cli, const struct values *values, const struct genv_member *self,
                   struct genv_env **ret_env, struct genv_error *err)
{
    struct genv_reservation reservation = GENV_RESERVATION_INIT;
    int r = cli_open(cli, err);

    reservation.members = self;
    reservation.member_count = 1;
    reservation.config = values->config;
    reservation.over_subscribe = values->over_subscribe;
    if (r == 0 && !values->no_load)
        r = saved_load(cli, &values->config, &reservation.config, err);
    if (!*reservation.config.name)
        copy_string(reservation.config.name, sizeof(reservation.config.name), DEFAULT_NAME);
    return r < 0 ? r : genv_reserve(cli->genv, &reservation, ret_env, NULL, err);
}

static int run_start(struct cli *cli, const struct arguments *arguments, struct genv_error *err)
{
    const struct genv_member self = {.pid = getpid()};
    cleanup_env struct genv_env *env = NULL;
    struct installation installation;
    cleanup_free char **words = NULL;
    char num_gpus[32];
    int r = installation_find(&installation, err);

    if (r < 0)
        return r;
    r = reserve(cli, arguments->values, &self, &env, err);
    if (r < 0)
        return r;
    snprintf(num_gpus, sizeof(num_gpus), "--num-gpus=%zu", env->attachment_count);
    words = make_words(arguments, num_gpus);
    r = words ? variables_export(env, installation.shims, err) : error_no_memory(err);
    if (r == 0)
        r = is_blocking(words) ? become_ray(cli, words, err) : start_node(cli, env->eid, words, err);
    genv_deactivate(cli->genv, env->eid, &self, NULL);
    if (r == 0) {
        text_addf(&cli->output, "Ray is running in environment %s\n", env->eid);
        cli_add_attachment_line(&cli->output, env);
    }
    return r;
}

static int run_stop(struct cli *cli, const struct arguments *arguments, struct genv_error *err)
{
    cleanup_free char **words = calloc((size_t)arguments->operand_count + 3, sizeof(*words));

    if (!words)
        return error_no_memory(err);
    words[0] = "ray";
    words[1] = "stop";
    memcpy(words + 2, arguments->operands, (size_t)arguments->operand_count * sizeof(*words));
    return become_ray(cli, words, err);
}

static const struct example examples[] = {
    {"genv ray start --gpus 4 --head", "Start a Ray head that offers four devices, which nobody else gets."},
    {"genv ray start --gpus 2 --address HOST:6379", "Join a cluster with two devices of this machine."},
    {"genv ray stop", "Stop Ray on this machine; its environments end, and their devices are free."},
    {NULL, NULL},
};

const struct command command_ray_start = {
    .name = "ray start",
    .summary = "Start a Ray node in an environment of its own",
    .description =
        "Creates an environment, attaches the devices, and runs 'ray start' in it: the node offers exactly these "
        "devices. All options that are not listed here go to 'ray start', as they are; --num-gpus means the same as "
        "--gpus. The environment lasts as long as the node. If Ray does not start, nothing is kept, and the exit "
        "status is that of 'ray start'. Tasks and actors of genv.ray.remote belong to the environment. The saved "
        "configuration (see 'genv home') is loaded; options override it field by field.",
    .options = start_options,
    .defaults = &defaults,
    .values_size = sizeof(defaults),
    .operands = {.synopsis = "[--] [RAY OPTION...]", .kind = OPERAND_PASSED, .max = OPERANDS_ANY},
    .run = run_start,
};

const struct command command_ray_stop = {
    .name = "ray stop",
    .summary = "Stop Ray on this machine",
    .description = "Runs 'ray stop', which ends all of your Ray processes on this machine, also those that 'genv ray "
                   "start' has not started. Options go to 'ray stop', as they are. The environment of a node ends with "
                   "the node, no matter how that ends.",
    .operands = {.synopsis = "[--] [RAY OPTION...]", .kind = OPERAND_PASSED, .max = OPERANDS_ANY},
    .run = run_stop,
};

static const struct command *const subcommands[] = {&command_ray_start, &command_ray_stop, NULL};

const struct command command_ray = {
    .name = "ray",
    .summary = "Run Ray nodes in environments of their own",
    .description = "Needs Ray ('pip install ray'): genv runs the 'ray' that is in PATH.",
    .group = GROUP_PROGRAMS,
    .operands = {.synopsis = "start|stop", .kind = OPERAND_COMMAND, .min = 1, .max = OPERANDS_ANY},
    .subcommands = subcommands,
    .examples = examples,
};
