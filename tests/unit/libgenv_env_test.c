/* Environments come, change and go. */
#include "machine.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "base/proc.h"

#define G ((uint64_t)1000000000)

static struct genv_activation activation_of(const char *eid, pid_t pid)
{
    return (struct genv_activation){.eid = eid, .uid = (uid_t)-1, .member = {.pid = pid}, .config = GENV_CONFIG_INIT};
}

/* Coming */

static void a_created_environment_is_what_was_asked_for(void **state)
{
    cleanup_genv struct genv *g = machine_open(*state);
    cleanup_env struct genv_env *env = NULL;
    struct genv_activation activation = activation_of("train", getpid());
    struct proc_stat stat;
    bool created = false;

    activation.config = (struct genv_config){.name = "Norwegian Wood", .gpus = 2, .gpu_memory = 4 * G};
    assert_int_equal(genv_activate(g, &activation, &env, &created, NULL), 0);
    assert_true(created);
    assert_string_equal(env->eid, "train");
    genv_env_free(STEAL_POINTER(env));
    assert_int_equal(genv_env_get(g, "train", &env, NULL), 0);
    assert_string_equal(env->eid, "train");
    assert_int_equal(env->uid, geteuid());
    assert_string_equal(env->config.name, "Norwegian Wood");
    assert_int_equal(env->config.gpus, 2);
    assert_int_equal(env->config.gpu_memory, 4 * G);
    assert_int_equal(env->attachment_count, 0); /* detached */
    assert_int_equal(env->kernel_count, 0);
    assert_int_equal(env->process_count, 1);
    assert_int_equal(proc_stat_read(getpid(), &stat), 0);
    assert_int_equal(env->processes[0].pid, getpid());
    assert_true(env->processes[0].start_time == stat.start_time);
    assert_true(env->created.tv_sec > 1700000000);
    assert_string_equal(machine_warnings(), "");
}

static void the_identifier_is_the_pid_and_then_pid_2(void **state)
{
    cleanup_free char *path = unit_path(*state, "state/envs"), *expected = NULL, *name = NULL;
    cleanup_genv struct genv *g = machine_open(*state);
    struct genv_activation activation = activation_of(NULL, getpid());
    struct genv_env *env = NULL;

    assert_int_equal(genv_activate(g, &activation, &env, NULL, NULL), 0);
    assert_true(asprintf(&expected, "%d", getpid()) > 0);
    assert_string_equal(env->eid, expected);
    genv_env_free(env);
    assert_int_equal(genv_activate(g, &activation, &env, NULL, NULL), 0);
    free(expected);
    assert_true(asprintf(&expected, "%d-2", getpid()) > 0);
    assert_string_equal(env->eid, expected);
    genv_env_free(env);
    assert_true(asprintf(&name, "%d-3.json", getpid()) > 0);
    unit_write(path, name, "planted");
    assert_int_equal(genv_activate(g, &activation, &env, NULL, NULL), 0);
    free(expected);
    assert_true(asprintf(&expected, "%d-4", getpid()) > 0);
    assert_string_equal(env->eid, expected);
    genv_env_free(env);
}

static void a_dead_environment_gives_its_identifier_back(void **state)
{
    cleanup_genv struct genv *g = machine_open(*state);
    cleanup_env struct genv_env *env = NULL;
    pid_t pid = unit_start((uid_t)-1, machine_sleep, NULL);
    struct genv_activation activation = activation_of("train", pid);
    bool created = false;

    activation.config.gpus = 1;
    assert_int_equal(genv_activate(g, &activation, NULL, NULL, NULL), 0);
    assert_int_equal(machine_attach(g, "train", 4, NULL), 0);
    machine_end(pid);
    assert_string_equal(machine_indices(g, "train"), "?");
    activation = activation_of("train", getpid());
    assert_int_equal(genv_activate(g, &activation, NULL, &created, NULL), 0);
    assert_true(created);
    assert_int_equal(genv_env_get(g, "train", &env, NULL), 0);
    assert_int_equal(env->config.gpus, -1);
    assert_int_equal(env->attachment_count, 0);
}

static void entering_keeps_what_the_environment_has(void **state)
{
    cleanup_genv struct genv *g = machine_open(*state);
    cleanup_env struct genv_env *env = NULL;
    struct genv_activation activation = activation_of("train", getpid());
    pid_t pid = unit_start((uid_t)-1, machine_sleep, NULL);
    bool created = true;

    activation.config.gpus = 2;
    assert_int_equal(genv_activate(g, &activation, NULL, NULL, NULL), 0);
    assert_int_equal(machine_attach(g, "train", -1, NULL), 0);
    for (int i = 0; i < 2; i++) { /* twice: a process is a member once */
        activation = activation_of("train", pid);
        activation.config.gpus = 4;
        assert_int_equal(genv_activate(g, &activation, NULL, &created, NULL), 0);
        assert_false(created);
    }
    assert_int_equal(genv_env_get(g, "train", &env, NULL), 0);
    assert_int_equal(env->process_count, 2);
    assert_int_equal(env->config.gpus, 2);
    assert_int_equal(env->attachment_count, 2);
    machine_end(pid);
}

static void what_can_not_be_is_refused_and_makes_nothing(void **state)
{
    static const char long_name[] =
        "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
        "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx";
    static const struct {
        const char *eid;
        struct genv_config config;
        struct genv_member member;
        int code;
        const char *part;
    } refused[] = {
        {"../x", GENV_CONFIG_INIT, {0}, EINVAL, "invalid environment ID"},
        {"", GENV_CONFIG_INIT, {0}, EINVAL, "invalid environment ID"},
        {long_name, GENV_CONFIG_INIT, {0}, EINVAL, "invalid environment ID"},
        {"x", {.name = "a\nb", .gpus = -1}, {0}, EINVAL, "invalid name"},
        {"x", {.gpus = -2}, {0}, EINVAL, "the device count must be from 0 to 65535"},
        {"x", {.gpus = 65536}, {0}, EINVAL, "the device count must be from 0 to 65535"},
        {"x", {.gpus = -1, .gpu_memory = UINT64_MAX}, {0}, EINVAL, "the memory capacity must be less than 2^63 bytes"},
        {"x", GENV_CONFIG_INIT, {.pid = -1}, EINVAL, "the PID must be above 0"},
        {"x", GENV_CONFIG_INIT, {.pid = INT32_MAX}, ESRCH, "there is no process 2147483647"},
        {NULL, GENV_CONFIG_INIT, {.pid = -5}, EINVAL, "the PID must be above 0"},
        {"x", GENV_CONFIG_INIT, {.kernel_id = "../../etc/passwd"}, EINVAL, "invalid Jupyter kernel ID"},
        {NULL, GENV_CONFIG_INIT, {.kernel_id = "a/b"}, EINVAL, "invalid Jupyter kernel ID"},
        {"x", GENV_CONFIG_INIT, {.kernel_id = "none"}, ENOENT, "there is no kernel none"},
    };
    cleanup_genv struct genv *g = machine_open(*state);
    cleanup_free char *envs = unit_path(*state, "state/envs");

    machine_activate(g, "there");
    for (size_t i = 0; i < ARRAY_SIZE(refused); i++) {
        struct genv_activation activation = {
            .eid = refused[i].eid, .uid = (uid_t)-1, .member = refused[i].member, .config = refused[i].config};
        struct genv_error err = {0};
        struct genv_env *env = NULL;
        bool created = true;

        if (!activation.member.pid && !activation.member.kernel_id)
            activation.member.pid = getpid();
        assert_int_equal(genv_activate(g, &activation, &env, &created, &err), -refused[i].code);
        machine_check_error(&err, refused[i].code, refused[i].part);
        assert_null(env);
    }
    assert_int_equal(unit_count_entries(envs), 1);
}

static void a_zombie_is_no_member(void **state)
{
    cleanup_genv struct genv *g = machine_open(*state);
    pid_t pid = unit_start((uid_t)-1, machine_sleep, NULL);
    struct genv_activation activation = activation_of("x", pid);
    struct genv_error err = {0};
    struct proc_stat stat;

    kill(pid, SIGKILL);
    while (proc_stat_read(pid, &stat) == 0 && stat.state != 'Z')
        usleep(1000);
    assert_int_equal(genv_activate(g, &activation, NULL, NULL, &err), -ESRCH);
    unit_wait(pid);
}

static void an_identifier_that_is_planted_is_refused(void **state)
{
    cleanup_free char *envs = unit_path(*state, "state/envs");
    cleanup_genv struct genv *g = machine_open(*state);
    struct genv_activation activation = activation_of("planted", getpid());
    struct genv_error err = {0};

    machine_activate(g, "there");
    unit_write(envs, "planted.json", "garbage");
    assert_int_equal(genv_activate(g, &activation, NULL, NULL, &err), -EEXIST);
    machine_check_error(&err, EEXIST, "the ID planted is in use: ");
    machine_check_error(&err, EEXIST, "state/envs/planted.json is not a live environment of yours; choose another ID");
}

/* Going */

static void the_last_member_ends_it(void **state)
{
    cleanup_free char *envs = unit_path(*state, "state/envs");
    cleanup_genv struct genv *g = machine_open(*state);
    pid_t pid = unit_start((uid_t)-1, machine_sleep, NULL);
    const struct genv_member self = {.pid = getpid()}, other = {.pid = pid};
    struct genv_activation activation = activation_of("train", pid);
    struct genv_error err = {0};

    machine_activate(g, "train");
    assert_int_equal(genv_activate(g, &activation, NULL, NULL, NULL), 0);
    assert_int_equal(machine_attach(g, "train", 4, NULL), 0);
    assert_int_equal(genv_deactivate(g, "train", &self, NULL), 0);
    assert_string_equal(machine_indices(g, "train"), "0,1,2,3");
    assert_int_equal(genv_deactivate(g, "train", &self, &err), -ENOENT);
    machine_check_error(&err, ENOENT, "is not in any of your environments");
    assert_int_equal(genv_deactivate(g, "none", &other, &err), -ENOENT);
    machine_check_error(&err, ENOENT, "there is no environment none");
    assert_int_equal(genv_deactivate(g, "train", &other, NULL), 0);
    assert_string_equal(machine_indices(g, "train"), "?");
    assert_int_equal(unit_count_entries(envs), 0);
    machine_end(pid);
}

static void a_process_leaves_all_its_environments_at_once(void **state)
{
    cleanup_genv struct genv *g = machine_open(*state);
    pid_t pid = unit_start((uid_t)-1, machine_sleep, NULL);
    struct genv_activation activation = activation_of("c", pid);
    const struct genv_member self = {.pid = getpid()};
    struct genv_error err = {0};

    machine_activate(g, "a");
    machine_activate(g, "b");
    assert_int_equal(genv_activate(g, &activation, NULL, NULL, NULL), 0);
    assert_int_equal(genv_deactivate(g, NULL, &self, NULL), 0);
    assert_string_equal(machine_indices(g, "a"), "?");
    assert_string_equal(machine_indices(g, "b"), "?");
    assert_string_equal(machine_indices(g, "c"), "");
    assert_int_equal(genv_deactivate(g, NULL, &self, &err), -ENOENT);
    machine_end(pid);
}

static void a_shell_that_leaves_hands_over_to_what_it_started_there(void **state)
{
    cleanup_genv struct genv *g = machine_open(*state);
    pid_t before = unit_start((uid_t)-1, machine_sleep, NULL), after;
    cleanup_free pid_t *children = NULL;
    struct genv_error err = {0};

    usleep(30000); /* start times are told in hundredths of a second */
    machine_activate(g, "train");
    assert_int_equal(machine_attach(g, "train", 1, NULL), 0);
    after = unit_start((uid_t)-1, machine_sleep, NULL);
    assert_int_equal(genv_hand_over(g, "train", getpid(), &children, NULL), 0);
    assert_int_equal(children[0], after);
    assert_int_equal(children[1], 0);
    assert_string_equal(machine_indices(g, "train"), "0");
    assert_int_equal(genv_deactivate(g, "train", &(struct genv_member){.pid = getpid()}, NULL), -ENOENT);
    machine_end(after);
    assert_string_equal(machine_indices(g, "train"), "?");
    machine_activate(g, "next");
    assert_int_equal(genv_hand_over(g, "next", getpid(), NULL, NULL), 0);
    assert_string_equal(machine_indices(g, "next"), "?");
    machine_activate(g, "other");
    assert_int_equal(genv_hand_over(g, "other", before, NULL, &err), -ENOENT);
    machine_check_error(&err, ENOENT, "is not in environment other");
    assert_int_equal(genv_hand_over(g, "none", getpid(), NULL, &err), -ENOENT);
    machine_end(before);
}

static int leave_one_there(void *data)
{
    pid_t *left = data, pid = fork(); /* shared */

    if (pid == 0)
        execlp("env", "env", "GENV_ENVIRONMENT_ID=train", "sleep", "1000", (char *)NULL);
    *left = pid;
    pause();
    return 0;
}

static void what_a_shell_that_was_killed_left_is_handed_over_until_it_is_waited_for(void **state)
{
    cleanup_genv struct genv *g = machine_open(*state);
    pid_t *left = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0), shell, nobody = 0;
    struct genv_activation activation;
    char comm[32] = "";
    siginfo_t info;

    shell = unit_start((uid_t)-1, leave_one_there, left);
    while (!*left || strcmp(comm, "sleep") != 0) {
        usleep(1000);
        proc_name(*left, comm, sizeof(comm));
    }
    activation = activation_of("train", shell);
    assert_int_equal(genv_activate(g, &activation, NULL, NULL, NULL), 0);
    assert_int_equal(machine_attach(g, "train", 1, NULL), 0);
    kill(shell, SIGKILL);
    assert_int_equal(waitid(P_PID, (id_t)shell, &info, WEXITED | WNOWAIT), 0);
    assert_int_equal(genv_hand_over_for(g, shell, left, NULL), 0);
    assert_string_equal(machine_indices(g, "train"), "0");
    assert_int_equal(genv_hand_over_for(g, shell, left, NULL), 0);
    assert_string_equal(machine_indices(g, "train"), "0");
    kill(*left, SIGKILL);
    while (proc_is_alive(*left, 0))
        usleep(1000);
    assert_string_equal(machine_indices(g, "train"), "?");
    assert_int_equal(genv_hand_over_for(g, shell, &nobody, NULL), 0);
    assert_int_equal(waitpid(shell, NULL, 0), shell);
    munmap(left, 4096);
}

static int activate_and_die(void *data)
{
    struct genv *g = machine_open(data);

    machine_activate(g, "train");
    require(machine_attach(g, "train", 4, NULL) == 0);
    return 0; /* without a word */
}

static void a_process_that_dies_frees_its_devices(void **state)
{
    cleanup_genv struct genv *g = machine_open(*state);

    assert_int_equal(unit_fork((uid_t)-1, activate_and_die, *state), 0);
    assert_string_equal(machine_indices(g, "train"), "?");
    machine_activate(g, "next");
    assert_int_equal(machine_attach(g, "next", 4, NULL), 0);
    assert_string_equal(machine_indices(g, "next"), "0,1,2,3");
}

/* Changing */

static void configuring_changes_the_fields_that_are_meant(void **state)
{
    cleanup_genv struct genv *g = machine_open(*state);
    struct genv_config config = {.name = "one", .gpus = 2, .gpu_memory = 4 * G}, garbage;
    struct genv_config cleared = GENV_CONFIG_INIT;
    cleanup_env struct genv_env *env = NULL;
    struct genv_error err = {0};

    machine_activate(g, "x");
    assert_int_equal(genv_configure(g, "x", &config, GENV_CONFIG_ALL, NULL, NULL), 0);
    memset(&garbage, 0xa5, sizeof(garbage)); /* a caller fills in what he means alone */
    garbage.gpus = 3;
    assert_int_equal(genv_configure(g, "x", &garbage, GENV_CONFIG_GPUS, NULL, NULL), 0);
    assert_int_equal(genv_configure(g, "x", &garbage, 0, NULL, NULL), 0); /* nothing is meant */
    assert_int_equal(genv_env_get(g, "x", &env, NULL), 0);
    assert_string_equal(env->config.name, "one");
    assert_int_equal(env->config.gpus, 3);
    assert_int_equal(env->config.gpu_memory, 4 * G);
    genv_env_free(env);
    garbage.gpus = -5;
    assert_int_equal(genv_configure(g, "x", &garbage, GENV_CONFIG_GPUS, NULL, &err), -EINVAL);
    assert_int_equal(genv_configure(g, "x", &garbage, GENV_CONFIG_NAME, NULL, &err), -EINVAL);
    assert_int_equal(genv_configure(g, "none", &config, GENV_CONFIG_ALL, NULL, &err), -ENOENT);
    assert_int_equal(genv_configure(g, "../x", &config, GENV_CONFIG_ALL, NULL, &err), -EINVAL);
    assert_int_equal(genv_configure(g, "x", &cleared, GENV_CONFIG_ALL, NULL, NULL), 0);
    assert_int_equal(genv_env_get(g, "x", &env, NULL), 0);
    assert_string_equal(env->config.name, "");
    assert_int_equal(env->config.gpus, -1);
    assert_int_equal(env->config.gpu_memory, 0);
}

static uint64_t attached_capacity(struct genv *g, const char *eid)
{
    cleanup_env struct genv_env *env = NULL;

    assert_int_equal(genv_env_get(g, eid, &env, NULL), 0);
    assert_int_equal(env->attachment_count, 1);
    assert_true(env->attachments[0].gpu_memory == env->config.gpu_memory);
    return env->config.gpu_memory;
}

static void a_capacity_applies_to_what_is_attached(void **state)
{
    cleanup_genv struct genv *g = machine_open(*state);
    struct genv_error err = {0};

    setenv("GENV_DEVICES", "1", 1); /* of 16 GiB */
    machine_activate(g, "a");
    machine_activate(g, "b");
    assert_int_equal(machine_set_capacity(g, "a", 4 * G, NULL), 0);
    assert_int_equal(machine_set_capacity(g, "b", 8 * G, NULL), 0);
    assert_int_equal(machine_attach(g, "a", 1, NULL), 0);
    assert_int_equal(machine_attach(g, "b", 1, NULL), 0);
    assert_int_equal(machine_set_capacity(g, "a", 8 * G, NULL), 0);
    assert_int_equal(attached_capacity(g, "a"), 8 * G);
    assert_int_equal(machine_set_capacity(g, "a", 12 * G, &err), -EBUSY);
    machine_check_error(&err, EBUSY, "cannot raise the memory capacity on device 0 to 12g");
    assert_int_equal(machine_set_capacity(g, "a", 0, &err), -EBUSY);
    assert_int_equal(attached_capacity(g, "a"), 8 * G);
    assert_int_equal(genv_detach(g, "b", NULL, NULL, NULL), 0);
    assert_int_equal(machine_set_capacity(g, "a", 0, NULL), 0);
    assert_int_equal(attached_capacity(g, "a"), 0);
    assert_int_equal(machine_attach(g, "b", 1, &err), -EBUSY);
}

static void no_reservation_changes_while_the_driver_fails(void **state)
{
    cleanup_genv struct genv *g = machine_open(*state);
    struct genv_error err = {0};

    machine_activate(g, "attached");
    machine_activate(g, "detached");
    assert_int_equal(machine_set_capacity(g, "attached", 4 * G, NULL), 0);
    assert_int_equal(machine_attach(g, "attached", 1, NULL), 0);
    setenv("GENV_DEVICES", "many", 1);
    assert_int_equal(machine_set_capacity(g, "attached", 15 * G, &err), -EINVAL);
    machine_check_error(&err, EINVAL, "GENV_DEVICES");
    assert_int_equal(machine_set_capacity(g, "detached", 15 * G, NULL), 0);
    setenv("GENV_DEVICES", "4", 1);
    assert_int_equal(attached_capacity(g, "attached"), 4 * G);
}

/* Finding */

static char *find(struct genv *g, const struct genv_member *member)
{
    cleanup_free char **eids = NULL;
    char *text = strdup("");

    assert_int_equal(genv_find(g, member, &eids, NULL), 0);
    for (size_t i = 0; eids[i]; i++) {
        cleanup_free char *before = text;

        assert_true(asprintf(&text, "%s%s ", before, eids[i]) > 0);
    }
    return text;
}

static void a_member_finds_its_environments(void **state)
{
    cleanup_genv struct genv *g = machine_open(*state);
    const struct genv_member self = {.pid = getpid()}, other = {.pid = 1}, kernel = {.kernel_id = "k"};
    cleanup_free char *none = find(g, &self), *mine = NULL, *others = NULL, *kernels = NULL;

    assert_string_equal(none, "");
    machine_activate(g, "b");
    machine_activate(g, "c");
    machine_activate(g, "a");
    mine = find(g, &self);
    assert_string_equal(mine, "a b c ");
    others = find(g, &other);
    assert_string_equal(others, "");
    kernels = find(g, &kernel);
    assert_string_equal(kernels, "");
}

static void a_kernel_is_a_member_while_its_file_exists(void **state)
{
    cleanup_free char *file = unit_path(*state, "kernel-8d3f.json"), *found = NULL;
    cleanup_genv struct genv *g = machine_open(*state);
    struct genv_activation activation = {.uid = (uid_t)-1, .member = {.kernel_id = "8d3f"}, .config = GENV_CONFIG_INIT};
    struct genv_error err = {0};
    struct genv_env *env = NULL;

    setenv("JUPYTER_RUNTIME_DIR", *state, 1);
    assert_int_equal(genv_activate(g, &activation, NULL, NULL, &err), -ENOENT);
    machine_check_error(&err, ENOENT, "there is no kernel 8d3f");
    unit_write(*state, "kernel-8d3f.json", "{}");
    assert_int_equal(genv_activate(g, &activation, &env, NULL, NULL), 0);
    assert_string_equal(env->eid, "8d3f");
    genv_env_free(env);
    found = find(g, &activation.member);
    assert_string_equal(found, "8d3f ");
    assert_int_equal(genv_deactivate(g, NULL, &activation.member, NULL), 0);
    assert_string_equal(machine_indices(g, "8d3f"), "?");
    assert_int_equal(genv_deactivate(g, NULL, &activation.member, &err), -ENOENT);
    machine_check_error(&err, ENOENT, "kernel 8d3f is not in any of your environments");

    assert_int_equal(genv_activate(g, &activation, NULL, NULL, NULL), 0);
    assert_int_equal(machine_attach(g, "8d3f", 1, NULL), 0);
    assert_int_equal(unlink(file), 0);
    assert_string_equal(machine_indices(g, "8d3f"), "?");
    setenv("JUPYTER_RUNTIME_DIR", "runtime", 1);
    assert_int_equal(genv_activate(g, &activation, NULL, NULL, &err), -EINVAL);
    machine_check_error(&err, EINVAL, "Jupyter's runtime directory is not an absolute path: runtime");
}

/* Users */

static int act_against_another_user(void *data)
{
    struct genv *g = machine_open(data);
    const struct genv_config config = {.name = "mine now", .gpus = 1};
    const struct genv_attach_request request = {.count = 0};
    const struct genv_member self = {.pid = getpid()}, parent = {.pid = getppid()};
    struct genv_activation activation = activation_of("victim", getpid());
    struct genv_error err = {0};
    struct genv_env *env = NULL;

    require(genv_activate(g, &activation, NULL, NULL, &err) == -EPERM);
    require(strcmp(err.message, "environment victim belongs to 60601") == 0);
    require(genv_configure(g, "victim", &config, GENV_CONFIG_ALL, NULL, &err) == -EPERM);
    require(genv_attach(g, "victim", &request, NULL, &err) == -EPERM);
    require(genv_detach(g, "victim", NULL, NULL, &err) == -EPERM);
    require(genv_deactivate(g, "victim", &self, &err) == -EPERM);
    require(genv_deactivate(g, NULL, &parent, &err) == -ENOENT);
    require(genv_env_get(g, "victim", &env, &err) == 0); /* looking is free */
    activation.eid = "mine";
    activation.uid = USER_A;
    require(genv_activate(g, &activation, NULL, NULL, &err) == -EPERM);
    require(strcmp(err.message, "only root can create environments for other users") == 0);
    activation.uid = (uid_t)-1;
    activation.member.pid = getppid(); /* root's */
    require(genv_activate(g, &activation, NULL, NULL, &err) == -EPERM);
    require(strstr(err.message, "belongs to root"));
    return 0;
}

static void nobody_acts_on_anothers_environment(void **state)
{
    cleanup_genv struct genv *g = machine_open(*state);
    struct genv_activation activation = activation_of("victim", getpid());
    cleanup_env struct genv_env *env = NULL;

    skip_unless_root();
    activation.uid = USER_A;
    assert_int_equal(genv_activate(g, &activation, NULL, NULL, NULL), 0);
    assert_int_equal(machine_attach(g, "victim", 2, NULL), 0);
    assert_int_equal(unit_fork(USER_B, act_against_another_user, *state), 0);
    assert_int_equal(genv_env_get(g, "victim", &env, NULL), 0);
    assert_int_equal(env->attachment_count, 2);
    assert_int_equal(env->process_count, 1);
    assert_string_equal(env->config.name, "");
}

static void root_acts_without_taking_over(void **state)
{
    cleanup_genv struct genv *g = machine_open(*state);
    pid_t pid = -1;
    struct genv_activation activation;
    struct genv_config config = {.name = "renamed"};
    cleanup_env struct genv_env *env = NULL;
    struct genv_error err = {0};

    skip_unless_root();
    pid = unit_start(USER_A, machine_sleep, NULL);
    activation = activation_of("theirs", pid);
    activation.uid = USER_A;
    assert_int_equal(genv_activate(g, &activation, NULL, NULL, NULL), 0);
    assert_int_equal(genv_configure(g, "theirs", &config, GENV_CONFIG_NAME, NULL, NULL), 0);
    assert_int_equal(machine_attach(g, "theirs", 1, NULL), 0);
    machine_activate(g, "theirs"); /* root's shell enters */
    assert_int_equal(genv_env_get(g, "theirs", &env, NULL), 0);
    assert_int_equal(env->uid, USER_A);
    assert_int_equal(env->process_count, 2);
    activation.uid = USER_B;
    assert_int_equal(genv_activate(g, &activation, NULL, NULL, &err), -EPERM);
    machine_check_error(&err, EPERM, "environment theirs belongs to 60601");
    machine_end(pid);
}

static int activate_by_pid(void *data)
{
    struct genv *g = machine_open(data);
    struct genv_activation activation = activation_of(NULL, getpid());
    struct genv_env *env = NULL;
    char expected[32];

    require(genv_activate(g, &activation, &env, NULL, NULL) == 0);
    snprintf(expected, sizeof(expected), "%d-2", getpid());
    return strcmp(env->eid, expected) == 0 ? 0 : 1;
}

static int wait_then_activate(void *data)
{
    raise(SIGSTOP);
    return activate_by_pid(data);
}

/* However many names somebody plants, there is another. */
static void planted_identifiers_keep_nobody_out(void **state)
{
    cleanup_genv struct genv *g = machine_open(*state);
    struct genv_activation activation = activation_of("first", getpid());
    char name[64], prefix[16];

    assert_int_equal(genv_activate(g, &activation, NULL, NULL, NULL), 0); /* makes the directory */
    for (int i = 1; i <= 1200; i++) {
        cleanup_free char *path = NULL;

        if (i == 1)
            snprintf(name, sizeof(name), "state/envs/%d.json", getpid());
        else
            snprintf(name, sizeof(name), "state/envs/%d-%d.json", getpid(), i);
        unit_write(*state, name, "");
        path = unit_path(*state, name);
        assert_true(!unit_can_be_others() || chown(path, USER_A, USER_A) == 0); /* root's own is another matter */
    }
    snprintf(prefix, sizeof(prefix), "%d-", getpid());
    activation.eid = NULL;
    for (int i = 0; i < 2; i++) {
        cleanup_env struct genv_env *env = NULL;

        assert_int_equal(genv_activate(g, &activation, &env, NULL, NULL), 0);
        assert_int_equal(strncmp(env->eid, prefix, strlen(prefix)), 0);
    }
}

static void a_planted_identifier_makes_no_shell_anothers(void **state)
{
    cleanup_genv struct genv *g = machine_open(*state);
    cleanup_free char *planted = NULL, *path = NULL;
    struct proc_stat stat;
    pid_t pid;

    skip_unless_root();
    machine_activate(g, "there");
    pid = unit_start(USER_A, wait_then_activate, *state);
    while (proc_stat_read(pid, &stat) < 0 || stat.state != 'T')
        usleep(1000);
    assert_true(asprintf(&planted, "state/envs/%d.json", pid) > 0);
    unit_write(*state, planted, "{}");
    path = unit_path(*state, planted);
    assert_int_equal(chown(path, USER_B, USER_B), 0);
    kill(pid, SIGCONT);
    assert_int_equal(unit_wait(pid), 0);
}

static const struct CMUnitTest tests[] = {
    TEST(a_created_environment_is_what_was_asked_for),
    TEST(the_identifier_is_the_pid_and_then_pid_2),
    TEST(a_dead_environment_gives_its_identifier_back),
    TEST(entering_keeps_what_the_environment_has),
    TEST(what_can_not_be_is_refused_and_makes_nothing),
    TEST(a_zombie_is_no_member),
    TEST(an_identifier_that_is_planted_is_refused),
    TEST(the_last_member_ends_it),
    TEST(a_process_leaves_all_its_environments_at_once),
    TEST(a_shell_that_leaves_hands_over_to_what_it_started_there),
    TEST(what_a_shell_that_was_killed_left_is_handed_over_until_it_is_waited_for),
    TEST(a_process_that_dies_frees_its_devices),
    TEST(configuring_changes_the_fields_that_are_meant),
    TEST(a_capacity_applies_to_what_is_attached),
    TEST(no_reservation_changes_while_the_driver_fails),
    TEST(a_member_finds_its_environments),
    TEST(a_kernel_is_a_member_while_its_file_exists),
    TEST(nobody_acts_on_anothers_environment),
    TEST(root_acts_without_taking_over),
    TEST(planted_identifiers_keep_nobody_out),
    TEST(a_planted_identifier_makes_no_shell_anothers),
};

UNIT_MAIN(tests)
