/* nvidia-smi: the real one, on the view of this environment. */
#include <errno.h>
#include <string.h>

#include "shim/fallback.h"
#include "shim/report.h"
#include "shim/shim.h"
#include "shim/view.h"

static bool is_set(const char *name)
{
    const char *value = getenv(name);

    return value && *value;
}

/* The view beside the shim's folder is used. */
static int use_view(const struct shim *shim, const char *program, struct genv_error *err)
{
    char folder[sizeof(shim->folder) + 8];
    const char *slash = strrchr(shim->folder, '/');

    if (!slash)
        return error_set(err, ENOENT, "/proc does not tell where genv is installed");
    if (view_is_ignored_by(program))
        return error_set(err, EPERM, "%s has rights of its own", program);
    snprintf(folder, sizeof(folder), "%.*s/view", (int)(slash - shim->folder), shim->folder);
    return view_use(folder, err);
}

int main(int argc, char **argv)
{
    struct genv_error reason = {0};
    char program[4096];
    struct shim shim;

    shim_init(&shim, "nvidia-smi");
    if (argc < 1 || shim_stands_aside())
        return shim_become_real(&shim, argv);
    if (is_set("GENV_DEVICES") || is_set("GENV_MOCK_DEVICE_COUNT"))
        return report_simulated(argv + 1);
    if (shim_find_real(&shim, program, sizeof(program)) < 0)
        return shim_become_real(&shim, argv); /* which says so */
    return use_view(&shim, program, &reason) < 0 ? fallback(program, argv, reason.message) : shim_become(program, argv);
}
