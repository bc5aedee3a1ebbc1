/* The code itself is in genv.bash, genv.zsh and genv.fish; here it gets its words and its arguments. */
#include "shell/shell.h"

#include <string.h>

#include "shell/code.h"

static const char *const codes[] = {
    [SHELL_BASH] = shell_code_bash,
    [SHELL_ZSH] = shell_code_zsh,
    [SHELL_FISH] = shell_code_fish,
};

/* Adds @string as one word that the shell takes literally, whatever its options. */
void shell_add_quoted(struct text *code, enum shell_kind kind, const char *string)
{
    text_add(code, "'");
    for (const char *c = string; *c; c++) {
        if (*c == '\'')
            text_add(code, kind == SHELL_FISH ? "\\'" : "'\\''");
        else if (*c == '\\' && kind == SHELL_FISH)
            text_add(code, "\\\\");
        else
            text_add_bytes(code, c, 1);
    }
    text_add(code, "'");
}

static void add_names(struct text *code, enum shell_kind kind, const struct genv_variable *variables)
{
    for (const struct genv_variable *variable = variables; variable->name; variable++) {
        text_add(code, variable == variables ? "" : " ");
        shell_add_quoted(code, kind, variable->name);
    }
}

/* Adds one word: the values that they have in the shell, with something in between. */
static void add_values(struct text *code, enum shell_kind kind, const struct genv_variable *variables)
{
    text_add(code, "\"");
    for (; variables->name; variables++)
        text_addf(code, kind == SHELL_FISH ? "$%s:" : "${%s-}:", variables->name);
    text_add(code, "\"");
}

/* Adds @pattern with its placeholders replaced by quoted words. */
static void add_template(struct text *code, enum shell_kind kind, const char *pattern, const struct shell_paths *paths,
                         const struct genv_variable *variables)
{
    const struct {
        const char *name, *word;
        void (*add)(struct text *code, enum shell_kind kind, const struct genv_variable *variables);
    } placeholders[] = {
        {"@GENV@", paths->genv, NULL},    {"@SHIMS@", paths->shims, NULL}, {"@COMPLETIONS@", paths->completions, NULL},
        {"@VARIABLES@", NULL, add_names}, {"@VALUES@", NULL, add_values},
    };

    while (*pattern) {
        size_t plain = strcspn(pattern, "@"), i = 0;

        text_add_bytes(code, pattern, plain);
        pattern += plain;
        while (i < ARRAY_SIZE(placeholders) &&
               strncmp(pattern, placeholders[i].name, strlen(placeholders[i].name)) != 0)
            i++;
        if (i == ARRAY_SIZE(placeholders)) {
            text_add_bytes(code, pattern, *pattern ? 1 : 0);
            pattern += *pattern ? 1 : 0;
            continue;
        }
        if (placeholders[i].add)
            placeholders[i].add(code, kind, variables);
        else
            shell_add_quoted(code, kind, placeholders[i].word);
        pattern += strlen(placeholders[i].name);
    }
}

void shell_add_init(struct text *code, enum shell_kind kind, const struct shell_paths *paths,
                    const struct genv_variable *variables)
{
    cleanup_text struct text plain = TEXT_INIT;

    if (kind != SHELL_ZSH) {
        add_template(code, kind, codes[kind], paths, variables);
        return;
    }
    add_template(&plain, kind, codes[kind], paths, variables);
    /* Options given with -o hold in the functions, too. Quoted, since zsh has aliases that apply to any word. */
    text_add(code, "\\builtin 'emulate' 'zsh' '-o' 'no_aliases' '-o' 'no_all_export' '-o' 'no_err_exit' "
                   "'-o' 'no_err_return' '-o' 'unset' '-c' ");
    if (plain.failed)
        code->failed = true;
    else
        shell_add_quoted(code, kind, plain.data);
    text_add(code, "\n");
}

void shell_add_deinit(struct text *code, enum shell_kind kind)
{
    if (kind == SHELL_FISH)
        text_add(code, "if builtin functions -q __genv_deinit; __genv_deinit; end\n");
    else
        text_add(code, "if \\builtin typeset -f __genv_deinit >/dev/null; then __genv_deinit; fi\n");
}

/* Adds the variables as words NAME=VALUE, or NAME for one to be unset. */
static void add_variables(struct text *code, enum shell_kind kind, const struct genv_variable *variables)
{
    for (; variables->name; variables++) {
        cleanup_text struct text word = TEXT_INIT;

        text_add(&word, variables->name);
        if (variables->value)
            text_addf(&word, "=%s", variables->value);
        text_add(code, " ");
        if (word.failed)
            code->failed = true;
        else
            shell_add_quoted(code, kind, word.data);
    }
    text_add(code, "\n");
}

void shell_add_enter(struct text *code, enum shell_kind kind, const struct genv_variable *variables, bool prompt)
{
    text_add(code, prompt ? "__genv_enter prompt" : "__genv_enter ''");
    add_variables(code, kind, variables);
}

void shell_add_update(struct text *code, enum shell_kind kind, const struct genv_variable *variables)
{
    text_add(code, "__genv_update");
    add_variables(code, kind, variables);
}

void shell_add_watch(struct text *code, enum shell_kind kind, const struct shell_watch *watch)
{
    text_add(code, "__genv_watch ");
    shell_add_quoted(code, kind, watch->record);
    text_add(code, " ");
    shell_add_quoted(code, kind, watch->witness);
    text_add(code, " ");
    shell_add_quoted(code, kind, watch->sign);
    text_add(code, " ");
    shell_add_quoted(code, kind, watch->devices);
    text_add(code, "\n");
}

void shell_add_leave(struct text *code, enum shell_kind kind)
{
    (void)kind;
    text_add(code, "__genv_leave\n");
}

void shell_add_direnv(struct text *code, const char *genv)
{
    text_add(code, "# For .envrc: use genv [--gpus N] [--gpu-memory M] [--name S] [-o] [--no-load]\n"
                   "use_genv() {\n    local code\n    code=$(");
    shell_add_quoted(code, SHELL_BASH, genv);
    text_add(code, " shell-direnv \"$@\") || return\n    eval \"$code\"\n"
                   "    watch_file .genv/name .genv/gpus .genv/gpu-memory\n}\n");
}

void shell_add_exports(struct text *code, const struct genv_variable *variables, const char *shims)
{
    for (; variables->name; variables++) {
        text_addf(code, variables->value ? "export %s=" : "unset %s", variables->name);
        if (variables->value)
            shell_add_quoted(code, SHELL_BASH, variables->value);
        text_add(code, "\n");
    }
    text_add(code, "PATH_add ");
    shell_add_quoted(code, SHELL_BASH, shims);
    text_add(code, "\n");
}

void shell_add_command(struct text *code, enum shell_kind kind, char **words)
{
    for (; *words; words++) {
        shell_add_quoted(code, kind, *words);
        text_add(code, words[1] ? " " : "\n");
    }
}

void shell_add_words(struct text *code, enum shell_kind kind, const char *words)
{
    text_add(code, kind == SHELL_FISH ? "builtin printf %s " : "\\builtin printf %s ");
    shell_add_quoted(code, kind, words);
    text_add(code, "\n");
}
