/* genv view: runs a command that sees this environment's GPUs only. */
#include "shim/view.h"

#include <string.h>

#include "cli/cli.h"
#include "cli/installation.h"
#include "shim/ids.h"

/* CUDA_VISIBLE_DEVICES by UUID, where that is needed: PyTorch compares indices in it with how many devices NVML has, in
 * the view fewer than in the machine. Other programs take nothing but indices, so that the user has the last word. */
static int name_by_uuid(struct cli *cli, struct genv_error *err)
{
    const char *devices = getenv("CUDA_VISIBLE_DEVICES"), *form = getenv("GENV_VISIBLE_DEVICES");
    cleanup_env struct genv_env *env = NULL;
    cleanup_text struct text uuids = TEXT_INIT;
    bool forced = form && strcmp(form, "uuid") == 0;

    if (!devices || (form && strcmp(form, "index") == 0) || cli_current_env(cli, &env, NULL) < 0)
        return 0;
    if (!forced && ids_are_places(env, devices))
        return 0;
    ids_add_uuids(&uuids, env, devices, NULL);
    if (uuids.failed || (uuids.data && setenv("CUDA_VISIBLE_DEVICES", uuids.data, 1) < 0))
        return error_no_memory(err);
    return 0;
}

static int run(struct cli *cli, const struct arguments *arguments, struct genv_error *err)
{
    struct installation installation;
    int r;

    if (!cli_current_eid())
        return cli_execute(cli, arguments->operands, err);
    r = installation_find(&installation, err);
    if (r == 0)
        r = view_use(installation.view, err);
    if (r < 0)
        return error_prefix(err, r, "the view is not available, and without it the command would see all devices");
    r = name_by_uuid(cli, err);
    return r < 0 ? r : cli_execute(cli, arguments->operands, err);
}

static const struct example examples[] = {
    {"genv view -- nvtop", "Watch the devices of this environment."},
    {"genv view -- python -m gpustat", "Run any program that uses NVIDIA's management library."},
    {NULL, NULL},
};

const struct command command_view = {
    .name = "view",
    .summary = "Run a command that sees only the devices of this environment",
    .description = "Programs that use NVIDIA's management library (NVML), such as nvtop, gpustat and nvitop, see only "
                   "the environment's devices and processes, the memory that these processes use, and the "
                   "environment's memory capacity as the total. nvidia-smi shows the same in an environment without "
                   "this command. If no environment is active, the command sees all devices.\n\nThe view works through "
                   "LD_LIBRARY_PATH, which set-uid programs ignore. If the index of a device is not below the number "
                   "of devices, CUDA_VISIBLE_DEVICES has UUIDs, because PyTorch would not find that device by its "
                   "index. GENV_VISIBLE_DEVICES=index keeps the indices, for programs that accept nothing else.",
    .group = GROUP_PROGRAMS,
    .operands = {.synopsis = "[--] COMMAND [ARGUMENT...]", .kind = OPERAND_COMMAND, .min = 1, .max = OPERANDS_ANY},
    .examples = examples,
    .run = run,
};
