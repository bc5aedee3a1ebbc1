/* Many commands at once: their results, limits in time, size and number, and what ends them. */
#include "../unit/unit.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "base/proc.h"
#include "remote/fanout.h"

#define SHELL(script) ((char *[]){"/bin/sh", "-c", script, NULL}) /* lives as long as the block that it is in */

static const struct fanout_options plain = {.timeout_ms = 60000, .parallel_max = 8, .output_max = 1 << 16};

static void run(struct fanout_job *jobs, size_t count, const struct fanout_options *options)
{
    struct genv_error err = {0};
    int caught = 0;

    if (fanout_run(jobs, count, options, &caught, &err) < 0)
        fail_msg("%s", err.message);
    assert_int_equal(caught, 0);
}

static void expect_output(const struct fanout_job *job, const char *out, const char *err)
{
    assert_string_equal(job->out.data ? job->out.data : "", out);
    assert_string_equal(job->err.data ? job->err.data : "", err);
}

static void results(void **state)
{
    struct fanout_job jobs[] = {
        {.argv = SHELL("echo out; echo err >&2")},  {.argv = SHELL("exit 7")},
        {.argv = SHELL("kill -SEGV $$")},           {.argv = SHELL("exit 255")},
        {.argv = (char *[]){"/nowhere/ssh", NULL}},
    };

    (void)state;
    run(jobs, ARRAY_SIZE(jobs), &plain);
    assert_int_equal(jobs[0].status, 0);
    expect_output(&jobs[0], "out\n", "err\n");
    assert_int_equal(jobs[1].status, 7);
    expect_output(&jobs[1], "", "");
    assert_int_equal(jobs[2].status, 128 + SIGSEGV);
    assert_int_equal(jobs[3].status, 255);
    assert_int_equal(jobs[4].status, 127);
    assert_non_null(strstr(jobs[4].err.data, "/nowhere/ssh: No such file"));
    for (size_t i = 0; i < ARRAY_SIZE(jobs); i++) {
        assert_false(jobs[i].timed_out || jobs[i].too_long);
        fanout_job_release(&jobs[i]);
    }
    run(NULL, 0, &plain);
}

/* What ends last, or closes its output early, is complete, too; and it is not waited for what it left behind. */
static void output(void **state)
{
    struct fanout_job jobs[] = {
        {.argv = SHELL("i=0; while [ $i -lt 5000 ]; do echo 1234567; i=$((i + 1)); done")},
        {.argv = SHELL("exec >&-; sleep 0.1; exit 3")},
        {.argv = SHELL("sleep 1000 & echo $!")},
    };
    pid_t left;

    (void)state;
    run(jobs, ARRAY_SIZE(jobs), &plain);
    left = (pid_t)strtol(jobs[2].out.data, NULL, 10);
    assert_true(left > 1 && kill(left, SIGKILL) == 0); /* it was still there */
    assert_int_equal(jobs[0].status, 0);
    assert_int_equal(jobs[0].out.length, 40000);
    assert_int_equal(jobs[1].status, 3);
    assert_int_equal(jobs[2].status, 0);
    for (size_t i = 0; i < ARRAY_SIZE(jobs); i++)
        fanout_job_release(&jobs[i]);
}

static void too_much(void **state)
{
    struct fanout_job jobs[] = {
        {.argv = SHELL("exec yes")},
        {.argv = SHELL("echo fine; yes | head -c 200000 >&2")},
    };

    (void)state;
    run(jobs, ARRAY_SIZE(jobs), &plain);
    assert_true(jobs[0].too_long && jobs[0].status == -1);
    assert_int_equal(jobs[0].out.length, plain.output_max);
    assert_true(!jobs[1].too_long && jobs[1].status == 0);
    assert_string_equal(jobs[1].out.data, "fine\n");
    assert_int_equal(jobs[1].err.length, plain.output_max);
    for (size_t i = 0; i < ARRAY_SIZE(jobs); i++)
        fanout_job_release(&jobs[i]);
}

/* Neither what ignores signals nor what it started outlives its time. */
static void time_limit(void **state)
{
    cleanup_free char *pids = unit_path(*state, "pids"), *script = NULL;
    struct fanout_job jobs[2] = {{.argv = SHELL("exit 0")}};
    struct fanout_options options = plain;
    FILE *file;
    int pid, count = 0;

    options.timeout_ms = 300;
    assert_true(asprintf(&script,
                         "trap '' TERM HUP INT; echo $$ >>%s; (exec sh -c 'echo $$ >>%s; while :; do "
                         "sleep 0.1; done') & while :; do sleep 0.1; done",
                         pids, pids) > 0);
    jobs[1].argv = (char *[]){"/bin/sh", "-c", script, NULL};
    run(jobs, 2, &options);
    assert_int_equal(jobs[0].status, 0);
    assert_false(jobs[0].timed_out);
    assert_int_equal(jobs[1].status, -1);
    assert_true(jobs[1].timed_out);
    file = fopen(pids, "re");
    assert_non_null(file);
    while (fscanf(file, "%d", &pid) == 1) {
        /* Killed; whoever inherits it may take a moment to reap it. */
        for (int i = 0; i < 500 && proc_is_alive(pid, 0); i++)
            usleep(10000);
        assert_false(proc_is_alive(pid, 0));
        count++;
    }
    fclose(file);
    assert_int_equal(count, 2);
    fanout_job_release(&jobs[0]);
    fanout_job_release(&jobs[1]);
}

struct counts {
    size_t calls, again;
    int64_t answer;
};

static int64_t count_ended(size_t index, struct fanout_job *job, void *data)
{
    struct counts *counts = data;

    (void)index, (void)job;
    counts->calls++;
    return counts->answer;
}

/* When one has answered the others get no more time, those that have not begun included. */
static void enough(void **state)
{
    struct counts counts = {.answer = 0};
    struct fanout_options options = plain;
    struct fanout_job jobs[20];
    char **quick = SHELL("echo this"), **slow = SHELL("exec sleep 1000");

    (void)state;
    options.ended = count_ended;
    options.data = &counts;
    options.parallel_max = 3;
    for (size_t i = 0; i < ARRAY_SIZE(jobs); i++)
        jobs[i] = (struct fanout_job){.argv = i == 1 ? quick : slow};
    run(jobs, ARRAY_SIZE(jobs), &options);
    assert_int_equal(jobs[1].status, 0);
    for (size_t i = 0; i < ARRAY_SIZE(jobs); i++) {
        assert_true(i == 1 || jobs[i].status == -1);
        assert_false(jobs[i].timed_out);
        fanout_job_release(&jobs[i]);
    }
    assert_int_equal(counts.calls, 3);
}

static int64_t again_thrice(size_t index, struct fanout_job *job, void *data)
{
    struct counts *counts = data;

    (void)index;
    counts->calls++;
    return job->status == 255 && counts->again++ < 3 ? FANOUT_AGAIN : -1;
}

static void again(void **state)
{
    cleanup_free char *path = unit_path(*state, "runs"), *script = NULL;
    struct counts counts = {0};
    struct fanout_options options = plain;
    struct fanout_job jobs[3] = {{.argv = SHELL("exit 1")}, {.argv = NULL}, {.argv = SHELL("exit 2")}};

    options.ended = again_thrice;
    options.data = &counts;
    assert_true(asprintf(&script, "echo x >>%s; wc -l <%s; echo again >&2; exit 255", path, path) > 0);
    jobs[1].argv = (char *[]){"/bin/sh", "-c", script, NULL};
    run(jobs, ARRAY_SIZE(jobs), &options);
    assert_int_equal(counts.calls, 6);
    assert_int_equal(jobs[0].status, 1);
    assert_int_equal(jobs[1].status, 255);
    expect_output(&jobs[1], "4\n", "again\n"); /* of the last run alone */
    assert_int_equal(jobs[2].status, 2);
    for (size_t i = 0; i < ARRAY_SIZE(jobs); i++)
        fanout_job_release(&jobs[i]);
}

static int64_t anew(size_t index, struct fanout_job *job, void *data)
{
    (void)index;
    if (job->argv == data)
        return -1;
    job->argv = data;
    return FANOUT_ANEW;
}

static void anew_with_other_words(void **state)
{
    char **other = SHELL("echo other; exit 3");
    struct fanout_options options = plain;
    struct fanout_job job = {.argv = SHELL("echo first; exit 1")};

    (void)state;
    options.ended = anew;
    options.data = other;
    run(&job, 1, &options);
    assert_int_equal(job.status, 3);
    expect_output(&job, "other\n", "");
    fanout_job_release(&job);
    /* Its time is one for all runs. */
    options.timeout_ms = 1000;
    other = SHELL("exec sleep 1000");
    options.data = other;
    job = (struct fanout_job){.argv = SHELL("exit 1")};
    run(&job, 1, &options);
    assert_true(job.timed_out);
    fanout_job_release(&job);
}

/* Again and again, until its time is up. */
static int64_t always_again(size_t index, struct fanout_job *job, void *data)
{
    (void)index, (void)job;
    ++*(size_t *)data;
    return FANOUT_AGAIN;
}

static void again_for_so_long(void **state)
{
    size_t calls = 0;
    struct fanout_options options = plain;
    struct fanout_job job = {.argv = SHELL("exit 5")};

    (void)state;
    options.ended = always_again;
    options.data = &calls;
    options.timeout_ms = 700;
    run(&job, 1, &options);
    assert_true(calls >= 2);
    assert_int_equal(job.status, 5);
    assert_false(job.timed_out);
    fanout_job_release(&job);
}

/* Each says how many run when it does. */
static void at_most(void **state)
{
    cleanup_free char *script = NULL;
    struct fanout_options options = plain;
    struct fanout_job jobs[60];
    char *argv[] = {"/bin/sh", "-c", NULL, NULL};
    int most = 0;

    options.parallel_max = 5;
    assert_true(asprintf(&script, "cd %s; : >$$; ls | wc -l; sleep 0.02; rm $$", (char *)*state) > 0);
    argv[2] = script;
    for (size_t i = 0; i < ARRAY_SIZE(jobs); i++)
        jobs[i] = (struct fanout_job){.argv = argv};
    run(jobs, ARRAY_SIZE(jobs), &options);
    for (size_t i = 0; i < ARRAY_SIZE(jobs); i++) {
        int number = atoi(jobs[i].out.data);

        assert_int_equal(jobs[i].status, 0);
        most = number > most ? number : most;
        fanout_job_release(&jobs[i]);
    }
    assert_in_range(most, 2, 5);
}

static int run_with_few_descriptors(void *data)
{
    struct rlimit limit = {.rlim_cur = 40, .rlim_max = 40};
    struct fanout_options options = plain;
    struct fanout_job jobs[50];
    char **argv = SHELL("echo done");
    int caught = 0;

    (void)data;
    require(setrlimit(RLIMIT_NOFILE, &limit) == 0);
    require(fanout_bound(32) >= 1 && fanout_bound(32) < 10);
    require(fanout_bound(1) == 1);
    /* More at once than there are descriptors for: it finds out. */
    options.parallel_max = 50;
    for (size_t i = 0; i < ARRAY_SIZE(jobs); i++)
        jobs[i] = (struct fanout_job){.argv = argv};
    require(fanout_run(jobs, ARRAY_SIZE(jobs), &options, &caught, NULL) == 0);
    for (size_t i = 0; i < ARRAY_SIZE(jobs); i++)
        require(jobs[i].status == 0 && strcmp(jobs[i].out.data, "done\n") == 0);
    /* None at all. */
    limit.rlim_cur = 5;
    require(setrlimit(RLIMIT_NOFILE, &limit) == 0);
    require(fanout_bound(32) == 1);
    while (dup(0) >= 0)
        ;
    require(fanout_run(jobs, 2, &options, &caught, NULL) == -EMFILE);
    return 0;
}

static void few_descriptors(void **state)
{
    (void)state;
    assert_int_equal(unit_fork(-1, run_with_few_descriptors, NULL), 0);
}

/* A user without other processes, who may have six. */
static int run_with_few_processes(void *data)
{
    struct rlimit limit = {.rlim_cur = 6, .rlim_max = 6};
    struct fanout_options options = plain;
    struct fanout_job jobs[40];
    char **argv = SHELL("exec sleep 0.02");
    int caught = 0;

    (void)data;
    require(setrlimit(RLIMIT_NPROC, &limit) == 0);
    require(fanout_bound(32) == 1);
    options.parallel_max = 32;
    for (size_t i = 0; i < ARRAY_SIZE(jobs); i++)
        jobs[i] = (struct fanout_job){.argv = argv};
    require(fanout_run(jobs, ARRAY_SIZE(jobs), &options, &caught, NULL) == 0);
    for (size_t i = 0; i < ARRAY_SIZE(jobs); i++)
        require(jobs[i].status == 0);
    return 0;
}

static void few_processes(void **state)
{
    (void)state;
    skip_unless_root();
    assert_int_equal(unit_fork(60800 + (uid_t)(getpid() % 380), run_with_few_processes, NULL), 0);
}

/* The signal is the caller's to raise again, and everything else is as it was before. */
static int be_interrupted(void *data)
{
    int number = *(int *)data, caught = 0;
    struct fanout_job jobs[] = {{.argv = SHELL("exec sleep 1000")},
                                {.argv = SHELL("trap '' TERM; kill -$0 $PPID; while :; do sleep 0.1; done")}};
    char name[8], *argv[] = {"/bin/sh", "-c", jobs[1].argv[2], name, NULL};
    struct genv_error err = {0};
    sigset_t before = {0}, after = {0}; /* the kernel fills a part of them */
    int status;

    snprintf(name, sizeof(name), "%d", number);
    jobs[1].argv = argv;
    sigprocmask(SIG_SETMASK, NULL, &before);
    require(fanout_run(jobs, ARRAY_SIZE(jobs), &plain, &caught, &err) == -EINTR);
    require(caught == number && err.code == EINTR);
    sigprocmask(SIG_SETMASK, NULL, &after);
    require(memcmp(&before, &after, sizeof(before)) == 0);
    require(waitpid(-1, &status, WNOHANG) == -1 && errno == ECHILD);
    return 0;
}

static void interrupted(void **state)
{
    static const int numbers[] = {SIGINT, SIGTERM, SIGHUP};

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(numbers); i++) {
        int number = numbers[i];

        assert_int_equal(unit_fork(-1, be_interrupted, &number), 0);
    }
}

/* Ignored by the caller: SIGHUP as of nohup(1), SIGCHLD as of some init. */
static int ignore(void *data)
{
    struct fanout_job job = {.argv = SHELL("kill -HUP $PPID; trap - HUP; kill -HUP $$; exit 4")};
    struct sigaction action;
    int caught = 0;

    (void)data;
    signal(SIGHUP, SIG_IGN);
    signal(SIGCHLD, SIG_IGN);
    require(fanout_run(&job, 1, &plain, &caught, NULL) == 0);
    require(job.status == 128 + SIGHUP && caught == 0); /* the child's own is as by default */
    require(sigaction(SIGCHLD, NULL, &action) == 0 && action.sa_handler == SIG_IGN);
    return 0;
}

static void ignored(void **state)
{
    (void)state;
    assert_int_equal(unit_fork(-1, ignore, NULL), 0);
}

/* A child has no descriptor but the three, reads nothing, and is in a session of its own. */
static int look_around(void *data)
{
    struct fanout_job job = {.argv = SHELL("ls /proc/$$/fd; cat; cut -d' ' -f1,6 /proc/$$/stat; exit 0")};
    int caught = 0, pid, session, offset = 0;

    (void)data;
    require(dup2(0, 50) == 50); /* not closed on exec */
    require(fanout_run(&job, 1, &plain, &caught, NULL) == 0);
    require(strncmp(job.out.data, "0\n1\n2\n", 6) == 0);
    require(sscanf(job.out.data + 6, "%d %d %n", &pid, &session, &offset) == 2);
    require(pid == session && job.out.data[6 + offset] == '\0');
    return 0;
}

/* Standard streams that the caller has closed are taken by nobody's pipes. */
static int close_everything(void *data)
{
    struct fanout_job job = {.argv = SHELL("echo out; echo err >&2")};
    int caught = 0;

    (void)data;
    close(0), close(1);
    require(fanout_run(&job, 1, &plain, &caught, NULL) == 0);
    require(strcmp(job.out.data, "out\n") == 0 && strcmp(job.err.data, "err\n") == 0);
    return 0;
}

static void cut_off(void **state)
{
    (void)state;
    assert_int_equal(unit_fork(-1, look_around, NULL), 0);
    assert_int_equal(unit_fork(-1, close_everything, NULL), 0);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(results),
    cmocka_unit_test(output),
    cmocka_unit_test(too_much),
    test_in_directory(time_limit),
    cmocka_unit_test(enough),
    test_in_directory(again),
    cmocka_unit_test(again_for_so_long),
    cmocka_unit_test(anew_with_other_words),
    test_in_directory(at_most),
    cmocka_unit_test(few_descriptors),
    cmocka_unit_test(few_processes),
    cmocka_unit_test(interrupted),
    cmocka_unit_test(ignored),
    cmocka_unit_test(cut_off),
};

UNIT_MAIN(tests)
