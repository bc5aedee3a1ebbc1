/* What config.json is given. */
#include "container/plan.h"

#include <errno.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>

enum {
    FURTHER_CONTAINER,
    FURTHER_NVIDIA,
    FURTHER_CLAIM,
    FURTHER_DEVICES,
    FURTHER_LOCK,
    FURTHER_STATE,
    FURTHER_MIG_MONITOR,
    FURTHER_MIG_CONFIG,
    FURTHER_IMEX,
    FURTHER_COUNT
};

const char *const plan_further_variables[] = {
    [FURTHER_CONTAINER] = "GENV_CONTAINER",
    [FURTHER_NVIDIA] = "NVIDIA_VISIBLE_DEVICES", /* what NVIDIA's runtime gives the container */
    [FURTHER_CLAIM] = "GENV_CLAIM",
    [FURTHER_DEVICES] = "GENV_DEVICE_UUIDS", /* nor would one that is started there choose among them */
    [FURTHER_LOCK] = "GENV_LOCK",            /* the container's processes hold no lock */
    [FURTHER_STATE] = "GENV_TMPDIR",
    [FURTHER_MIG_MONITOR] = "NVIDIA_MIG_MONITOR_DEVICES", /* NVIDIA's runtime opens all devices' capabilities for it */
    [FURTHER_MIG_CONFIG] = "NVIDIA_MIG_CONFIG_DEVICES",
    [FURTHER_IMEX] = "NVIDIA_IMEX_CHANNELS", /* or these, of which genv gives out none */
    NULL,
};

#define STATE_INSIDE  BUNDLE_INSIDE "/state"
#define WITHOUT_GLIBC "/without-glibc" /* of the installation: what is in bin/ there is a script */

static void free_mounts(struct plan *plan)
{
    for (size_t i = 0; i < plan->edit.mount_count; i++) {
        free(plan->mounts[i].source);
        free(plan->mounts[i].target);
    }
    free(plan->mounts);
}

void plan_release(struct plan *plan)
{
    free_mounts(plan);
    free(plan->variables);
    free(plan->owned_variables);
    text_release(&plan->values);
    free(plan->nodes);
    free(plan->program);
    free(plan->hook_variables);
}

static size_t count_variables(const struct genv_variable *variables)
{
    size_t count = 0;

    while (variables[count].name)
        count++;
    return count;
}

int plan_variables(struct plan *plan, const struct genv_env *env, struct genv_error *err)
{
    struct genv_variable *variables, *grown;
    size_t count;
    int r = genv_variables(env, true, &variables, err);

    if (r < 0)
        return r;
    plan->variables = variables;
    count = count_variables(variables);
    grown = reallocarray(NULL, count + FURTHER_COUNT + 1, sizeof(*grown));
    if (!grown)
        return error_no_memory(err);
    memcpy(grown, variables, count * sizeof(*grown));
    for (size_t i = 0; i < env->attachment_count; i++)
        text_addf(&plan->values, "%s%s", i ? "," : "", env->attachments[i].device.uuid);
    if (plan->values.failed) {
        free(grown);
        return error_no_memory(err);
    }
    for (int i = 0; i < FURTHER_COUNT; i++)
        grown[count + i] = (struct genv_variable){.name = plan_further_variables[i]};
    grown[count + FURTHER_CONTAINER].value = "1";
    grown[count + FURTHER_NVIDIA].value = env->attachment_count ? plan->values.data : "void"; /* no device */
    grown[count + FURTHER_COUNT] = (struct genv_variable){.name = NULL};
    plan->owned_variables = grown;
    plan->edit.variables = grown;
    plan->edit.eid = env->eid;
    return 0;
}

static int add_mount(struct plan *plan, const char *source, const char *target, bool is_data)
{
    struct edit_mount *mount = &plan->mounts[plan->edit.mount_count];

    *mount = (struct edit_mount){.source = strdup(source), .target = strdup(target), .is_data = is_data};
    plan->edit.mount_count++;
    return mount->source && mount->target ? 0 : -ENOMEM;
}

/* The installation's folder is where this program is: ROOT/bin/genv-container-runtime. */
static int find_program(char **ret_program, char *root, struct genv_error *err)
{
    cleanup_free char *program = realpath("/proc/self/exe", NULL);

    if (!program)
        return error_set_errno(err, errno, "cannot find out where genv is installed: /proc/self/exe");
    if (root) {
        snprintf(root, PATH_MAX, "%s", program);
        for (int level = 0; level < 2; level++) {
            char *slash = strrchr(root, '/');

            if (slash)
                *slash = '\0';
        }
    }
    *ret_program = STEAL_POINTER(program);
    return 0;
}

/* Read-only: that suffices to lock, and the container's root, who may be the host's, changes no mode of it. */
static int add_locks(struct plan *plan, char *const *files, const struct genv_env *env)
{
    for (size_t i = 0; i < env->attachment_count; i++) {
        char target[sizeof(STATE_INSIDE) + GENV_UUID_SIZE + 32];

        snprintf(target, sizeof(target), STATE_INSIDE "/devices/%s.lock", env->attachments[i].device.uuid);
        if (*files[i] && add_mount(plan, files[i], target, true) < 0)
            return -ENOMEM;
    }
    return 0;
}

static const char *root_of(const json_t *config)
{
    const char *path = json_string_value(json_object_get(json_object_get(config, "root"), "path"));

    return path ? path : "rootfs";
}

/* An image that cannot run them gets a script of the same name, which says so. */
static int add_programs(struct plan *plan, const struct bundle *bundle, const json_t *config, struct genv_error *err)
{
    char root[PATH_MAX], folder[PATH_MAX + sizeof(WITHOUT_GLIBC)];
    bool runs = bundle_has_linker(bundle, root_of(config));
    int r;

    free(STEAL_POINTER(plan->program));
    r = find_program(&plan->program, root, err);
    if (r < 0)
        return r;
    snprintf(folder, sizeof(folder), "%s%s", root, runs ? "" : WITHOUT_GLIBC);
    if (!runs && access(folder, X_OK) < 0)
        return 0; /* genv was installed in part */
    if (add_mount(plan, folder, BUNDLE_INSIDE "/root", false) < 0)
        return error_no_memory(err);
    plan->edit.path_front = PLAN_PATH_FRONT;
    return 0;
}

static void set_state(struct plan *plan)
{
    for (struct genv_variable *variable = plan->owned_variables; variable->name; variable++) {
        if (strcmp(variable->name, plan_further_variables[FURTHER_STATE]) == 0)
            variable->value = STATE_INSIDE;
    }
}

int plan_mounts(struct plan *plan, struct genv *g, struct bundle *bundle, const json_t *config,
                const struct genv_env *env, const struct container_request *request, struct genv_error *err)
{
    cleanup_free const char **uuids = calloc(env->attachment_count + 1, sizeof(*uuids));
    cleanup_free char *inside = NULL, **files = NULL;
    size_t count = 0;
    int r;

    plan->mounts = calloc(env->attachment_count + 2, sizeof(*plan->mounts));
    if (!uuids || !plan->mounts)
        return error_no_memory(err);
    r = request->locks ? genv_lock_files(g, env, &files, err) : 0;
    for (size_t i = 0; files && i < env->attachment_count; i++) {
        if (*files[i])
            uuids[count++] = env->attachments[i].device.uuid;
    }
    if (r == 0)
        r = bundle_make_inside(bundle, uuids, &inside, err);
    if (r == 0)
        r = bundle_copy_record(bundle->fd, genv_state_directory(g), env->eid, 0, err);
    if (r == 0 && add_mount(plan, inside, BUNDLE_INSIDE, true) < 0)
        r = error_no_memory(err);
    if (r == 0 && request->shims)
        r = add_programs(plan, bundle, config, err);
    if (r == 0 && files && add_locks(plan, files, env) < 0)
        r = error_no_memory(err);
    plan->edit.mounts = plan->mounts;
    if (r == 0)
        set_state(plan);
    return r;
}

/* A hook is started with the variables that it is told alone: genv's say where the state is. */
int plan_hook(struct plan *plan, struct genv_error *err)
{
    size_t count = 0;

    free(STEAL_POINTER(plan->program));
    if (find_program(&plan->program, NULL, err) < 0)
        return -EIO;
    for (char **variable = environ; *variable; variable++)
        count++;
    plan->hook_variables = calloc(count + 1, sizeof(*plan->hook_variables));
    if (!plan->hook_variables)
        return error_no_memory(err);
    count = 0;
    for (char **variable = environ; *variable; variable++) {
        if (strncmp(*variable, "GENV_", strlen("GENV_")) == 0)
            plan->hook_variables[count++] = *variable;
    }
    plan->edit.hook = plan->program;
    plan->edit.variables_of_hook = plan->hook_variables;
    return 0;
}
