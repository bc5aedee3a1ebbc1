/* How an engine is told of genv's OCI runtime, and whose a container is that it starts. */
#ifndef SHIM_RUNTIME_H
#define SHIM_RUNTIME_H

#include "base/error.h"
#include "base/text.h"

#include <genv/genv.h>

/* Whether @engine, a name or a path, is the program @name, or one whose name begins so. */
bool runtime_is_called(const char *engine, const char *name);

/* Adds by what @engine knows the runtime: docker by the name that `genv docker install` gave it; the others take a
 * path, that of the program in @folder. */
void runtime_add_name(struct text *runtime, const char *engine, const char *folder);

/* Makes a claim, which says whose the container is where an engine that runs @as_root starts it for somebody else; ""
 * where none is needed. */
int runtime_claim(bool as_root, char ret_claim[static GENV_CLAIM_SIZE], struct genv_error *err);

#endif
