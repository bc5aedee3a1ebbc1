/* Where this genv is installed: in a folder of its own, whose place is that of the running binary, so that it may be
 * moved. What lies outside of it, in PREFIX/bin and elsewhere, are links to it. */
#ifndef CLI_INSTALLATION_H
#define CLI_INSTALLATION_H

#include <genv/types.h>

struct installation {
    char genv[4096];        /* /usr/local/lib/genv/bin/genv */
    char root[4096];        /* /usr/local/lib/genv */
    char shims[4200];       /* /usr/local/lib/genv/shims, or shims-podman where PATH has a podman */
    char view[4200];        /* /usr/local/lib/genv/view, where the NVML library that shows one environment is */
    char completions[4200]; /* /usr/local/lib/genv/completions */
};

int installation_find(struct installation *ret_installation, struct genv_error *err);

#endif
