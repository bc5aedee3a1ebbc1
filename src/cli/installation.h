/* Where this genv is installed. It may be moved as a whole: its place is that of the running binary. */
#ifndef CLI_INSTALLATION_H
#define CLI_INSTALLATION_H

#include <genv/types.h>

struct installation {
    char genv[4096];  /* /usr/local/bin/genv */
    char root[4096];  /* /usr/local */
    char shims[4200]; /* /usr/local/libexec/genv/shims */
    char view[4200];  /* /usr/local/libexec/genv/view, where the NVML library that shows one environment is */
};

int installation_find(struct installation *ret_installation, struct genv_error *err);

#endif
