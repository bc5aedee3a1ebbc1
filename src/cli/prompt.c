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
    {"genv prompt", "Print \"(genv)\" in an environment, and nothing elsewhere."},
    {"export GENV_PROMPT=0",
     "In ~/.bashrc: do not change the prompt; a prompt module of your own shows the environment."},
    {NULL, NULL},
};

const struct command command_prompt = {
    .name = "prompt",
    .summary = "Print \"(genv)\" for the prompt",
    .description =
        "genv adds \"(genv)\" to the prompt itself, even if another tool rebuilds the prompt each time. To show it in "
        "a prompt module of your own instead, set GENV_PROMPT=0 in your shell's startup file.\n\nstarship "
        "(~/.config/starship.toml): [custom.genv] with command = \"genv prompt\" and when = true.\n\npowerlevel10k "
        "(~/.p10k.zsh): function prompt_genv() { [[ -z $GENV_ENVIRONMENT_ID ]] || p10k segment -t genv; } and 'genv' "
        "among POWERLEVEL9K_LEFT_PROMPT_ELEMENTS.\n\nAny prompt that runs commands: PS1='$(genv prompt)\\$ '.",
    .group = GROUP_SETUP,
    .examples = examples,
    .run = run,
};
