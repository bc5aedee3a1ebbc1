/* genv doctor: checks whether everything is as it should be. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/path.h"
#include "base/text.h"
#include "cli/cli.h"
#include "cli/installation.h"
#include "container/daemon.h"

#define PACKAGE "/genv/_root" /* in the site-packages of a Python */

struct examination {
    struct cli *cli;
    bool has_errors;
};

/* "ok       driver: …", "warning  shell: …; REMEDY" */
static void report(const struct genv_finding *finding, void *data)
{
    static const char *const levels[] = {
        [GENV_FINDING_OK] = "ok", [GENV_FINDING_WARNING] = "warning", [GENV_FINDING_ERROR] = "error"};
    struct examination *examination = data;
    struct genv_finding printable = *finding; /* there may be anything in a path */

    utf8_make_printable(printable.text);
    utf8_make_printable(printable.remedy);
    text_addf(&examination->cli->output, "%-9s%s: %s%s%s\n", levels[finding->level], finding->subject, printable.text,
              printable.remedy[0] ? "; " : "", printable.remedy);
    examination->has_errors = examination->has_errors || finding->level == GENV_FINDING_ERROR;
}

/* The first genv in PATH, if that is another one than @genv; free() it. */
static char *find_other(const char *genv)
{
    cleanup_path struct path path = {.file = NULL};
    struct stat ours, found;

    if (stat(genv, &ours) < 0)
        return NULL;
    while (path_next(&path, "genv")) {
        if (access(path.file, X_OK) < 0 || stat(path.file, &found) < 0 || !S_ISREG(found.st_mode))
            continue;
        return found.st_dev == ours.st_dev && found.st_ino == ours.st_ino ? NULL : STEAL_POINTER(path.file);
    }
    return NULL;
}

/* The folder of a Python's packages that the installation in @root is part of; free() it. NULL: it is none of them. */
static char *find_packages(const char *root)
{
    size_t length = strlen(root);

    if (length <= strlen(PACKAGE) || strcmp(root + length - strlen(PACKAGE), PACKAGE) != 0)
        return NULL;
    return strndup(root, length - strlen(PACKAGE));
}

/* Whether @file, bin/genv of a virtualenv, is the launcher of the Python package that is installed in @root. */
static bool is_launcher(const char *file, const char *root)
{
    const size_t file_length = strlen(file), end = strlen("/bin/genv");
    const size_t prefix = file_length > end ? file_length - end : 0;
    cleanup_free char *packages = find_packages(root);

    return packages && prefix && strcmp(file + prefix, "/bin/genv") == 0 && strncmp(file, packages, prefix) == 0 &&
           (packages[prefix] == '/' || packages[prefix] == '\0');
}

static void check_installation(struct examination *examination)
{
    struct genv_finding finding = {.subject = "installation"};
    struct installation installation;
    struct genv_error err = {0};
    cleanup_free char *other = NULL;

    if (installation_find(&installation, &err) < 0) {
        finding.level = GENV_FINDING_ERROR;
        snprintf(finding.text, sizeof(finding.text), "%.500s", err.message);
    } else if (access(installation.shims, R_OK | X_OK) < 0) {
        finding.level = GENV_FINDING_ERROR;
        snprintf(finding.text, sizeof(finding.text), "version %s, but %.400s cannot be read", genv_version(),
                 installation.shims);
        copy_string(finding.remedy, sizeof(finding.remedy), "install genv again");
    } else if ((other = find_other(installation.genv)) && !is_launcher(other, installation.root)) {
        finding.level = GENV_FINDING_WARNING;
        snprintf(finding.text, sizeof(finding.text), "version %s in %.200s, but PATH has %.200s first", genv_version(),
                 installation.root, other);
        copy_string(finding.remedy, sizeof(finding.remedy), "remove one of them, or change PATH");
    } else {
        snprintf(finding.text, sizeof(finding.text), "version %s in %.400s", genv_version(), installation.root);
    }
    report(&finding, examination);
}

/* Whether the program at @path is the script that pip, conda or pipx makes of the Python genv's entry point; the second
 * is that of an old setuptools. Which interpreter runs it says nothing: other programs called genv are Python's too. */
static bool is_python_genv(const char *path)
{
    static const char *const marks[] = {"genv.cli.__main__", "'genv=="};
    cleanup_close int fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    char start[2048]; /* behind the name of the interpreter, which may be long */
    ssize_t length = fd < 0 ? -1 : read(fd, start, sizeof(start));

    if (length <= 2 || memcmp(start, "#!", 2) != 0)
        return false;
    for (size_t i = 0; i < ARRAY_SIZE(marks); i++) {
        if (memmem(start, (size_t)length, marks[i], strlen(marks[i])))
            return true;
    }
    return false;
}

/* The Python genv anywhere in PATH: whoever uses it there sees nothing of what is reserved here, and the other way
 * round. */
static void check_python(struct examination *examination)
{
    cleanup_path struct path path = {.file = NULL};

    while (path_next(&path, "genv")) {
        struct genv_finding finding = {.subject = "Python genv", .level = GENV_FINDING_WARNING};

        if (access(path.file, X_OK) < 0 || !is_python_genv(path.file))
            continue;
        snprintf(
            finding.text, sizeof(finding.text),
            "%.200s is the Python genv, which does not see reservations made here and may give the same devices away",
            path.file);
        copy_string(finding.remedy, sizeof(finding.remedy),
                    "remove it with 'pip uninstall genv', or make sure that nobody uses it on this machine");
        report(&finding, examination);
    }
}

/* The Python genv in the same folder as this one's Python package: both are called genv there, and each has overwritten
 * files of the other. */
static void check_packages(struct examination *examination)
{
    struct genv_finding finding = {.subject = "Python package", .level = GENV_FINDING_ERROR};
    cleanup_free char *folder = NULL;
    cleanup_closedir DIR *packages = NULL;
    struct installation installation;
    struct dirent *entry;

    if (installation_find(&installation, NULL) < 0 || !(folder = find_packages(installation.root)) ||
        !(packages = opendir(folder)))
        return;
    while ((entry = readdir(packages))) {
        if (fnmatch("genv-*.dist-info", entry->d_name, 0) != 0)
            continue;
        snprintf(finding.text, sizeof(finding.text), "another package named genv is installed in %.400s", folder);
        copy_string(finding.remedy, sizeof(finding.remedy),
                    "run 'pip uninstall genv genv-gpu', then 'pip install genv-gpu'");
        report(&finding, examination);
    }
}

/* genv's runtime in docker's configuration, if it is there. */
static void check_docker(struct examination *examination)
{
    struct genv_finding finding = {.subject = "docker"};
    cleanup_free char *text = NULL;
    struct genv_error err = {0};
    char path[4096];
    size_t length;
    bool is_default;

    if (file_read_at(AT_FDCWD, DAEMON_FILE, CONFIG_SIZE_MAX, &text, &length) < 0)
        return;
    if (daemon_find(text, length, path, sizeof(path), &is_default, &err) < 0) {
        finding.level = GENV_FINDING_WARNING;
        snprintf(finding.text, sizeof(finding.text), DAEMON_FILE ": %.400s", err.message);
    } else if (!*path) {
        return;
    } else if (access(path, X_OK) < 0) {
        finding.level = GENV_FINDING_ERROR;
        snprintf(finding.text, sizeof(finding.text), "the runtime '" DAEMON_RUNTIME "' is %.300s: %s", path,
                 strerror(errno));
        copy_string(finding.remedy, sizeof(finding.remedy),
                    "run 'genv docker install' or 'genv docker uninstall' as root");
    } else {
        snprintf(finding.text, sizeof(finding.text), "the runtime '" DAEMON_RUNTIME "' is %.300s%s", path,
                 is_default ? ", and the default" : "");
    }
    report(&finding, examination);
}

static void check_shell(struct examination *examination)
{
    const struct cli *cli = examination->cli;
    struct genv_finding finding = {.subject = "shell"};
    enum shell_kind kind;

    if (cli->in_shell) {
        snprintf(finding.text, sizeof(finding.text), "%s is set up", shell_kind_name(cli->shell));
    } else if (shell_kind_of_caller(&kind) < 0) {
        finding.level = GENV_FINDING_WARNING;
        copy_string(finding.text, sizeof(finding.text), "this shell is not bash, zsh or fish");
        copy_string(finding.remedy, sizeof(finding.remedy), "use 'genv run', which needs no setup");
    } else {
        finding.level = GENV_FINDING_WARNING;
        snprintf(finding.text, sizeof(finding.text), "genv is not set up in this %s", shell_kind_name(kind));
        snprintf(finding.remedy, sizeof(finding.remedy), "run '%s', and add that line to %s", cli_setup_line(kind),
                 cli_setup_file(kind));
    }
    report(&finding, examination);
}

static int run(struct cli *cli, const struct arguments *arguments, struct genv_error *err)
{
    struct examination examination = {.cli = cli};
    int r = cli_open(cli, err);

    (void)arguments;
    if (r < 0)
        return r;
    check_installation(&examination);
    check_python(&examination);
    check_packages(&examination);
    genv_diagnose(cli->genv, report, &examination);
    check_docker(&examination);
    check_shell(&examination);
    return examination.has_errors ? EXIT_FAILURE : 0;
}

static const struct example examples[] = {
    {"genv doctor", "Show what is wrong, and what to do about it."},
    {NULL, NULL},
};

const struct command command_doctor = {
    .name = "doctor",
    .summary = "Check the installation, the driver, the state and the shell",
    .description = "Prints one finding per line, with what to do about it. The exit status is 1 if there is an error; "
                   "warnings do not count.",
    .group = GROUP_SETUP,
    .examples = examples,
    .run = run,
};
