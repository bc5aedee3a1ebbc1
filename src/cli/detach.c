/* genv detach: releases devices of the environment. */
#include <errno.h>
#include <string.h>
#include <sys/timerfd.h>

#include "cli/cli.h"

/* A driver that takes longer is waking GPUs up that nobody uses. */
#define DRIVER_LIMIT_MS 150

struct values {
    const char *device;
};

static const struct values defaults = {.device = NULL};

static const struct option options[] = {
    {.name = "index",
     .letter = 'i',
     .type = OPTION_DEVICE,
     .argument = "I",
     .help = "Release this device, given by index or UUID (default: all devices)",
     .offset = offsetof(struct values, device)},
    {.name = NULL},
};

/* The live figures, if the driver tells in time; otherwise NULL. */
static struct genv_snapshot *look(struct cli *cli)
{
    const struct itimerspec limit = {.it_value.tv_nsec = DRIVER_LIMIT_MS * 1000000L};
    cleanup_close int timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC);
    struct genv_snapshot *snapshot = NULL;

    if (timer < 0 || timerfd_settime(timer, 0, &limit, NULL) < 0)
        return NULL;
    genv_set_cancel(cli->genv, timer);
    if (genv_snapshot_take(cli->genv, GENV_DEPTH_LIVE, &snapshot, NULL) < 0)
        snapshot = NULL;
    genv_set_cancel(cli->genv, -1);
    return snapshot;
}

/* What is released is somebody else's next, and enforcement ends whatever still computes on it. */
static void warn_of_users(struct cli *cli, const struct genv_env *env)
{
    cleanup_snapshot struct genv_snapshot *snapshot = look(cli);

    for (size_t i = 0; snapshot && i < snapshot->process_count; i++) {
        const struct genv_gpu_process *process = &snapshot->processes[i];

        if (strcmp(process->eid, env->eid) != 0)
            continue;
        for (size_t u = 0; u < process->usage_count; u++) {
            cleanup_text struct text line = TEXT_INIT;

            if (genv_env_attachment(env, process->usages[u].uuid))
                continue;
            text_addf(&line,
                      "process %d (%s) still uses device %u, which others can attach now: to end it, run 'kill %d'",
                      process->pid, process->command, process->usages[u].index, process->pid);
            if (!line.failed)
                cli_warn(cli, line.data);
        }
    }
}

static int run(struct cli *cli, const struct arguments *arguments, struct genv_error *err)
{
    const struct values *values = arguments->values;
    cleanup_env struct genv_env *env = NULL;
    const char *eid;
    int r = cli_open_current(cli, &eid, err);

    if (r == 0)
        r = cli_explain_end(genv_detach(cli->genv, eid, values->device, &env, err), err);
    if (r == 0)
        r = cli_update_shell(cli, env, err);
    if (r != 0)
        return r;
    warn_of_users(cli, env);
    cli_add_attachment_line(&cli->output, env);
    return 0;
}

static const struct example examples[] = {
    {"genv detach", "Release all devices."},
    {"genv detach --index 2", "Release device 2 and keep the others."},
    {NULL, NULL},
};

const struct command command_detach = {
    .name = "detach",
    .summary = "Release devices of the environment",
    .description = "Released devices are available to others at once. The environment stays active. Processes that "
                   "still use a released device are listed in a warning.",
    .group = GROUP_ENVIRONMENT,
    .options = options,
    .defaults = &defaults,
    .values_size = sizeof(defaults),
    .examples = examples,
    .run = run,
};
