/* genv shell-update: what a shell runs before a prompt, once the environment or the shell's variables have changed. */
#include <errno.h>
#include <string.h>

#include "base/proc.h"
#include "cli/cli.h"

#define DEVICES_VARIABLE "CUDA_VISIBLE_DEVICES"

/* The environment of this shell; where its variables were taken away (by direnv, which brings back those of before),
 * the one that it is a member of. */
static int find(struct cli *cli, struct genv_env **ret_env, struct genv_error *err)
{
    const struct genv_member shell = {.pid = cli->shell_pid};
    cleanup_free char **eids = NULL;
    const char *eid = cli_current_eid();
    int r = cli_open(cli, err);

    if (r == 0 && !eid)
        r = genv_find(cli->genv, &shell, &eids, err);
    if (r != 0)
        return r;
    if (!eid)
        eid = eids[0];
    r = eid ? cli_own_env(cli, eid, ret_env, err) : -ENOENT;
    if (r == -ENOENT)
        error_set(err, ENOENT, "%s%s has ended", eid ? "environment " : "the environment", eid ? eid : "");
    return r;
}

/* Whether @value names no other devices than attached ones, so that a user may well have chosen it. */
static bool is_choice(const struct genv_env *env, const char *value)
{
    for (const char *word = value; *word;) {
        size_t length = strcspn(word, ","), i = 0;
        char index[16];

        for (; i < env->attachment_count; i++) {
            const struct genv_attachment *attachment = &env->attachments[i];

            snprintf(index, sizeof(index), "%d", attachment->index);
            if ((!env->counted_otherwise && strlen(index) == length && strncmp(word, index, length) == 0) ||
                (length > strlen("GPU-") && strncmp(word, attachment->device.uuid, length) == 0))
                break;
        }
        if (i == env->attachment_count && (length != strlen("-1") || strncmp(word, "-1", length) != 0))
            return false;
        word += length + (word[length] == ',');
    }
    return true;
}

static const struct genv_variable *find_variable(const struct genv_variable *variables, const char *name)
{
    while (variables->name && strcmp(variables->name, name) != 0)
        variables++;
    return variables;
}

/* Of the variables, leaves that of the devices out where it is the user's choice: @given is what genv has set last. */
static void respect_choice(const struct genv_env *env, const char *given, struct genv_variable *variables)
{
    const char *value = getenv(DEVICES_VARIABLE), *devices = find_variable(variables, DEVICES_VARIABLE)->value;
    struct genv_variable *kept = variables;

    if (!given || !value || strcmp(value, given) == 0 || strcmp(value, devices) == 0)
        return;
    if (!is_choice(env, value)) {
        cleanup_text struct text line = TEXT_INIT;

        text_addf(&line, DEVICES_VARIABLE "=%s names devices that are not attached to environment %s: setting it to %s",
                  value, env->eid, devices);
        if (!line.failed) {
            utf8_make_printable(line.data);
            program_complain(line.data);
        }
        return;
    }
    for (; variables->name; variables++) {
        if (strcmp(variables->name, DEVICES_VARIABLE) != 0)
            *kept++ = *variables;
    }
    *kept = *variables;
}

/* By what a shell that is no member can tell, without a process, that the environment lives. */
static void find_witness(const struct genv_env *env, pid_t shell, char *witness, size_t size, char sign[static 32])
{
    uint64_t pid_namespace = proc_pid_namespace();

    *witness = *sign = '\0';
    for (size_t i = 0; i < env->process_count; i++) {
        const struct genv_process *process = &env->processes[i];

        if (process->pid_namespace != pid_namespace || process->start_time == 0)
            continue;
        if (process->pid == shell) {
            *witness = *sign = '\0';
            return;
        }
        snprintf(witness, size, "/proc/%d/stat", process->pid);
        snprintf(sign, 32, " %llu ", (unsigned long long)process->start_time);
    }
    if (!*witness && env->kernel_count)
        copy_string(witness, size, env->kernels[0].connection_file);
}

static int update(struct cli *cli, const struct genv_env *env, const char *given, struct genv_error *err)
{
    cleanup_free struct genv_variable *variables = NULL;
    char witness[GENV_CONNECTION_FILE_SIZE], sign[32];
    cleanup_free char *devices = NULL;
    int r = genv_variables(env, false, &variables, err);

    if (r < 0)
        return r;
    devices = strdup(find_variable(variables, DEVICES_VARIABLE)->value);
    if (!devices)
        return error_no_memory(err);
    respect_choice(env, given, variables);
    find_witness(env, cli->shell_pid, witness, sizeof(witness), sign);
    shell_add_update(&cli->code, cli->shell, variables);
    shell_add_watch(&cli->code, cli->shell, &(struct shell_watch){witness, sign, devices});
    return 0;
}

static int run(struct cli *cli, const struct arguments *arguments, struct genv_error *err)
{
    cleanup_env struct genv_env *env = NULL;
    int r;

    if (!cli->in_shell)
        return cli_refuse_without_shell(cli, err);
    r = find(cli, &env, err);
    if (r == 0)
        return update(cli, env, arguments->operand_count ? arguments->operands[0] : NULL, err);
    if (r == -ENOENT || r == -EPERM || r == -EINVAL || r == -ENOTSUP || r == -ELOOP) {
        cleanup_text struct text line = TEXT_INIT;

        text_addf(&line, "%s: leaving it", err->message);
        if (!line.failed)
            program_complain(line.data);
        shell_add_leave(&cli->code, cli->shell);
        return 0;
    }
    return r;
}

const struct command command_shell_update = {
    .name = "shell-update",
    .summary = "Update the variables of a shell before its prompt",
    .description =
        "For the code of 'genv shell --init', which passes the value that it last set CUDA_VISIBLE_DEVICES to.",
    .group = GROUP_SETUP,
    .hidden = true,
    .operands = {.synopsis = "[DEVICES]", .kind = OPERAND_TEXT, .max = 1},
    .run = run,
};
