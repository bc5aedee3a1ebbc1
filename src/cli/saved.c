/* The saved configuration of a project, where a command begins with it. */
#include "cli/saved.h"

#include <errno.h>

#define ROW(bit, member, kind, name, ...) {GENV_CONFIG_##bit, (name)},

static const struct {
    enum genv_config_field field;
    const char *name;
} fields[] = {GENV_CONFIG_FIELDS(ROW)};

/* "loaded gpus 2, name training from /home/paul/project/.genv" */
static void tell(const char *home, const struct genv_config *config, unsigned loaded)
{
    cleanup_text struct text line = TEXT_INIT;
    char value[GENV_CONFIG_TEXT_SIZE];

    for (size_t i = 0; i < ARRAY_SIZE(fields); i++) {
        if (loaded & fields[i].field && genv_config_format(config, fields[i].field, value))
            text_addf(&line, "%s%s %s", line.length ? ", " : "loaded ", fields[i].name, value);
    }
    text_addf(&line, " from %s", home);
    if (!line.failed)
        program_complain(line.data);
}

int saved_load(struct cli *cli, const struct genv_config *given, struct genv_config *ret_config, struct genv_error *err)
{
    struct genv_config config = GENV_CONFIG_INIT;
    unsigned saved = 0, loaded;
    cleanup_free char *home = NULL;
    struct genv_error reason = {0};
    int r = genv_home_find(cli->genv, &home, err);

    if (r < 0 && r != -ENOENT) /* most projects have none */
        return r;
    if (r == 0 && genv_home_load(home, &config, &saved, &reason) < 0)
        return error_set(err, reason.code, "%s: fix it, or use --no-load", reason.message);
    loaded = saved & ~genv_config_given(given);
    genv_config_copy(&config, given, genv_config_given(given));
    if (loaded)
        tell(home, &config, loaded);
    *ret_config = config;
    return 0;
}
