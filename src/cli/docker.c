/* genv docker install, genv docker uninstall: genv's runtime in docker's configuration. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "cli/cli.h"
#include "cli/installation.h"
#include "container/daemon.h"

#define BACKUP_SUFFIX   ".before-genv"
#define DAEMON_SIZE_MAX (1024 * 1024)

struct docker_options {
    bool is_default;
    const char *file;
};

static const struct docker_options defaults = {.file = DAEMON_FILE};

#define FILE_OPTION                                                                                                    \
    {                                                                                                                  \
        .name = "file", .type = OPTION_TEXT, .filled = true, .argument = "FILE",                                       \
        .help = "Change FILE, as of rootless docker (default: " DAEMON_FILE ")",                                       \
        .offset = offsetof(struct docker_options, file)                                                                \
    }

static const struct option install_options[] = {
    {.name = "default",
     .type = OPTION_FLAG,
     .help = "Make it the runtime of all containers; those that ask for no devices stay as they are",
     .offset = offsetof(struct docker_options, is_default)},
    FILE_OPTION,
    {.name = NULL},
};

static const struct option uninstall_options[] = {FILE_OPTION, {.name = NULL}};

struct daemon_file {
    int directory;
    const char *path, *name;
    char *text; /* "" where there is no file */
    size_t length;
    mode_t mode;
    uid_t uid; /* whose it stays; (uid_t)-1: the caller's */
    gid_t gid;
};

static void daemon_file_release(struct daemon_file *file)
{
    cleanup_closep(&file->directory);
    free(file->text);
}
#define cleanup_daemon_file cleanup_with(daemon_file_release)

static int read_text(struct daemon_file *file)
{
    cleanup_close int fd = -1;
    struct stat st;
    int r = file_open(file->directory, file->name, O_RDONLY, &fd, &st);

    file->mode = r == 0 ? st.st_mode & ALLPERMS : 0644;
    file->uid = r == 0 && st.st_uid != geteuid() ? st.st_uid : (uid_t)-1;
    file->gid = r == 0 ? st.st_gid : (gid_t)-1;
    if (r == 0)
        return file_read(fd, DAEMON_SIZE_MAX, &file->text, &file->length);
    file->text = r == -ENOENT ? strdup("") : NULL;
    return file->text ? 0 : r == -ENOENT ? -ENOMEM : r;
}

static int open_file(const char *path, bool make, struct daemon_file *ret_file, struct genv_error *err)
{
    const char *slash = strrchr(path, '/');
    cleanup_free char *folder = slash ? strndup(path, (size_t)(slash - path) + 1) : strdup(".");
    int r;

    *ret_file = (struct daemon_file){.directory = -1, .path = path, .name = slash ? slash + 1 : path};
    if (!folder)
        return error_no_memory(err);
    if (make && mkdir(folder, 0755) < 0 && errno != EEXIST)
        return error_set_errno(err, errno, "cannot create %s", folder);
    ret_file->directory = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    r = ret_file->directory < 0 ? -errno : read_text(ret_file);
    return r < 0 ? error_set_errno(err, -r, "cannot read %s", path) : 0;
}

/* Whether the file is as it was without genv. */
static bool is_without_genv(const struct daemon_file *file)
{
    char path[PATH_MAX];
    bool is_default;

    return daemon_find(file->text, file->length, path, sizeof(path), &is_default, NULL) == 0 && !*path && !is_default;
}

static int replace(const struct daemon_file *file, const char *name, const char *text, size_t length)
{
    int r = file_replace(file->directory, name, text, length, file->mode, file->uid, true);

    return r == 0 && fchownat(file->directory, name, (uid_t)-1, file->gid, AT_SYMLINK_NOFOLLOW) < 0 ? -errno : r;
}

/* Keeps what the file was without genv. */
static int write_file(const struct daemon_file *file, const char *text, struct genv_error *err)
{
    cleanup_free char *backup = NULL;
    int r = asprintf(&backup, "%s" BACKUP_SUFFIX, file->name) < 0 ? -ENOMEM : 0;

    if (r == 0 && file->length && is_without_genv(file))
        r = replace(file, backup, file->text, file->length);
    if (r == 0)
        r = replace(file, file->name, text, strlen(text));
    return r < 0 ? error_set_errno(err, -r, "cannot write %s", file->path) : 0;
}

/* @runtime NULL: takes it out. */
static int change(struct cli *cli, const struct docker_options *values, const char *runtime, struct genv_error *err)
{
    cleanup_daemon_file struct daemon_file file = {.directory = -1};
    cleanup_free char *text = NULL;
    int r = open_file(values->file, runtime != NULL, &file, err);

    if (r < 0)
        return r;
    r = daemon_change(file.text, file.length, runtime, values->is_default, &text, err);
    if (r < 0)
        return error_prefix(err, r, "%s", values->file);
    if (!text) {
        text_addf(&cli->output, "%s is as it should be: nothing changed\n", values->file);
        return 0;
    }
    r = write_file(&file, text, err);
    if (r < 0)
        return r;
    if (runtime)
        text_addf(&cli->output,
                  "Added the runtime '" DAEMON_RUNTIME "' to %s; make docker read it with 'systemctl reload docker'\n",
                  values->file);
    else /* a reload leaves alone what the file does not name any more */
        text_addf(&cli->output,
                  "Removed the runtime '" DAEMON_RUNTIME
                  "' from %s; make docker forget it with 'systemctl restart docker'\n",
                  values->file);
    return 0;
}

static int run_install(struct cli *cli, const struct arguments *arguments, struct genv_error *err)
{
    struct installation installation;
    char runtime[4200];
    int r = installation_find(&installation, err);

    if (r < 0)
        return r;
    snprintf(runtime, sizeof(runtime), "%s/bin/genv-container-runtime", installation.root);
    if (access(runtime, X_OK) < 0)
        return error_set_errno(err, errno, "cannot use %s", runtime);
    return change(cli, arguments->values, runtime, err);
}

static int run_uninstall(struct cli *cli, const struct arguments *arguments, struct genv_error *err)
{
    return change(cli, arguments->values, NULL, err);
}

static const struct example examples[] = {
    {"sudo genv docker install", "Lets 'docker run --runtime genv -e GENV_GPUS=2' start an environment."},
    {"genv-docker run --gpus 2 IMAGE", "The same for people."},
    {NULL, NULL},
};

const struct command command_docker_install = {
    .name = "docker install",
    .summary = "Add genv's runtime to docker's configuration",
    .description = "Everything else in the file stays; what it was is kept beside it as FILE" BACKUP_SUFFIX ".",
    .options = install_options,
    .defaults = &defaults,
    .values_size = sizeof(struct docker_options),
    .run = run_install,
};

const struct command command_docker_uninstall = {
    .name = "docker uninstall",
    .summary = "Take genv's runtime out of docker's configuration",
    .description = "Also where it is the default. Everything else in the file stays.",
    .options = uninstall_options,
    .defaults = &defaults,
    .values_size = sizeof(struct docker_options),
    .run = run_uninstall,
};

static const struct command *const subcommands[] = {&command_docker_install, &command_docker_uninstall, NULL};

const struct command command_docker = {
    .name = "docker",
    .summary = "Set docker up for containers that are environments",
    .description =
        "docker starts containers with a runtime. genv's decides which devices a container gets before it is "
        "created, and leaves containers that ask for none as they are.\n\n"
        "genv-docker, a program beside genv, starts containers that are environments. It takes the words of "
        "docker and, behind 'run' and 'create', options of its own: see 'genv-docker --help'. "
        "GENV_DOCKER names another program than docker: podman or nerdctl.",
    .group = GROUP_SETUP,
    .operands = {.synopsis = "install|uninstall", .kind = OPERAND_COMMAND, .min = 1, .max = OPERANDS_ANY},
    .subcommands = subcommands,
    .examples = examples,
};
