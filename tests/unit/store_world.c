/* What the store's tests share: a state directory, its environments, and short ways to both. */
#include "store_world.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/proc.h"

struct text world_warnings;

void world_remember_warning(const char *message, void *data)
{
    (void)data;
    text_addf(&world_warnings, "%s\n", message);
}

int world_count_warnings(void)
{
    int count = 0;

    for (const char *at = world_warnings.data; at && (at = strchr(at, '\n')); at++)
        count++;
    return count;
}

int world_make(void **state)
{
    text_release(&world_warnings);
    return unit_make_directory(state) < 0 || chmod(*state, 01777) < 0 ? -1 : 0;
}

int world_remove(void **state)
{
    text_release(&world_warnings);
    return unit_remove_directory(state);
}

struct store *world_open(void **state)
{
    cleanup_free char *path = unit_path(*state, "state");
    struct store *store;

    assert_int_equal(store_new(path, world_remember_warning, NULL, &store, NULL), 0);
    return store;
}

void world_make_env(struct genv_env *env, const char *eid, uid_t uid)
{
    struct genv_process process = {.pid = unit_member(uid), .pid_namespace = proc_pid_namespace()};
    struct proc_stat stat;

    assert_int_equal(proc_stat_read(process.pid, &stat), 0);
    process.start_time = stat.start_time;
    *env = (struct genv_env){.uid = uid, .created = {.tv_sec = 1795169652}, .config = GENV_CONFIG_INIT};
    copy_string(env->eid, sizeof(env->eid), eid);
    assert_int_equal(env_add_process(env, &process), 0);
}

void world_save(struct store *store, const char *eid, uid_t uid)
{
    struct genv_env env;

    world_make_env(&env, eid, uid);
    assert_int_equal(store_begin(store, STORE_WRITE, NULL), 0);
    assert_int_equal(store_save(store, &env, NULL), 0);
    store_end(store);
    env_release(&env);
}

char *world_load(struct store *store, enum store_access access)
{
    cleanup_env_list struct env_list list = {0};
    struct text text = TEXT_INIT;

    assert_int_equal(store_begin(store, access, NULL), 0);
    assert_int_equal(store_load(store, &list, NULL), 0);
    store_end(store);
    for (size_t i = 0; i < list.count; i++)
        text_addf(&text, "%s%s", i ? " " : "", list.envs[i].eid);
    return text_take(&text);
}

void world_check_load(struct store *store, enum store_access access, const char *expected)
{
    cleanup_free char *found = world_load(store, access);

    assert_string_equal(found, expected);
}

void world_write_dead(void **state, const char *name, const char *boot)
{
    cleanup_free char *text = NULL;
    char boot_id[BOOT_ID_SIZE];

    assert_int_equal(proc_boot_id(boot_id), 0);
    assert_true(asprintf(&text,
                         "{\"version\": 1, \"boot_id\": \"%s\", \"created\": \"2026-11-20T10:14:12Z\", \"processes\": "
                         "[{\"pid\": %d, \"start_time\": %d, \"pid_namespace\": %llu}], \"kernels\": [], "
                         "\"attachments\": []}",
                         boot ? boot : boot_id, getpid(), boot ? 0 : 1, (unsigned long long)proc_pid_namespace()) > 0);
    unit_write(*state, name, text);
}

bool world_has(void **state, const char *name)
{
    cleanup_free char *path = unit_path(*state, name);
    struct stat st;

    return lstat(path, &st) == 0;
}

void world_give(void **state, const char *name, uid_t uid)
{
    cleanup_free char *path = unit_path(*state, name);

    assert_int_equal(lchown(path, uid, uid), 0);
}

mode_t world_mode(void **state, const char *name)
{
    cleanup_free char *path = unit_path(*state, name);
    struct stat st;

    assert_int_equal(lstat(path, &st), 0);
    return st.st_mode;
}

void world_edit(void **state, const char *name, const char *old, const char *new)
{
    cleanup_free char *path = unit_path(*state, name), *text = NULL, *changed = NULL;
    const char *at;

    assert_int_equal(file_read_at(AT_FDCWD, path, 1 << 20, &text, NULL), 0);
    at = strstr(text, old);
    assert_non_null(at);
    assert_true(asprintf(&changed, "%.*s%s%s", (int)(at - text), text, new, at + strlen(old)) > 0);
    unit_write(*state, name, changed);
    assert_int_equal(chmod(path, 0644), 0); /* it may hold devices now */
}

char *world_content(void **state, const char *name)
{
    cleanup_free char *path = unit_path(*state, name);
    char *text = NULL;

    assert_int_equal(file_read_at(AT_FDCWD, path, 1 << 20, &text, NULL), 0);
    return text;
}

void world_check_holder(struct store *store, const char *eid, size_t members)
{
    cleanup_env_list struct env_list all = {0}, holders = {0};
    const struct genv_env *env, *holder;
    struct genv_error err = {0};

    assert_int_equal(store_begin(store, STORE_WRITE, NULL), 0);
    assert_int_equal(store_load(store, &all, NULL), 0);
    assert_int_equal(store_load_holders(store, "nobody", &holders, NULL), 0);
    env = env_list_find(&all, eid);
    holder = env_list_find(&holders, eid);
    assert_true(env && holder);
    assert_int_equal(env->process_count + env->kernel_count, members);
    assert_int_equal(holder->process_count + holder->kernel_count, members);
    assert_non_null(genv_env_attachment(env, "GPU-a"));
    assert_non_null(genv_env_attachment(holder, "GPU-a"));
    assert_int_equal(store_save(store, env, &err), -ENOTSUP);
    assert_non_null(strstr(err.message, "cannot change environment "));
    store_end(store);
}
