/* What NVIDIA's CDI specification says a container needs for a device. */
#include "container/cdi.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "base/file.h"
#include "container/from_yaml.h"

#define SPECIFICATION_MAX (4 * 1024 * 1024)
#define KIND              "nvidia.com/gpu"

static const char *text_of(const json_t *object, const char *name)
{
    return json_string_value(json_object_get(object, name));
}

static bool ends_with(const char *text, size_t length, const char *end)
{
    return length >= strlen(end) && memcmp(text + length - strlen(end), end, strlen(end)) == 0;
}

/* NULL: it cannot be read, or is of another kind. @err, where it may be NVIDIA's, says why and what to do. */
static json_t *take(const char *path, const char *text, size_t length, struct genv_error *err)
{
    struct genv_error reason = {0};
    json_t *specification = ends_with(path, strlen(path), ".json") ? json_parse(text, length, &reason)
                                                                   : json_from_yaml(text, length, &reason);
    const char *kind = text_of(specification, "kind");

    if (kind && strcmp(kind, KIND) == 0)
        return specification;
    if (!specification && memmem(text, length, KIND, strlen(KIND)))
        error_set(err, EINVAL,
                  "cannot read the CDI specification %s: %s; create it again with 'nvidia-ctk cdi generate "
                  "--output=%s'",
                  path, reason.message, path);
    json_decref(specification);
    return NULL;
}

static int is_specification(const struct dirent *entry)
{
    size_t length = strlen(entry->d_name);

    return ends_with(entry->d_name, length, ".json") || ends_with(entry->d_name, length, ".yaml") ||
           ends_with(entry->d_name, length, ".yml");
}

/* Links are followed, as by CDI's own library. */
static int read_file(int folder, const char *name, char **ret_text, size_t *ret_length)
{
    cleanup_close int fd = openat(folder, name, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    struct stat st;

    if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
        return -ENOENT;
    return file_read(fd, SPECIFICATION_MAX, ret_text, ret_length);
}

static int read_in(const char *folder, json_t *specifications, struct genv_error *err)
{
    cleanup_close int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    struct dirent **entries = NULL;
    int count = fd < 0 ? 0 : scandirat(fd, ".", &entries, is_specification, alphasort), r = 0;

    for (int i = 0; i < count; i++) {
        cleanup_free struct dirent *entry = entries[i];
        cleanup_free char *text = NULL;
        char path[PATH_MAX];
        size_t length;
        json_t *specification = NULL;

        snprintf(path, sizeof(path), "%s/%s", folder, entry->d_name);
        if (r == 0 && read_file(fd, entry->d_name, &text, &length) == 0)
            specification = take(path, text, length, err);
        if (specification && json_array_append_new(specifications, specification) < 0)
            r = -ENOMEM;
    }
    free(entries);
    return r;
}

int cdi_read(json_t **ret_specifications, struct genv_error *err)
{
    /* What is made anew at boot wins. */
    static const char *const folders[] = {"/var/run/cdi", "/etc/cdi"};
    cleanup_json json_t *specifications = json_array();
    struct genv_error unread = {0};

    for (size_t i = 0; i < ARRAY_SIZE(folders); i++) {
        if (!specifications || read_in(folders[i], specifications, &unread) < 0)
            return error_no_memory(err);
    }
    if (unread.code && json_array_size(specifications) == 0)
        return error_set(err, unread.code, "%s", unread.message);
    *ret_specifications = STEAL_POINTER(specifications);
    return 0;
}

/* Whether the node of that GPU is all that they have of GPUs: "all" has those of others, too, and a MIG instance has
 * capabilities. */
static bool is_of_node(const json_t *edits, int minor)
{
    const json_t *nodes = json_object_get(edits, "deviceNodes");
    bool found = false;

    for (size_t i = 0; i < json_array_size(nodes); i++) {
        const char *path = text_of(json_array_get(nodes, i), "path");
        int number, end = 0;

        if (path && strncmp(path, "/dev/nvidia-caps", strlen("/dev/nvidia-caps")) == 0)
            return false;
        if (!path || sscanf(path, "/dev/nvidia%d%n", &number, &end) != 1 || path[end])
            continue;
        if (number != minor)
            return false;
        found = true;
    }
    return found;
}

/* The edits of the device with that UUID and minor number. NULL: there is none. */
static const json_t *find_device(const json_t *specification, const char *uuid, int minor)
{
    const json_t *devices = json_object_get(specification, "devices"), *by_node = NULL;

    for (size_t i = 0; i < json_array_size(devices); i++) {
        const json_t *device = json_array_get(devices, i), *edits = json_object_get(device, "containerEdits");
        const char *name = text_of(device, "name");

        if (name && strcmp(name, uuid) == 0)
            return edits;
        if (minor >= 0 && is_of_node(edits, minor))
            by_node = edits;
    }
    return by_node;
}

static int refuse(struct genv_error *err)
{
    return error_set(err, EINVAL, "the CDI specification of %s is not valid", KIND);
}

static int append(json_t *list, json_t *value, struct genv_error *err)
{
    return !list ? -EINVAL : json_array_append_new(list, value) < 0 ? error_no_memory(err) : 0;
}

static int apply_variables(json_t *config, const json_t *variables, struct genv_error *err)
{
    json_t *process = config_object(config, "process", err);
    json_t *env = process ? config_list(process, "env", err) : NULL;

    for (size_t i = 0; env && i < json_array_size(variables); i++) {
        const char *variable = json_string_value(json_array_get(variables, i));
        const char *equals = variable ? strchr(variable, '=') : NULL;
        char name[256];

        if (!equals || (size_t)(equals - variable) >= sizeof(name))
            return refuse(err);
        snprintf(name, sizeof(name), "%.*s", (int)(equals - variable), variable);
        if (config_set_variable(env, name, equals + 1) < 0)
            return error_no_memory(err);
    }
    return env ? 0 : -EINVAL;
}

/* A node is described as far as it has to be: the rest is that of the host's. */
static int apply_node(json_t *devices, json_t *rules, const json_t *node, struct genv_error *err)
{
    const char *path = text_of(node, "path"), *host = text_of(node, "hostPath"), *access = text_of(node, "permissions");
    struct stat st;
    json_t *device, *rule;
    int r;

    if (!path)
        return refuse(err);
    if (stat(host ? host : path, &st) < 0 || (!S_ISCHR(st.st_mode) && !S_ISBLK(st.st_mode)))
        return 0; /* nodes of optional parts of the driver come and go */
    device = json_pack("{ss ss si si si}", "path", path, "type", S_ISBLK(st.st_mode) ? "b" : "c", "major",
                       (int)major(st.st_rdev), "minor", (int)minor(st.st_rdev), "fileMode", (int)(st.st_mode & 0777));
    rule = json_pack("{sb ss si si ss}", "allow", 1, "type", S_ISBLK(st.st_mode) ? "b" : "c", "major",
                     (int)major(st.st_rdev), "minor", (int)minor(st.st_rdev), "access", access ? access : "rwm");
    r = append(devices, device, err);
    if (r == 0)
        return append(rules, rule, err);
    json_decref(rule);
    return r;
}

static int apply_nodes(json_t *config, const json_t *nodes, struct genv_error *err)
{
    json_t *linux_part = config_object(config, "linux", err);
    json_t *resources = linux_part ? config_object(linux_part, "resources", err) : NULL;
    json_t *rules = resources ? config_list(resources, "devices", err) : NULL;
    json_t *devices = rules ? config_list(linux_part, "devices", err) : NULL;
    int r = devices ? 0 : -EINVAL;

    for (size_t i = 0; r == 0 && i < json_array_size(nodes); i++)
        r = apply_node(devices, rules, json_array_get(nodes, i), err);
    return r;
}

static int apply_mounts(json_t *config, const json_t *mounts, struct genv_error *err)
{
    json_t *list = config_list(config, "mounts", err);
    int r = list ? 0 : -EINVAL;

    for (size_t i = 0; r == 0 && i < json_array_size(mounts); i++) {
        const json_t *mount = json_array_get(mounts, i), *options = json_object_get(mount, "options");
        const char *source = text_of(mount, "hostPath"), *target = text_of(mount, "containerPath");
        const char *type = text_of(mount, "type");

        if (!source || !target)
            return refuse(err);
        r = append(list,
                   json_pack("{ss ss ss so}", "destination", target, "type", type ? type : "bind", "source", source,
                             "options",
                             json_is_array(options) ? json_deep_copy(options) : json_pack("[ss]", "bind", "ro")),
                   err);
    }
    return r;
}

static int apply_hooks(json_t *config, const json_t *hooks, struct genv_error *err)
{
    json_t *all = config_object(config, "hooks", err);
    int r = all ? 0 : -EINVAL;

    for (size_t i = 0; r == 0 && i < json_array_size(hooks); i++) {
        json_t *hook = json_copy(json_array_get(hooks, i));
        const char *name = text_of(hook, "hookName");
        json_t *list = name ? config_list(all, name, err) : NULL;

        if (!list) {
            json_decref(hook);
            return name ? -EINVAL : refuse(err);
        }
        json_object_del(hook, "hookName");
        r = append(list, hook, err);
    }
    return r;
}

static int apply_edits(json_t *config, const json_t *edits, struct genv_error *err)
{
    int r;

    if (!edits)
        return 0;
    r = apply_variables(config, json_object_get(edits, "env"), err);
    if (r == 0)
        r = apply_nodes(config, json_object_get(edits, "deviceNodes"), err);
    if (r == 0)
        r = apply_mounts(config, json_object_get(edits, "mounts"), err);
    return r < 0 ? r : apply_hooks(config, json_object_get(edits, "hooks"), err);
}

const json_t *cdi_common(const json_t *specifications)
{
    return json_object_get(json_array_get(specifications, 0), "containerEdits");
}

struct found {
    const json_t *specification, *edits; /* NULL: none has the device */
};

static struct found find_node(const json_t *specifications, const struct edit_node *node)
{
    struct found found = {NULL, NULL};

    for (size_t i = 0; *node->uuid && !found.edits && i < json_array_size(specifications); i++) {
        found.specification = json_array_get(specifications, i);
        found.edits = find_device(found.specification, node->uuid, (int)node->minor);
    }
    return found;
}

static bool is_used(const json_t *specification, const struct found *found, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (found[i].edits && found[i].specification == specification)
            return true;
    }
    return false;
}

int cdi_apply(json_t *config, const json_t *specifications, const struct edit_plan *plan, struct genv_error *err)
{
    cleanup_free struct found *found = calloc(plan->node_count + 1, sizeof(*found));
    int r = 0;

    if (!found)
        return error_no_memory(err);
    for (size_t i = 0; i < plan->node_count; i++)
        found[i] = find_node(specifications, &plan->nodes[i]);
    for (size_t i = 0; r == 0 && i < json_array_size(specifications); i++) {
        const json_t *specification = json_array_get(specifications, i);

        if (i == 0 || is_used(specification, found, plan->node_count))
            r = apply_edits(config, json_object_get(specification, "containerEdits"), err);
    }
    for (size_t i = 0; r == 0 && i < plan->node_count; i++)
        r = apply_edits(config, found[i].edits, err);
    return r;
}

/* Whether it is a name of NVIDIA's or AMD's, or any vendor's GPU. */
static bool is_of_gpu(const char *kind, size_t length)
{
    const char *slash = memchr(kind, '/', length);
    size_t vendor = slash ? (size_t)(slash - kind) : length;

    return ends_with(kind, length, "/gpu") || ends_with(kind, vendor, "nvidia.com") ||
           ends_with(kind, vendor, "amd.com");
}

static bool is_of_plan(const struct edit_plan *plan, const char *name, size_t length)
{
    for (size_t i = 0; i < plan->node_count; i++) {
        const char *uuid = plan->nodes[i].uuid;

        if (length && strlen(uuid) == length && memcmp(uuid, name, length) == 0)
            return true;
    }
    return false;
}

/* "VENDOR/CLASS=NAME,…" */
static bool has_others(const char *names, const struct edit_plan *plan)
{
    for (const char *name = names; *name; name += *name == ',') {
        size_t length = strcspn(name, ","), kind = strcspn(name, ",="), skipped = kind < length ? kind + 1 : length;

        if (is_of_gpu(name, kind) && !is_of_plan(plan, name + skipped, length - skipped))
            return true;
        name += length;
    }
    return false;
}

int cdi_check_annotations(const json_t *config, const struct edit_plan *plan, struct genv_error *err)
{
    static const char prefix[] = "cdi.k8s.io/";
    const char *name;
    json_t *value;

    json_object_foreach (json_object_get(config, "annotations"), name, value) {
        const char *names = json_string_value(value);

        if (names && strncmp(name, prefix, strlen(prefix)) == 0 && has_others(names, plan))
            return edit_refuse_other(plan, name, err);
    }
    return 0;
}
