/* Whose containers are: claims of users, which root redeems. */
#include "store/claim.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/random.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/text.h"
#include "store/directory.h"
#include "store/vouch.h"

#define DIRECTORY_NAME "claims"
#define ID_LENGTH      16
#define SECRET_LENGTH  32
#define CLAIM_LENGTH   (ID_LENGTH + 1 + SECRET_LENGTH)
#define FILE_MAX       128
#define AGE_MAX_S      (30 * 24 * 3600)
#define REDEEMED_MAX   4096 /* containers that are remembered; beyond it of each user: */
#define OF_USER_MAX    1024
#define REDEEMED       "container."

_Static_assert(CLAIM_LENGTH < GENV_CLAIM_SIZE, "a claim has room");

static int make_random(char *text, size_t length)
{
    unsigned char bytes[SECRET_LENGTH / 2];

    if (getrandom(bytes, length / 2, 0) != (ssize_t)(length / 2))
        return -EIO;
    for (size_t i = 0; i < length / 2; i++)
        snprintf(text + 2 * i, 3, "%02x", bytes[i]);
    return 0;
}

/* Whether it is of that form, so that its first part may be a file's name. */
static bool is_claim(const char *claim)
{
    static const char digits[] = "0123456789abcdef";

    return strlen(claim) == CLAIM_LENGTH && strspn(claim, digits) == ID_LENGTH && claim[ID_LENGTH] == '.' &&
           strspn(claim + ID_LENGTH + 1, digits) == SECRET_LENGTH;
}

static bool is_name_of_container(const char *name)
{
    return *name && *name != '.' && strlen(name) <= GENV_EID_MAX &&
           strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._+-") == strlen(name);
}

/* Removes what the caller has in @fd from before @oldest. */
static void sweep(int fd, time_t oldest)
{
    cleanup_closedir DIR *dir = fdopendir(fcntl(fd, F_DUPFD_CLOEXEC, 0));
    struct dirent *entry;
    struct stat st;

    if (dir)
        rewinddir(dir);
    while (dir && (entry = readdir(dir))) {
        if (file_stat_here(fd, entry->d_name, &st) == 0 && S_ISREG(st.st_mode) && st.st_uid == geteuid() &&
            st.st_mtim.tv_sec < oldest)
            unlinkat(fd, entry->d_name, 0);
    }
}

int claim_make(int directory, const char *shown, char *claim, struct genv_error *err)
{
    cleanup_close int claims = -1, fd = -1;
    char id[ID_LENGTH + 1], secret[SECRET_LENGTH + 1];
    int r = directory_open(directory, DIRECTORY_NAME, true, shown, &claims, err);

    if (r < 0)
        return r;
    sweep(claims, clock_now().tv_sec - AGE_MAX_S);
    if (make_random(id, ID_LENGTH) < 0 || make_random(secret, SECRET_LENGTH) < 0)
        return error_set(err, EIO, "cannot get random bytes");
    fd = openat(claims, id, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    r = fd < 0 ? -errno : file_write(fd, secret, SECRET_LENGTH);
    if (r < 0) {
        if (fd >= 0)
            unlinkat(claims, id, 0);
        return error_set_errno(err, -r, "cannot create %s/" DIRECTORY_NAME "/%s", shown, id);
    }
    snprintf(claim, GENV_CLAIM_SIZE, "%s.%s", id, secret);
    return 0;
}

/* What the user @ret_uid has said, and nobody else can know; whoever moved a file here has not read it. */
static int find_made(int directory, const char *shown, const char *claim, uid_t *ret_uid)
{
    cleanup_close int claims = -1, fd = -1;
    cleanup_free char *secret = NULL;
    char id[ID_LENGTH + 1];
    struct stat st;
    size_t length = 0;
    int r = directory_open(directory, DIRECTORY_NAME, false, shown, &claims, NULL);

    snprintf(id, sizeof(id), "%s", claim);
    if (r == 0)
        r = file_open_here(claims, id, O_RDONLY, &fd, &st);
    if (r == 0 && (st.st_nlink != 1 || (st.st_mode & ALLPERMS) != 0600))
        r = -EPERM;
    if (r == 0)
        r = file_read(fd, FILE_MAX, &secret, &length);
    if (r < 0 || length != SECRET_LENGTH || strcmp(secret, claim + ID_LENGTH + 1) != 0)
        return -ENOENT;
    *ret_uid = st.st_uid;
    return 0;
}

static void remove_made(int directory, const char *shown, const char *claim)
{
    cleanup_close int claims = -1;
    char id[ID_LENGTH + 1];

    snprintf(id, sizeof(id), "%s", claim);
    if (directory_open(directory, DIRECTORY_NAME, false, shown, &claims, NULL) == 0)
        unlinkat(claims, id, 0);
}

/* Whose the redeemed claim @name is. With @claim, a text, only if it is that one. */
static int read_redeemed(int vouched, const char *name, const char *claim, uid_t *ret_uid)
{
    cleanup_free char *text = NULL;
    size_t length = 0;
    unsigned uid;

    if (file_read_at(vouched, name, FILE_MAX, &text, &length) < 0 || length < CLAIM_LENGTH ||
        (claim && strncmp(text, claim, CLAIM_LENGTH) != 0) || sscanf(text + CLAIM_LENGTH, " %u", &uid) != 1)
        return -ENOENT;
    *ret_uid = uid;
    return 0;
}

/* Which of them has been redeemed for @container. */
static int find_redeemed(int vouched, const char *name, const char *claim, uid_t *ret_uid)
{
    if (read_redeemed(vouched, name, claim, ret_uid) < 0)
        return -ENOENT;
    utimensat(vouched, name, NULL, AT_SYMLINK_NOFOLLOW); /* what is used stays */
    return 0;
}

struct redeemed {
    int count;
    char oldest[sizeof(REDEEMED) + GENV_EID_MAX];
    time_t used; /* that one, last */
};

/* All of them, or those of *@uid. */
static struct redeemed survey_redeemed(int vouched, const uid_t *uid)
{
    cleanup_closedir DIR *dir = fdopendir(fcntl(vouched, F_DUPFD_CLOEXEC, 0));
    struct redeemed found = {.count = 0};
    struct dirent *entry;
    struct stat st;
    uid_t owner;

    if (dir)
        rewinddir(dir);
    while (dir && (entry = readdir(dir))) {
        if (strncmp(entry->d_name, REDEEMED, strlen(REDEEMED)) != 0 ||
            (uid && (read_redeemed(vouched, entry->d_name, NULL, &owner) < 0 || owner != *uid ||
                     fstatat(vouched, entry->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0)))
            continue;
        if (uid && (!found.count || st.st_mtim.tv_sec < found.used)) {
            copy_string(found.oldest, sizeof(found.oldest), entry->d_name);
            found.used = st.st_mtim.tv_sec;
        }
        found.count++;
    }
    return found;
}

/* So that no user can fill the directory, and none loses a claim by what another does. */
static void make_room(int vouched, uid_t uid)
{
    struct redeemed own;

    if (survey_redeemed(vouched, NULL).count < REDEEMED_MAX)
        return;
    own = survey_redeemed(vouched, &uid);
    if (own.count >= OF_USER_MAX)
        unlinkat(vouched, own.oldest, 0);
}

int claim_redeem(int directory, const char *shown, const char *claim, const char *container, uid_t *ret_uid,
                 struct genv_error *err)
{
    cleanup_close int vouched = vouch_make(directory);
    char name[sizeof(REDEEMED) + GENV_EID_MAX], text[FILE_MAX];
    uid_t uid;
    int r;

    if (!is_claim(claim) || !is_name_of_container(container))
        return error_set(err, EINVAL, "GENV_CLAIM or the container's name '%s' is not valid", container);
    if (vouched < 0)
        return error_set_errno(err, -vouched, "cannot create %s/%s", shown, "vouched");
    snprintf(name, sizeof(name), REDEEMED "%s", container);
    if (find_redeemed(vouched, name, claim, ret_uid) == 0)
        return 0;
    if (find_made(directory, shown, claim, &uid) < 0)
        return error_set(
            err, EPERM,
            "nobody has claimed this container, or its claim belongs to another container: start it with genv-docker");
    make_room(vouched, uid);
    snprintf(text, sizeof(text), "%s %u\n", claim, uid);
    r = file_replace(vouched, name, text, strlen(text), 0600, (uid_t)-1, false);
    if (r < 0)
        return error_set_errno(err, -r, "cannot create %s/%s/%s", shown, "vouched", name);
    remove_made(directory, shown, claim); /* last: a kill in between leaves a claim that holds for one more container */
    *ret_uid = uid;
    return 0;
}
