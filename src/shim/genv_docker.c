/* genv-docker: docker, podman or nerdctl, whose containers are GPU environments of their own. */
#include <errno.h>
#include <string.h>

#include "base/file.h"
#include "base/text.h"
#include "shim/docker_genv.h"
#include "shim/runtime.h"
#include "shim/shim.h"

#define EXIT_USAGE 2

/* Adds @word as a shell reads it. */
static void add_quoted(struct text *line, const char *word)
{
    static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_@%+=:,./-";

    if (*word && strspn(word, plain) == strlen(word)) {
        text_add(line, word);
        return;
    }
    text_add(line, "'");
    for (; *word; word++) {
        if (*word == '\'')
            text_add(line, "'\\''");
        else
            text_add_bytes(line, word, 1);
    }
    text_add(line, "'");
}

static int print_command(char **words)
{
    cleanup_text struct text line = TEXT_INIT;

    for (; *words; words++) {
        add_quoted(&line, *words);
        text_add(&line, words[1] ? " " : "\n");
    }
    return line.failed || file_write(STDOUT_FILENO, line.data, line.length) < 0 ? 1 : 0;
}

static int start(char **argv, const struct docker_genv *genv)
{
    cleanup_text struct text runtime = TEXT_INIT;
    cleanup_argv struct argv words = {.count = 0};
    bool is_podman = runtime_is_called(argv[0], "podman");
    char claim[GENV_CLAIM_SIZE] = "";
    struct genv_error err = {0};
    struct shim self;

    shim_init(&self, "genv-docker");
    runtime_add_name(&runtime, argv[0], self.folder);
    /* What is only printed has no claim: it would live on for whoever reads it. */
    if (genv->activate && !genv->dry_run && runtime_claim(!is_podman, claim, &err) < 0) {
        shim_complain(err.message);
        return 1;
    }
    docker_genv_write(&words, argv, genv, runtime.data ? runtime.data : "genv", is_podman, *claim ? claim : NULL);
    if (words.failed || runtime.failed) {
        error_no_memory(&err);
        shim_complain(err.message);
        return 1;
    }
    return genv->dry_run ? print_command(words.items) : shim_become(argv[0], words.items);
}

static int print_help(void)
{
    cleanup_text struct text text = TEXT_INIT;

    text_addf(&text, "Usage: %s\n\n%s\n\n", docker_genv_usage, docker_genv_description);
    for (const struct docker_genv_option *option = docker_genv_options; option->form; option++)
        text_addf(&text, "  %-22s  %s\n", option->form, option->help);
    text_addf(&text, "\n%s\n", docker_genv_program);
    return text.failed || file_write(STDOUT_FILENO, text.data, text.length) < 0 ? 1 : 0;
}

int main(int argc, char **argv)
{
    cleanup_docker_genv struct docker_genv genv = {.run = NULL};
    const char *program = getenv("GENV_DOCKER");
    struct genv_error err = {0};
    char name[4096];

    if (argc < 1)
        return EXIT_USAGE;
    copy_string(name, sizeof(name), program && *program ? program : "docker");
    argv[0] = name;
    if (docker_genv_read(argv, &genv, &err) < 0) {
        shim_complain(err.message);
        return EXIT_USAGE;
    }
    if (genv.help || (argv[1] && strcmp(argv[1], "--help") == 0))
        return print_help();
    return genv.run ? start(argv, &genv) : shim_become(name, argv);
}
