/* What the arguments of an interpreter of Python ask for. */
#ifndef CLI_INTERPRETER_H
#define CLI_INTERPRETER_H

enum interpreter_need {
    INTERPRETER_NEEDS_DEVICES,      /* a program */
    INTERPRETER_NEEDS_IF_AVAILABLE, /* -c CODE: of the user, who wants devices, or of an editor, which needs an answer
                                     */
    INTERPRETER_NEEDS_NONE,         /* a question about the interpreter, or a tool for packages or source code */
};

/* @words: the arguments, NULL-terminated. */
enum interpreter_need interpreter_need(char *const *words);

#endif
