/* What a host without genv tells of its devices: the answer of its nvidia-smi. */
#ifndef REMOTE_SMI_H
#define REMOTE_SMI_H

#include "base/error.h"

#include <genv/genv.h>

/* The words that ask it, NULL-terminated, the program first. */
extern const char *const smi_words[];

/* Reads the answer into a snapshot that has devices alone. -EINVAL: not such an answer; it may be hostile. */
int smi_parse(const char *text, struct genv_snapshot **ret_snapshot, struct genv_error *err);

#endif
