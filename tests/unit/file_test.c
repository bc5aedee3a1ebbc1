/* Files that somebody else may have planted, and files that are replaced. */
#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/un.h>

#include "base/file.h"

static int open_directory(void **state)
{
    int fd = open(*state, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    assert_true(fd >= 0);
    return fd;
}

static int try_open(int directory, const char *name)
{
    cleanup_close int fd = -1;

    return file_open(directory, name, O_RDONLY, &fd, NULL);
}

static void regular_files_are_opened(void **state)
{
    cleanup_close int directory = open_directory(state), fd = -1;
    struct stat st;

    unit_write(*state, "file", "text");
    assert_int_equal(file_open(directory, "file", O_RDONLY, &fd, &st), 0);
    assert_int_equal(st.st_size, 4);
    assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
    close(steal_fd(&fd));
    assert_int_equal(file_open(directory, "file", O_RDWR, &fd, NULL), 0);
    assert_int_equal(write(fd, "x", 1), 1);
}

static void what_is_no_regular_file_is_refused_at_once(void **state)
{
    cleanup_close int directory = open_directory(state), listener = socket(AF_UNIX, SOCK_STREAM, 0);
    struct sockaddr_un address = {.sun_family = AF_UNIX};

    unit_write(*state, "file", "text");
    assert_int_equal(symlinkat("file", directory, "link"), 0);
    assert_int_equal(symlinkat("nowhere", directory, "dangling"), 0);
    assert_int_equal(mkfifoat(directory, "fifo", 0600), 0);
    assert_int_equal(mkdirat(directory, "directory", 0700), 0);
    snprintf(address.sun_path, sizeof(address.sun_path), "%s/socket", (char *)*state);
    assert_int_equal(bind(listener, (struct sockaddr *)&address, sizeof(address)), 0);

    assert_int_equal(try_open(directory, "link"), -ELOOP);
    assert_int_equal(try_open(directory, "dangling"), -ELOOP);
    assert_int_equal(try_open(directory, "fifo"), -ENOTSUP); /* and without waiting for a writer */
    assert_int_equal(try_open(directory, "directory"), -ENOTSUP);
    assert_int_equal(try_open(directory, "socket"), -ENOTSUP);
    assert_int_equal(try_open(AT_FDCWD, "/dev/null"), -ENOTSUP);
    assert_int_equal(try_open(directory, "missing"), -ENOENT);
    assert_int_equal(try_open(directory, "file/below"), -ENOTDIR);
}

static void a_device_that_nobody_drives_is_refused(void **state)
{
    cleanup_close int directory = open_directory(state);

    skip_unless_root();
    skip_unless(mknodat(directory, "device", S_IFCHR | 0600, makedev(240, 77)) == 0, "devices can't be made here");
    assert_int_equal(try_open(directory, "device"), -ENOTSUP);
}

static void nothing_is_left_open_after_a_refusal(void **state)
{
    cleanup_close int directory = open_directory(state);
    int before = unit_count_entries("/proc/self/fd");

    assert_int_equal(mkfifoat(directory, "fifo", 0600), 0);
    for (int i = 0; i < 10; i++) {
        assert_int_equal(try_open(directory, "fifo"), -ENOTSUP);
        assert_int_equal(try_open(directory, "missing"), -ENOENT);
    }
    assert_int_equal(unit_count_entries("/proc/self/fd"), before);
}

static void reading_stops_at_the_limit(void **state)
{
    cleanup_close int directory = open_directory(state);
    static const size_t sizes[] = {0, 1, 2047, 2048, 2049, 4095, 4096, 4097, 100000};

    for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
        cleanup_free char *written = malloc(sizes[i] + 1), *text = NULL, *none = NULL;
        size_t length = 0;

        memset(written, 'a' + (int)i, sizes[i]);
        written[sizes[i]] = '\0';
        unit_write(*state, "file", written);
        assert_int_equal(file_read_at(directory, "file", sizes[i], &text, &length), 0);
        assert_int_equal(length, sizes[i]);
        assert_string_equal(text, written);
        if (sizes[i] == 0)
            continue;
        assert_int_equal(file_read_at(directory, "file", sizes[i] - 1, &none, &length), -EFBIG);
        assert_null(none);
    }
}

static void a_file_without_a_size_is_read(void **state)
{
    cleanup_free char *text = NULL;
    size_t length;

    (void)state;
    assert_int_equal(file_read_at(AT_FDCWD, "/proc/self/status", 1 << 20, &text, &length), 0);
    assert_true(length > 100);
    assert_int_equal(strlen(text), length);
    free(text);
    text = NULL;
    assert_int_equal(file_read_at(AT_FDCWD, "/dev/zero", 100, &text, NULL), -ENOTSUP);
    assert_null(text);
}

static mode_t mode_of(int directory, const char *name)
{
    struct stat st;

    assert_int_equal(fstatat(directory, name, &st, AT_SYMLINK_NOFOLLOW), 0);
    return st.st_mode;
}

static void replacing_gives_the_mode_under_any_umask(void **state)
{
    cleanup_close int directory = open_directory(state);
    static const mode_t masks[] = {0, 022, 077, 0777};

    for (size_t i = 0; i < ARRAY_SIZE(masks); i++) {
        mode_t before = umask(masks[i]);
        int r = file_replace(directory, "file", "text", 4, 0644, (uid_t)-1, i & 1);

        umask(before);
        assert_int_equal(r, 0);
        assert_int_equal(mode_of(directory, "file"), S_IFREG | 0644);
        assert_int_equal(unit_count_entries(*state), 1);
    }
}

static void replacing_leaves_one_file_with_the_new_text(void **state)
{
    cleanup_close int directory = open_directory(state), old = -1;
    char buffer[8] = {0};

    for (int i = 0; i < 2; i++) {
        cleanup_free char *text = NULL;

        assert_int_equal(file_replace(directory, "file", i ? "second" : "first", i ? 6 : 5, 0600, (uid_t)-1, false), 0);
        assert_int_equal(file_read_at(directory, "file", 100, &text, NULL), 0);
        assert_string_equal(text, i ? "second" : "first");
        assert_int_equal(unit_count_entries(*state), 1);
        if (i == 0)
            assert_int_equal(file_open(directory, "file", O_RDONLY, &old, NULL), 0);
    }
    assert_int_equal(read(old, buffer, sizeof(buffer)), 5); /* who had it open reads on in the old one */
    assert_string_equal(buffer, "first");
}

static void replacing_does_not_follow_a_link(void **state)
{
    cleanup_close int directory = open_directory(state);
    cleanup_free char *text = NULL;

    unit_write(*state, "victim", "precious");
    assert_int_equal(symlinkat("victim", directory, "file"), 0);
    assert_int_equal(file_replace(directory, "file", "new", 3, 0644, (uid_t)-1, false), 0);
    assert_true(S_ISREG(mode_of(directory, "file")));
    assert_int_equal(file_read_at(directory, "victim", 100, &text, NULL), 0);
    assert_string_equal(text, "precious");
    assert_int_equal(unit_count_entries(*state), 2);
}

static void replacing_a_directory_is_refused(void **state)
{
    cleanup_close int directory = open_directory(state);

    assert_int_equal(mkdirat(directory, "file", 0700), 0);
    unit_write(*state, "file/inside", "");
    assert_int_equal(file_replace(directory, "file", "new", 3, 0644, (uid_t)-1, false), -EISDIR);
    assert_true(S_ISDIR(mode_of(directory, "file")));
    assert_int_equal(unit_count_entries(*state), 1);
}

static void replacing_hands_over_to_a_user(void **state)
{
    cleanup_close int directory = open_directory(state);
    struct stat st;

    skip_unless_root();
    for (int i = 0; i < 2; i++) {
        assert_int_equal(file_replace(directory, "file", "text", 4, 0644, USER_A, false), 0);
        assert_int_equal(fstatat(directory, "file", &st, 0), 0);
        assert_int_equal(st.st_uid, USER_A);
        assert_int_equal(st.st_mode, S_IFREG | 0644);
    }
}

static int replace_as_somebody_else(void *data)
{
    int directory = open(data, O_RDONLY | O_DIRECTORY);

    require(file_replace(directory, "mine", "text", 4, 0644, USER_B, false) == -EPERM);
    require(file_replace(directory, "other", "forged", 6, 0644, (uid_t)-1, false) == -EPERM);
    return 0;
}

static void nobody_replaces_what_is_another_users_or_makes_it_his(void **state)
{
    cleanup_close int directory = open_directory(state);
    cleanup_free char *text = NULL;

    skip_unless_root();
    assert_int_equal(fchmod(directory, 01777), 0);
    unit_write(*state, "other", "original");
    assert_int_equal(unit_fork(USER_A, replace_as_somebody_else, *state), 0);
    assert_int_equal(unit_count_entries(*state), 1); /* nothing is left aside */
    assert_int_equal(file_read_at(directory, "other", 100, &text, NULL), 0);
    assert_string_equal(text, "original");
}

static int replace_past_the_limit(void *data)
{
    char text[10000];
    int directory = open(data, O_RDONLY | O_DIRECTORY);

    memset(text, 'x', sizeof(text));
    signal(SIGXFSZ, SIG_IGN);
    require(setrlimit(RLIMIT_FSIZE, &(struct rlimit){4096, 4096}) == 0);
    require(file_replace(directory, "file", text, sizeof(text), 0644, (uid_t)-1, false) == -EFBIG);
    require(file_replace(directory, "new", text, sizeof(text), 0644, (uid_t)-1, true) == -EFBIG);
    return 0;
}

static void a_write_that_fails_leaves_the_old_file_and_nothing_aside(void **state)
{
    cleanup_close int directory = open_directory(state);
    cleanup_free char *text = NULL;

    unit_write(*state, "file", "old");
    assert_int_equal(unit_fork((uid_t)-1, replace_past_the_limit, *state), 0);
    assert_int_equal(unit_count_entries(*state), 1);
    assert_int_equal(file_read_at(directory, "file", 100, &text, NULL), 0);
    assert_string_equal(text, "old");
}

static void a_full_disk_leaves_the_old_file_and_nothing_aside(void **state)
{
    cleanup_free char *path = unit_path(*state, "disk"), *text = NULL, *large = calloc(1, 1 << 20);
    cleanup_close int directory = -1;
    int r, entries;

    skip_unless_root();
    assert_int_equal(mkdir(path, 0700), 0);
    skip_unless(mount("tmpfs", path, "tmpfs", 0, "size=64k") == 0, "a tmpfs can't be mounted here");
    unit_write(path, "file", "old");
    directory = open(path, O_RDONLY | O_DIRECTORY);
    r = file_replace(directory, "file", large, 1 << 20, 0644, (uid_t)-1, true);
    entries = unit_count_entries(path);
    file_read_at(directory, "file", 100, &text, NULL);
    close(steal_fd(&directory));
    assert_int_equal(umount(path), 0);
    assert_int_equal(r, -ENOSPC);
    assert_int_equal(entries, 1);
    assert_string_equal(text, "old");
}

static void replacing_in_a_directory_that_is_gone_fails(void **state)
{
    cleanup_free char *path = unit_path(*state, "gone");
    cleanup_close int directory = -1;

    assert_int_equal(mkdir(path, 0700), 0);
    directory = open(path, O_RDONLY | O_DIRECTORY);
    assert_int_equal(rmdir(path), 0);
    assert_int_equal(file_replace(directory, "file", "text", 4, 0644, (uid_t)-1, false), -ENOENT);
}

/* Replaces the file for ever: all a, all b. */
static int replace_without_end(void *data)
{
    int directory = open(data, O_RDONLY | O_DIRECTORY);
    char text[5000];

    for (unsigned i = 0;; i++) {
        memset(text, 'a' + (int)(i & 1), sizeof(text));
        require(file_replace(directory, "file", text, sizeof(text), 0644, (uid_t)-1, false) == 0);
    }
}

static void a_reader_finds_the_old_file_or_the_new_one(void **state)
{
    cleanup_close int directory = open_directory(state);
    pid_t writer;

    unit_write(*state, "file", "");
    writer = unit_start((uid_t)-1, replace_without_end, *state);
    for (int seen = 0; seen < 2000;) {
        cleanup_free char *text = NULL;
        size_t length;

        assert_int_equal(file_read_at(directory, "file", 10000, &text, &length), 0);
        if (length == 0 && seen == 0)
            continue; /* the writer has not begun */
        seen++;
        assert_int_equal(length, 5000);
        assert_int_equal(strspn(text, *text == 'a' ? "a" : "b"), 5000);
    }
    kill(writer, SIGKILL);
    assert_int_equal(unit_wait(writer), -SIGKILL);
}

/* As on a kernel before 5.9. */
static void forbid_close_range(void)
{
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 436, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    const struct sock_fprog program = {ARRAY_SIZE(code), code};

    require(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
    require(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0);
}

static int close_many(void *data)
{
    const int last = 900;

    if (data)
        forbid_close_range();
    require(setrlimit(RLIMIT_NOFILE, &(struct rlimit){1024, 1024}) == 0);
    for (int fd = 10; fd <= last; fd += fd < 200 ? 1 : 100)
        require(dup2(STDERR_FILENO, fd) == fd);
    file_close_from(11);
    require(fcntl(10, F_GETFD) == 0);
    for (int fd = 11; fd <= last; fd++)
        require(fcntl(fd, F_GETFD) < 0 && errno == EBADF);
    return 0;
}

static void descriptors_are_closed_from_one_on(void **state)
{
    (void)state;
    assert_int_equal(unit_fork((uid_t)-1, close_many, NULL), 0);
    assert_int_equal(unit_fork((uid_t)-1, close_many, ""), 0);
}

static const struct CMUnitTest tests[] = {
    test_in_directory(regular_files_are_opened),
    test_in_directory(what_is_no_regular_file_is_refused_at_once),
    test_in_directory(a_device_that_nobody_drives_is_refused),
    test_in_directory(nothing_is_left_open_after_a_refusal),
    test_in_directory(reading_stops_at_the_limit),
    cmocka_unit_test(a_file_without_a_size_is_read),
    test_in_directory(replacing_gives_the_mode_under_any_umask),
    test_in_directory(replacing_leaves_one_file_with_the_new_text),
    test_in_directory(replacing_does_not_follow_a_link),
    test_in_directory(replacing_a_directory_is_refused),
    test_in_directory(replacing_hands_over_to_a_user),
    test_in_directory(nobody_replaces_what_is_another_users_or_makes_it_his),
    test_in_directory(a_write_that_fails_leaves_the_old_file_and_nothing_aside),
    test_in_directory(a_full_disk_leaves_the_old_file_and_nothing_aside),
    test_in_directory(replacing_in_a_directory_that_is_gone_fails),
    test_in_directory(a_reader_finds_the_old_file_or_the_new_one),
    cmocka_unit_test(descriptors_are_closed_from_one_on),
};

UNIT_MAIN(tests)
