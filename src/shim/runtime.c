/* How an engine is told of genv's OCI runtime, and whose a container is that it starts. */
#include "shim/runtime.h"

#include <string.h>
#include <unistd.h>

#include "shim/shim.h"

bool runtime_is_called(const char *engine, const char *name)
{
    const char *slash = strrchr(engine, '/');

    return strncmp(slash ? slash + 1 : engine, name, strlen(name)) == 0;
}

void runtime_add_name(struct text *runtime, const char *engine, const char *folder)
{
    if (runtime_is_called(engine, "podman") || runtime_is_called(engine, "nerdctl"))
        text_addf(runtime, "%s/genv-container-runtime", folder);
    else
        text_add(runtime, "genv");
}

int runtime_claim(bool as_root, char ret_claim[static GENV_CLAIM_SIZE], struct genv_error *err)
{
    struct genv *g;
    int r;

    *ret_claim = '\0';
    if (!as_root || geteuid() == 0)
        return 0;
    r = genv_open(&shim_options, &g, err);
    if (r < 0)
        return r;
    r = genv_claim_make(g, ret_claim, err);
    genv_close(g);
    return r;
}
