/* Small things that C lacks: cleanup at the end of a scope, explicit hand-over of what a scope owns. */
#ifndef BASE_MACROS_H
#define BASE_MACROS_H

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define ARRAY_SIZE(array) (sizeof(array) / sizeof((array)[0]))

/* Defines what <genv/...> declares. */
#define GENV_PUBLIC __attribute__((visibility("default")))

#define PRINTF_LIKE(text, first) __attribute__((format(printf, text, first)))

static inline void cleanup_freep(void *p)
{
    free(*(void **)p);
}

static inline void cleanup_closep(const int *fd)
{
    if (*fd >= 0)
        close(*fd);
}

static inline void cleanup_closedirp(DIR **dir)
{
    if (*dir)
        closedir(*dir);
}

static inline void cleanup_fclosep(FILE **file)
{
    if (*file)
        fclose(*file);
}

#define cleanup_with(function) __attribute__((cleanup(function)))
#define cleanup_free           cleanup_with(cleanup_freep)
#define cleanup_close          cleanup_with(cleanup_closep)
#define cleanup_closedir       cleanup_with(cleanup_closedirp)
#define cleanup_fclose         cleanup_with(cleanup_fclosep)

/* Defines @name(), which calls @function on a variable of @type, a pointer, that is leaving its scope. */
#define DEFINE_CLEANUP(type, name, function)                                                                           \
    static inline void name(type *p)                                                                                   \
    {                                                                                                                  \
        function(*p);                                                                                                  \
    }

/* Hands @pointer over: evaluates to it and leaves NULL behind. */
#define STEAL_POINTER(pointer)                                                                                         \
    ({                                                                                                                 \
        __typeof__(pointer) stolen_ = (pointer);                                                                       \
        (pointer) = NULL;                                                                                              \
        stolen_;                                                                                                       \
    })

static inline int steal_fd(int *fd)
{
    int stolen = *fd;
    *fd = -1;
    return stolen;
}

#endif
