/* genv cdi: devices as a CDI specification, for engines that need no runtime of genv's. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "cli/cli.h"
#include "cli/installation.h"
#include "cli/listing.h"
#include "container/specification.h"

struct cdi_options {
    const char *output;
};

static const struct option options[] = {
    {.name = "output",
     .letter = 'o',
     .type = OPTION_TEXT,
     .filled = true,
     .argument = "FILE",
     .help = "Write FILE, such as /etc/cdi/genv.json (default: standard output)",
     .offset = offsetof(struct cdi_options, output)},
    {.name = NULL},
};

static int write_file(const char *path, const char *text, struct genv_error *err)
{
    const char *slash = strrchr(path, '/');
    cleanup_free char *folder = slash ? strndup(path, (size_t)(slash - path) + 1) : strdup(".");
    cleanup_close int directory = -1;
    int r;

    if (!folder)
        return error_no_memory(err);
    if (mkdir(folder, 0755) < 0 && errno != EEXIST)
        return error_set_errno(err, errno, "cannot create %s", folder);
    directory = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    r = directory < 0 ? -errno
                      : file_replace(directory, slash ? slash + 1 : path, text, strlen(text), 0644, (uid_t)-1, false);

    return r < 0 ? error_set_errno(err, -r, "cannot write %s", path) : 0;
}

static int make(struct cli *cli, char **ret_text, struct genv_error *err)
{
    cleanup_snapshot struct genv_snapshot *snapshot = NULL;
    struct installation installation;
    struct genv_env *env = NULL;
    char runtime[4200];
    int r = installation_find(&installation, err);

    if (r == 0)
        r = listing_take(cli, GENV_DEPTH_DEVICES, &snapshot, err);
    if (r == 0 && cli_current_eid())
        r = cli_current_env(cli, &env, err);
    if (r < 0)
        return r;
    snprintf(runtime, sizeof(runtime), "%s/bin/genv-container-runtime", installation.root);
    r = specification_make(cli->genv, snapshot, env, runtime, ret_text, err);
    genv_env_free(env);
    return r;
}

static int run(struct cli *cli, const struct arguments *arguments, struct genv_error *err)
{
    const struct cdi_options *values = arguments->values;
    cleanup_free char *text = NULL;
    int r = make(cli, &text, err);

    if (r < 0)
        return r;
    if (values->output)
        return write_file(values->output, text, err);
    text_addf(&cli->output, "%s\n", text);
    return 0;
}

static const struct example examples[] = {
    {"sudo genv cdi --output /etc/cdi/genv.json", "Lets 'docker run --device genv.dev/gpu=all' have all devices."},
    {"genv cdi", "Shows the specification with this environment's devices as genv.dev/gpu=EID."},
    {NULL, NULL},
};

const struct command command_cdi = {
    .name = "cdi",
    .summary = "Show devices as a CDI specification for container engines",
    .description =
        "Describes the devices of this machine as genv.dev/gpu=all and, inside an environment, its devices as "
        "genv.dev/gpu=EID, for engines with CDI: docker 25, podman 4.1 and newer. A container with "
        "genv.dev/gpu=EID does not start once the environment has lost one of these devices.",
    .group = GROUP_MACHINE,
    .options = options,
    .values_size = sizeof(struct cdi_options),
    .examples = examples,
    .run = run,
};
