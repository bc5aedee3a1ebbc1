/* The HTTP library tells all that it knows of connections in one place, as its version 1.0 does for each of them. For
 * LD_PRELOAD. */
#include <dlfcn.h>
#include <microhttpd.h>
#include <stddef.h>

__attribute__((visibility("default"))) const union MHD_ConnectionInfo *MHD_get_connection_info(
    struct MHD_Connection *connection, enum MHD_ConnectionInfoType type, ...)
{
    static _Thread_local union MHD_ConnectionInfo place;
    const union MHD_ConnectionInfo *(*next)(struct MHD_Connection *, enum MHD_ConnectionInfoType, ...);
    const union MHD_ConnectionInfo *info;

    *(void **)&next = dlsym(RTLD_NEXT, "MHD_get_connection_info");
    info = next(connection, type);
    if (!info)
        return NULL;
    place = *info;
    return &place;
}
