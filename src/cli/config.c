/* genv config: shows, sets, clears, saves and loads the configuration of the environment. */
#include <errno.h>

#include "cli/cli.h"
#include "cli/fields.h"

struct values {
    bool clear;
    bool load;
    bool save;
    bool quiet;
    bool refresh;
};

enum { EXCLUSIVE = 1 };

static const struct option options[] = {
    {.name = "clear",
     .type = OPTION_FLAG,
     .help = "Clear FIELD (default: all fields)",
     .offset = offsetof(struct values, clear),
     .group = EXCLUSIVE},
    {.name = "load",
     .type = OPTION_FLAG,
     .help = "Load FIELD from the .genv directory (default: all fields)",
     .offset = offsetof(struct values, load),
     .group = EXCLUSIVE},
    {.name = "refresh",
     .type = OPTION_FLAG,
     .help = "Change nothing; only update the GENV_* and CUDA_* variables of this shell, in case another shell changed "
             "the environment",
     .offset = offsetof(struct values, refresh),
     .group = EXCLUSIVE},
    {.name = "save",
     .type = OPTION_FLAG,
     .help = "Save FIELD to the .genv directory (default: all fields)",
     .offset = offsetof(struct values, save)},
    {.name = "quiet",
     .letter = 'q',
     .type = OPTION_FLAG,
     .help = "Print nothing",
     .offset = offsetof(struct values, quiet)},
    {.name = NULL},
};

/* What the command line asks for. */
struct request {
    const struct values *values;
    const char *name; /* of the field, or NULL: all */
    unsigned fields;  /* as a mask */
    bool has_value;   /* in @config */
    struct genv_config config;
};

static int check(const struct request *request, struct genv_error *err)
{
    const struct values *values = request->values;

    if (request->has_value && (values->clear || values->load || values->refresh))
        return error_set(err, EINVAL, "a value and --%s cannot be used together",
                         values->clear  ? "clear"
                         : values->load ? "load"
                                        : "refresh");
    if (values->refresh && (request->name || values->save))
        return error_set(err, EINVAL, "--refresh cannot be used with a field or --save");
    if (values->load && values->save)
        return error_set(err, EINVAL, "--load and --save cannot be used together");
    return 0;
}

static int understand(const struct arguments *arguments, struct request *request, struct genv_error *err)
{
    enum genv_config_field field = GENV_CONFIG_ALL;
    int r = 0;

    if (arguments->operand_count) {
        request->name = arguments->operands[0];
        field = field_find(request->name);
    }
    if (arguments->operand_count > 1) {
        request->has_value = true;
        r = genv_config_parse(&request->config, field, arguments->operands[1], err);
        if (r < 0)
            return error_prefix(err, r, "%s", request->name);
    }
    request->fields = field;
    return check(request, err);
}

static int load(struct request *request, const char *home, struct genv_error *err)
{
    unsigned saved = 0;
    int r = genv_home_load(home, &request->config, &saved, err);

    if (r < 0)
        return r;
    request->fields &= saved; /* what is not saved is left alone */
    if (request->fields)
        return 0;
    return error_set(err, ENOENT, "there is no saved %s in %s: save it with 'genv config --save'",
                     request->name ? request->name : "configuration", home);
}

/* @env becomes what it is afterwards; @home NULL: nothing is saved. */
static int configure(struct cli *cli, const struct request *request, const char *home, struct genv_env **env,
                     struct genv_error *err)
{
    cleanup_env struct genv_env *before = STEAL_POINTER(*env);
    int r = home ? genv_configure_and_save(cli->genv, before->eid, &request->config, request->fields, home, env, err)
                 : genv_configure(cli->genv, before->eid, &request->config, request->fields, env, err);

    if (r < 0)
        *env = STEAL_POINTER(before);
    return r;
}

static int change(struct cli *cli, struct request *request, struct genv_env **env, struct genv_error *err)
{
    const struct values *values = request->values;
    cleanup_free char *home = NULL;
    int r = 0;

    if (values->save || values->load)
        r = genv_home_find(cli->genv, &home, err);
    if (r == 0 && values->load)
        r = load(request, home, err);
    if (r < 0)
        return r;
    if (!request->has_value && !values->clear && !values->load)
        return genv_home_save(home, &(*env)->config, request->fields, err);
    return configure(cli, request, values->save ? home : NULL, env, err);
}

static int run(struct cli *cli, const struct arguments *arguments, struct genv_error *err)
{
    const struct values *values = arguments->values;
    struct request request = {.values = values, .config = GENV_CONFIG_INIT};
    cleanup_env struct genv_env *env = NULL;
    bool changes;
    int r, updated;

    r = understand(arguments, &request, err);
    if (r < 0)
        return cli_usage_error(cli, r, err);
    r = cli_current_env(cli, &env, err);
    if (r < 0)
        return r;
    changes = request.has_value || values->clear || values->load || values->save;
    if (changes)
        r = change(cli, &request, &env, err);
    if (r == 0 && request.has_value && request.fields == GENV_CONFIG_GPUS && isatty(STDERR_FILENO) &&
        env->config.gpus != (int)env->attachment_count)
        program_complain("the new count takes effect at the next 'genv attach'");
    updated = cli_update_shell(cli, env, r < 0 ? NULL : err);
    if (r < 0 || updated < 0)
        return r < 0 ? r : updated;
    if (!changes && !values->quiet && !values->refresh)
        fields_add(&cli->output, request.fields, &env->config);
    return 0;
}

#define PARAGRAPH(bit, member, kind, name, variable, title, argument, help) "\n\n" name ": " help "."

static const struct example examples[] = {
    {"genv config", "Show all configured fields."},
    {"genv config gpus 2", "Attach two devices at the next 'genv attach'."},
    {"genv config gpu-memory 4g --save", "Reserve 4 GB of each device, and save that for the next activation."},
    {"genv config name --clear", "Clear the name."},
    {NULL, NULL},
};

const struct command command_config = {
    .name = "config",
    .summary = "Show or change the configuration of the environment",
    .description =
        "Without a field, shows all configured fields; with a field, its bare value; with a field and a value, sets "
        "the field.\n\nThe saved configuration is a directory .genv with one file per field, in the current directory, "
        "one of its parents or $HOME: see 'genv home'. 'genv activate' loads it.\n\nAn amount of memory is a whole "
        "number with an optional unit: k, m and g are powers of 1000; ki, mi and gi are powers of 1024. Without a "
        "unit, it is in bytes. The fields:" GENV_CONFIG_FIELDS(PARAGRAPH),
    .group = GROUP_ENVIRONMENT,
    .options = options,
    .values_size = sizeof(struct values),
    .operands = {.synopsis = "[FIELD [VALUE]]", .kind = OPERAND_CHOICE, .max = 2, .choices = field_names},
    .examples = examples,
    .run = run,
};
