/* A program of its own behind a command of genv: it reads its words, and says what is wrong, as genv does. */
#ifndef OPTION_PROGRAM_H
#define OPTION_PROGRAM_H

#include "option/command.h"

#define EXIT_USAGE 2 /* the words are not understood */

/* Parses @words, which are behind the command's own, into @values, which has room for command->values_size bytes, and
 * @ret_arguments. -1: they are understood; otherwise the exit status of a program that has said all: the help that was
 * asked for, or why it refuses. */
int program_parse(const struct command *command, char **words, int count, void *values,
                  struct arguments *ret_arguments);

/* One line on standard error: "genv: " and @message, whatever could harm a terminal replaced by "?". */
void program_complain(const char *message);

#endif
