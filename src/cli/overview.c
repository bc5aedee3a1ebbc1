/* What `genv --help` says, and about variables. */
#include "cli/overview.h"

#include "cli/command.h"

const struct help_variable help_variables_read[] = {
    {"GENV_TMPDIR", "Directory of the state; /var/tmp/genv if not set"},
    {"GENV_DEVICES", "Number of devices to simulate, of 16 GiB each, on a machine without GPUs"},
    {"GENV_MOCK_DEVICE_COUNT, GENV_MOCK_DEVICE_TOTAL_MEMORY", "The same, and the memory of a simulated device: 8g"},
    {"GENV_VISIBLE_DEVICES", "\"uuid\": CUDA_VISIBLE_DEVICES carries UUIDs; \"index\": in genv view indices, too"},
    {"GENV_PROMPT", "If 0, the prompt does not show \"(genv)\""},
    {"GENV_BYPASS", "If 1, nvidia-smi, docker and podman of an environment are the machine's own"},
    {"GENV_STATE_TIMEOUT", "Seconds to wait for others who change the state; 10 if not set"},
    {"GENV_DRIVER_TIMEOUT", "Seconds to wait for a driver that does not answer; 60 if not set"},
    {"GENV_HOSTFILE", "The host file of 'genv remote'"},
    {"GENV_TERMINATE_PROCESSES", "If 0, enforcement says what it would do, and does nothing"},
    {"NO_COLOR", "If set, nothing is highlighted on a terminal"},
    {NULL, NULL},
};

#define VARIABLE(bit, member, kind, name, variable, title, ...) {variable, title ", while it is configured"},

const struct help_variable help_variables_set[] = {
    {"GENV_ENVIRONMENT_ID", "Identifier of the environment; only set inside one"},
    GENV_CONFIG_FIELDS(VARIABLE) /* a row each */
    {"CUDA_VISIBLE_DEVICES", "The attached devices, by UUID where CUDA counts them otherwise, \"-1\" while detached"},
    {"CUDA_DEVICE_ORDER", "\"PCI_BUS_ID\", so that CUDA counts devices as nvidia-smi does"},
    {"GENV_SHELL_DEVICES",
     "In a shell, the CUDA_VISIBLE_DEVICES that genv has set: any other part of it is your choice"},
    {"GENV_SHELL", "1, for scripts that were written for the Python genv"},
    {NULL, NULL},
};

void overview_add(struct text *text, const struct help_style *style)
{
    text_addf(text, "%sUsage:%s genv COMMAND [ARGUMENT...]\n", style->bold, style->plain);
    help_add_paragraphs(text,
                        "GPU environments: reserve GPUs, or some of their memory, for a shell or a command, and see "
                        "those GPUs only.");
    for (int group = 0; group < GROUP_COUNT; group++) {
        help_add_heading(text, command_groups[group], style);
        for (const struct command *const *command = commands; *command; command++) {
            if ((*command)->group == (enum command_group)group && !(*command)->hidden)
                help_add_item(text, (*command)->name, (*command)->summary, 16);
        }
    }
    help_add_heading(text, "Environment variables", style);
    for (const struct help_variable *variable = help_variables_read; variable->name; variable++)
        help_add_item(text, variable->name, variable->meaning, 26);
    text_add(text, "\n'genv COMMAND --help' says more about a command, 'man genv' about all.\n");
}
