/* A container's config.json, or the process of `exec`: read, changed and written so that what genv does not know stays
 * as it was, numbers beyond 64 bits with a sign and fractions included. No input or output. */
#ifndef CONTAINER_CONFIG_H
#define CONTAINER_CONFIG_H

#include "base/json.h"
#include "base/text.h"

#define CONFIG_SIZE_MAX (64 * 1024 * 1024)

/* NULL: it is not JSON, or would take too much memory. What config_format() writes again. */
json_t *config_parse(const char *text, size_t length, struct genv_error *err);
/* free() the text; NULL: out of memory. */
char *config_format(const json_t *config, size_t *ret_length);
/* The same for people to read. */
char *config_format_indented(const json_t *config, size_t *ret_length);

/* The member of @object at @path, "linux.resources", made where it is missing. NULL: one on the way is something else
 * than an object, or memory ran out; @err says which. Borrowed. */
json_t *config_object(json_t *object, const char *path, struct genv_error *err);
/* The list @name in @object, made where it is missing or null. */
json_t *config_list(json_t *object, const char *name, struct genv_error *err);

/* The value of the variable @name in the list @env, "NAME=VALUE" each; the last one counts. NULL: not set. Borrowed. */
const char *config_variable(const json_t *env, const char *name);
/* Sets it, in its place if it is there; @value NULL: removes it. -ENOMEM */
int config_set_variable(json_t *env, const char *name, const char *value);

#endif
