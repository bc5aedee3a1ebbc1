/* Where a machine keeps its libnvidia-ml.so.1, in the order in which the dynamic linker looks. The linker itself can't
 * be asked: for that name it would return the library of that name that is loaded already, which is the view. */
#ifndef VIEW_LIBRARIES_H
#define VIEW_LIBRARIES_H

#include <stdbool.h>
#include <stddef.h>

/* Tries to load the library @path; true ends the search. */
typedef bool (*library_load)(const char *path, void **ret_library);

/* Tries GENV_VIEW_LIBRARY, the folders of LD_LIBRARY_PATH, those of the linker's cache, and the usual ones. */
bool libraries_find(library_load load, void **ret_library);

/* The parser behind it: tries the libraries @name that @cache, the content of /etc/ld.so.cache, knows. */
bool libraries_find_in_cache(const char *cache, size_t length, const char *name, library_load load, void **ret_library);

#endif
