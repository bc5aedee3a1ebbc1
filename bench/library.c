/* What the bench does through libgenv: genv-bench-library pairs | register PREFIX COUNT PID [CAPACITY]. */
#include <genv/genv.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define PAIRS 5000

static int complain(const struct genv_error *err)
{
    fprintf(stderr, "genv-bench-library: %s\n", err->message);
    return 1;
}

static double now_seconds(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* Prints how many times a second this process attaches a device and detaches it. */
static int measure_pairs(struct genv *g)
{
    struct genv_activation activation = {.uid = (uid_t)-1, .member.pid = getpid(), .config = GENV_CONFIG_INIT};
    struct genv_attach_request request = GENV_ATTACH_INIT;
    struct genv_error err = {0};
    struct genv_env *env;
    double before;

    request.count = 1;
    if (genv_activate(g, &activation, &env, NULL, &err) < 0)
        return complain(&err);
    before = now_seconds();
    for (int i = 0; i < PAIRS; i++) {
        if (genv_attach(g, env->eid, &request, NULL, &err) < 0 || genv_detach(g, env->eid, NULL, NULL, &err) < 0)
            return complain(&err);
    }
    printf("%.0f\n", PAIRS / (now_seconds() - before));
    genv_env_free(env);
    return genv_deactivate(g, NULL, &activation.member, &err) < 0 ? complain(&err) : 0;
}

/* Makes @count environments that live as long as @pid; with a capacity, each attached to one device. */
static int register_many(struct genv *g, const char *prefix, int count, pid_t pid, uint64_t capacity)
{
    const struct genv_member member = {.pid = pid};
    struct genv_reservation reservation = GENV_RESERVATION_INIT;
    struct genv_error err = {0};
    char name[64];

    reservation.eid = name;
    reservation.members = &member;
    reservation.member_count = 1;
    reservation.config.gpu_memory = capacity;
    reservation.config.gpus = capacity ? 1 : -1;
    for (int i = 0; i < count; i++) {
        snprintf(name, sizeof(name), "%s-%d", prefix, i);
        if (genv_reserve(g, &reservation, NULL, NULL, &err) < 0)
            return complain(&err);
    }
    return 0;
}

int main(int argc, char **argv)
{
    struct genv_error err = {0};
    struct genv *g;
    int status = 2;

    if (genv_open(NULL, &g, &err) < 0)
        return complain(&err);
    if (argc == 2 && strcmp(argv[1], "pairs") == 0)
        status = measure_pairs(g);
    else if (argc >= 5 && strcmp(argv[1], "register") == 0)
        status = register_many(g, argv[2], atoi(argv[3]), atoi(argv[4]), argc > 5 ? strtoull(argv[5], NULL, 10) : 0);
    else
        fputs("usage: genv-bench-library pairs | register PREFIX COUNT PID [CAPACITY]\n", stderr);
    genv_close(g);
    return status;
}
