/* What `genv --help` says, and about variables. */
#include "cli/overview.h"

#include "cli/command.h"

const struct help_variable help_variables_read[] = {
    {"GENV_TMPDIR", "State directory (default: /var/tmp/genv)"},
    {"GENV_DEVICES", "Number of simulated devices of 16 GiB each, for a machine without GPUs"},
    {"GENV_MOCK_DEVICE_COUNT, GENV_MOCK_DEVICE_TOTAL_MEMORY",
     "The same, and the memory of each simulated device, such as 8g"},
    {"GENV_VISIBLE_DEVICES",
     "With \"uuid\", CUDA_VISIBLE_DEVICES has UUIDs; with \"index\", indices even in 'genv view'"},
    {"GENV_PROMPT", "If 0, do not add \"(genv)\" to the prompt"},
    {"GENV_BYPASS", "If 1, run the machine's own nvidia-smi, docker and podman"},
    {"GENV_STATE_TIMEOUT", "Seconds to wait while another process changes the state (default: 10)"},
    {"GENV_DRIVER_TIMEOUT", "Seconds to wait for the driver to respond (default: 60)"},
    {"GENV_HOSTFILE", "Host file of 'genv remote'"},
    {"GENV_TERMINATE_PROCESSES", "If 0, enforcement only prints what it would do"},
    {"NO_COLOR", "If set, do not use colours or highlighting"},
    {NULL, NULL},
};

#define VARIABLE(bit, member, kind, name, variable, title, ...) {variable, title ", if configured"},

const struct help_variable help_variables_set[] = {
    {"GENV_ENVIRONMENT_ID", "ID of the environment; set only inside one"},
    GENV_CONFIG_FIELDS(VARIABLE) /* a row each */
    {"CUDA_VISIBLE_DEVICES", "The attached devices, as UUIDs where CUDA numbers them differently; \"-1\" if detached"},
    {"CUDA_DEVICE_ORDER", "\"PCI_BUS_ID\", so that CUDA numbers devices like nvidia-smi"},
    {"GENV_SHELL_DEVICES",
     "The CUDA_VISIBLE_DEVICES that genv last set in this shell; a subset of it is your own choice"},
    {"GENV_SHELL", "1, for scripts written for the Python genv"},
    {NULL, NULL},
};

void overview_add(struct text *text, const struct help_style *style)
{
    text_addf(text, "%sUsage:%s genv COMMAND [ARGUMENT...]\n", style->bold, style->plain);
    help_add_paragraphs(text, "GPU environments: reserve GPUs (devices), or some of their memory, for a shell or a "
                              "command that sees only them.");
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
    text_add(text, "\nSee 'genv COMMAND --help' for a command, and 'man genv' for everything.\n");
}
