/* What `genv --help` says, and about variables. */
#include "cli/overview.h"

#include <string.h>

#include "cli/command.h"

/* The commands that open the state, that ask the driver, and that say how programs see devices. */
#define STATE   "deactivate envs home lock prompt remote " DRIVER
#define DRIVER  "activate attach cdi config detach devices doctor enforce monitor run snapshot status top view"
#define VISIBLE "activate attach config detach run shell init status view"

const struct help_variable help_variables_read[] = {
    {"GENV_TMPDIR", "State directory (default: /var/tmp/genv)", STATE},
    {"GENV_DEVICES", "Number of simulated devices, for a machine without GPUs", DRIVER},
    {"GENV_MOCK_DEVICE_COUNT", "Another name for GENV_DEVICES", DRIVER},
    {"GENV_MOCK_DEVICE_TOTAL_MEMORY", "Memory of each simulated device, such as 8g (default: 16gi)", DRIVER},
    {"GENV_VISIBLE_DEVICES",
     "If \"uuid\", CUDA_VISIBLE_DEVICES has UUIDs; if \"index\", it has indices, even in 'genv view'", VISIBLE},
    {"GENV_PROMPT", "If 0, do not add \"(genv)\" to the prompt", "activate shell init"},
    {"GENV_BYPASS", "If 1, run the machine's own nvidia-smi, docker and podman", ""},
    {"GENV_STATE_TIMEOUT", "Seconds to wait while another process changes the state (default: 10)", STATE},
    {"GENV_DRIVER_TIMEOUT", "Seconds to wait for the driver to respond (default: 60)", DRIVER},
    {"GENV_HOSTFILE", "Host file of 'genv remote'", "remote"},
    {"GENV_TERMINATE_PROCESSES", "If 0, enforcement only prints what it would do", "enforce remote"},
    {"NO_COLOR", "If set, do not use colors or highlighting", "help top"},
    {NULL, NULL, NULL},
};

#define VARIABLE(bit, member, kind, name, variable, title, ...) {variable, title ", if configured", ""},

const struct help_variable help_variables_set[] = {
    {"GENV_ENVIRONMENT_ID", "ID of the environment; set only inside one",
     "activate attach cdi config deactivate detach lock prompt status view"},
    GENV_CONFIG_FIELDS(VARIABLE) /* a row each */
    {"CUDA_VISIBLE_DEVICES",
     "Indices of the attached devices, or their UUIDs where CUDA numbers devices differently; \"-1\" if there are none",
     ""},
    {"CUDA_DEVICE_ORDER", "\"PCI_BUS_ID\", so that CUDA numbers devices like nvidia-smi", ""},
    {"GENV_SHELL_DEVICES",
     "The value that genv last gave to CUDA_VISIBLE_DEVICES in this shell; if you then choose some of these devices, "
     "genv keeps your choice",
     ""},
    {"GENV_SHELL", "\"1\", for scripts written for the Python genv", ""},
    {NULL, NULL, NULL},
};

bool help_variable_is_read(const struct help_variable *variable, const struct command *command)
{
    const char *word = variable->readers;
    size_t length = strlen(command->name);

    while (*word && (strcspn(word, " ") != length || strncmp(word, command->name, length) != 0)) {
        word += strcspn(word, " ");
        word += strspn(word, " ");
    }
    return *word;
}

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
