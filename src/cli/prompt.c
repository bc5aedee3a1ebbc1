/* genv prompt: what the custom modules of prompts show. */
#include "cli/cli.h"

static int run(struct cli *cli, const struct arguments *arguments, struct genv_error *err)
{
    cleanup_env struct genv_env *env = NULL;

    (void)arguments;
    (void)err;
    if (cli_current_eid() && cli_current_env(cli, &env, NULL) == 0)
        text_add(&cli->output, "(genv)\n");
    return 0;
}

static const struct example examples[] = {
    {"genv prompt", "Prints (genv) in an environment, and nothing elsewhere."},
    {"export GENV_PROMPT=0", "In ~/.bashrc: genv leaves the prompt alone, and a module of your own shows it."},
    {NULL, NULL},
};

const struct command command_prompt = {
    .name = "prompt",
    .summary = "Print what a prompt shows in an environment",
    .description =
        "genv puts \"(genv)\" in front of the prompt by itself, also where something else builds the prompt anew each "
        "time. For a module of your own in its place, set GENV_PROMPT=0 in the file that your shell reads at its "
        "start.\n\n"
        "starship (~/.config/starship.toml): [custom.genv] with command = \"genv prompt\" and when = true.\n\n"
        "powerlevel10k (~/.p10k.zsh): function prompt_genv() { [[ -z $GENV_ENVIRONMENT_ID ]] || p10k segment -t genv; "
        "} and 'genv' among POWERLEVEL9K_LEFT_PROMPT_ELEMENTS.\n\n"
        "Any prompt that runs commands: PS1='$(genv prompt)\\$ '.",
    .group = GROUP_SETUP,
    .examples = examples,
    .run = run,
};
