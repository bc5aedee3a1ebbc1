/* The contents of genv.bash, genv.zsh and genv.fish, embedded at build time by embed.py. */
#ifndef SHELL_CODE_H
#define SHELL_CODE_H

extern const char shell_code_bash[], shell_code_zsh[], shell_code_fish[];

#endif
