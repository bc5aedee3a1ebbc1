/* genv: finds the command, has it parse and run, and prints what there is to print, once. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>

#include "base/file.h"
#include "cli/cli.h"
#include "cli/installation.h"
#include "cli/overview.h"
#include "remote/words.h"

/* A closed descriptor 0, 1 or 2 would be given to the next file that is opened. In its place comes one that can't be
 * written, so that a closed standard output is noticed, and that a command which is executed does not inherit. */
static void occupy_standard_descriptors(void)
{
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++) {
        if (fcntl(fd, F_GETFD) < 0 && errno == EBADF)
            (void)!open("/dev/null", O_RDONLY | O_CLOEXEC);
    }
}

/* "bash:1573", "bash:1573:passing", "bash:1574:subshell" */
static int parse_shell(struct cli *cli, const char *text, struct genv_error *err)
{
    static const char *const spans[] = {
        [SHELL_STAYS] = "", [SHELL_PASSES] = "passing", [SHELL_IS_SUBSHELL] = "subshell"};
    const char *colon = strchr(text, ':'), *end = colon ? strchr(colon + 1, ':') : NULL;
    const struct option pid = {.type = OPTION_PID};
    char name[16] = "", number[16] = "";
    size_t span = SHELL_STAYS;

    if (colon && (size_t)(colon - text) < sizeof(name))
        memcpy(name, text, (size_t)(colon - text));
    if (colon && strcspn(colon + 1, ":") < sizeof(number))
        memcpy(number, colon + 1, strcspn(colon + 1, ":"));
    while (end && span < ARRAY_SIZE(spans) && strcmp(end + 1, spans[span]) != 0)
        span++;
    if (!colon || shell_kind_parse(name, &cli->shell) < 0 || span == ARRAY_SIZE(spans) ||
        option_parse_value(&pid, number, &cli->shell_pid, NULL) < 0)
        return cli_usage_error(
            cli, error_set(err, EINVAL, "--shell: expected KIND:PID with KIND bash, zsh or fish, not '%s'", text), err);
    cli->span = (enum shell_span)span;
    cli->in_shell = true;
    return 0;
}

static int unknown_command(struct cli *cli, const struct command *parent, const char *word, struct genv_error *err)
{
    const struct command *guess = command_guess(parent, word);
    const char *of = parent ? parent->name : "", *blank = parent ? " " : "";

    if (guess)
        return cli_usage_error(cli,
                               error_set(err, EINVAL, "unknown command '%s%s%s': did you mean '%s'?", of, blank, word,
                                         command_word(guess)),
                               err);
    cli->failure_status = EXIT_USAGE;
    return error_set(err, EINVAL, "unknown command '%s%s%s': see 'genv help%s%s'", of, blank, word, blank, of);
}

/* In front of all commands. */
static int unknown_option(struct cli *cli, const char *word, struct genv_error *err)
{
    static const struct option known[] = {{.name = "version", .help = "Print the version"}, {.name = NULL}};
    const char *name = word + strspn(word, "-");

    option_refuse(known, name - word == 1 ? "-" : "--", name, strcspn(name, "="), err);
    return cli_usage_error(cli, -EINVAL, err);
}

static int run_command(struct cli *cli, const struct command *command, const void *above, char **words, int count,
                       struct genv_error *err);

/* The first of @words that is an option of @command and none of its @subcommand, behind which it stands; or NULL. */
static const char *find_misplaced(const struct command *command, const struct command *subcommand, char **words,
                                  int count)
{
    for (int i = 0; i < count && strcmp(words[i], "--") != 0; i++) {
        if (!option_find_word(subcommand->options, words[i]) && option_find_word(command->options, words[i]))
            return words[i];
    }
    return NULL;
}

/* "option -H goes before 'envs': genv remote -H HOSTS envs", for "-H", "-Hone", "--host" and "--host=one" alike. */
static int refuse_misplaced(const struct command *command, const char *word, const char *subcommand,
                            struct genv_error *err)
{
    const struct option *option = option_find_word(command->options, word);
    bool short_form = word[1] != '-' && option->letter == word[1];
    int length = short_form ? 2 : (int)strcspn(word, "=");

    return error_set(err, EINVAL, "option %.*s goes before '%s': genv %s %.*s%s%s %s", length, word, subcommand,
                     command->name, length, word, option->argument ? " " : "", option->argument ? option->argument : "",
                     subcommand);
}

/* The subcommand that the first of @words names; its options are behind it. */
static int run_subcommand(struct cli *cli, const struct command *command, const void *above, char **words, int count,
                          struct genv_error *err)
{
    const struct command *subcommand = command_find(command, words[0]);
    const char *misplaced;

    if (!subcommand)
        return unknown_command(cli, command, words[0], err);
    misplaced = above && subcommand->operands.kind != OPERAND_COMMAND
                    ? find_misplaced(command, subcommand, words + 1, count - 1)
                    : NULL;
    if (misplaced) {
        cli->command = command;
        return cli_usage_error(cli, refuse_misplaced(command, misplaced, words[0], err), err);
    }
    return run_command(cli, subcommand, above, words + 1, count - 1, err);
}

/* Becomes the command's own program, which reads the same words once more: those behind the command's name, or, of a
 * subcommand, all. Returns only on failure. */
static int become_program(struct cli *cli, const struct command *command, struct genv_error *err)
{
    char **words = strchr(command->name, ' ') ? cli->words : cli->words + 1;
    struct installation installation;
    char path[sizeof(installation.root) + 64];
    int r = installation_find(&installation, err);

    if (r < 0)
        return r;
    snprintf(path, sizeof(path), "%s/libexec/%s", installation.root, command->program);
    words[0] = path;
    execv(path, words);
    if (errno == ENOENT)
        return error_set(err, ENOENT, "'genv %s' is not installed: %s is missing", command->name, path);
    return error_set_errno(err, errno, "cannot execute %s", path);
}

static int run_command(struct cli *cli, const struct command *command, const void *above, char **words, int count,
                       struct genv_error *err)
{
    cleanup_free void *values = calloc(1, command->values_size + 1);
    struct arguments arguments = {.values = values, .above = above};
    int r;

    if (!values)
        return error_no_memory(err);
    if (command->defaults)
        memcpy(values, command->defaults, command->values_size);
    cli->command = command;
    r = option_parse(command->options, &command->operands, words, count, &arguments, err);
    if (r < 0)
        return cli_usage_error(cli, r, err);
    if (arguments.help) {
        help_add_command(&cli->output, command, cli_help_style(cli));
        return 0;
    }
    if (command->program)
        return become_program(cli, command, err);
    if (!command->run)
        return run_subcommand(cli, command, values, arguments.operands, arguments.operand_count, err);
    return command->run(cli, &arguments, err);
}

static int run_words(struct cli *cli, char **words, int count, struct genv_error *err)
{
    const struct command *command;

    if (count == 0 || strcmp(words[0], "--help") == 0 || strcmp(words[0], "-h") == 0) {
        overview_add(&cli->output, cli_help_style(cli));
        return 0;
    }
    if (strcmp(words[0], "--version") == 0 || strcmp(words[0], "-V") == 0) {
        text_addf(&cli->output, "genv %s\n", genv_version());
        return 0;
    }
    if (words[0][0] == '-')
        return unknown_option(cli, words[0], err);
    command = command_find(NULL, words[0]);
    if (!command)
        return unknown_command(cli, NULL, words[0], err);
    if (command->run && command->subcommands && count > 1 && words[1][0] != '-')
        return run_subcommand(cli, command, NULL, words + 1, count - 1, err);
    return run_command(cli, command, NULL, words + 1, count - 1, err);
}

/* Words that came through a shell of unknown kind: remote/words.h. */
static int decode(struct cli *cli, char **words, struct genv_error *err)
{
    for (; *words; words++) {
        if (word_decode(*words) < 0)
            return cli_usage_error(cli, error_set(err, EINVAL, "--encoded: invalid data"), err);
    }
    return 0;
}

static int run(struct cli *cli, int argc, char **argv, struct genv_error *err)
{
    static const char option[] = "--shell=";
    int first = 1;

    if (argc > 1 && strcmp(argv[1], "--encoded") == 0) {
        int r = decode(cli, argv + 2, err);

        if (r < 0)
            return r;
        first = 2;
    } else if (argc > 1 && strncmp(argv[1], option, sizeof(option) - 1) == 0) {
        int r = parse_shell(cli, argv[1] + sizeof(option) - 1, err);

        if (r < 0)
            return r;
        first = 2;
    }
    if (argc <= first)
        return run_words(cli, NULL, 0, err);
    cli->words = calloc((size_t)(argc - first) + 2, sizeof(*cli->words));
    if (!cli->words)
        return error_no_memory(err);
    memcpy(cli->words + 1, argv + first, (size_t)(argc - first) * sizeof(*cli->words));
    return run_words(cli, argv + first, argc - first, err);
}

/* Everything for standard output, in one piece, and only now: a command that fails halfway has said nothing yet. */
static int print(struct cli *cli, struct genv_error *err)
{
    struct sigaction ignore = {.sa_handler = SIG_IGN};
    struct text *text = &cli->output;
    int r;

    if (cli->in_shell && cli->output.length) {
        if (cli->output.failed)
            return error_no_memory(err);
        shell_add_words(&cli->code, cli->shell, cli->output.data);
    }
    if (cli->in_shell)
        text = &cli->code;
    if (text->failed)
        return error_no_memory(err);
    if (text->length == 0)
        return 0;
    sigaction(SIGPIPE, &ignore, NULL); /* a closed pipe is an error like others */
    r = file_write(STDOUT_FILENO, text->data, text->length);
    return r < 0 ? error_set_errno(err, -r, "cannot write to standard output") : 0;
}

static int finish(struct cli *cli, int result, struct genv_error *err)
{
    struct genv_error print_err = {0};
    int status = result < 0 ? cli->failure_status : result;

    if (status != EXIT_USAGE && print(cli, &print_err) < 0) {
        program_complain(print_err.message);
        status = status ? status : EXIT_FAILURE;
    }
    if (result < 0)
        program_complain(err->message);
    return status;
}

int main(int argc, char **argv)
{
    struct cli cli = {.failure_status = EXIT_FAILURE};
    struct genv_error err = {0};
    int status;

    occupy_standard_descriptors();
    status = finish(&cli, run(&cli, argc, argv, &err), &err);
    genv_close(cli.genv);
    free(cli.words);
    free(cli.last_warning);
    text_release(&cli.output);
    text_release(&cli.code);
    return status;
}
