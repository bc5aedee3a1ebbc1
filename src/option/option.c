/* The parser behind the option tables. */
#include "option/option.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>

#include "base/error.h"
#include "base/text.h"
#include "option/guess.h"

struct parser {
    const struct option *options;
    char **words;
    int count;
    int next; /* the word to be read next */
    char *values;
    uint64_t seen; /* a bit for each option of the table */
    bool help;
};

const struct option *option_find(const struct option *options, const char *name, size_t length)
{
    for (const struct option *option = options; option && option->name; option++) {
        if (strlen(option->name) == length && memcmp(option->name, name, length) == 0)
            return option;
        if (option->alias && strlen(option->alias) == length && memcmp(option->alias, name, length) == 0)
            return option;
    }
    return NULL;
}

const struct option *option_find_letter(const struct option *options, char letter)
{
    for (const struct option *option = options; option && option->name; option++) {
        if (option->letter == letter)
            return option;
    }
    return NULL;
}

const struct option *option_find_word(const struct option *options, const char *word)
{
    const struct option *option = NULL;

    if (word[0] != '-' || !word[1])
        return NULL;
    if (word[1] == '-')
        return option_find(options, word + 2, strcspn(word + 2, "="));
    option = option_find_letter(options, word[1]);
    return option ? option : option_find(options, word + 1, strcspn(word + 1, "="));
}

static int parse_number(const char *text, const char *what, uint64_t min, uint64_t max, uint64_t *ret_number,
                        struct genv_error *err)
{
    if (text_to_u64(text, max, ret_number) < 0 || *ret_number < min)
        return error_set(err, EINVAL, "'%s' is not %s: expected a whole number from %llu to %llu", text, what,
                         (unsigned long long)min, (unsigned long long)max);
    return 0;
}

static int parse_seconds(const char *text, double least, double *ret_seconds, struct genv_error *err)
{
    char *end = NULL;
    double seconds = -1;

    /* strtod() takes signs, exponents, hexadecimal and "inf" too. */
    if (*text && text[strspn(text, "0123456789.")] == '\0')
        seconds = strtod(text, &end);
    if (!end || end == text || *end || seconds < 0 || seconds > 1e9)
        return error_set(err, EINVAL, "'%s' is not a number of seconds: expected a number such as 10 or 0.5", text);
    if (seconds < least)
        return error_set(err, EINVAL, "the time must be %g seconds or more", least);
    *ret_seconds = seconds;
    return 0;
}

static int parse_choice(const char *const *choices, const char *text, size_t length, int *ret_choice,
                        struct genv_error *err)
{
    cleanup_text struct text list = TEXT_INIT;

    for (int i = 0; choices[i]; i++) {
        if (strlen(choices[i]) == length && memcmp(choices[i], text, length) == 0) {
            *ret_choice = i;
            return 0;
        }
        text_addf(&list, "%s%s", i ? ", " : "", choices[i]);
    }
    return error_set(err, EINVAL, "'%.*s' is not one of %s", (int)length, text, list.data ? list.data : "them");
}

static int parse_choices(const char *const *choices, const char *text, struct option_choices *list,
                         struct genv_error *err)
{
    for (;;) {
        size_t length = strcspn(text, ",");
        int r;

        if (list->count == OPTION_CHOICES_MAX)
            return error_set(err, EINVAL, "too many values (limit %d)", OPTION_CHOICES_MAX);
        r = parse_choice(choices, text, length, &list->items[list->count], err);
        if (r < 0)
            return r;
        list->count++;
        if (text[length] == '\0')
            return 0;
        text += length + 1;
    }
}

static int parse_word(const char *text, struct option_words *list, struct genv_error *err)
{
    if (list->count == OPTION_CHOICES_MAX)
        return error_set(err, EINVAL, "too many values (limit %d)", OPTION_CHOICES_MAX);
    list->items[list->count++] = text;
    return 0;
}

/* Whether words that follow belong to it. */
static bool takes_more(const struct option *option)
{
    return option->type == OPTION_CHOICES || option->type == OPTION_WORDS;
}

/* "GPU-8f6b…": whether there is such a device is for those to say who see them. */
static bool is_uuid(const char *text)
{
    return isalpha((unsigned char)*text) && strchr(text, '-');
}

int option_parse_value(const struct option *option, const char *text, void *target, struct genv_error *err)
{
    uint64_t number = 0;
    int r = 0;

    switch (option->type) {
    case OPTION_COUNT:
        r = parse_number(text, "a number of devices", 0, OPTION_NUMBER_MAX, &number, err);
        if (r == 0)
            *(int *)target = (int)number;
        return r;
    case OPTION_PORT:
        r = parse_number(text, "a port", 0, 65535, &number, err);
        if (r == 0)
            *(unsigned *)target = (unsigned)number;
        return r;
    case OPTION_DEVICE:
        if (!is_uuid(text) && text_to_u64(text, OPTION_NUMBER_MAX, &number) < 0)
            return error_set(err, EINVAL, "'%s' is not a device: expected an index from 0 to %d, or a UUID", text,
                             OPTION_NUMBER_MAX);
        *(const char **)target = text;
        return 0;
    case OPTION_PID:
        r = parse_number(text, "a PID", 1, INT_MAX, &number, err);
        if (r == 0)
            *(pid_t *)target = (pid_t)number;
        return r;
    case OPTION_UID:
        r = parse_number(text, "a user ID", 0, UINT32_MAX - 1, &number, err);
        if (r == 0)
            *(uid_t *)target = (uid_t)number;
        return r;
    case OPTION_SECONDS:
        return parse_seconds(text, option->least_seconds, target, err);
    case OPTION_FIELD:
        return genv_config_parse(target, option->field, text, err);
    case OPTION_AMOUNT:
        return genv_amount_parse(text, target, err);
    case OPTION_CHOICE:
        return parse_choice(option->choices, text, strlen(text), target, err);
    case OPTION_CHOICES:
        return parse_choices(option->choices, text, target, err);
    case OPTION_WORDS:
        return parse_word(text, target, err);
    case OPTION_EID:
        r = genv_eid_validate(text, err);
        break;
    case OPTION_NAME:
        r = genv_name_validate(text, err);
        break;
    case OPTION_TEXT:
    case OPTION_FLAG:
        break;
    }
    if (r == 0)
        *(const char **)target = text;
    return r;
}

static bool is_option(const char *word)
{
    /* "-" is a word of its own, and "-1" a number that somebody got wrong. */
    return word[0] == '-' && word[1] != '\0' && !(word[1] >= '0' && word[1] <= '9');
}

/* Which option was meant by @name, or NULL. */
static const char *find_similar(const struct option *options, const char *name, size_t length)
{
    struct guess guess = guess_begin(name, length);
    const char *best = NULL;

    for (const struct option *option = options; option && option->name; option++) {
        if (option->help && guess_is_closer(&guess, option->name))
            best = option->name;
    }
    return guess_is_closer(&guess, "help") ? "help" : best;
}

int option_refuse(const struct option *options, const char *dashes, const char *name, size_t length,
                  struct genv_error *err)
{
    const char *best = find_similar(options, name, length);

    if (best)
        return error_set(err, EINVAL, "unknown option '%s%.*s': did you mean '--%s'?", dashes, (int)length, name, best);
    return error_set(err, EINVAL, "unknown option '%s%.*s'", dashes, (int)length, name);
}

static int check_group(const struct parser *parser, const struct option *option, struct genv_error *err)
{
    for (size_t i = 0; option->group && parser->options[i].name; i++) {
        const struct option *other = &parser->options[i];

        if (other != option && other->group == option->group && parser->seen >> i & 1)
            return error_set(err, EINVAL, "--%s and --%s cannot be used together", other->name, option->name);
    }
    return 0;
}

static int take(struct parser *parser, const struct option *option, const char *value, struct genv_error *err)
{
    void *target = parser->values + option->offset;
    int r = check_group(parser, option, err);

    if (r < 0)
        return r;
    parser->seen |= UINT64_C(1) << (option - parser->options);
    if (option->type == OPTION_FLAG) {
        if (value)
            return error_set(err, EINVAL, "--%s takes no value", option->name);
        *(bool *)target = true;
        return 0;
    }
    if (!value && parser->next < parser->count)
        value = parser->words[parser->next++];
    if (!value || (option->filled && !*value))
        return error_set(err, EINVAL, "--%s needs a value: --%s %s", option->name, option->name, option->argument);
    r = option_parse_value(option, value, target, err);
    while (r == 0 && takes_more(option) && parser->next < parser->count && parser->words[parser->next][0] != '-')
        r = option_parse_value(option, parser->words[parser->next++], target, err);
    return r < 0 ? error_prefix(err, r, "--%s", option->name) : 0;
}

/* The option @name, without dashes: "count" or "count=2". */
static int parse_long(struct parser *parser, const char *name, struct genv_error *err)
{
    size_t length = strcspn(name, "=");
    const struct option *option = option_find(parser->options, name, length);

    if (length == 4 && memcmp(name, "help", 4) == 0 && name[4] == '\0') {
        parser->help = true;
        return 0;
    }
    if (!option)
        return option_refuse(parser->options, "--", name, length, err);
    return take(parser, option, name[length] ? name + length + 1 : NULL, err);
}

static int parse_short(struct parser *parser, const char *word, struct genv_error *err)
{
    if (!option_find_letter(parser->options, word[1]) && option_find_word(parser->options, word))
        return parse_long(parser, word + 1, err);
    for (const char *letter = word + 1; *letter; letter++) {
        const struct option *option = option_find_letter(parser->options, *letter);
        bool has_value = option && option->type != OPTION_FLAG && letter[1];
        int r;

        if (!option && strcmp(letter, "h") == 0) {
            parser->help = true;
            return 0;
        }
        if (!option)
            return option_refuse(parser->options, "-", letter, strlen(letter), err);
        r = take(parser, option, has_value ? letter + 1 : NULL, err);
        if (r < 0 || option->type != OPTION_FLAG)
            return r;
    }
    return 0;
}

static int check_required(const struct parser *parser, struct genv_error *err)
{
    for (size_t i = 0; parser->options && parser->options[i].name; i++) {
        const struct option *option = &parser->options[i];
        cleanup_text struct text forms = TEXT_INIT;
        bool given = parser->seen >> i & 1;

        if (!option->required || given)
            continue;
        text_addf(&forms, "--%s %s", option->name, option->argument);
        for (size_t k = 0; option->group && parser->options[k].name; k++) {
            if (k == i || parser->options[k].group != option->group)
                continue;
            given = given || parser->seen >> k & 1;
            text_addf(&forms, " or --%s %s", parser->options[k].name, parser->options[k].argument);
        }
        if (!given)
            return error_set(err, EINVAL, "missing option: %s", forms.data ? forms.data : "the required options");
    }
    return 0;
}

/* Names the first word of the synopsis that is one: "COMMAND" of "[--] COMMAND [ARGUMENT...]". */
static int refuse_missing(const char *synopsis, struct genv_error *err)
{
    const char *name = strncmp(synopsis, "[--] ", 5) == 0 ? synopsis + 5 : synopsis;

    return error_set(err, EINVAL, "missing argument: %.*s", (int)strcspn(name, " "), name);
}

static int check_operands(const struct operands *operands, const struct arguments *arguments, struct genv_error *err)
{
    int max = operands->synopsis ? operands->max : 0, choice;

    if (operands->synopsis && arguments->operand_count < operands->min)
        return refuse_missing(operands->synopsis, err);
    if (arguments->operand_count > max)
        return error_set(err, EINVAL, "unexpected argument '%s'", arguments->operands[max]);
    if (operands->kind == OPERAND_CHOICE && arguments->operand_count)
        return parse_choice(operands->choices, arguments->operands[0], strlen(arguments->operands[0]), &choice, err);
    return 0;
}

/* Whether it is an option of another program, which is given it. */
static bool is_passed(const struct operands *operands, const struct option *options, const char *word)
{
    if (operands->kind != OPERAND_PASSED || strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0 ||
        option_find_word(options, word))
        return false;
    /* Where ours come first, one that looks like them is a slip, not the program's. */
    return !operands->end_options || word[1] != '-' || !find_similar(options, word + 2, strcspn(word + 2, "="));
}

int option_parse(const struct option *options, const struct operands *operands, char **words, int count,
                 struct arguments *arguments, struct genv_error *err)
{
    struct parser parser = {.options = options, .words = words, .count = count, .values = arguments->values};
    bool only_operands = false;
    int r;

    arguments->operands = words;
    arguments->operand_count = 0;
    while (parser.next < count) {
        char *word = words[parser.next++];

        if (!only_operands && strcmp(word, "--") == 0) {
            only_operands = true;
            continue;
        }
        if (only_operands || !is_option(word) || is_passed(operands, options, word)) {
            words[arguments->operand_count++] = word;
            only_operands = only_operands || operands->kind == OPERAND_COMMAND || operands->end_options;
            continue;
        }
        r = word[1] == '-' ? parse_long(&parser, word + 2, err) : parse_short(&parser, word, err);
        arguments->help = parser.help;
        if (r < 0 || parser.help)
            return r;
    }
    words[arguments->operand_count] = NULL; /* so that a command can be executed as it stands */
    r = check_required(&parser, err);
    return r < 0 ? r : check_operands(operands, arguments, err);
}
