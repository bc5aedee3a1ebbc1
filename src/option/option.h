/* Options by table: one table a command says what its options are. Parsing, --help, the man page and the completions
 * of the shells all read that table. */
#ifndef OPTION_OPTION_H
#define OPTION_OPTION_H

#include <limits.h>

#include <genv/genv.h>

#define OPTION_NUMBER_MAX  65535   /* device counts and indices */
#define OPTION_CHOICES_MAX 64      /* words of one OPTION_CHOICES */
#define OPERANDS_ANY       INT_MAX /* as many as the system passes to a program */

/* What an option's value is, and what @offset points to. */
enum option_type {
    OPTION_FLAG,    /* bool; takes no value */
    OPTION_COUNT,   /* int: a number of devices */
    OPTION_PORT,    /* unsigned: of TCP, or 0 */
    OPTION_DEVICE,  /* const char *: a device's index or UUID */
    OPTION_PID,     /* pid_t */
    OPTION_UID,     /* uid_t */
    OPTION_SECONDS, /* double, fractions allowed */
    OPTION_AMOUNT,  /* uint64_t: bytes of memory */
    OPTION_EID,     /* const char *, a valid identifier */
    OPTION_NAME,    /* const char *, a valid name */
    OPTION_FIELD,   /* struct genv_config: the value of @field in it */
    OPTION_TEXT,    /* const char *, anything */
    OPTION_CHOICE,  /* int: position in @choices */
    OPTION_CHOICES, /* struct option_choices: this word and those that follow, or comma-separated */
    OPTION_WORDS,   /* struct option_words: this word and those that follow */
};

struct option_choices {
    int items[OPTION_CHOICES_MAX]; /* positions in @choices */
    size_t count;
};

struct option_words {
    const char *items[OPTION_CHOICES_MAX];
    size_t count;
};

struct option {
    const char *name;  /* without the dashes; NULL ends a table */
    const char *alias; /* another spelling, understood and not shown, or NULL */
    char letter;       /* of the short form, or 0 */
    bool required;     /* it must be given, or another one of its group */
    bool filled;       /* of OPTION_TEXT: it may not be empty */
    enum option_type type;
    const char *argument; /* the value's name in help: "N"; NULL for a flag */
    const char *help;     /* one sentence without a full stop; NULL: older callers give it, and it is not shown */
    size_t offset;        /* of the value in the command's struct */
    double least_seconds; /* of OPTION_SECONDS */
    const char *const *choices;
    enum genv_config_field field; /* of OPTION_FIELD */
    int group;                    /* options of the same group exclude each other; 0: none */
};

/* What a command takes beside options. */
enum operand_kind {
    OPERAND_TEXT,    /* checked by the command */
    OPERAND_CHOICE,  /* the first one is one of @choices */
    OPERAND_TOPIC,   /* the name of a genv command */
    OPERAND_COMMAND, /* a command with its arguments; options end where it begins */
    OPERAND_PASSED,  /* what another program is given: options that the table lacks are operands, too */
};

struct operands {
    const char *synopsis; /* "[FIELD [VALUE]]"; NULL: takes none */
    enum operand_kind kind;
    int min, max;
    const char *const *choices;
    bool end_options; /* of OPERAND_PASSED: all words behind the first of them are operands, as of OPERAND_COMMAND */
};

struct arguments {
    const void *above; /* the values of the command in front of a subcommand: of `genv remote` in `genv remote envs` */
    void *values;      /* the command's struct */
    char **operands;
    int operand_count;
    bool help; /* --help was given: nothing behind it was looked at */
};

/* Parses @words against @options into @arguments->values, which holds the defaults. @words is reordered: operands are
 * moved to its front. -EINVAL: a usage error, whose sentence names the option and the accepted form. */
int option_parse(const struct option *options, const struct operands *operands, char **words, int count,
                 struct arguments *arguments, struct genv_error *err);

/* Reads one value of @option into @target; also for operands that hold such a value. */
int option_parse_value(const struct option *option, const char *text, void *target, struct genv_error *err);

/* The option that @name, without dashes, spells, or NULL. */
const struct option *option_find(const struct option *options, const char *name, size_t length);
const struct option *option_find_letter(const struct option *options, char letter);
/* The option that @word, with its dashes, begins with, or NULL. One dash does for a long name whose first letter is no
 * short option: the Python genv has -hostfile. */
const struct option *option_find_word(const struct option *options, const char *word);
/* -EINVAL: @options have no @name, of @length, which was typed behind @dashes. Says which of them was meant, or --help.
 */
int option_refuse(const struct option *options, const char *dashes, const char *name, size_t length,
                  struct genv_error *err);

#endif
