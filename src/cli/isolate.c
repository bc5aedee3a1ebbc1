/* Shells that can open the devices of their environment alone. A wall cannot be put around a shell that runs, since it
 * could not be taken down when the shell leaves: it is put around a shell within that one. */
#include "cli/isolate.h"

#include <errno.h>
#include <string.h>

#include "cli/installation.h"
#include "cli/variables.h"

int isolate_decide(struct cli *cli, bool isolate, bool no_isolate, bool no_load, bool *ret_isolate,
                   struct genv_error *err)
{
    int r = isolate;

    if (isolate && no_isolate)
        return cli_usage_error(cli, error_set(err, EINVAL, "--isolate and --no-isolate cannot be used together"), err);
    if (!isolate && !no_isolate)
        r = genv_isolates(cli->genv, !no_load, err);
    if (r < 0)
        return r;
    *ret_isolate = r;
    return 0;
}

int isolate_call_again(struct cli *cli, struct genv_error *err)
{
    cleanup_free char **words = NULL;
    struct installation installation;
    size_t count = 1;
    int r = installation_find(&installation, err);

    if (r < 0)
        return r;
    while (cli->words[count])
        count++;
    words = calloc(count + 2, sizeof(*words));
    if (!words)
        return error_no_memory(err);
    words[0] = installation.genv;
    words[1] = cli->words[1];
    words[2] = (char *)"--isolate";
    memcpy(words + 3, cli->words + 2, (count - 2) * sizeof(*words));
    shell_add_command(&cli->code, cli->shell, words);
    return 0;
}

static void tell_how_to_leave(const struct genv_env *env)
{
    cleanup_text struct text line = TEXT_INIT;

    text_addf(&line, "this shell is in environment %s, isolated: leave both with 'exit'", env->eid);
    if (!line.failed)
        program_complain(line.data);
}

int isolate_become_shell(struct cli *cli, const struct genv_env *env, struct genv_error *err)
{
    struct installation installation;
    enum shell_kind kind;
    const char *login = getenv("SHELL");
    char *words[2] = {NULL, NULL};
    int r = installation_find(&installation, err);

    if (r == 0)
        r = variables_export(env, installation.shims, err);
    if (r == 0)
        r = genv_isolate(cli->genv, env, err);
    if (r < 0)
        return r;
    tell_how_to_leave(env);
    words[0] = shell_kind_of_caller(&kind) == 0 ? (char *)shell_kind_name(kind) : (char *)(login ? login : "sh");
    return cli_execute(cli, words, err);
}
