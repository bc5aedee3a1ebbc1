/* What programs that were built for a later version ask for. */
#include "model/reserved.h"

#include <errno.h>

int reserved_check(const uint64_t *words, size_t count, struct genv_error *err)
{
    for (size_t i = 0; i < count; i++) {
        if (words[i])
            return error_set(err, ENOTSUP, "the program was built for a later version of libgenv: update genv");
    }
    return 0;
}
