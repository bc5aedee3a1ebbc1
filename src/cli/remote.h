/* What the commands of `genv remote` share: which hosts, and what they answer. */
#ifndef CLI_REMOTE_H
#define CLI_REMOTE_H

#include "cli/cli.h"
#include "cli/table.h"
#include "option/remote.h"
#include "remote/survey.h"

/* The hosts that the options, or else the host file in force, name. */
int remote_hosts(const struct remote_options *values, struct host_list *ret_hosts, struct genv_error *err);

/* Complains about a host that failed, unless values->quiet. */
void remote_complain(const struct remote_options *values, const struct host *host, const struct genv_error *err);

/* Ends as if the signal @caught had come first, once nothing is left to be ended; 0: there was none. */
void remote_end_by(int caught);

/* The hosts of the options in front of the command, and what all of them answer. A host that fails is complained about,
 * or fails the command (strict). -EIO: none answered. */
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

#endif
