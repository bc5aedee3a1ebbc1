/* What the program that loaded the view makes of devices' numbers. */
#ifndef VIEW_PROGRAM_H
#define VIEW_PROGRAM_H

#include <stdbool.h>
#include <stddef.h>

/* Whether the program passes over numbers of devices that it may not open, and tells of no number of devices: it is
 * nvidia-smi, in most of its modes. */
bool program_passes_over_numbers(void);

/* The same of the NUL-terminated words of a command line, as in /proc/PID/cmdline. */
bool program_words_pass_over_numbers(const char *words, size_t length);

#endif
