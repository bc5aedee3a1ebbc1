/* The saved configuration of a project. */
#include "machine.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "base/file.h"

static void make(const char *directory, const char *name)
{
    cleanup_free char *path = unit_path(directory, name);

    assert_int_equal(mkdir(path, 0755), 0);
}

static void enter(const char *directory, const char *name)
{
    cleanup_free char *path = unit_path(directory, name);

    assert_int_equal(chdir(path), 0);
}

/* What genv_home_find() finds from here, as a path below @directory, or "" for nothing. */
static void check_found(const char *directory, const char *expected)
{
    cleanup_genv struct genv *g = machine_open(directory);
    cleanup_free char *found = NULL, *path = unit_path(directory, expected);
    struct genv_error err = {0};
    int r = genv_home_find(g, &found, &err);

    if (*expected) {
        assert_int_equal(r, 0);
        assert_string_equal(found, path);
        return;
    }
    assert_int_equal(r, -ENOENT);
    assert_null(found);
    machine_check_error(&err, ENOENT, "create one with 'mkdir .genv'");
}

/* A tree of its own with an empty home directory; what lies above it, in / and /tmp, is none of the test's doing. */
static int make_tree(void **state)
{
    if (machine_make(state) < 0)
        return -1;
    make(*state, "home");
    make(*state, "project");
    make(*state, "project/src");
    return setenv("HOME", "/nonexistent", 1);
}

#define TREE(test) cmocka_unit_test_setup_teardown(test, make_tree, machine_remove)

static bool is_clean_above(void)
{
    return access("/.genv", F_OK) < 0 && access("/tmp/.genv", F_OK) < 0;
}

static void the_nearest_one_is_found_and_then_that_of_the_home_directory(void **state)
{
    cleanup_free char *home = unit_path(*state, "home");

    skip_unless(is_clean_above(), "there is a .genv above the temporary directory");
    enter(*state, "project/src");
    check_found(*state, "");
    setenv("HOME", home, 1);
    check_found(*state, "");
    make(*state, "home/.genv");
    check_found(*state, "home/.genv");
    make(*state, "project/.genv");
    check_found(*state, "project/.genv");
    make(*state, "project/src/.genv");
    check_found(*state, "project/src/.genv");
    setenv("HOME", "", 1);
    unsetenv("HOME");
    check_found(*state, "project/src/.genv");
    assert_string_equal(machine_warnings(), "");
}

static void a_file_of_that_name_is_none(void **state)
{
    skip_unless(is_clean_above(), "there is a .genv above the temporary directory");
    unit_write(*state, "project/src/.genv", "");
    make(*state, "project/.genv");
    enter(*state, "project/src");
    check_found(*state, "project/.genv");
}

static void without_a_current_directory_the_home_directory_counts(void **state)
{
    cleanup_free char *home = unit_path(*state, "home"), *gone = unit_path(*state, "gone");

    make(*state, "gone");
    make(*state, "home/.genv");
    setenv("HOME", home, 1);
    assert_int_equal(chdir(gone), 0);
    assert_int_equal(rmdir(gone), 0);
    check_found(*state, "home/.genv");
}

static void a_link_of_ones_own_is_followed(void **state)
{
    cleanup_free char *link = unit_path(*state, "project/.genv");

    make(*state, "home/elsewhere");
    assert_int_equal(symlink("../home/elsewhere", link), 0);
    enter(*state, "project/src");
    check_found(*state, "project/.genv");
}

static int find_as_user(void *data)
{
    struct genv *g = machine_open(data);
    char *found = NULL;

    return genv_home_find(g, &found, NULL) == 0 ? 0 : *machine_warnings() ? 2 : 3;
}

static void one_of_another_user_is_passed_over_with_a_warning(void **state)
{
    cleanup_free char *path = unit_path(*state, "project/.genv");

    skip_unless_root();
    skip_unless(is_clean_above(), "there is a .genv above the temporary directory");
    make(*state, "project/.genv");
    enter(*state, "project/src");
    assert_int_equal(chown(path, USER_A, USER_A), 0);
    check_found(*state, "");
    assert_non_null(strstr(machine_warnings(), "project/.genv: it belongs to 60601\n"));
    assert_int_equal(unit_fork(USER_A, find_as_user, *state), 0);
    assert_int_equal(unit_fork(USER_B, find_as_user, *state), 2);
    assert_int_equal(chown(path, 0, 0), 0);
    assert_int_equal(unit_fork(USER_B, find_as_user, *state), 0); /* root is trusted */
}

static void a_link_of_another_user_is_passed_over_wherever_it_leads(void **state)
{
    cleanup_free char *link = unit_path(*state, "project/.genv");

    skip_unless_root();
    skip_unless(is_clean_above(), "there is a .genv above the temporary directory");
    assert_int_equal(symlink("/etc", link), 0);
    assert_int_equal(lchown(link, USER_A, USER_A), 0);
    enter(*state, "project/src");
    check_found(*state, "");
    assert_non_null(strstr(machine_warnings(), "project/.genv: it belongs to 60601\n"));
}

static int look_below_a_closed_folder(void *data)
{
    struct genv *g = machine_open(data);
    cleanup_free char *project = unit_path(data, "project"), *found = NULL;

    return genv_home_find(g, &found, NULL) == -ENOENT || strncmp(found, project, strlen(project)) != 0 ? 0 : 2;
}

static void one_in_a_folder_that_is_closed_is_not_found(void **state)
{
    cleanup_free char *project = unit_path(*state, "project");

    skip_unless_root();
    make(*state, "project/.genv");
    enter(*state, "project/src");
    assert_int_equal(chmod(project, 0700), 0);
    assert_int_equal(unit_fork(USER_A, look_below_a_closed_folder, *state), 0);
}

/* Between the look and the reading or writing: what was the user's own is another's now. */
static void one_that_was_replaced_is_not_used(void **state)
{
    cleanup_free char *path = unit_path(*state, "project/.genv"), *victim = unit_path(*state, "home");
    cleanup_genv struct genv *g = machine_open(*state);
    struct genv_config config = {.name = "forged"};
    cleanup_free char *found = NULL;
    struct genv_error err = {0};
    unsigned fields;

    skip_unless_root();
    make(*state, "project/.genv");
    enter(*state, "project/src");
    assert_int_equal(genv_home_find(g, &found, NULL), 0);
    assert_int_equal(rmdir(path), 0);
    assert_int_equal(symlink(victim, path), 0);
    assert_int_equal(lchown(path, USER_A, USER_A), 0);
    assert_int_equal(genv_home_load(found, &config, &fields, &err), -EPERM);
    assert_non_null(strstr(err.message, "project/.genv belongs to 60601"));
    assert_int_equal(genv_home_save(found, &config, GENV_CONFIG_NAME, &err), -EPERM);
    assert_int_equal(unit_count_entries(victim), 0);
    assert_int_equal(unlink(path), 0);
    make(*state, "project/.genv");
    assert_int_equal(chown(path, USER_A, USER_A), 0);
    assert_int_equal(genv_home_save(found, &config, GENV_CONFIG_NAME, &err), -EPERM);
    assert_int_equal(unit_count_entries(path), 0);
}

/* Loading */

static int load(const char *directory, struct genv_config *config, unsigned *fields, struct genv_error *err)
{
    cleanup_free char *path = unit_path(directory, "home");

    return genv_home_load(path, config, fields, err);
}

static void the_fields_that_are_there_are_loaded(void **state)
{
    struct genv_config config;
    unsigned fields;

    assert_int_equal(load(*state, &config, &fields, NULL), 0);
    assert_int_equal(fields, 0);
    assert_int_equal(config.gpus, -1);
    unit_write(*state, "home/gpus", "2");
    unit_write(*state, "home/README", "not a field");
    assert_int_equal(load(*state, &config, &fields, NULL), 0);
    assert_int_equal(fields, GENV_CONFIG_GPUS);
    assert_int_equal(config.gpus, 2);
    unit_write(*state, "home/gpus",
               "\xEF\xBB\xBF"
               "0\r\n"); /* as an editor of Windows leaves it */
    unit_write(*state, "home/name", "Norwegian Wood\nmore\n");
    unit_write(*state, "home/gpu-memory", "42mi\n");
    assert_int_equal(load(*state, &config, &fields, NULL), 0);
    assert_int_equal(fields, GENV_CONFIG_ALL);
    assert_int_equal(config.gpus, 0);
    assert_string_equal(config.name, "Norwegian Wood");
    assert_int_equal(config.gpu_memory, 44040192);
}

static void a_value_that_is_none_is_refused_with_its_file(void **state)
{
    static const struct {
        const char *file, *value, *part;
    } refused[] = {
        {"home/gpus", "", "home/gpus: '' is not a device count"},
        {"home/gpus", "-1", "home/gpus: '-1' is not a device count"},
        {"home/gpus", "65536", "'65536' is not a device count"},
        {"home/gpus", " 2", "' 2' is not a device count"},
        {"home/gpus", "two", "'two' is not a device count"},
        {"home/gpus", "\x1b[31m2", "'?[31m2' is not a device count"},
        {"home/gpu-memory", "4q", "home/gpu-memory: '4q' is not an amount of memory"},
        {"home/gpu-memory", "", "'' is not an amount of memory"},
        {"home/gpu-memory", "0", "'0' is not an amount of memory"},
        {"home/gpu-memory", "\x1b]0;x\x07", "'?]0;x?' is not an amount of memory"},
        {"home/name", "", "home/name: invalid name"},
        {"home/name", "a\tb", "home/name: invalid name"},
        {"home/name", "\xff", "home/name: invalid name"},
    };

    for (size_t i = 0; i < ARRAY_SIZE(refused); i++) {
        cleanup_free char *path = unit_path(*state, refused[i].file);
        struct genv_config config = {.gpus = 77};
        struct genv_error err = {0};
        unsigned fields = 77;

        unit_write(*state, refused[i].file, refused[i].value);
        assert_int_equal(load(*state, &config, &fields, &err), -EINVAL);
        machine_check_error(&err, EINVAL, refused[i].part);
        assert_true(config.gpus == 77 && fields == 77);
        assert_int_equal(unlink(path), 0);
    }
}

static void what_is_no_file_is_refused(void **state)
{
    cleanup_free char *path = unit_path(*state, "home/name"), *none = unit_path(*state, "none");
    cleanup_free char *large = calloc(1, 5000);
    struct genv_config config;
    struct genv_error err = {0};
    unsigned fields;

    assert_int_equal(symlink("/etc/hostname", path), 0);
    assert_int_equal(load(*state, &config, &fields, &err), -ELOOP);
    machine_check_error(&err, ELOOP, "home/name is not a regular file");
    assert_int_equal(unlink(path), 0);
    assert_int_equal(mkfifo(path, 0644), 0);
    assert_int_equal(load(*state, &config, &fields, &err), -ENOTSUP);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(mkdir(path, 0755), 0);
    assert_int_equal(load(*state, &config, &fields, &err), -ENOTSUP);
    assert_int_equal(rmdir(path), 0);
    memset(large, 'x', 4999);
    unit_write(*state, "home/name", large);
    assert_int_equal(load(*state, &config, &fields, &err), -EFBIG);
    machine_check_error(&err, EFBIG, "cannot read ");
    assert_int_equal(genv_home_load(none, &config, &fields, &err), -ENOENT);
    machine_check_error(&err, ENOENT, "cannot open ");
}

/* Saving */

static void what_is_saved_is_loaded_again(void **state)
{
    static const struct genv_config configs[] = {
        {.name = "Norwegian Wood", .gpus = 2, .gpu_memory = 44040192},
        {.name = "$(id) 'é' \"日本\" \\", .gpus = 0, .gpu_memory = INT64_MAX},
        {.name = " ", .gpus = 65535, .gpu_memory = 1},
        {.name = "", .gpus = -1, .gpu_memory = 0},
    };
    cleanup_free char *path = unit_path(*state, "home");

    for (size_t i = 0; i < ARRAY_SIZE(configs); i++) {
        struct genv_config config;
        unsigned fields;

        assert_int_equal(genv_home_save(path, &configs[i], GENV_CONFIG_ALL, NULL), 0);
        assert_int_equal(genv_home_load(path, &config, &fields, NULL), 0);
        assert_int_equal(fields, i == ARRAY_SIZE(configs) - 1 ? 0 : GENV_CONFIG_ALL);
        assert_string_equal(config.name, configs[i].name);
        assert_int_equal(config.gpus, configs[i].gpus);
        assert_true(config.gpu_memory == configs[i].gpu_memory);
    }
    assert_int_equal(unit_count_entries(path), 0); /* what is not configured is removed, and nothing left aside */
}

static void only_the_fields_that_are_meant_are_saved(void **state)
{
    cleanup_free char *path = unit_path(*state, "home");
    struct genv_config config = {.name = "new", .gpus = 5, .gpu_memory = 7}, loaded;
    unsigned fields;

    unit_write(*state, "home/gpus", "2\n");
    assert_int_equal(genv_home_save(path, &config, GENV_CONFIG_NAME, NULL), 0);
    assert_int_equal(genv_home_load(path, &loaded, &fields, NULL), 0);
    assert_int_equal(fields, GENV_CONFIG_NAME | GENV_CONFIG_GPUS);
    assert_int_equal(loaded.gpus, 2);
    assert_int_equal(genv_home_save(path, &config, 0, NULL), 0);
    assert_int_equal(unit_count_entries(path), 2);
}

static void what_could_not_be_loaded_is_not_saved(void **state)
{
    static const struct genv_config refused[] = {{.name = "a\nb", .gpus = 1},
                                                 {.name = "\x1b", .gpus = 1},
                                                 {.gpus = -2},
                                                 {.gpus = 65536},
                                                 {.gpu_memory = UINT64_MAX}};
    cleanup_free char *path = unit_path(*state, "home"), *none = unit_path(*state, "none");
    struct genv_config fine = {.name = "x", .gpus = 1};

    for (size_t i = 0; i < ARRAY_SIZE(refused); i++)
        assert_int_equal(genv_home_save(path, &refused[i], GENV_CONFIG_ALL, NULL), -EINVAL);
    assert_int_equal(unit_count_entries(path), 0);
    assert_int_equal(genv_home_save(none, &fine, GENV_CONFIG_ALL, NULL), -ENOENT);
}

static void a_directory_in_the_place_of_a_field_is_left_alone(void **state)
{
    cleanup_free char *path = unit_path(*state, "home"), *inside = unit_path(*state, "home/name/inside");
    struct genv_config config = {.name = "x", .gpus = 1};
    struct genv_error err = {0};

    make(*state, "home/name");
    unit_write(*state, "home/name/inside", "");
    assert_int_equal(genv_home_save(path, &config, GENV_CONFIG_NAME, &err), -EISDIR);
    machine_check_error(&err, EISDIR, "cannot save ");
    assert_int_equal(access(inside, F_OK), 0);
    assert_int_equal(unit_count_entries(path), 1);
}

/* The last of the three cannot be written, so the others are not. */
static void all_fields_are_saved_or_none(void **state)
{
    cleanup_free char *path = unit_path(*state, "home"), *inside = unit_path(*state, "home/gpu-memory/inside");
    cleanup_free char *gpus = unit_path(*state, "home/gpus"), *text = NULL;
    struct genv_config config = {.name = "new", .gpus = 5, .gpu_memory = 7};

    make(*state, "home/gpu-memory");
    unit_write(*state, "home/gpu-memory/inside", "");
    unit_write(*state, "home/gpus", "two\n"); /* no value, and yet not to be lost */
    assert_int_equal(genv_home_save(path, &config, GENV_CONFIG_ALL, NULL), -EISDIR);
    assert_int_equal(file_read_at(AT_FDCWD, gpus, 16, &text, NULL), 0);
    assert_string_equal(text, "two\n");
    assert_int_equal(access(inside, F_OK), 0);
    assert_int_equal(unit_count_entries(path), 2); /* no name, and nothing left aside */
}

static int save_as_user(void *data)
{
    struct genv_config config = {.name = "x", .gpus = 1};
    struct genv_error err = {0};

    require(genv_home_save(data, &config, GENV_CONFIG_ALL, &err) == -EACCES);
    require(strstr(err.message, "cannot save ") && strstr(err.message, "Permission denied"));
    return 0;
}

static void a_directory_that_is_not_ones_own_can_not_be_saved_to(void **state)
{
    cleanup_free char *path = unit_path(*state, "home");

    skip_unless_root();
    assert_int_equal(unit_fork(USER_A, save_as_user, path), 0);
    assert_int_equal(unit_count_entries(path), 0);
}

/* Saving, with a machine to go with it. The system calls that publish are the test's: what a file system lacks, and
 * what somebody else does in between. */

static struct {
    const char *always; /* a file that has to be there after each of them */
    const char *theirs; /* what somebody else writes to it when a record is to be committed, which fails then */
    const char *record; /* the name of that record's file */
    bool lacks_exchange, lacks_links;
    unsigned misses;
    int waits; /* what is told that the lock of the state directory is asked for, or 0 */
} world;

static int watched(long r)
{
    if (world.always && access(world.always, F_OK) < 0)
        world.misses++;
    return (int)r;
}

static bool fails_to_commit(const char *name)
{
    cleanup_close int fd = -1;

    if (!world.record || strcmp(name, world.record) != 0)
        return false;
    if (world.theirs) {
        assert_int_equal(unlink(world.theirs), 0);
        fd = open(world.theirs, O_WRONLY | O_CREAT | O_EXCL, 0644);
        assert_int_equal(write(fd, "7\n", 2), 2);
    }
    errno = ENOSPC;
    return true;
}

int renameat2(int old_directory, const char *old, int directory, const char *name, unsigned flags)
{
    if (fails_to_commit(name))
        return -1;
    if (flags && world.lacks_exchange) {
        errno = EINVAL;
        return -1;
    }
    return watched(syscall(SYS_renameat2, old_directory, old, directory, name, flags));
}

int renameat(int old_directory, const char *old, int directory, const char *name)
{
    if (fails_to_commit(name))
        return -1;
    return watched(syscall(SYS_renameat2, old_directory, old, directory, name, 0));
}

int linkat(int old_directory, const char *old, int directory, const char *name, int flags)
{
    if (world.lacks_links) {
        errno = EPERM;
        return -1;
    }
    return watched(syscall(SYS_linkat, old_directory, old, directory, name, flags));
}

int flock(int fd, int operation)
{
    struct stat st;

    if (world.waits && fstat(fd, &st) == 0 && S_ISREG(st.st_mode)) {
        require(write(world.waits, "", 1) == 1);
        world.waits = 0;
    }
    return (int)syscall(SYS_flock, fd, operation);
}

static void check_file(const char *directory, const char *name, const char *expected)
{
    cleanup_free char *path = unit_path(directory, name), *text = NULL;

    assert_int_equal(file_read_at(AT_FDCWD, path, 64, &text, NULL), 0);
    assert_string_equal(text, expected);
}

static int make_saved(void **state)
{
    cleanup_genv struct genv *g = NULL;

    memset(&world, 0, sizeof(world));
    if (make_tree(state) < 0)
        return -1;
    unit_write(*state, "home/gpus", "2\n");
    g = machine_open(*state);
    machine_activate(g, "e");
    return 0;
}

static int remove_saved(void **state)
{
    memset(&world, 0, sizeof(world));
    return machine_remove(state);
}

#define SAVED(test) cmocka_unit_test_setup_teardown(test, make_saved, remove_saved)

static int configure_and_save(const char *directory, int gpus, const char *name, struct genv_error *err)
{
    cleanup_genv struct genv *g = machine_open(directory);
    cleanup_free char *home = unit_path(directory, "home");
    struct genv_config config = {.gpus = gpus};

    snprintf(config.name, sizeof(config.name), "%s", name);
    return genv_configure_and_save(g, "e", &config, GENV_CONFIG_GPUS | GENV_CONFIG_NAME, home, NULL, err);
}

static int configured_gpus(const char *directory)
{
    cleanup_genv struct genv *g = machine_open(directory);
    cleanup_env struct genv_env *env = NULL;

    assert_int_equal(genv_env_get(g, "e", &env, NULL), 0);
    return env->config.gpus;
}

static void both_are_done(void **state)
{
    cleanup_free char *home = unit_path(*state, "home");

    assert_int_equal(configure_and_save(*state, 3, "x", NULL), 0);
    check_file(*state, "home/gpus", "3\n");
    check_file(*state, "home/name", "x\n");
    assert_int_equal(configured_gpus(*state), 3);
    assert_int_equal(unit_count_entries(home), 2);
}

static int save_without_patience(void *data)
{
    struct genv_error err = {0};

    setenv("GENV_STATE_TIMEOUT", "1", 1);
    require(configure_and_save(data, 3, "x", &err) == -ETIMEDOUT);
    return 0;
}

/* Starts one that saves and waits for @lock; returns when it does. */
static pid_t start_to_save(void *directory, int lock)
{
    int ends[2];
    char byte;
    pid_t pid;

    assert_int_equal(flock(lock, LOCK_EX), 0);
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    world.waits = ends[1];
    pid = unit_start((uid_t)-1, save_without_patience, directory);
    world.waits = 0;
    close(ends[1]);
    assert_int_equal(read(ends[0], &byte, 1), 1);
    close(ends[0]);
    return pid;
}

/* Meanwhile readers find the old one, and what somebody else saves stays. */
static void nothing_is_seen_of_what_waits_for_the_lock(void **state)
{
    cleanup_free char *home = unit_path(*state, "home"), *lock = unit_path(*state, "state/genv.lock");
    cleanup_close int fd = open(lock, O_RDONLY | O_CLOEXEC);
    struct genv_config theirs = {.gpus = 5};
    pid_t pid = start_to_save(*state, fd);

    check_file(*state, "home/gpus", "2\n");
    assert_int_equal(genv_home_save(home, &theirs, GENV_CONFIG_GPUS, NULL), 0);
    assert_int_equal(unit_wait(pid), 0);
    check_file(*state, "home/gpus", "5\n");
    assert_int_equal(unit_count_entries(home), 1);
}

static void a_commit_that_fails_leaves_everything_as_it_was(void **state)
{
    cleanup_free char *home = unit_path(*state, "home");
    struct genv_error err = {0};

    world.record = "e.json";
    assert_int_equal(configure_and_save(*state, 3, "x", &err), -ENOSPC);
    check_file(*state, "home/gpus", "2\n");
    assert_int_equal(unit_count_entries(home), 1);
    assert_int_equal(configured_gpus(*state), -1);
}

static void what_somebody_else_saved_before_the_commit_failed_stays(void **state)
{
    cleanup_free char *home = unit_path(*state, "home"), *theirs = unit_path(*state, "home/gpus");

    world.record = "e.json";
    world.theirs = theirs;
    assert_int_equal(configure_and_save(*state, 3, "x", NULL), -ENOSPC);
    check_file(*state, "home/gpus", "7\n");
    assert_int_equal(unit_count_entries(home), 1);
}

static void what_cannot_be_published_is_not_committed(void **state)
{
    struct genv_error err = {0};

    make(*state, "home/name");
    assert_int_equal(configure_and_save(*state, 3, "x", &err), -EISDIR);
    machine_check_error(&err, EISDIR, "home/name");
    check_file(*state, "home/gpus", "2\n");
    assert_int_equal(configured_gpus(*state), -1);
}

/* Such as NFS, which cannot exchange, and FAT, which has no links. */
static void there_is_a_file_at_any_moment(void **state)
{
    cleanup_free char *home = unit_path(*state, "home"), *gpus = unit_path(*state, "home/gpus");

    world.always = gpus;
    for (int i = 0; i < 3; i++) {
        world.lacks_exchange = i > 0;
        world.lacks_links = i > 1;
        assert_int_equal(configure_and_save(*state, 3, "", NULL), 0);
        check_file(*state, "home/gpus", "3\n");
        world.record = "e.json";
        assert_int_equal(configure_and_save(*state, 4, "", NULL), -ENOSPC);
        world.record = NULL;
        check_file(*state, "home/gpus", "3\n");
        assert_int_equal(unit_count_entries(home), 1);
    }
    assert_int_equal(world.misses, 0);
}

/* Killed ones leave files, which the next one removes, but not those of who is at work. */
static void what_killed_writers_left_is_removed(void **state)
{
    cleanup_free char *home = unit_path(*state, "home"), *lock = unit_path(*state, "state/genv.lock");
    cleanup_close int fd = open(lock, O_RDONLY | O_CLOEXEC);
    struct genv_config config = {.gpus = 5};
    pid_t pid = start_to_save(*state, fd);

    assert_int_equal(unit_count_entries(home), 3);
    assert_int_equal(genv_home_save(home, &config, GENV_CONFIG_GPUS, NULL), 0);
    assert_int_equal(unit_count_entries(home), 3);
    assert_int_equal(kill(pid, SIGKILL), 0);
    assert_int_equal(unit_wait(pid), -SIGKILL);
    assert_int_equal(unit_count_entries(home), 3);
    unit_write(*state, "home/.aside", "not genv's");
    assert_int_equal(genv_home_save(home, &config, GENV_CONFIG_GPUS, NULL), 0);
    assert_int_equal(unit_count_entries(home), 2);
}

static const struct CMUnitTest tests[] = {
    TREE(the_nearest_one_is_found_and_then_that_of_the_home_directory),
    TREE(a_file_of_that_name_is_none),
    TREE(without_a_current_directory_the_home_directory_counts),
    TREE(a_link_of_ones_own_is_followed),
    TREE(one_of_another_user_is_passed_over_with_a_warning),
    TREE(a_link_of_another_user_is_passed_over_wherever_it_leads),
    TREE(one_in_a_folder_that_is_closed_is_not_found),
    TREE(one_that_was_replaced_is_not_used),
    TREE(the_fields_that_are_there_are_loaded),
    TREE(a_value_that_is_none_is_refused_with_its_file),
    TREE(what_is_no_file_is_refused),
    TREE(what_is_saved_is_loaded_again),
    TREE(only_the_fields_that_are_meant_are_saved),
    TREE(what_could_not_be_loaded_is_not_saved),
    TREE(a_directory_in_the_place_of_a_field_is_left_alone),
    TREE(all_fields_are_saved_or_none),
    TREE(a_directory_that_is_not_ones_own_can_not_be_saved_to),
    SAVED(both_are_done),
    SAVED(nothing_is_seen_of_what_waits_for_the_lock),
    SAVED(a_commit_that_fails_leaves_everything_as_it_was),
    SAVED(what_somebody_else_saved_before_the_commit_failed_stays),
    SAVED(what_cannot_be_published_is_not_committed),
    SAVED(there_is_a_file_at_any_moment),
    SAVED(what_killed_writers_left_is_removed),
};

UNIT_MAIN(tests)
