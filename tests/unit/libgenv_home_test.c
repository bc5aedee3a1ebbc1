/* The saved configuration of a project. */
#include "machine.h"

#include <fcntl.h>
#include <sys/stat.h>

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
};

UNIT_MAIN(tests)
