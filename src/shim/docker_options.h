/* The options of docker and podman, as far as one must know them to see where they end. What one of both has alone
 * stands in the same table: it is an error for the other. */
#ifndef SHIM_DOCKER_OPTIONS_H
#define SHIM_DOCKER_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>

struct docker_option {
    const char *name; /* NULL ends a table */
    char letter;      /* of the short form, or 0 */
    bool has_value;
};

extern const struct docker_option docker_global_options[];      /* docker OPTION... COMMAND */
extern const struct docker_option docker_run_options[];         /* docker run|create OPTION... IMAGE */
extern const struct docker_option docker_compose_options[];     /* docker compose OPTION... COMMAND */
extern const struct docker_option docker_compose_run_options[]; /* … run OPTION... SERVICE */
extern const struct docker_option docker_compose_up_options[];  /* … up|create|scale OPTION... SERVICE... */

enum docker_kind {
    DOCKER_OPTION,  /* one of the table, or one with its value behind "=" */
    DOCKER_UNKNOWN, /* an option that the table does not have: the next word may be its value */
    DOCKER_END,     /* no option, or "--", which @word_count then says */
};

struct docker_word {
    enum docker_kind kind;
    const struct docker_option *option; /* that the table has, or NULL; of "-itv" the last one */
    const char *value;                  /* of @option; NULL: it has none */
    bool joined;                        /* the value is in the same word: "--name=value", "-vvalue" */
    size_t word_count;                  /* how many words it takes */
};

/* What stands at @words, which is NULL-terminated. */
struct docker_word docker_read(const struct docker_option *table, char **words);

#endif
