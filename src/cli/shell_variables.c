/* What an environment brings into the shell that called: its variables, and what the shell is to look at. */
#include <string.h>

#include "base/proc.h"
#include "cli/cli.h"

#define DEVICES_VARIABLE "CUDA_VISIBLE_DEVICES"

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

/* What the shell looks at from now on. */
static int add_watch(struct cli *cli, const struct genv_env *env, const char *devices, struct genv_error *err)
{
    char witness[GENV_CONNECTION_FILE_SIZE], sign[32];
    cleanup_text struct text record = TEXT_INIT;

    text_addf(&record, "%s/envs/%s.json", genv_state_directory(cli->genv), env->eid);
    if (record.failed)
        return error_no_memory(err);
    find_witness(env, cli->shell_pid, witness, sizeof(witness), sign);
    shell_add_watch(&cli->code, cli->shell, &(struct shell_watch){record.data, witness, sign, devices});
    return 0;
}

int cli_enter_shell(struct cli *cli, const struct genv_env *env, bool prompt, struct genv_error *err)
{
    cleanup_free struct genv_variable *variables = NULL;
    int r = genv_variables(env, false, &variables, err);

    if (r < 0)
        return r;
    shell_add_enter(&cli->code, cli->shell, variables, prompt);
    return add_watch(cli, env, find_variable(variables, DEVICES_VARIABLE)->value, err);
}

static int update(struct cli *cli, const struct genv_env *env, const char *given, struct genv_error *err)
{
    cleanup_free struct genv_variable *variables = NULL;
    const char *devices;
    int r;

    if (!cli->in_shell)
        return 0;
    r = genv_variables(env, false, &variables, err);
    if (r < 0)
        return r;
    devices = find_variable(variables, DEVICES_VARIABLE)->value; /* in the same block as the array */
    respect_choice(env, given, variables);
    shell_add_update(&cli->code, cli->shell, variables);
    return add_watch(cli, env, devices, err);
}

int cli_update_shell(struct cli *cli, const struct genv_env *env, struct genv_error *err)
{
    return update(cli, env, getenv(SHELL_GIVEN_VARIABLE), err);
}

int cli_renew_shell(struct cli *cli, const struct genv_env *env, struct genv_error *err)
{
    return update(cli, env, NULL, err);
}
