/* What can be wrong with a machine, and what to do about it. */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>

#include "base/user.h"
#include "isolate/landlock.h"
#include "libgenv/handle.h"

#define REMEDY_SIZE sizeof(((struct genv_finding *)NULL)->remedy)

struct doctor {
    void (*report)(const struct genv_finding *finding, void *data);
    void *data;
};

static void tell(const struct doctor *doctor, enum genv_finding_level level, const char *subject, const char *remedy,
                 const char *format, ...) PRINTF_LIKE(5, 6);

static void tell(const struct doctor *doctor, enum genv_finding_level level, const char *subject, const char *remedy,
                 const char *format, ...)
{
    struct genv_finding finding = {.level = level, .subject = subject};
    va_list args;

    va_start(args, format);
    vsnprintf(finding.text, sizeof(finding.text), format, args);
    va_end(args);
    snprintf(finding.remedy, sizeof(finding.remedy), "%s", remedy);
    doctor->report(&finding, doctor->data);
}

static void check_device(const struct doctor *doctor, const struct driver_words *words,
                         const struct genv_device *device)
{
    static const char *const states[] = {
        [GENV_DEVICE_OK] = "",
        [GENV_DEVICE_LOST] = "is lost",
        [GENV_DEVICE_FORBIDDEN] = "cannot be opened: permission denied",
        [GENV_DEVICE_FAILED] = "does not respond to the driver",
    };

    if (device->state != GENV_DEVICE_OK)
        tell(doctor, GENV_FINDING_WARNING, "device", words->remedies[device->state], "device %u %s", device->index,
             states[device->state]);
    else if (device->mig)
        tell(doctor, GENV_FINDING_WARNING, "device", words->divided,
             "device %u is in MIG mode: genv shares the whole device, not its instances", device->index);
    else if (device->unified_memory)
        tell(doctor, GENV_FINDING_OK, "device", "",
             "device %u shares the machine's memory, which other programs use too", device->index);
}

/* A driver and its devices. */
static void check_part(const struct doctor *doctor, const struct driver_part *part, const struct genv_device *devices)
{
    const struct driver_ops *ops = driver_find(part->name);

    if (!ops)
        return;
    if (part->device_count == 0)
        tell(doctor, GENV_FINDING_WARNING, "driver", ops->words->no_device, "%s %s: no devices", part->name,
             part->version);
    else if (strcmp(part->name, part->version) == 0)
        tell(doctor, GENV_FINDING_OK, "driver", "", "%s: %zu devices", part->name, part->device_count);
    else
        tell(doctor, GENV_FINDING_OK, "driver", "", "%s %s: %zu devices", part->name, part->version,
             part->device_count);
    for (size_t i = 0; i < part->device_count; i++)
        check_device(doctor, ops->words, &devices[i]);
}

static void check_drivers(const struct doctor *doctor, struct genv *g)
{
    cleanup_answer struct driver_answer answer = {.parts = NULL};
    const struct genv_device *devices;
    struct genv_error reason = {0};

    if (driver_ask(&g->gate, ANSWER_GAPS, g->driver_timeout_ms, &answer, &reason) < 0) {
        tell(doctor, GENV_FINDING_ERROR, "driver", "", "%s", reason.message);
        return;
    }
    devices = answer.devices;
    for (size_t i = 0; i < answer.part_count; i++) {
        check_part(doctor, &answer.parts[i], devices);
        devices += answer.parts[i].device_count;
    }
    for (size_t i = 0; i < answer.complaint_count; i++)
        tell(doctor, answer.complaints[i].code == EOPNOTSUPP ? GENV_FINDING_WARNING : GENV_FINDING_ERROR, "driver", "",
             "%s", answer.complaints[i].message);
}

/* Everyone must be able to write here, and nobody to touch what is another's: mode 1777, owner root or oneself. */
static void check_directory(const struct doctor *doctor, const struct genv *g, const char *path)
{
    char owner[GENV_USERNAME_SIZE], open_up[REMEDY_SIZE], take_over[REMEDY_SIZE];
    struct stat st;

    if (lstat(path, &st) < 0) {
        tell(doctor, GENV_FINDING_ERROR, "state directory", "check the permissions of the directories above it",
             "%s: %s", path, strerror(errno));
        return;
    }
    user_name(st.st_uid, owner, sizeof(owner));
    snprintf(open_up, sizeof(open_up), "as %s, run 'chmod 1777 %s'", owner, path);
    snprintf(take_over, sizeof(take_over), "as root, run 'chown root %s' and 'chmod 1777 %s'", path, path);
    if (!S_ISDIR(st.st_mode))
        tell(doctor, GENV_FINDING_ERROR, "state directory", "remove it, or set GENV_TMPDIR", "%s is not a directory",
             path);
    else if (st.st_mode & 0002 && !(st.st_mode & S_ISVTX))
        tell(doctor, GENV_FINDING_ERROR, "state directory", open_up,
             "%s is not sticky: anyone can remove anyone's environments", path);
    else if (st.st_uid != 0 && st.st_uid != g->uid)
        tell(doctor, GENV_FINDING_WARNING, "state directory", take_over,
             "%s belongs to %s, who can remove anyone's environments", path, owner);
    else if (!(st.st_mode & 0002))
        tell(doctor, GENV_FINDING_WARNING, "state directory", open_up,
             "%s is not shared: only %s can create environments there", path, owner);
    else
        tell(doctor, GENV_FINDING_OK, "state directory", "", "%s: shared, sticky, owned by %s", path, owner);
}

static void check_store(const struct doctor *doctor, struct genv *g)
{
    cleanup_env_list struct env_list list = {0};
    struct genv_error reason = {0};
    const char *path = store_path(g->store);
    cleanup_free char *envs = NULL;

    if (access(path, F_OK) < 0 && errno == ENOENT) {
        tell(doctor, GENV_FINDING_OK, "state directory", "", "%s: does not exist yet; the first activation creates it",
             path);
        return;
    }
    check_directory(doctor, g, path);
    if (asprintf(&envs, "%s/envs", path) < 0)
        envs = NULL;
    else
        check_directory(doctor, g, envs);
    if (handle_begin(g, STORE_WRITE, &list, &reason) < 0) {
        tell(doctor, GENV_FINDING_ERROR, "state", "", "%s", reason.message);
        return;
    }
    handle_end(g);
    tell(doctor, GENV_FINDING_OK, "state", "", "%s: %zu environment%s", path, list.count, list.count == 1 ? "" : "s");
}

static void check_isolation(const struct doctor *doctor)
{
    struct genv_error reason = {0};

    if (landlock_check(&reason) == 0)
        tell(doctor, GENV_FINDING_OK, "isolation", "", "'genv run --isolate' works: this kernel has Landlock");
    else
        tell(doctor, GENV_FINDING_OK, "isolation", "", "%s", reason.message);
    if (prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1)
        tell(doctor, GENV_FINDING_OK, "isolation", "", "sudo and su do not work in this shell, as in an isolated one");
}

GENV_PUBLIC void genv_diagnose(struct genv *g, void (*report)(const struct genv_finding *finding, void *data),
                               void *data)
{
    const struct doctor doctor = {report, data};

    check_drivers(&doctor, g);
    check_store(&doctor, g);
    check_isolation(&doctor);
}
