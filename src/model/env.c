/* Environments as data: names, members, attachments. */
#include "model/env.h"

#include <errno.h>
#include <string.h>

#include "base/text.h"
#include "base/user.h"
#include "model/device.h"
#include "model/record.h"

static bool is_alphanumeric(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_identifier(const char *text, size_t max)
{
    size_t length = strnlen(text, max + 1);

    if (length == 0 || length > max || !is_alphanumeric(text[0]))
        return false;
    for (size_t i = 1; i < length; i++) {
        if (!is_alphanumeric(text[i]) && !strchr("._-", text[i]))
            return false;
    }
    return true;
}

GENV_PUBLIC int genv_eid_validate(const char *eid, struct genv_error *err)
{
    if (is_identifier(eid, GENV_EID_MAX))
        return 0;
    return error_set(
        err, EINVAL,
        "invalid environment ID: expected up to %d letters, digits, '.', '_' and '-', starting with a letter or digit",
        GENV_EID_MAX);
}

GENV_PUBLIC int genv_name_validate(const char *name, struct genv_error *err)
{
    if (*name && strnlen(name, GENV_NAME_MAX + 1) <= GENV_NAME_MAX && utf8_is_printable(name))
        return 0;
    return error_set(err, EINVAL, "invalid name: expected up to %d bytes of UTF-8 text without control characters",
                     GENV_NAME_MAX);
}

int kernel_id_validate(const char *id, struct genv_error *err)
{
    if (is_identifier(id, GENV_KERNEL_ID_MAX))
        return 0;
    return error_set(err, EINVAL, "invalid Jupyter kernel ID: expected the X of kernel-X.json");
}

/* NULL: out of memory, unless there is nothing to copy. */
static void *copy_elements(const void *elements, size_t count, size_t size)
{
    void *copy = count ? reallocarray(NULL, count, size) : NULL;

    return copy ? memcpy(copy, elements, count * size) : NULL;
}

static struct genv_kernel *copy_kernels(const struct genv_kernel *kernels, size_t count)
{
    struct genv_kernel *copy = copy_elements(kernels, count, sizeof(*kernels));
    bool complete = true;

    for (size_t i = 0; copy && i < count; i++) {
        copy[i].connection_file = kernels[i].connection_file ? strdup(kernels[i].connection_file) : NULL;
        complete = complete && !copy[i].connection_file == !kernels[i].connection_file;
    }
    for (size_t i = 0; copy && !complete && i < count; i++)
        kernel_release(&copy[i]);
    if (!complete) {
        free(copy);
        return NULL;
    }
    return copy;
}

int env_copy(const struct genv_env *env, struct genv_env *ret_env)
{
    struct genv_env copy = *env;

    copy.processes = copy_elements(env->processes, env->process_count, sizeof(*env->processes));
    copy.kernels = copy_kernels(env->kernels, env->kernel_count);
    copy.attachments = copy_elements(env->attachments, env->attachment_count, sizeof(*env->attachments));
    copy.openable = copy_elements(env->openable, env->openable_count, sizeof(*env->openable));
    copy.rest = NULL;
    if ((env->process_count && !copy.processes) || (env->kernel_count && !copy.kernels) ||
        (env->attachment_count && !copy.attachments) || (env->openable_count && !copy.openable)) {
        copy.kernel_count = copy.kernels ? copy.kernel_count : 0;
        env_release(&copy);
        return -ENOMEM;
    }
    *ret_env = copy;
    return 0;
}

void kernel_release(struct genv_kernel *kernel)
{
    free(kernel->connection_file);
    kernel->connection_file = NULL;
}

void env_clear_members(struct genv_env *env)
{
    for (size_t i = 0; i < env->kernel_count; i++)
        kernel_release(&env->kernels[i]);
    env->process_count = env->kernel_count = 0;
}

void env_release(struct genv_env *env)
{
    env_clear_members(env);
    free(env->processes);
    free(env->kernels);
    free(env->attachments);
    free(env->openable);
    record_rest_free(env->rest);
    memset(env, 0, sizeof(*env));
}

void env_list_release(struct env_list *list)
{
    for (size_t i = 0; i < list->count; i++)
        env_release(&list->envs[i]);
    free(list->envs);
    *list = (struct env_list){0};
}

/* Makes room for one more element behind @count ones; grows by doubling. */
static void *grow(void *elements, size_t count, size_t size)
{
    if (count & (count - 1)) /* not a power of two: there is room */
        return elements;
    return reallocarray(elements, count ? count * 2 : 1, size);
}

int env_list_add(struct env_list *list, struct genv_env *env)
{
    struct genv_env *envs = grow(list->envs, list->count, sizeof(*envs));

    if (!envs)
        return -ENOMEM;
    list->envs = envs;
    envs[list->count++] = *env;
    memset(env, 0, sizeof(*env));
    return 0;
}

static int compare_created(const void *left, const void *right)
{
    const struct genv_env *a = left, *b = right;

    if (a->created.tv_sec != b->created.tv_sec)
        return a->created.tv_sec < b->created.tv_sec ? -1 : 1;
    if (a->created.tv_nsec != b->created.tv_nsec)
        return a->created.tv_nsec < b->created.tv_nsec ? -1 : 1;
    return strcmp(a->eid, b->eid);
}

void env_list_sort(struct env_list *list)
{
    if (list->count)
        qsort(list->envs, list->count, sizeof(*list->envs), compare_created);
}

struct genv_env *env_list_find(const struct env_list *list, const char *eid)
{
    for (size_t i = 0; i < list->count; i++) {
        if (strcmp(list->envs[i].eid, eid) == 0)
            return &list->envs[i];
    }
    return NULL;
}

/* Lists in records come from JSON with no room to spare, so these grow by one. */
int env_add_process(struct genv_env *env, const struct genv_process *process)
{
    struct genv_process *processes;

    for (size_t i = 0; i < env->process_count; i++) {
        if (env->processes[i].pid == process->pid && env->processes[i].pid_namespace == process->pid_namespace) {
            env->processes[i] = *process;
            return 0;
        }
    }
    processes = reallocarray(env->processes, env->process_count + 1, sizeof(*processes));
    if (!processes)
        return -ENOMEM;
    env->processes = processes;
    processes[env->process_count++] = *process;
    return 0;
}

int env_add_kernel(struct genv_env *env, const struct genv_kernel *kernel)
{
    struct genv_kernel *kernels, copy = *kernel;

    copy.connection_file = strdup(kernel->connection_file);
    if (!copy.connection_file)
        return -ENOMEM;
    for (size_t i = 0; i < env->kernel_count; i++) {
        if (strcmp(env->kernels[i].id, kernel->id) == 0) {
            kernel_release(&env->kernels[i]);
            env->kernels[i] = copy;
            return 0;
        }
    }
    kernels = reallocarray(env->kernels, env->kernel_count + 1, sizeof(*kernels));
    if (!kernels) {
        kernel_release(&copy);
        return -ENOMEM;
    }
    env->kernels = kernels;
    kernels[env->kernel_count++] = copy;
    return 0;
}

bool env_has_process(const struct genv_env *env, pid_t pid, uint64_t pid_namespace)
{
    for (size_t i = 0; i < env->process_count; i++) {
        if (env->processes[i].pid == pid && env->processes[i].pid_namespace == pid_namespace)
            return true;
    }
    return false;
}

bool env_has_kernel(const struct genv_env *env, const char *id)
{
    for (size_t i = 0; i < env->kernel_count; i++) {
        if (strcmp(env->kernels[i].id, id) == 0)
            return true;
    }
    return false;
}

bool env_remove_process(struct genv_env *env, pid_t pid, uint64_t pid_namespace)
{
    for (size_t i = 0; i < env->process_count; i++) {
        if (env->processes[i].pid != pid || env->processes[i].pid_namespace != pid_namespace)
            continue;
        memmove(&env->processes[i], &env->processes[i + 1], (env->process_count - i - 1) * sizeof(*env->processes));
        env->process_count--;
        return true;
    }
    return false;
}

bool env_remove_kernel(struct genv_env *env, const char *id)
{
    for (size_t i = 0; i < env->kernel_count; i++) {
        if (strcmp(env->kernels[i].id, id) != 0)
            continue;
        kernel_release(&env->kernels[i]);
        memmove(&env->kernels[i], &env->kernels[i + 1], (env->kernel_count - i - 1) * sizeof(*env->kernels));
        env->kernel_count--;
        return true;
    }
    return false;
}

GENV_PUBLIC const struct genv_attachment *genv_env_attachment(const struct genv_env *env, const char *uuid)
{
    for (size_t i = 0; i < env->attachment_count; i++) {
        if (strcmp(env->attachments[i].device.uuid, uuid) == 0)
            return &env->attachments[i];
    }
    return NULL;
}

static int compare_index(const void *left, const void *right)
{
    const struct genv_attachment *a = left, *b = right;

    if (a->index != b->index)
        return a->index < b->index ? -1 : 1;
    return strcmp(a->device.uuid, b->device.uuid); /* several may have none */
}

void env_sort_attachments(struct genv_env *env)
{
    if (env->attachment_count)
        qsort(env->attachments, env->attachment_count, sizeof(*env->attachments), compare_index);
}

void env_resolve_indices(struct genv_env *env, const struct genv_device *devices, size_t device_count)
{
    for (size_t i = 0; i < env->attachment_count; i++) {
        const struct genv_device *device = device_find(devices, device_count, env->attachments[i].device.uuid);

        env->attachments[i].index = device ? (int)device->index : -1;
        if (device)
            env->attachments[i].device = device->id;
    }
    env_sort_attachments(env);
}

bool env_can_open(const struct genv_env *env, const char *uuid)
{
    for (size_t i = 0; i < env->openable_count; i++) {
        if (strcmp(env->openable[i].uuid, uuid) == 0)
            return true;
    }
    return !env->isolated;
}

void env_describe(const struct genv_env *env, char text[static ENV_DESCRIPTION_SIZE])
{
    const char *where = record_origin(env) == RECORD_ELSEWHERE ? " on another machine" : "";
    char user[GENV_USERNAME_SIZE];

    if (env->uid == (uid_t)-1)
        copy_string(user, sizeof(user), "an unknown user");
    else
        user_name(env->uid, user, sizeof(user));
    if (*env->config.name)
        snprintf(text, ENV_DESCRIPTION_SIZE, "environment %s (%s) of %s%s", env->eid, env->config.name, user, where);
    else
        snprintf(text, ENV_DESCRIPTION_SIZE, "environment %s of %s%s", env->eid, user, where);
}
