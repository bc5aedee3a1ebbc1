/* nvidia-smi without the view: the real one, told which devices to show. */
#ifndef SHIM_FALLBACK_H
#define SHIM_FALLBACK_H

/* Says @reason, and becomes @program, the real nvidia-smi, with --id= of this environment's devices where that option
 * can be given; where not, it is refused. Processes are not filtered. Returns the exit status. */
int fallback(const char *program, char **words, const char *reason);

#endif
