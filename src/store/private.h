/* The handle, for the two halves of the store: store.c changes, load.c reads. */
#ifndef STORE_PRIVATE_H
#define STORE_PRIVATE_H

#include <dirent.h>
#include <limits.h>
#include <sys/stat.h>

#include "base/fork.h"
#include "base/interrupt.h"
#include "base/proc.h"
#include "store/budget.h"
#include "store/store.h"

#define RECORD_SUFFIX ".json"

/* Modes of records. What holds no device is marked by one that no file system gives to all files, and nobody by chance.
 * So where marks are lost, too much is read, and never too little. The execute bit of holders is for earlier versions,
 * which read those alone. */
#define MODE_IDLE   0645
#define MODE_HOLDER 0744

static inline bool has_mode_of_record(const struct stat *st)
{
    return (st->st_mode & ALLPERMS) == MODE_IDLE || (st->st_mode & ALLPERMS) == MODE_HOLDER;
}

/* Else its owner need not know what it says. */
static inline bool is_written_by_owner_alone(const struct stat *st)
{
    return st->st_nlink == 1 && !(st->st_mode & (S_IWGRP | S_IWOTH));
}

struct store {
    char *path;
    char *envs_path;   /* for sentences */
    char *limits_file; /* NULL: none */
    store_warn warn;
    void *warn_data;
    char boot_id[BOOT_ID_SIZE], machine[MACHINE_SIZE];
    uint64_t pid_namespace;
    pid_t spared; /* by store_load(); 0: nobody is */
    uid_t uid;
    unsigned write_timeout_s;
    struct interrupt interrupt;
    bool writing;
    struct event_list *ends;   /* NULL: nobody asks for them */
    struct budget budget;      /* of what was loaded last */
    struct genv_error unknown; /* a record of root's could not be read: see store_check_known() */
    int root_fd, lock_fd;
    struct fork_guard lock_guard;
    DIR *envs;
};

/* The name of @eid's record. */
void record_name(const char *eid, char name[static NAME_MAX + 1]);

#endif
