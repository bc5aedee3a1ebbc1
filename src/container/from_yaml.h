/* YAML as the JSON that it stands for. */
#ifndef CONTAINER_FROM_YAML_H
#define CONTAINER_FROM_YAML_H

#include "base/json.h"

/* Parses one document, whose plain scalars are what YAML's core schema says, into what json_parse() makes of the same
 * in JSON, with its limits of depth and weight. Refused, with the line: anchors and aliases, tags of other schemas,
 * keys that are not scalars or come twice, further documents, what JSON cannot hold. A new reference, or NULL. */
json_t *json_from_yaml(const char *text, size_t length, struct genv_error *err);

#endif
