/* Files that somebody else may have planted: opened without following links, without waiting, and only so large. */
#ifndef BASE_FILE_H
#define BASE_FILE_H

#include "base/error.h"

#include <sys/stat.h>

/* Opens the regular file @name in @directory for reading (@flags: O_RDONLY or O_RDWR). Links: -ELOOP; FIFOs, devices,
 * sockets: -ENOTSUP. @ret_stat may be NULL. */
int file_open(int directory, const char *name, int flags, int *ret_fd, struct stat *ret_stat);

/* The same for what is in the directory's own file system: what somebody has mounted there (-EXDEV) may never answer.
 */
int file_open_here(int directory, const char *name, int flags, int *ret_fd, struct stat *ret_stat);
/* lstat(2) of it, without asking a server or what is mounted there. *@ret_stat has mode, owner, links, size and times;
 * also on -EXDEV. */
int file_stat_here(int directory, const char *name, struct stat *ret_stat);

/* openat2(2), -1 and errno: ENOSYS (or EPERM) where the kernel (or a sandbox) lacks it. */
#define FILE_RESOLVE_NO_XDEV  0x01
#define FILE_RESOLVE_NO_LINKS 0x04
#define FILE_RESOLVE_CACHED   0x20 /* EAGAIN: it would have to ask a disk or server */
int file_open_resolved(int directory, const char *name, int flags, unsigned resolve);

/* Reads all of @fd, at most @max bytes (-EFBIG); the text is NUL-terminated, and free()d by the caller. */
int file_read(int fd, size_t max, char **ret_text, size_t *ret_length);

/* file_open() and file_read() for a file of our own or of the kernel (its size may read as 0). */
int file_read_at(int directory, const char *name, size_t max, char **ret_text, size_t *ret_length);

/* Writes all of @bytes. */
int file_write(int fd, const void *bytes, size_t length);

/* Writes @text to @name in @directory so that a reader finds the old file or the new one, never a part: aside
 * (O_EXCL), then renamed. @uid other than (uid_t)-1 becomes the owner first. @durable: also after a power loss. */
int file_replace(int directory, const char *name, const char *text, size_t length, mode_t mode, uid_t uid,
                 bool durable);

/* Closes all descriptors from @first on; between fork(2) and exec(2) too, as closefrom(3) of glibc 2.34 and later. */
void file_close_from(int first);

/* The prefix of the files that file_replace() writes aside; what is left of one after a kill is rubbish. */
#define FILE_ASIDE_PREFIX ".aside-"
#define FILE_ASIDE_SIZE   (sizeof(FILE_ASIDE_PREFIX) + 16)

/* Makes such a name, which nobody can foresee: in a directory where anybody may write nobody else is there first. */
int file_name_aside(char name[static FILE_ASIDE_SIZE]);

#endif
