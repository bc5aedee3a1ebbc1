/* Processes, as /proc tells of them. */
#ifndef BASE_PROC_H
#define BASE_PROC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <time.h>

#define BOOT_ID_SIZE 37
#define MACHINE_SIZE 65 /* of the texts that are read; what is written is shorter */

struct proc_stat {
    char state; /* 'R', 'S', 'Z', … */
    pid_t parent;
    uint64_t start_time; /* clock ticks after boot */
};

/* -ESRCH: there is no such process, as far as the caller may see. */
int proc_stat_read(pid_t pid, struct proc_stat *ret_stat);
/* The parser behind it: @text is the content of /proc/PID/stat. -EINVAL: it is not. */
int proc_stat_parse(const char *text, struct proc_stat *ret_stat);

/* Whether a process lives that had @start_time (0: not known) when it was registered. Zombies do not; one that /proc
 * hides from the caller does as long as its PID exists. */
bool proc_is_alive(pid_t pid, uint64_t start_time);

/* The processes whose parent is @pid, without zombies; free() the array. -errno where /proc cannot be listed. */
int proc_children(pid_t pid, pid_t **ret_children, size_t *ret_count);
/* Whether both run the same program, as a fork of @pid that has executed nothing does. */
bool proc_is_same_program(pid_t pid, pid_t other);
/* Whether SIGHUP is about to end it: sent, and not ignored. */
bool proc_is_hung_up(pid_t pid);
/* When it began, on the wall clock. */
struct timespec proc_began(uint64_t start_time);

/* The effective user of a process, (uid_t)-1 when unknown. */
uid_t proc_uid(pid_t pid);
/* Whose login the process comes from, whatever it has become since, as by sudo; (uid_t)-1 when unknown. */
uid_t proc_login_uid(pid_t pid);
/* The command line; "" when unknown. */
void proc_command(pid_t pid, char *command, size_t size);
/* The name of its program, as the kernel keeps it, cut to 15 bytes; "" when unknown. */
void proc_name(pid_t pid, char *name, size_t size);
/* The first argument of its command line, cut to @size; "" without any. */
void proc_first_argument(pid_t pid, char *argument, size_t size);
/* Reads the environment that the process was started with: "NAME=VALUE" and NUL, one after the other; free() it.
 * -ESRCH: there is no such process; -EACCES: not the caller's to read; -EAGAIN: it is executing another program at this
 * moment, and has none; one with neither arguments nor variables always looks like that. */
int proc_environment(pid_t pid, char **ret_entries, size_t *ret_length);
/* Reads the variable @name of the environment that the process was started with. -ENOENT: not set; -EACCES: not the
 * caller's to read; -EAGAIN as above. */
int proc_variable(pid_t pid, const char *name, char *value, size_t size);

/* This boot's identity. -errno where the kernel does not tell. */
int proc_boot_id(char boot_id[static BOOT_ID_SIZE]);
/* What tells this machine from others, in all of its boots: a hash of /etc/machine-id, which is not for others to see.
 * "" where there is none. A container may have one of its own. */
void proc_machine(char machine[static MACHINE_SIZE]);
/* This machine's name, printable; "localhost" when unknown. */
void proc_hostname(char *name, size_t size);
/* The inode of the caller's PID namespace, 0 when unknown. */
uint64_t proc_pid_namespace(void);

/* What lives in the PID namespaces below the initial one, for who is in that. */
struct proc_nested {
    pid_t pid;           /* here */
    pid_t inner;         /* in its own namespace */
    uint64_t start_time; /* clock ticks after boot */
};
/* Lists them by @inner; free() the list. -ENOTSUP: this is another namespace, or /proc hides processes. */
int proc_list_nested(struct proc_nested **ret_list, size_t *ret_count);
int proc_nested_compare(const void *left, const void *right); /* by @inner, for bsearch(3) */

#endif
