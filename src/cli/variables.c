/* The variables of an environment in this process. */
#include "cli/variables.h"

#include "base/error.h"
#include "base/path.h"

static int export_variables(const struct genv_env *env, struct genv_error *err)
{
    cleanup_free struct genv_variable *variables = NULL;
    int r = genv_variables(env, false, &variables, err);

    for (const struct genv_variable *variable = variables; r == 0 && variable->name; variable++) {
        if (!variable->value)
            unsetenv(variable->name);
        else if (setenv(variable->name, variable->value, 1) < 0)
            r = error_no_memory(err);
    }
    return r;
}

/* The shims in front of what was in PATH before, and nowhere else in it. */
static int export_path(const char *shims, struct genv_error *err)
{
    const char *path = getenv("PATH");
    cleanup_text struct text changed = TEXT_INIT;

    path_put_first(&changed, shims, path ? path : "/usr/local/bin:/usr/bin:/bin", ":");
    if (changed.failed || setenv("PATH", changed.data, 1) < 0)
        return error_no_memory(err);
    return 0;
}

int variables_export(const struct genv_env *env, const char *shims, struct genv_error *err)
{
    int r = export_variables(env, err);

    return r < 0 ? r : export_path(shims, err);
}
