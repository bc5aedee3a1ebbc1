/* What the commands of `genv remote` share: which hosts, and what they answer. */
#ifndef CLI_REMOTE_H
#define CLI_REMOTE_H

#include "cli/cli.h"
#include "cli/table.h"
#include "option/remote.h"
#include "remote/survey.h"

/* The hosts that the options, or else the host file in force, name. */
int remote_hosts(const struct remote_options *values, struct host_list *ret_hosts, struct genv_error *err);

/* Asks them all. A host that fails is complained about (values->quiet: is not), or fails the command
 * (values->strict). -EIO: none answered. @looks may be NULL: see struct survey_options. @named, which may be NULL,
 * marks per host who was complained about, and is not again. */
int remote_survey(const struct remote_options *values, const struct host_list *hosts,
                  const struct survey_options *looks, bool *named, struct survey *ret_survey, struct genv_error *err);

/* Complains about a host that failed, unless values->quiet. */
void remote_complain(const struct remote_options *values, const struct host *host, const struct genv_error *err);

/* The hosts of the options in front of the command, and what all of them answer. */
int remote_survey_all(const struct arguments *arguments, struct host_list *ret_hosts, struct survey *ret_survey,
                      struct genv_error *err);

/* The options of a remote table. */
struct remote_table_options {
    struct table_options table;
    bool no_summary;
};
extern const struct option remote_table_option_rows[];

/* Adds a JSON array with an object for each host that answered: "host", "hostname", and under @key, unless it is NULL,
 * the JSON text that @part makes of its snapshot; without a key the text's own members take their place beside "host".
 */
int remote_add_json(struct text *text, const struct survey *survey, const char *key,
                    char *(*part)(const struct genv_snapshot *snapshot), struct genv_error *err);

/* How many hosts answered. */
size_t remote_count_answers(const struct survey *survey);

#endif
