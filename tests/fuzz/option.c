/* A command line of genv, a word per line: whatever it says, the command's table makes of it values that are in order,
 * or one line that says what is wrong; and the same of it however the options are spelt. */
#include "fuzz.h"

#include <errno.h>
#include <math.h>

#include "base/text.h"
#include "cli/command.h"

/* What a table makes of words. */
struct reading {
    const struct command *command;
    struct arguments arguments;
    struct genv_error err;
    int result;
    char **words;
    int count;
};

static void reading_release(struct reading *reading)
{
    free(reading->arguments.values);
    free(reading->words);
}

/* Each array has the size that it needs, so that the sanitizer sees what is read or written beside it. */
static struct reading read_words(const struct command *command, char **words, int count)
{
    struct reading reading = {.command = command, .count = count};
    void *values = calloc(1, command->values_size);

    reading.words = malloc(((size_t)count + 1) * sizeof(*words));
    promise(reading.words && (values || command->values_size == 0));
    memcpy(reading.words, words, ((size_t)count + 1) * sizeof(*words));
    if (command->defaults)
        memcpy(values, command->defaults, command->values_size);
    reading.arguments.values = values;
    reading.result =
        option_parse(command->options, &command->operands, reading.words, count, &reading.arguments, &reading.err);
    return reading;
}

static bool is_read(const struct reading *reading)
{
    return reading->result == 0 && !reading->arguments.help;
}

static const void *value_of(const struct reading *reading, const struct option *option)
{
    return (const char *)reading->arguments.values + option->offset;
}

static void check_text(const struct reading *reading, const struct option *option)
{
    const char *text = *(const char *const *)value_of(reading, option), *preset = NULL;

    if (reading->command->defaults)
        preset = *(const char *const *)((const char *)reading->command->defaults + option->offset);
    promise(text || preset || !option->required || option->group);
    if (text == preset)
        return;
    promise(option->type != OPTION_EID || genv_eid_validate(text, NULL) == 0);
    promise(option->type != OPTION_NAME || genv_name_validate(text, NULL) == 0);
    promise(!option->filled || *text);
}

static int count_choices(const char *const *choices)
{
    int count = 0;

    while (choices[count])
        count++;
    return count;
}

static void check_value(const struct reading *reading, const struct option *option)
{
    const void *value = value_of(reading, option);
    const struct option_choices *chosen = value;

    switch (option->type) {
    case OPTION_FLAG:
        promise(*(const unsigned char *)value <= 1);
        break;
    case OPTION_COUNT:
        promise(*(const int *)value <= OPTION_NUMBER_MAX);
        break;
    case OPTION_PORT:
        promise(*(const unsigned *)value <= UINT16_MAX);
        break;
    case OPTION_PID:
        promise(*(const pid_t *)value >= 0);
        break;
    case OPTION_SECONDS:
        promise(isfinite(*(const double *)value) && *(const double *)value <= 1e9);
        break;
    case OPTION_CHOICE:
        promise(*(const int *)value < count_choices(option->choices));
        break;
    case OPTION_CHOICES:
        promise(chosen->count <= OPTION_CHOICES_MAX);
        for (size_t i = 0; i < chosen->count; i++)
            promise(chosen->items[i] >= 0 && chosen->items[i] < count_choices(option->choices));
        break;
    case OPTION_WORDS:
        promise(((const struct option_words *)value)->count <= OPTION_CHOICES_MAX);
        break;
    case OPTION_DEVICE:
    case OPTION_EID:
    case OPTION_NAME:
    case OPTION_TEXT:
        check_text(reading, option);
        break;
    case OPTION_UID:
    case OPTION_AMOUNT:
    case OPTION_FIELD:
        break;
    }
}

/* Operands are words that were given, in their order, and as many as the command takes. */
static void check_operands(const struct reading *reading, char **words)
{
    const struct operands *operands = &reading->command->operands;
    const struct arguments *arguments = &reading->arguments;
    int given = 0;

    for (int i = 0; i < arguments->operand_count; i++) {
        while (given < reading->count && words[given] != arguments->operands[i])
            given++;
        promise(given++ < reading->count);
    }
    promise(!arguments->operands[arguments->operand_count] && arguments->operand_count >= operands->min);
    promise(arguments->operand_count <= (operands->synopsis ? operands->max : 0));
}

static void check(const struct reading *reading, char **words)
{
    struct genv_error err = reading->err;

    if (reading->result < 0) {
        promise(reading->result == -EINVAL && *err.message && utf8_is_printable(err.message));
        command_refuse(reading->command, &err);
        promise(utf8_is_printable(err.message));
        return;
    }
    if (reading->arguments.help)
        return;
    check_operands(reading, words);
    for (const struct option *option = reading->command->options; option && option->name; option++)
        check_value(reading, option);
}

static bool equal_texts(const char *one, const char *other)
{
    return one == other || (one && other && strcmp(one, other) == 0);
}

static bool equal_fields(enum genv_config_field field, const struct genv_config *one, const struct genv_config *other)
{
    char text[GENV_CONFIG_TEXT_SIZE] = "", again[GENV_CONFIG_TEXT_SIZE] = "";

    return genv_config_format(one, field, text) == genv_config_format(other, field, again) && strcmp(text, again) == 0;
}

static bool equal_lists(const struct option_words *one, const struct option_words *other)
{
    bool equal = one->count == other->count;

    for (size_t i = 0; equal && i < one->count; i++)
        equal = strcmp(one->items[i], other->items[i]) == 0;
    return equal;
}

static bool equal_values(const struct option *option, const void *one, const void *other)
{
    static const size_t sizes[] = {
        [OPTION_FLAG] = sizeof(bool),
        [OPTION_COUNT] = sizeof(int),
        [OPTION_PORT] = sizeof(unsigned),
        [OPTION_PID] = sizeof(pid_t),
        [OPTION_UID] = sizeof(uid_t),
        [OPTION_SECONDS] = sizeof(double),
        [OPTION_CHOICE] = sizeof(int),
        [OPTION_AMOUNT] = sizeof(uint64_t),
        [OPTION_CHOICES] = sizeof(struct option_choices),
    };

    switch (option->type) {
    case OPTION_DEVICE:
    case OPTION_EID:
    case OPTION_NAME:
    case OPTION_TEXT:
        return equal_texts(*(const char *const *)one, *(const char *const *)other);
    case OPTION_FIELD:
        return equal_fields(option->field, one, other);
    case OPTION_WORDS:
        return equal_lists(one, other);
    default:
        return memcmp(one, other, sizes[option->type]) == 0;
    }
}

static void check_equal(const struct reading *one, const struct reading *other)
{
    promise(one->result == other->result && one->arguments.help == other->arguments.help);
    promise(strcmp(one->err.message, other->err.message) == 0);
    if (!is_read(one))
        return;
    promise(one->arguments.operand_count == other->arguments.operand_count);
    for (int i = 0; i < one->arguments.operand_count; i++)
        promise(strcmp(one->arguments.operands[i], other->arguments.operands[i]) == 0);
    for (const struct option *option = one->command->options; option && option->name; option++)
        promise(equal_values(option, value_of(one, option), value_of(other, option)));
}

/* Instead of "--name=value" */
enum spelling { APART, ALIAS, LETTER, LETTER_APART, SPELLINGS };

/* Adds @option with @value to @words, and returns how many words that are. */
static int spell(enum spelling spelling, const struct option *option, const char *value, char **words)
{
    const char *name = spelling == ALIAS && option->alias ? option->alias : option->name;
    char letter[] = {'-', option->letter, '\0'};

    if (spelling == ALIAS) {
        promise(asprintf(&words[0], "--%s=%s", name, value) >= 0);
        return 1;
    }
    if (spelling == LETTER && option->letter && *value) {
        promise(asprintf(&words[0], "%s%s", letter, value) >= 0);
        return 1;
    }
    if (spelling == LETTER_APART && option->letter)
        words[0] = strdup(letter);
    else
        promise(asprintf(&words[0], "--%s", name) >= 0);
    words[1] = strdup(value);
    promise(words[0] && words[1]);
    return 2;
}

/* The options with a value that @words begin with, in another spelling, and what follows as it is. */
static void check_spelling(const struct reading *reading, enum spelling spelling, char **words)
{
    cleanup_words char **spelt = calloc(2 * (size_t)reading->count + 1, sizeof(*spelt));
    cleanup_with(reading_release) struct reading other = {0};
    int count = 0;

    promise(spelt);
    for (; *words && strncmp(*words, "--", 2) == 0 && strchr(*words, '='); words++) {
        const char *name = *words + 2;
        size_t length = strcspn(name, "=");
        const struct option *option = option_find(reading->command->options, name, length);

        if (!option || option->type == OPTION_FLAG)
            break;
        count += spell(spelling, option, name + length + 1, spelt + count);
    }
    for (; *words; words++) {
        spelt[count] = strdup(*words);
        promise(spelt[count++]);
    }
    other = read_words(reading->command, spelt, count);
    check_equal(reading, &other);
}

/* Reads @words by the table of @command and, if that takes the command behind its options, by that one's. */
static void read_command(const struct command *command, char **words, int count)
{
    cleanup_with(reading_release) struct reading reading = read_words(command, words, count);
    const struct arguments *arguments = &reading.arguments;

    check(&reading, words);
    for (enum spelling spelling = 0; spelling < SPELLINGS; spelling++)
        check_spelling(&reading, spelling, words);
    if (!is_read(&reading) || command->run || !command->subcommands)
        return;
    promise(arguments->operand_count > 0);
    command = command_find(command, arguments->operands[0]);
    if (command)
        read_command(command, arguments->operands + 1, arguments->operand_count - 1);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t count;
    cleanup_words char **words = input_words(data, size, &count);
    const struct command *command = count ? command_find(NULL, words[0]) : NULL, *guess, *subcommand;

    if (count == 0 || count > 1000)
        return 0;
    guess = command_guess(NULL, words[0]);
    promise(!command || !guess || guess == command || command->hidden);
    subcommand = command && command->run && count > 1 ? command_find(command, words[1]) : NULL;
    if (subcommand)
        read_command(subcommand, words + 2, (int)count - 2);
    else if (command)
        read_command(command, words + 1, (int)count - 1);
    return 0;
}
