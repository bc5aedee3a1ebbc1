/* PIDs that are not what they seem: one that is used again, between the survey and the act or in the middle of it, and
 * those of a PID namespace that the driver knows nothing of. Another process is never hit.
 *
 * The first: in a PID namespace of its own, where clone3(2) gives a process the PID that one wants: a second process
 * replaces the guilty one by an innocent of the same PID, which uses the same device, while the first acts. */
#include "world.h"

#include <limits.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "base/proc.h"

#define ROUNDS    300
#define THE_PID   4242
#define NS_A_TICK 10000000 /* at least: CONFIG_HZ does not matter to /proc */

enum step { IDLE, MAKE_GUILTY, REPLACE, JUDGE, END };

/* What the two processes tell each other. */
struct stage {
    _Atomic int step; /* what is to be done; IDLE: it was */
    unsigned delay_us;
    unsigned wrong; /* innocents that were hit */
    unsigned hit;   /* guilty ones that were */
};

static void wait_for(struct stage *stage, enum step step)
{
    while (stage->step != (int)step)
        usleep(20);
}

static void order(struct stage *stage, enum step step)
{
    stage->step = (int)step;
}

static pid_t start_with_pid(pid_t pid)
{
    struct clone_args args = {.exit_signal = SIGCHLD, .set_tid = (uint64_t)(uintptr_t)&pid, .set_tid_size = 1};
    pid_t child = (pid_t)syscall(SYS_clone3, &args, sizeof(args));

    if (child == 0) {
        while (pause() < 0)
            ;
    }
    return child;
}

/* Times of start are told in ticks: the next process's differs from now on. */
static void wait_for_another_tick(uint64_t start_time)
{
    struct timespec now;

    do {
        usleep(500);
        clock_gettime(CLOCK_BOOTTIME, &now);
    } while ((uint64_t)now.tv_sec * 100 + (uint64_t)now.tv_nsec / NS_A_TICK <= start_time);
}

static int direct(struct stage *stage)
{
    struct proc_stat guilty;
    int status;

    for (;;) {
        switch ((enum step)stage->step) {
        case IDLE:
            usleep(20);
            continue;
        case MAKE_GUILTY:
            require(start_with_pid(THE_PID) == THE_PID && proc_stat_read(THE_PID, &guilty) == 0);
            wait_for_another_tick(guilty.start_time);
            break;
        case REPLACE:
            usleep(stage->delay_us);
            kill(THE_PID, SIGKILL);
            require(waitpid(THE_PID, &status, 0) == THE_PID);
            stage->hit += WTERMSIG(status) == SIGTERM;
            require(start_with_pid(THE_PID) == THE_PID);
            break;
        case JUDGE:
            stage->wrong += waitpid(THE_PID, &status, WNOHANG) != 0;
            kill(THE_PID, SIGKILL);
            waitpid(THE_PID, &status, 0);
            break;
        case END:
            return 0;
        }
        order(stage, IDLE);
    }
}

static int act_in_rounds(struct stage *stage)
{
    struct genv *g = world_open();
    uint64_t seed = 5;

    world_use(0, THE_PID, GIB);
    for (unsigned round = 0; round < ROUNDS; round++) {
        cleanup_violation_list struct violation_list found = {0};
        struct acts *acts = world_acts(g, false, 0);

        order(stage, MAKE_GUILTY);
        wait_for(stage, IDLE);
        world_survey(g, NON_ENV, 0, &found);
        require(found.count == 1);
        stage->delay_us = round % 3 ? (unsigned)(unit_random(&seed) % 400) : 0;
        order(stage, REPLACE);
        if (round % 3 == 0) /* before the act; otherwise during it, or after */
            wait_for(stage, IDLE);
        require(acts_apply(acts, found.items, found.count, NULL) == 0);
        require(acts_continue(acts, NULL) == 0);
        wait_for(stage, IDLE);
        require(acts_continue(acts, NULL) == 0);
        order(stage, JUDGE);
        wait_for(stage, IDLE);
        acts_free(acts);
    }
    order(stage, END);
    genv_close(g);
    return 0;
}

static int act_while_directed(void *data)
{
    pid_t director = fork();
    int status;

    if (director == 0)
        _exit(direct(data));
    require(act_in_rounds(data) == 0);
    require(waitpid(director, &status, 0) == director && status == 0);
    return 0;
}

/* What is to be done in a PID namespace of its own. */
struct inside {
    int (*body)(void *data);
    void *data;
};

static int be_init(const struct inside *inside)
{
    char self[PATH_MAX] = "";

    if (mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 || mount("proc", "/proc", "proc", 0, NULL) < 0)
        return 77; /* as in a chroot */
    /* Or the chroot was a mount: this program's path counts from the namespace that it left, and nothing beside it can
     * be found. */
    if (readlink("/proc/self/exe", self, sizeof(self) - 1) < 0 || access(self, F_OK) < 0)
        return 77;
    return inside->body(inside->data);
}

static int enter_namespace(void *data)
{
    pid_t init;
    int status;

    if (unshare(CLONE_NEWPID | CLONE_NEWNS) < 0)
        return 77;
    init = fork();
    if (init == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        _exit(be_init(data));
    }
    require(waitpid(init, &status, 0) == init);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}

static int run_inside(int (*body)(void *data), void *data)
{
    return unit_fork((uid_t)-1, enter_namespace, &(struct inside){body, data});
}

static void a_pid_that_is_used_again_is_another_process(void **state)
{
    struct stage *stage = mmap(NULL, sizeof(*stage), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    int status;

    (void)state;
    skip_unless_root();
    assert_ptr_not_equal(stage, MAP_FAILED);
    status = run_inside(act_while_directed, stage);
    skip_unless(status != 77, "no PID namespace of one's own is to be had");
    assert_int_equal(status, 0);
    print_message("# %u rounds: %u guilty hit in time, %u innocent hit\n", ROUNDS, stage->hit, stage->wrong);
    assert_int_equal(stage->wrong, 0);
    munmap(stage, sizeof(*stage));
}

static int act_inside(void *data)
{
    struct genv *g = world_open();
    struct acts *acts = world_acts_by_a_driver(g);
    pid_t stranger = world_start((uid_t)-1), member;

    (void)data;
    world_use(0, stranger, GIB);
    world_survey_and_act(g, acts, NON_ENV, NULL, 0);
    require(world_matches(1, stranger, ACT_FORBIDDEN));
    world_use(0, stranger, 0);
    world_activate(g, "two", 2, 0);
    member = world_start((uid_t)-1);
    world_use(1, member, GIB);
    world_survey_and_act(g, acts, MAXIMUM, NULL, 0);
    require(world_matches(2, 0, ACT_DETACHED)); /* and before that: the member is left alone */
    require(world_attached(g, "two") == 1);
    require(acts_next_ms(acts) == -1 && world_lives(stranger) && world_lives(member));
    world_end(stranger);
    world_end(member);
    acts_free(acts);
    genv_close(g);
    return 0;
}

static void where_pids_may_be_the_hosts_nobody_is_hit(void **state)
{
    int status;

    (void)state;
    skip_unless_root();
    status = run_inside(act_inside, NULL);
    skip_unless(status != 77, "no PID namespace of one's own is to be had");
    assert_int_equal(status, 0);
}

static const struct CMUnitTest tests[] = {
    TEST(where_pids_may_be_the_hosts_nobody_is_hit),
    TEST(a_pid_that_is_used_again_is_another_process),
};

UNIT_MAIN(tests)
