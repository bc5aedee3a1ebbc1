/* The tables of options, all of them: what the one parser and the help take for granted of a table. */
#include "unit.h"

#include <string.h>

#include "base/text.h"
#include "cli/command.h"
#include "option/help.h"

#define COLUMNS 80

/* Every command, those of `genv remote` and the like included. */
static void for_each_command(const struct command *const *list, void (*visit)(const struct command *command))
{
    for (; list && *list; list++) {
        visit(*list);
        for_each_command((*list)->subcommands, visit);
    }
}

static void for_each_option(const struct command *command,
                            void (*visit)(const struct command *command, const struct option *option))
{
    for (const struct option *option = command->options; option && option->name; option++)
        visit(command, option);
}

static void expect_sole(const struct command *command, const struct option *option)
{
    assert_ptr_equal(option_find(command->options, option->name, strlen(option->name)), option);
    assert_string_not_equal(option->name, "help");
    if (option->alias)
        assert_ptr_equal(option_find(command->options, option->alias, strlen(option->alias)), option);
    if (option->letter)
        assert_ptr_equal(option_find_letter(command->options, option->letter), option);
    assert_int_not_equal(option->letter, 'h');
}

static void visit_spellings(const struct command *command)
{
    for_each_option(command, expect_sole);
    for (const struct command *const *sub = command->subcommands; sub && *sub; sub++)
        assert_ptr_equal(command_find(command, command_word(*sub)), *sub);
}

static void a_spelling_is_that_of_one_option(void **state)
{
    (void)state;
    for_each_command(commands, visit_spellings);
}

/* A script that says --time would change its meaning with the option that comes next. */
static void expect_whole(const struct command *command, const struct option *option)
{
    for (size_t length = 0; length < strlen(option->name); length++) {
        const struct option *found = option_find(command->options, option->name, length);

        assert_true(!found || strlen(found->name) == length || strlen(found->alias) == length);
    }
}

static void visit_names(const struct command *command)
{
    for_each_option(command, expect_whole);
}

static void a_part_of_a_name_is_no_name(void **state)
{
    (void)state;
    for_each_command(commands, visit_names);
}

static size_t size_of(const struct option *option)
{
    static const size_t sizes[] = {
        [OPTION_FLAG] = sizeof(bool),
        [OPTION_COUNT] = sizeof(int),
        [OPTION_PORT] = sizeof(unsigned),
        [OPTION_DEVICE] = sizeof(char *),
        [OPTION_PID] = sizeof(pid_t),
        [OPTION_UID] = sizeof(uid_t),
        [OPTION_SECONDS] = sizeof(double),
        [OPTION_AMOUNT] = sizeof(uint64_t),
        [OPTION_EID] = sizeof(char *),
        [OPTION_NAME] = sizeof(char *),
        [OPTION_FIELD] = sizeof(struct genv_config),
        [OPTION_TEXT] = sizeof(char *),
        [OPTION_CHOICE] = sizeof(int),
        [OPTION_CHOICES] = sizeof(struct option_choices),
        [OPTION_WORDS] = sizeof(struct option_words),
    };

    return sizes[option->type];
}

static void expect_fit(const struct command *command, const struct option *option)
{
    bool chooses = option->type == OPTION_CHOICE || option->type == OPTION_CHOICES;

    assert_true(option->offset + size_of(option) <= command->values_size);
    assert_true(option - command->options < 64 && option->group >= 0 && option->group < 64);
    assert_int_equal(option->type == OPTION_FLAG, !option->argument);
    assert_true(!chooses || (option->choices && *option->choices));
    assert_true(!option->required || option->argument);
    assert_true(!option->filled || option->type == OPTION_TEXT);
    assert_true(!strpbrk(option->name, "= ") && strspn(option->name, "-0123456789") == 0);
    assert_true(!option->letter || !strchr("-=0123456789", option->letter));
}

static void visit_fits(const struct command *command)
{
    const struct operands *operands = &command->operands;

    for_each_option(command, expect_fit);
    assert_true(operands->min <= operands->max && (operands->synopsis != NULL) == (operands->max > 0));
    assert_true(operands->kind != OPERAND_CHOICE || operands->choices);
    assert_true(!operands->end_options || operands->kind == OPERAND_PASSED);
    assert_true(command->run || command->program || command->subcommands);
}

static void a_table_fits_its_command(void **state)
{
    (void)state;
    for_each_command(commands, visit_fits);
}

static void visit_help(const struct command *command)
{
    cleanup_text struct text help = TEXT_INIT;
    char *rest, *line;

    help_add_command(&help, command, &help_style_plain);
    assert_false(help.failed);
    for (const struct option *option = command->options; option && option->name; option++) {
        cleanup_text struct text name = TEXT_INIT;

        text_addf(&name, "--%s", option->name);
        if (option->help) /* else it is for those who know it from before */
            assert_non_null(strstr(help.data, name.data));
    }
    for (rest = help.data; (line = strsep(&rest, "\n"));) {
        assert_true(utf8_is_printable(line));
        assert_true(strlen(line) <= COLUMNS);
    }
}

static void every_command_has_help(void **state)
{
    (void)state;
    for_each_command(commands, visit_help);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(a_spelling_is_that_of_one_option),
    cmocka_unit_test(a_part_of_a_name_is_no_name),
    cmocka_unit_test(a_table_fits_its_command),
    cmocka_unit_test(every_command_has_help),
};

UNIT_MAIN(tests)
