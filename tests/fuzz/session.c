/* A session on another host. What it is asked for, a line for each field of the configuration and then the command's
 * words, is what `genv remote-session` there reads, and means nothing to a shell on the way. Its answer is found in
 * whatever else is printed there. */
#include "fuzz.h"

#include <errno.h>

#include "base/text.h"
#include "cli/command.h"
#include "remote/session_words.h"
#include "remote/ssh.h"
#include "remote/words.h"

#define NONCE "5eed"
#define OTHER "another nonce"
#define PLAIN "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-/:,+@=%"

static const struct host host = {"gpu-1", "paul@gpu-1", "genv"};

static const struct option *find_option(const char *name)
{
    return option_find(command_remote_session.options, name, strlen(name));
}

/* What stands there in the values of `genv remote-session`. */
static const void *value_of(const struct arguments *arguments, const struct option *option)
{
    return (const char *)arguments->values + option->offset;
}

/* The other side: its table reads what was asked for. */
static void check_read(const struct session_request *request, char **words)
{
    const struct command *command = &command_remote_session;
    cleanup_free void *values = calloc(1, command->values_size);
    struct arguments arguments = {.values = values};
    int count = 0;

    while (words[count])
        count++;
    promise(values && count > 0 && strcmp(words[0], command->name) == 0);
    memcpy(values, command->defaults, command->values_size);
    promise(option_parse(command->options, &command->operands, words + 1, count - 1, &arguments, NULL) == 0);
    promise(strcmp(*(const char *const *)value_of(&arguments, find_option("nonce")), NONCE) == 0);
    promise(*(const bool *)value_of(&arguments, find_option("shell")) == !request->command);
    for (const struct option *option = command->options; option->name; option++) {
        char asked[GENV_CONFIG_TEXT_SIZE] = "", read[GENV_CONFIG_TEXT_SIZE] = "";

        if (option->type != OPTION_FIELD)
            continue;
        genv_config_format(&request->config, option->field, asked);
        genv_config_format(value_of(&arguments, option), option->field, read);
        promise(strcmp(asked, read) == 0);
    }
    for (int i = 0; i < arguments.operand_count; i++)
        promise(request->command && strcmp(request->command[i], arguments.operands[i]) == 0);
    promise(!request->command || !request->command[arguments.operand_count]);
}

/* As a login shell and genv there take @command apart. */
static char **take_apart(char *command)
{
    char **words = calloc(strlen(command) + 1, sizeof(*words)), *word;
    bool encoded = false;
    size_t count = 0;

    promise(words && strcmp(strsep(&command, " "), host.genv) == 0);
    while ((word = strsep(&command, " "))) {
        if (count == 0 && strcmp(word, "--encoded") == 0) {
            encoded = true;
            continue;
        }
        promise(*word && *word != '=' && word[strspn(word, PLAIN)] == '\0');
        promise(!encoded || word_decode(word) == 0);
        words[count++] = word;
    }
    return words;
}

static void check_request(const struct session_request *request)
{
    static const char exit_behind[] = "; exit";
    const struct ssh_call call = {.below_shell = !request->command};
    char **words = NULL, **argv = NULL, *command;
    cleanup_free char **arrived = NULL;
    size_t count = 0;

    promise(session_words(request, NONCE, &words, NULL) == 0);
    promise(ssh_command(&host, &call, (const char *const *)words, &argv, NULL) == 0);
    while (argv[count])
        count++;
    promise(strcmp(argv[count - 3], "--") == 0 && strcmp(argv[count - 2], host.destination) == 0);
    command = argv[count - 1];
    if (call.below_shell) {
        promise(strlen(command) > strlen(exit_behind));
        command[strlen(command) - strlen(exit_behind)] = '\0';
    }
    arrived = take_apart(command);
    check_read(request, arrived);
    strv_free(words);
    strv_free(argv);
}

static void check_request_of(char **lines)
{
    struct session_request request = {.config = GENV_CONFIG_INIT, .prompt = true};

    for (const struct option *option = command_remote_session.options; option->name; option++) {
        if (option->type == OPTION_FIELD && *lines)
            genv_config_parse(&request.config, option->field, *lines++, NULL);
    }
    request.command = *lines ? lines : NULL;
    check_request(&request);
}

/* The answer @result, with @sentence, in what is printed around it. */
static void check_answer(const uint8_t *data, size_t size, int result, const char *sentence)
{
    cleanup_text struct text output = TEXT_INIT;
    struct genv_error said = {0}, heard = {0};
    struct frame_line line;
    int r;

    if (size && memmem(data, size, OTHER, strlen(OTHER)))
        return;
    error_set(&said, EIO, "%s", sentence);
    text_add_bytes(&output, data, size);
    session_add_answer(&output, OTHER, result, &said);
    r = session_read_answer(&output, OTHER, &line, &heard);
    promise(r == (result == -EIO ? -EREMOTEIO : result) && line.begin == size && line.end == output.length);
    promise(result != -EIO || strcmp(said.message, heard.message) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    cleanup_text struct text output = TEXT_INIT;
    struct genv_error err = {0};
    struct frame_line line;
    size_t count;
    cleanup_words char **lines = input_words(data, size, &count);
    int r;

    if (size > 16384) /* ssh takes no more than 100 KiB, encoded */
        return 0;
    check_request_of(lines);
    check_answer(data, size, 0, "");
    check_answer(data, size, -EBUSY, "");
    check_answer(data, size, -EIO, count && *lines[0] ? lines[0] : "no reason");
    text_add_bytes(&output, data, size);
    r = session_read_answer(&output, NONCE, &line, &err);
    promise(r == 0 || r == -EAGAIN || r == -EBUSY || r == -EREMOTEIO || r == -EPROTO);
    promise(r == 0 || r == -EAGAIN || (r == -err.code && *err.message && utf8_is_printable(err.message)));
    return 0;
}
