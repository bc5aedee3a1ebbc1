/* How ssh is called, where its shared connections lie, and what its failures are said to mean. */
#include "../unit/unit.h"

#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "remote/ssh.h"

static char *read_text(const char *path)
{
    char *text = NULL;

    assert_int_equal(file_read_at(AT_FDCWD, path, 1 << 16, &text, NULL), 0);
    return text;
}

/* The user's own first: in ssh's configuration the first value counts. */
static bool is_ordered(const char *text)
{
    static const char *const parts[] = {"/.ssh/config\"\n", "Include /etc/ssh/ssh_config\n", "\nHost *\n",
                                        "ControlMaster auto\n"};

    for (size_t i = 0; text && i < ARRAY_SIZE(parts); i++)
        text = strstr(text, parts[i]);
    return text != NULL;
}

/* The test's directory becomes a runtime directory, which is its user's alone. */
static void make_runtime_directory(const char *directory)
{
    assert_int_equal(chmod(directory, 0700), 0);
    setenv("XDG_RUNTIME_DIR", directory, 1);
}

static void prepare(void **state)
{
    cleanup_free char *path = unit_path(*state, "genv-ssh/config"), *config = NULL, *again = NULL, *text = NULL;
    struct stat first, second;

    make_runtime_directory(*state);
    assert_int_equal(ssh_prepare(&config, NULL), 0);
    assert_string_equal(config, path);
    text = read_text(config);
    assert_true(is_ordered(text));
    assert_int_equal(stat(path, &first), 0);
    assert_int_equal(first.st_mode & 07777, 0600);
    /* Written only when it is another. */
    assert_int_equal(ssh_prepare(&again, NULL), 0);
    assert_int_equal(stat(path, &second), 0);
    assert_true(first.st_ino == second.st_ino && first.st_mtim.tv_nsec == second.st_mtim.tv_nsec);
    free(STEAL_POINTER(again));
    unit_write(*state, "genv-ssh/config", "Host *\n    ProxyCommand id\n");
    assert_int_equal(ssh_prepare(&again, NULL), 0);
    free(STEAL_POINTER(text));
    text = read_text(again);
    assert_null(strstr(text, "ProxyCommand"));
}

/* The directory of the home that passwd(5) names, whatever $HOME says: there ssh looks. */
static void home(void **state)
{
    cleanup_free char *config = NULL, *text = NULL, *line = NULL;
    const struct passwd *entry = getpwuid(geteuid());

    make_runtime_directory(*state);
    setenv("HOME", "/nowhere", 1);
    assert_non_null(entry);
    assert_int_equal(ssh_prepare(&config, NULL), 0);
    text = read_text(config);
    assert_true(asprintf(&line, "\nInclude \"%s/.ssh/config\"\n", entry->pw_dir) > 0);
    assert_non_null(strstr(text, line));
}

/* Others see nothing of it, whatever made it. */
static void private_directory(void **state)
{
    cleanup_free char *folder = unit_path(*state, "genv-ssh"), *config = NULL;
    struct stat st;

    make_runtime_directory(*state);
    assert_int_equal(mkdir(folder, 0755), 0);
    assert_int_equal(ssh_prepare(&config, NULL), 0);
    assert_int_equal(stat(folder, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0700);
}

static int prepare_elsewhere(void *data)
{
    char fallback[64], *config = NULL;

    setenv("XDG_RUNTIME_DIR", data, 1);
    snprintf(fallback, sizeof(fallback), "/tmp/genv-ssh-%u/config", (unsigned)geteuid());
    require(ssh_prepare(&config, NULL) == 0);
    require(config && strcmp(config, fallback) == 0);
    unlink(config);
    *strrchr(fallback, '/') = '\0';
    require(rmdir(fallback) == 0);
    return 0;
}

/* A user whom no other test has. */
static uid_t some_user(void)
{
    return 70000 + (uid_t)getpid();
}

static int expect_config(void *data)
{
    char *config = NULL;

    (void)data;
    require(ssh_prepare(&config, NULL) == 0 && config);
    return 0;
}

/* Makes @directory/@name, and checks that it does not serve some_user() as runtime directory, and that nothing is put
 * there. */
static void check_unused(const char *directory, const char *name, mode_t mode, uid_t owner)
{
    cleanup_free char *runtime = unit_path(directory, name);

    assert_int_equal(mkdir(runtime, 0700), 0);
    assert_int_equal(chown(runtime, owner, owner), 0);
    assert_int_equal(chmod(runtime, mode), 0);
    assert_int_equal(unit_fork(some_user(), prepare_elsewhere, runtime), 0);
    assert_int_equal(unit_count_entries(runtime), 0);
}

/* A runtime directory counts if it is the user's own, and nobody else can change what its path leads to: ssh is told of
 * a configuration in it, which can run commands. */
static void elsewhere(void **state)
{
    cleanup_free char *runtime = unit_path(*state, "own"), *theirs = unit_path(*state, "theirs"), *longer = NULL;

    skip_unless_root();
    assert_int_equal(chmod(*state, 0755), 0);
    check_unused(*state, "roots", 0755, 0); /* as after su(1) */
    check_unused(*state, "strangers", 0777, USER_A);
    check_unused(*state, "sticky", 01777, USER_A);
    check_unused(*state, "everybodys", 0777, some_user());
    check_unused(*state, "groups", 0770, some_user());
    assert_int_equal(unit_fork(some_user(), prepare_elsewhere, ""), 0);
    assert_int_equal(unit_fork(some_user(), prepare_elsewhere, "relative"), 0);
    /* A path so long that a socket's would not fit. */
    assert_true(asprintf(&longer, "%060d", 0) > 0);
    check_unused(*state, longer, 0700, some_user());
    /* One's own, in a folder where a stranger can put another in its place. */
    assert_int_equal(mkdir(theirs, 0755), 0);
    assert_int_equal(chown(theirs, USER_A, USER_A), 0);
    check_unused(theirs, "own", 0700, some_user());
    check_unused(*state, "own", 0777, some_user());
    assert_int_equal(chmod(runtime, 0700), 0);
    setenv("XDG_RUNTIME_DIR", runtime, 1);
    assert_int_equal(unit_fork(some_user(), expect_config, NULL), 0); /* and now it serves */
    assert_int_equal(unit_count_entries(runtime), 1);
}

/* ssh is called without a configuration of genv's, and works. */
static int expect_no_sharing(void *data)
{
    static const char *const words[] = {"snapshot", NULL};
    const struct host host = {"gpu-1", "gpu-1", "genv"};
    struct ssh_call call = {.share = true};
    char *config = NULL, **argv = NULL;

    (void)data;
    unsetenv("XDG_RUNTIME_DIR");
    require(ssh_prepare(&config, NULL) == 0 && !config);
    require(ssh_command(&host, &call, words, &argv, NULL) == 0);
    require(strcmp(argv[0], "ssh") == 0 && strcmp(argv[1], "-o") == 0 && strcmp(argv[2], "BatchMode=yes") == 0);
    strv_free(argv);
    return 0;
}

/* Somebody was first under /tmp. */
static void planted(void **state)
{
    char path[64];

    skip_unless_root();
    snprintf(path, sizeof(path), "/tmp/genv-ssh-%u", (unsigned)some_user());
    assert_int_equal(mkdir(path, 0777), 0);
    assert_int_equal(chmod(path, 0777), 0);
    assert_int_equal(unit_fork(some_user(), expect_no_sharing, NULL), 0);
    assert_int_equal(rmdir(path), 0);
    assert_int_equal(chmod(*state, 0777), 0);
    assert_int_equal(symlink(*state, path), 0);
    assert_int_equal(unit_fork(some_user(), expect_no_sharing, NULL), 0);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(unit_count_entries(*state), 0);
    unit_write("/tmp", path + strlen("/tmp/"), "");
    assert_int_equal(unit_fork(some_user(), expect_no_sharing, NULL), 0);
    assert_int_equal(unlink(path), 0);
}

/* With -F ssh does not look whose its configuration is, as it does without. */
static int expect_bad_config(void *data)
{
    char *config = NULL;
    struct genv_error err = {0};

    (void)data;
    require(ssh_prepare(&config, &err) == -EPERM && !config);
    require(strstr(err.message, "bad owner or permissions on ") && strstr(err.message, "/.ssh/config"));
    return 0;
}

/* Of a user without an entry in passwd(5), whose home is $HOME. */
static void anybodys_configuration(void **state)
{
    cleanup_free char *ssh = unit_path(*state, ".ssh"), *file = unit_path(*state, ".ssh/config");
    uid_t user = some_user();

    skip_unless_root();
    assert_int_equal(chown(*state, user, user), 0);
    make_runtime_directory(*state);
    setenv("HOME", *state, 1);
    assert_int_equal(unit_fork(user, expect_config, NULL), 0);
    assert_int_equal(mkdir(ssh, 0755), 0);
    unit_write(ssh, "config", "Host *\n");
    assert_int_equal(unit_fork(user, expect_config, NULL), 0); /* root's */
    assert_int_equal(chmod(file, 0646), 0);
    assert_int_equal(unit_fork(user, expect_bad_config, NULL), 0);
    assert_int_equal(chmod(file, 0644), 0);
    assert_int_equal(chown(file, USER_A, USER_A), 0);
    assert_int_equal(unit_fork(user, expect_bad_config, NULL), 0);
    assert_int_equal(chown(file, user, user), 0);
    assert_int_equal(unit_fork(user, expect_config, NULL), 0);
}

static int expect_no_ssh(void *data)
{
    struct genv_error err = {0};
    char *config;

    setenv("PATH", data, 1);
    require(ssh_prepare(&config, &err) == -ENOENT);
    require(strstr(err.message, "openssh-client"));
    return 0;
}

static void not_installed(void **state)
{
    assert_int_equal(unit_fork(-1, expect_no_ssh, *state), 0);
}

/* An ssh like 7.4, which does not know all options that later ones do. */
static void older(void **state)
{
    cleanup_free char *path = unit_path(*state, "ssh"), *variable = NULL;

    unit_write(
        *state, "ssh",
        "#!/bin/sh\n"
        "case \" $* \" in\n"
        "*' RemoteCommand='*) echo 'command-line: line 0: Bad configuration option: remotecommand' >&2; exit 255 ;;\n"
        "*' -V '*) echo 'OpenSSH_7.4p1, OpenSSL 1.0.2k-fips  26 Jan 2017' >&2 ;;\n"
        "esac\n");
    assert_int_equal(chmod(path, 0755), 0);
    assert_true(asprintf(&variable, "%s:%s", (char *)*state, getenv("PATH")) > 0);
    setenv("PATH", variable, 1);
    assert_false(ssh_takes("RemoteCommand=none"));
    assert_true(ssh_takes("ControlMaster=no"));
}

/* All of @argv, separated by '|'. */
static char *join(char *const *argv)
{
    char *text = NULL;
    size_t size;
    FILE *file = open_memstream(&text, &size);

    assert_non_null(file);
    for (size_t i = 0; argv[i]; i++)
        fprintf(file, "%s%s", i ? "|" : "", argv[i]);
    fclose(file);
    return text;
}

DEFINE_CLEANUP(char **, strv_freep, strv_free)

static char *command(const struct ssh_call *call, const struct host *host, const char *const *words)
{
    cleanup_with(strv_freep) char **argv = NULL;

    assert_int_equal(ssh_command(host, call, words, &argv, NULL), 0);
    return join(argv);
}

static void commands(void **state)
{
    static const char *const words[] = {"snapshot", NULL}, *const odd[] = {"run", "a b", "$x", "", NULL};
    const struct host host = {"gpu-1", "paul@gpu-1", "~/genv"};
    struct ssh_call call = {"/c", 5, true, SSH_NO_INPUT, false, NULL, true};
    cleanup_free char *query = command(&call, &host, words), *alone = NULL, *shell = NULL, *encoded = NULL;

    (void)state;
    assert_ptr_equal(strstr(query, "ssh|-F|/c|-o|BatchMode=yes|-o|ConnectTimeout=5|-o|RemoteCommand=none|"), query);
    assert_string_equal(strstr(query, "|--|"), "|--|paul@gpu-1|~/genv snapshot");
    assert_true(strstr(query, "ClearAllForwardings=yes") && strstr(query, "|-T|") && !strstr(query, "ControlMaster"));
    call.share = call.has_remote_command = false;
    alone = command(&call, &host, words);
    assert_true(strstr(alone, "|-o|ControlMaster=no|") && !strstr(alone, "RemoteCommand"));
    call.terminal = SSH_TERMINAL;
    call.below_shell = true;
    shell = command(&call, &host, words);
    assert_string_equal(strstr(shell, "|--|"), "|--|paul@gpu-1|~/genv snapshot; exit");
    call.below_shell = false;
    assert_true(strstr(shell, "|-tt|") && !strstr(shell, "|-T|") && !strstr(shell, "ClearAllForwardings"));
    call.terminal = SSH_PLAIN;
    encoded = command(&call, &host, odd);
    assert_true(strstr(encoded, "|-T|") && !strstr(encoded, "ClearAllForwardings"));
    assert_ptr_equal(strstr(strstr(encoded, "|--|"), "|--|paul@gpu-1|~/genv --encoded run "), strstr(encoded, "|--|"));
    assert_null(strpbrk(strstr(encoded, "--encoded"), "$'\"\\`;"));
}

static void too_long(void **state)
{
    const struct host host = {"gpu-1", "gpu-1", "genv"};
    const struct ssh_call call = {"/c", 5, true, SSH_PLAIN, false, NULL, false};
    cleanup_free char *word = malloc(100 * 1024 + 1);
    const char *words[] = {"run", word, NULL};
    cleanup_with(strv_freep) char **argv = NULL;
    struct genv_error err = {0};

    (void)state;
    assert_non_null(word);
    memset(word, 'x', 100 * 1024);
    word[100 * 1024] = '\0';
    assert_int_equal(ssh_command(&host, &call, words, &argv, &err), -E2BIG);
    assert_true(strstr(err.message, "100 KiB") && !argv);
    word[100 * 1024 - 100] = '\0';
    assert_int_equal(ssh_command(&host, &call, words, &argv, &err), 0);
    /* Encoded, spaces take three bytes. */
    memset(word, ' ', 40 * 1024);
    word[40 * 1024] = '\0';
    strv_free(STEAL_POINTER(argv));
    assert_int_equal(ssh_command(&host, &call, words, &argv, &err), -E2BIG);
}

static const struct {
    int status, code;
    const char *output, *sentence;
} failures[] = {
    {255, EHOSTUNREACH, "ssh: Could not resolve hostname gpu-1: Name or service not known\r\n",
     "cannot resolve the host name"},
    {255, ECONNREFUSED, "ssh: connect to host gpu-1 port 22: Connection refused\r\n", "connection refused: no sshd"},
    {255, EHOSTUNREACH, "ssh: connect to host gpu-1 port 22: No route to host\r\n", "no route"},
    {255, EHOSTUNREACH, "ssh: connect to host gpu-1 port 22: Network is unreachable\r\n", "network"},
    {255, ETIMEDOUT, "ssh: connect to host gpu-1 port 22: Connection timed out\r\n", "no response"},
    {255, ETIMEDOUT, "Connection timed out during banner exchange\r\nConnection to 1.2.3.4 port 22 timed out\r\n",
     "no response"},
    {255, EACCES, "Welcome\r\njohn@10.0.0.1: Permission denied (publickey,password).\r\n",
     "cannot log in as john@10.0.0.1 without a password: install your key on the host (ssh-copy-id paul@gpu-1)"},
    {255, EACCES, "x: Permission denied (a@b)", "cannot log in without a password"},
    {255, EACCES, "Received disconnect from 10.0.0.1 port 22:2: Too many authentication failures\r\n",
     "IdentitiesOnly"},
    {255, EKEYREJECTED,
     "No ED25519 host key is known for gpu-1 and you have requested strict checking.\r\nHost key verification "
     "failed.\r\n",
     "not known yet: run 'ssh paul@gpu-1' once"},
    {255, EKEYREJECTED,
     "@@@@\r\n@    WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED!     @\r\nOffending ED25519 key in "
     "/home/paul/.ssh/known_hosts:3\r\nHost key verification failed.\r\n",
     "has changed: the host was reinstalled, or the connection is being intercepted; if you trust it, remove the old "
     "key "
     "(/home/paul/.ssh/known_hosts:3)"},
    {255, EIO,
     "/home/paul/.ssh/config: line 1: Bad configuration option: colour\r\n/home/paul/.ssh/config: terminating, 1 bad "
     "configuration options\r\n",
     "bad configuration"},
    {255, EKEYREJECTED,
     "@       WARNING: REVOKED HOST KEY DETECTED!               @\r\nHost key verification failed.\r\n", "revoked"},
    {255, ECONNRESET,
     "kex_exchange_identification: read: Connection reset by peer\r\nConnection reset by 1.2.3.4 port 22\r\n",
     "MaxStartups"},
    {255, EIO, "Warning: x\r\nUnable to negotiate with 1.2.3.4 port 22: no matching host key type found.\r\n",
     "ssh failed: Unable to negotiate with"},
    {255, EIO, "", "ssh failed without an error message: a signal"},
    {255, EIO, "\x1b[31mred\r\n", "?[31mred"},
    {127, ENOENT, "bash: line 1: genv: command not found\n", "--genv PATH"},
    {1, ENOENT, "genv: Command not found.\n", "--genv PATH"},
    {126, ENOEXEC, "bash: line 1: /opt: Is a directory\n", "cannot execute 'genv' on the host"},
    {2, EPROTO, "usage: genv [-h] {activate,devices} ...\ngenv: error: argument command: invalid choice: 'snapshot'\n",
     "too old"},
    {2, EPROTO, "genv: there is no command snapshot\n", "too old"},
    {2, EREMOTEIO, "genv-session: 1: Syntax error: Unterminated quoted string\n",
     "failed on the host: genv-session: 1: Syntax"},
    {2, EREMOTEIO, "", "status 2 without an error message"},
    {1, EREMOTEIO, "noise\ngenv: no space left on device\n", "no space left on device"},
    {1, EREMOTEIO, "genv: \n", "genv failed on the host: genv: "},
    {1, EREMOTEIO, "Segmentation fault\n", "genv failed on the host: Segmentation fault"},
    {3, EREMOTEIO, "", "status 3"},
    {128 + 9, EINTR, "", "signal 9"},
};

#define PORT     " 10.0.0.1 port 22\r\n"
#define SHORT_OF "** WARNING: connection is not using a post-quantum key exchange algorithm.\r\n"

/* What ssh 6.7 to 10.5 say, to sshds of 6.7 to 10.5, and what is to be made of it. */
static const struct {
    int code;
    bool again;
    const char *output, *sentence;
} wordings[] = {
    /* Turned away. ssh_… until 7.9, then kex_…; the second line from 8.1 on; from 9.8 on, alone. */
    {ECONNRESET, true, "ssh_exchange_identification: Connection closed by remote host\r\n", "MaxStartups"},
    {ECONNRESET, true, "ssh_exchange_identification: read: Connection reset by peer\r\n", "MaxStartups"},
    {ECONNRESET, true, "write: Broken pipe\r\n", "MaxStartups"}, /* 7.4, in the same place */
    {ECONNRESET, true, "kex_exchange_identification: Connection closed by remote host\r\n", "MaxStartups"},
    {ECONNRESET, true, "kex_exchange_identification: Connection closed by remote host\r\nConnection closed by" PORT,
     "MaxStartups"},
    {ECONNRESET, true, "Connection closed by" PORT, "PerSourcePenalties"},
    {ECONNRESET, true, "Connection closed by UNKNOWN port 65535\r\n", "MaxStartups"},
    {ECONNRESET, true, "Connection closed by UNKNOWN\r\n", "MaxStartups"},
    {ECONNRESET, true, "Connection closed by 10.0.0.1\r\n", "MaxStartups"},
    {ECONNRESET, true, SHORT_OF "Connection closed by" PORT, "MaxStartups"},
    /* Lost, who knows when. */
    {EIO, true, "ssh: connect to host x port 22: Connection reset by peer\r\n", "reset by peer"},
    {EIO, true, "Connection reset by" PORT, "reset by"},
    {EIO, true, "Read from socket failed: Connection reset by peer\r\n", "reset by peer"},
    {EIO, true, "Write failed: Broken pipe\r\n", "Broken pipe"},
    {EIO, true, "packet_write_wait: Connection to 10.0.0.1 port 22: Broken pipe\r\n", "Broken pipe"},
    {EIO, true, "ssh_dispatch_run_fatal: Connection to 10.0.0.1 port 22: Broken pipe\r\n", "Broken pipe"},
    {EIO, true, "client_loop: send disconnect: Broken pipe\r\n", "Broken pipe"},
    {EIO, true, "Authentication failed.\r\n", "Authentication failed"}, /* 7.4, where it is lost in between */
    {EIO, true, "Connection to 10.0.0.1 closed by remote host.\r\n", "closed by remote host"},
    {EIO, true, "in the words of some later ssh: too many of you\r\n", "ssh failed: in the words"},
    /* What lasts. */
    {EACCES, false, "Permission denied (publickey).\r\n", "cannot log in without a password"},
    {EACCES, false, SHORT_OF "a@b: Permission denied (publickey).\r\n", "cannot log in as a@b without a password"},
    {EACCES, false, "Received disconnect from 10.0.0.1: 2: Too many authentication failures\r\n", "IdentitiesOnly"},
    {EACCES, false,
     "Received disconnect from 10.0.0.1: 2: Too many authentication failures for a from 10.0.0.2 port 1 ssh2\r\n"
     "Authentication failed.\r\n",
     "IdentitiesOnly"},
    {EIO, false, "no matching cipher found: client aes256-ctr server aes128-ctr\r\n", "no matching cipher"},
    {EIO, false, "Unable to negotiate with 10.0.0.1 port 22: no matching cipher found. Their offer: x\r\n",
     "negotiate"},
    {EIO, false, "command-line: line 0: Bad configuration option: colour\r\n", "Bad configuration option"},
    {EKEYREJECTED, false,
     "Host key verification failed.\r\nkex_exchange_identification: Connection closed by remote host\r\n"
     "Connection closed by UNKNOWN port 65535\r\n",
     "not known yet"},
    {ECONNREFUSED, false,
     "channel 0: open failed: connect failed: Connection refused\r\nstdio forwarding failed\r\n"
     "Connection closed by UNKNOWN port 65535\r\n",
     "connection refused: no sshd"},
    {ETIMEDOUT, false, "Connection timed out during banner exchange\r\n", "no response"},
    {ETIMEDOUT, false, "Timeout, server 10.0.0.1 not responding.\r\n", "stopped responding"},
    /* A signal has ended what ran there. */
    {EIO, false, SHORT_OF "** The server may need to be upgraded. See https://openssh.com/pq.html\r\n", "a signal"},
    {EIO, false, "Warning: Permanently added 'x' (ED25519) to the list of known hosts.\r\n", "a signal"},
};

static void every_ssh(void **state)
{
    const struct host host = {"gpu-1", "paul@gpu-1", "genv"};

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(wordings); i++) {
        const char *output = wordings[i].output;
        struct genv_error err = {0};
        int r = ssh_explain(&host, 255, output, &err);

        if (r != -wordings[i].code || !strstr(err.message, wordings[i].sentence) ||
            ssh_may_fare_better(255, output) != wordings[i].again)
            fail_msg("%s%d: %s", output, r, err.message);
        assert_false(ssh_may_fare_better(1, output));
    }
}

static void explanations(void **state)
{
    const struct host host = {"gpu-1", "paul@gpu-1", "genv"}, elsewhere_installed = {"gpu-1", "gpu-1", "/opt/genv"};
    struct genv_error err = {0};

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(failures); i++) {
        int r = ssh_explain(&host, failures[i].status, failures[i].output, &err);

        if (r != -failures[i].code || err.code != failures[i].code || !strstr(err.message, failures[i].sentence))
            fail_msg("%s%d: %s", failures[i].output, r, err.message);
        assert_null(strpbrk(err.message, "\r\n\x1b"));
    }
    assert_int_equal(ssh_explain(&elsewhere_installed, 127, NULL, &err), -ENOENT);
    assert_non_null(strstr(err.message, "there is no '/opt/genv' on the host"));
    /* What a program there says is not taken for ssh's words. */
    assert_int_equal(ssh_explain(&host, 1, "kex_exchange_identification: read: Connection reset by peer", &err),
                     -EREMOTEIO);
}

/* As much as is kept of it, in lines as short as there are: a look at the rest for each of them would take minutes, and
 * every other host's answer would wait. */
static void chatterbox(void **state)
{
    const struct host host = {"gpu-1", "paul@gpu-1", "genv"};
    const size_t length = 8 << 20;
    struct genv_error err = {0};
    char *output = malloc(length + 1);

    (void)state;
    assert_non_null(output);
    for (size_t i = 0; i < length; i++)
        output[i] = i % 2 ? '\n' : 'a';
    output[length] = '\0';
    assert_int_equal(ssh_explain(&host, 1, output, &err), -EREMOTEIO);
    assert_string_equal(err.message, "genv failed on the host: a");
    assert_int_equal(ssh_explain(&host, 255, output, &err), -EIO);
    free(output);
}

static void check_dropped(void (*drop)(struct text *text), const char *before, const char *after)
{
    cleanup_text struct text text = TEXT_INIT;

    text_add(&text, before);
    drop(&text);
    assert_string_equal(text.data, after);
    assert_int_equal(text.length, strlen(after));
}

static void dropped(void **state)
{
    struct text none = TEXT_INIT;

    (void)state;
    check_dropped(ssh_drop_chatter,
                  "mux_client_request_session: session request failed: Session open refused by peer\r\n"
                  "ControlSocket /run/x already exists, disabling multiplexing\r\n",
                  "");
    check_dropped(ssh_drop_chatter, "a\r\n\n ControlSocket b\nmux_client_c\r\nmux\nControlSocket",
                  "a\r\n\n ControlSocket b\nmux\nControlSocket");
    check_dropped(ssh_drop_farewell, "Banner\r\nShared connection to 1.2.3.4 closed.\r\n", "Banner\r\n");
    check_dropped(ssh_drop_farewell, "Connection to 1.2.3.4 closed.\r\n", "");
    check_dropped(ssh_drop_farewell, "Shop closed.\r\n", "Shop closed.\r\n");
    check_dropped(ssh_drop_farewell, "Connection to 1.2.3.4 closed by remote host.\r\n",
                  "Connection to 1.2.3.4 closed by remote host.\r\n");
    ssh_drop_chatter(&none);
    ssh_drop_farewell(&none);
    assert_null(none.data);
}

static void last_words(void **state)
{
    const struct host host = {.name = "gpu", .destination = "gpu", .genv = "genv"};
    struct genv_error err = {0};

    (void)state;
    assert_string_equal(ssh_last_words("no\n", "yes\n"), "no\n");
    assert_string_equal(ssh_last_words("Warning: Permanently added 'x'\r\n\n", "yes\n"), "yes\n");
    assert_string_equal(ssh_last_words(NULL, "yes\n"), "yes\n");
    assert_null(ssh_last_words("", NULL));
    assert_int_equal(ssh_explain(&host, 1, "This account is currently not available.\n", &err), -EACCES);
    assert_string_equal(err.message,
                        "this account cannot run commands (its shell is nologin): log in as another user (-l USER)");
}

static const struct CMUnitTest tests[] = {
    test_in_directory(prepare),       test_in_directory(home),        test_in_directory(private_directory),
    test_in_directory(elsewhere),     test_in_directory(planted),     test_in_directory(anybodys_configuration),
    test_in_directory(not_installed), test_in_directory(older),       cmocka_unit_test(commands),
    cmocka_unit_test(too_long),       cmocka_unit_test(explanations), cmocka_unit_test(dropped),
    cmocka_unit_test(every_ssh),      cmocka_unit_test(last_words),   cmocka_unit_test(chatterbox),
};

UNIT_MAIN(tests)
