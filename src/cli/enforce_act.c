/* genv enforce-act: mends on this machine what `genv remote enforce` has found here; each after a look of its own. */
#include <errno.h>
#include <poll.h>
#include <string.h>

#include "base/file.h"
#include "base/json.h"
#include "cli/enforcement.h"

#define STEP_MS 20 /* between looks whether a process has ended */

struct values {
    bool warn;
    bool dry_run;
    double grace_seconds;
    double kill_after_seconds;
};

static const struct values defaults = {.kill_after_seconds = 5};

static const struct option options[] = {
    {.name = "warn", .type = OPTION_FLAG, .help = "Only tell the users", .offset = offsetof(struct values, warn)},
    {.name = "dry-run",
     .type = OPTION_FLAG,
     .help = "Only say what would be done",
     .offset = offsetof(struct values, dry_run)},
    {.name = "grace",
     .type = OPTION_SECONDS,
     .argument = "SECONDS",
     .help = "What the users are told",
     .offset = offsetof(struct values, grace_seconds)},
    {.name = "kill-after",
     .type = OPTION_SECONDS,
     .argument = "SECONDS",
     .help = "As of 'genv enforce'",
     .offset = offsetof(struct values, kill_after_seconds)},
    {.name = NULL},
};

/* A line of JSON for the other side. Takes the reference. */
static void tell(json_t *entry)
{
    cleanup_free char *printed = entry ? json_dumps(entry, JSON_COMPACT) : NULL;
    cleanup_text struct text line = TEXT_INIT;

    text_addf(&line, "%s\n", printed ? printed : "{}");
    if (!line.failed)
        file_write(STDOUT_FILENO, line.data, line.length);
    json_decref(entry);
}

static void report(const struct act_report *act, void *data)
{
    (void)data;
    tell(journal_entry_of_act(act));
}

static int read_violations(struct cli *cli, char **words, const struct genv_snapshot *snapshot,
                           struct violation_list *list, struct genv_error *err)
{
    for (; *words; words++) {
        struct violation violation;

        if (violation_from_word(*words, &violation) < 0)
            return cli_usage_error(cli, error_set(err, EINVAL, "'%s' is no violation", *words), err);
        violation_complete(&violation, snapshot);
        if (violation_list_add(list, &violation) < 0)
            return error_no_memory(err);
    }
    return 0;
}

static int act(struct cli *cli, const struct values *values, const struct violation_list *list, struct genv_error *err)
{
    const char *terminate = getenv("GENV_TERMINATE_PROCESSES"); /* of this host's administrator, perhaps */
    const struct act_options how = {.dry_run = values->dry_run || (terminate && strcmp(terminate, "0") == 0),
                                    .kill_after_seconds = values->kill_after_seconds,
                                    .report = report};
    struct acts *acts = NULL;
    int r = acts_new(cli->genv, &how, &acts, err);

    if (r == 0)
        r = acts_apply(acts, list->items, list->count, err);
    while (r == 0 && acts_next_ms(acts) >= 0) {
        poll(NULL, 0, acts_next_ms(acts) < STEP_MS ? acts_next_ms(acts) : STEP_MS);
        r = acts_continue(acts, err);
    }
    acts_free(acts);
    return r;
}

static int run(struct cli *cli, const struct arguments *arguments, struct genv_error *err)
{
    const struct values *values = arguments->values;
    cleanup_violation_list struct violation_list list = {0};
    cleanup_snapshot struct genv_snapshot *snapshot = NULL;
    int r = cli_open(cli, err);

    if (r == 0)
        r = genv_snapshot_take(cli->genv, GENV_DEPTH_LIVE, &snapshot, err);
    if (r == 0)
        r = read_violations(cli, arguments->operands, snapshot, &list, err);
    if (r < 0 || !values->warn)
        return r < 0 ? r : act(cli, values, &list, err);
    for (size_t i = 0; i < list.count; i++) {
        cleanup_text struct text sentence = TEXT_INIT;

        if (enforcement_warn(&list.items[i], snapshot, values->grace_seconds, &sentence))
            tell(journal_entry("warned", "", &list.items[i], NULL, sentence.data));
    }
    return 0;
}

const struct command command_enforce_act = {
    .name = "enforce-act",
    .summary = "Mend what 'genv remote enforce' has found on this machine",
    .description = "For genv's own use: prints what it did as JSON, an object a line.",
    .group = GROUP_MACHINE,
    .hidden = true,
    .options = options,
    .defaults = &defaults,
    .values_size = sizeof(defaults),
    .operands = {.synopsis = "VIOLATION...", .kind = OPERAND_TEXT, .min = 1, .max = OPERANDS_ANY},
    .run = run,
};
