/* What genv changes in a container's config.json. */
#include "container/edit.h"

#include <errno.h>
#include <string.h>

#include "base/path.h"

static int no_memory_unless(bool done, struct genv_error *err)
{
    return done ? 0 : error_no_memory(err);
}

int edit_variables(json_t *env, const struct genv_variable *variables, const char *path_front, struct genv_error *err)
{
    cleanup_text struct text path = TEXT_INIT;
    const char *old = config_variable(env, "PATH");
    int r = 0;

    for (; r == 0 && variables->name; variables++)
        r = config_set_variable(env, variables->name, variables->value);
    if (r == 0 && path_front) {
        text_addf(&path, "%s:%s", path_front, old && *old ? old : EDIT_PATH_DEFAULT);
        r = path.failed ? -ENOMEM : config_set_variable(env, "PATH", path.data);
    }
    return no_memory_unless(r == 0, err);
}

static bool is_gpu(long long major, long long minor)
{
    return major == NVIDIA_MAJOR && minor >= 0 && minor < NVIDIA_GPU_MINORS;
}

static bool has_node(const struct edit_plan *plan, long long major, long long minor)
{
    for (size_t i = 0; i < plan->node_count; i++) {
        if (plan->nodes[i].major == major && plan->nodes[i].minor == minor)
            return true;
    }
    return false;
}

static bool is_capability(const struct edit_plan *plan, long long major)
{
    for (size_t i = 0; i < plan->capabilities.count; i++) {
        if (plan->capabilities.majors[i] == major)
            return true;
    }
    return false;
}

bool edit_is_other(const struct edit_plan *plan, long long major, long long minor)
{
    return (is_gpu(major, minor) || is_capability(plan, major)) && !has_node(plan, major, minor);
}

/* The same for a number of -1, which is any. */
static bool has_others(const struct edit_plan *plan, long long major, long long minor)
{
    if (major >= 0)
        return edit_is_other(plan, major, minor) ||
               (minor < 0 && (major == NVIDIA_MAJOR || is_capability(plan, major)));
    return minor < 0 || plan->capabilities.count || edit_is_other(plan, NVIDIA_MAJOR, minor);
}

/* The number @name of a rule; -1: any. */
static long long number_of(const json_t *rule, const char *name)
{
    const json_t *value = json_object_get(rule, name);

    return json_is_integer(value) ? json_integer_value(value) : -1;
}

/* Of a node; one that is not said is 0 to the lower runtime. */
static long long minor_of(const json_t *node)
{
    return json_object_get(node, "minor") ? number_of(node, "minor") : 0;
}

static const char *text_of(const json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));

    return text ? text : "";
}

/* Whether it lets the container open devices of all kinds: docker's --privileged. To runc and the kernel's first
 * version of cgroups a rule of type "a" is for everything, whatever its numbers and access are; crun reads the first
 * letter. */
static bool is_of_all_kinds(const json_t *rule)
{
    const char *type = text_of(rule, "type");

    return !*type || *type == 'a';
}

static bool allows(const json_t *rule)
{
    return json_is_true(json_object_get(rule, "allow"));
}

static bool is_privileged(const json_t *rules)
{
    for (size_t i = 0; i < json_array_size(rules); i++) {
        const json_t *rule = json_array_get(rules, i);

        if (allows(rule) && is_of_all_kinds(rule))
            return true;
    }
    return false;
}

/* Whether it lets the container open a device that is not the plan's. One that may be made, and not opened, is none.
 * What is for all kinds is is_privileged()'s. */
static bool allows_others(const json_t *rule, const struct edit_plan *plan)
{
    const char *type = text_of(rule, "type"), *access = text_of(rule, "access");

    if (!allows(rule) || is_of_all_kinds(rule) || strcmp(type, "b") == 0 || (*access && !strpbrk(access, "rw")))
        return false;
    return has_others(plan, number_of(rule, "major"), number_of(rule, "minor"));
}

int edit_refuse_other(const struct edit_plan *plan, const char *what, struct genv_error *err)
{
    return error_set(err, EPERM,
                     "%s would give the container devices that are not attached to environment %s: leave it out, and "
                     "set GENV_GPUS",
                     what, plan->eid);
}

/* Of a privileged container too: where a rule takes everything away again, what it allows behind that outlives
 * deny_others(), which cannot take one device out of a wildcard. */
static int check_rules(const json_t *rules, const struct edit_plan *plan, struct genv_error *err)
{
    for (size_t i = 0; i < json_array_size(rules); i++) {
        if (allows_others(json_array_get(rules, i), plan))
            return edit_refuse_other(plan, "a device cgroup rule", err);
    }
    return 0;
}

/* Whether @device, a node of these numbers, is where the plan has one. */
static bool is_of_plan(const json_t *device, const struct edit_plan *plan, long long major, long long minor)
{
    for (size_t i = 0; has_node(plan, major, minor) && i < plan->node_count; i++) {
        if (strcmp(plan->nodes[i].path, text_of(device, "path")) == 0)
            return true;
    }
    return false;
}

/* Nodes that others put there go, or are refused. What the plan has as well is added again, under its own name; what
 * has another one stays besides. */
static int take_nodes_away(json_t *devices, const struct edit_plan *plan, bool privileged, struct genv_error *err)
{
    for (size_t i = json_array_size(devices); i-- > 0;) {
        const json_t *device = json_array_get(devices, i);
        long long major = number_of(device, "major"), minor = minor_of(device);
        bool other = edit_is_other(plan, major, minor);

        if (strcmp(text_of(device, "type"), "b") == 0)
            continue;
        if (other && !privileged)
            return edit_refuse_other(plan, text_of(device, "path"), err);
        if ((other || is_of_plan(device, plan, major, minor)) && json_array_remove(devices, i) < 0)
            return error_no_memory(err);
    }
    return 0;
}

static int add_node(json_t *devices, json_t *rules, const struct edit_node *node)
{
    json_t *device = json_pack("{ss ss si si si si si}", "path", node->path, "type", "c", "major", (int)node->major,
                               "minor", (int)node->minor, "fileMode", 0666, "uid", 0, "gid", 0);
    json_t *rule = json_pack("{sb ss si si ss}", "allow", 1, "type", "c", "major", (int)node->major, "minor",
                             (int)node->minor, "access", "rwm");

    if (json_array_append_new(devices, device) < 0) {
        json_decref(rule);
        return -ENOMEM;
    }
    return json_array_append_new(rules, rule) < 0 ? -ENOMEM : 0;
}

/* A privileged container may open everything: all GPUs but its own, and capabilities, are taken out again. */
static int deny_others(json_t *rules, const struct edit_plan *plan)
{
    int r = 0;

    for (unsigned minor = 0; r == 0 && minor < NVIDIA_GPU_MINORS; minor++) {
        if (!has_node(plan, NVIDIA_MAJOR, minor))
            r = json_array_append_new(rules, json_pack("{sb ss si si ss}", "allow", 0, "type", "c", "major",
                                                       NVIDIA_MAJOR, "minor", (int)minor, "access", "rwm"));
    }
    for (size_t i = 0; r == 0 && i < plan->capabilities.count; i++)
        r = json_array_append_new(rules, json_pack("{sb ss si ss}", "allow", 0, "type", "c", "major",
                                                   (int)plan->capabilities.majors[i], "access", "rwm"));
    return r < 0 ? -ENOMEM : 0;
}

static int edit_devices(json_t *config, const struct edit_plan *plan, struct genv_error *err)
{
    json_t *linux_part = config_object(config, "linux", err);
    json_t *resources = linux_part ? config_object(linux_part, "resources", err) : NULL;
    json_t *rules = resources ? config_list(resources, "devices", err) : NULL;
    json_t *devices = rules ? config_list(linux_part, "devices", err) : NULL;
    bool privileged = is_privileged(rules);
    int r;

    if (!devices)
        return -EINVAL;
    r = check_rules(rules, plan, err);
    if (r == 0)
        r = take_nodes_away(devices, plan, privileged, err);
    if (r < 0)
        return r;
    if (privileged)
        r = deny_others(rules, plan);
    for (size_t i = 0; r == 0 && i < plan->node_count; i++)
        r = add_node(devices, rules, &plan->nodes[i]);
    return no_memory_unless(r == 0, err);
}

static int edit_mounts(json_t *config, const struct edit_plan *plan, struct genv_error *err)
{
    json_t *mounts = plan->mount_count ? config_list(config, "mounts", err) : NULL;

    if (plan->mount_count && !mounts)
        return -EINVAL;
    for (size_t i = 0; i < plan->mount_count; i++) {
        const struct edit_mount *mount = &plan->mounts[i];

        json_t *options = json_pack("[ssss]", "bind", "ro", "nosuid", "nodev");

        if (mount->is_data)
            json_array_append_new(options, json_string("noexec"));
        if (json_array_append_new(mounts, json_pack("{ss ss ss so}", "destination", mount->target, "type", "bind",
                                                    "source", mount->source, "options", options)) < 0)
            return error_no_memory(err);
    }
    return 0;
}

/* @creator 0: the hook is not told of one. */
static int add_hook(json_t *hooks, const char *name, const struct edit_plan *plan, pid_t creator,
                    struct genv_error *err)
{
    json_t *list = config_list(hooks, name, err), *hook, *variables = json_array(), *words;
    char pid[16];

    if (!list) {
        json_decref(variables);
        return -EINVAL;
    }
    for (char *const *variable = plan->variables_of_hook; *variable; variable++)
        json_array_append_new(variables, json_string(*variable));
    snprintf(pid, sizeof(pid), "%d", (int)creator);
    words = json_pack("[sssss*]", "genv-container-runtime", "--hook", name, plan->eid, creator ? pid : NULL);
    hook = json_pack("{ss so so}", "path", plan->hook, "args", words, "env", variables);
    return no_memory_unless(json_array_append_new(list, hook) == 0, err);
}

static int edit_hooks(json_t *config, const struct edit_plan *plan, struct genv_error *err)
{
    json_t *hooks = config_object(config, "hooks", err);
    json_t *annotations = hooks ? config_object(config, "annotations", err) : NULL;
    int r = annotations ? add_hook(hooks, "createRuntime", plan, plan->creator, err) : -EINVAL;

    if (r == 0)
        r = add_hook(hooks, "poststop", plan, 0, err);
    if (r == 0)
        r = no_memory_unless(json_object_set_new(annotations, ANNOTATION_EID, json_string(plan->eid)) == 0, err);
    return r;
}

int edit_config(json_t *config, const struct edit_plan *plan, struct genv_error *err)
{
    json_t *process = config_object(config, "process", err);
    json_t *env = process ? config_list(process, "env", err) : NULL;
    int r = env ? edit_variables(env, plan->variables, plan->path_front, err) : -EINVAL;

    if (r == 0)
        r = edit_devices(config, plan, err);
    if (r == 0)
        r = edit_mounts(config, plan, err);
    return r < 0 ? r : edit_hooks(config, plan, err);
}

bool edit_has_own_dev(const json_t *config)
{
    const json_t *mounts = json_object_get(config, "mounts");

    for (size_t i = json_array_size(mounts); i-- > 0;) {
        const json_t *mount = json_array_get(mounts, i);
        const char *target = text_of(mount, "destination");

        if (strcmp(target, "/dev") == 0 || strcmp(target, "/dev/") == 0)
            return strcmp(text_of(mount, "type"), "tmpfs") == 0;
    }
    return false;
}
