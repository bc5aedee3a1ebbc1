/* What enforcement that goes on shares on one machine and on many: limits, rounds, journal. */
#include "enforce/session.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/json.h"

/* The file's, then those of the options instead. */
static int collect_limits(const struct session_options *options, struct limits *limits, struct genv_error *err)
{
    int r;

    if (options->limits_file && access(options->limits_file, F_OK) < 0)
        return error_set_errno(err, errno, "cannot read the limits file %s", options->limits_file);
    r = limits_load(options->limits_file ? options->limits_file : LIMITS_FILE, limits, err);
    for (size_t i = 0; r == 0 && i < options->maximum_count; i++) {
        const struct session_maximum *maximum = &options->maxima[i];
        struct limit limit = {
            .subject = *maximum->user ? LIMIT_USER : LIMIT_ANYONE,
            .kind = maximum->is_memory ? LIMIT_MEMORY : LIMIT_DEVICES,
            .maximum = maximum->amount,
        };

        copy_string(limit.name, sizeof(limit.name), maximum->user);
        r = limits_set(limits, &limit, err);
    }
    return r;
}

static unsigned choose_rules(const struct session_options *options, const struct limits *limits)
{
    unsigned rules = 0;

    if (options->non_env_processes)
        rules |= 1U << RULE_NON_ENV_PROCESSES;
    if (options->env_devices)
        rules |= 1U << RULE_ENV_DEVICES;
    if (options->env_memory)
        rules |= 1U << RULE_ENV_MEMORY;
    for (size_t i = 0; i < limits->count; i++) {
        if (limits->items[i].kind < LIMIT_HELD_COUNT)
            rules |= 1U << (limits->items[i].kind == LIMIT_DEVICES ? RULE_MAX_DEVICES : RULE_MAX_MEMORY);
    }
    return rules;
}

char *session_journal_path(const char *state, const char *named)
{
    struct text path = TEXT_INIT;

    if (named)
        text_add(&path, named);
    else
        text_addf(&path, "%s/" JOURNAL_NAME, state);
    return text_take(&path);
}

/* Only root's enforcement has a journal unless one is named: the state directory's is root's. Where nobody has used
 * genv yet there is no state directory either: the journal waits for it. */
static int open_journal(struct session *session, struct genv_error *err)
{
    const char *named = session->options->journal;
    cleanup_free char *path = NULL;
    int r;

    if (session->journal || !(named || geteuid() == 0))
        return 0;
    path = session_journal_path(session->state, named);
    if (!path)
        return error_no_memory(err);
    r = journal_open(path, !named, &session->journal, err);
    return r == -ENOENT && !named ? 0 : r;
}

static const char *limits_path(const struct session *session)
{
    const char *path = session->options->limits_file;

    return path ? path : LIMITS_FILE;
}

static void complain_of_name(const char *message, void *data)
{
    const struct session *session = data;

    session->options->complain(message, true, session->options->data);
}

/* Reads the limits, over those that there are; if they are wrong these stay. */
static int read_limits(struct session *session, struct genv_error *err)
{
    cleanup_limits struct limits limits = {0};
    int r;

    if (stat(limits_path(session), &session->limits_stat) < 0)
        session->limits_stat = (struct stat){.st_ino = 0};
    r = collect_limits(session->options, &limits, err);
    if (r < 0)
        return r;
    limits_check_subjects(&limits, limits_path(session), session->local, complain_of_name, session);
    if (limits.unknown_line) {
        struct genv_error unknown = {0};

        error_set(&unknown, EINVAL, "ignoring line %u of %s: unknown word '%s'", limits.unknown_line,
                  limits_path(session), limits.unknown);
        session->options->complain(unknown.message, false, session->options->data);
    }
    limits_release(&session->limits);
    session->limits = limits;
    limits = (struct limits){0};
    session->rounds.rules = choose_rules(session->options, &session->limits);
    return 0;
}

/* Attaching reads the file each time: so must who enforces. */
static void follow_limits(struct session *session)
{
    const struct stat *before = &session->limits_stat;
    struct genv_error err = {0};
    struct stat now;

    if (stat(limits_path(session), &now) < 0)
        now = (struct stat){.st_ino = 0};
    if (now.st_ino == before->st_ino && now.st_dev == before->st_dev && now.st_size == before->st_size &&
        now.st_mtim.tv_sec == before->st_mtim.tv_sec && now.st_mtim.tv_nsec == before->st_mtim.tv_nsec)
        return;
    if (read_limits(session, &err) < 0) {
        error_prefix(&err, -EINVAL, "keeping the previous limits");
        session->options->complain(err.message, false, session->options->data);
    }
}

bool session_is_withheld(void)
{
    const char *terminate = getenv("GENV_TERMINATE_PROCESSES");

    return terminate && strcmp(terminate, "0") == 0;
}

int session_begin(struct session *session, struct genv *g, const struct session_options *options, bool local,
                  struct genv_error *err)
{
    int r;

    *session = (struct session){.options = options, .state = genv_state_directory(g), .local = local};
    session->dry_run = options->dry_run || session_is_withheld();
    session->rounds.limits = &session->limits;
    session->rounds.grace_seconds = session->dry_run ? 0 : options->grace_seconds;
    session->rounds.retry = !session->dry_run;
    r = read_limits(session, err);
    return r < 0 ? r : open_journal(session, err);
}

static void write_entry(json_t *entry, void *data)
{
    struct session *session = data;
    const struct session_options *options = session->options;
    struct genv_error err = {0};

    options->tell(entry, options->data);
    if (open_journal(session, &err) < 0 || (session->journal && journal_write(session->journal, entry, &err) < 0)) {
        session->failed = true;
        options->complain(err.message, false, options->data);
    }
}

void session_tell(struct session *session, json_t *entry)
{
    /* With a dry run somebody wants to see all. */
    if (entry && (session->dry_run || tally_admit(&session->tally, entry, clock_monotonic_ms())))
        write_entry(entry, session);
}

void session_sum_up(struct session *session)
{
    tally_sum(&session->tally, clock_monotonic_ms(), false, write_entry, session);
}

void session_end(struct session *session)
{
    tally_sum(&session->tally, clock_monotonic_ms(), true, write_entry, session);
    tally_release(&session->tally);
    limits_release(&session->limits);
    journal_close(session->journal);
    rounds_release(&session->rounds);
}

void session_follow_up(struct session *session, const struct violation *violation, enum act_outcome outcome)
{
    switch (outcome) {
    case ACT_DETACHED:
    case ACT_GONE:
        rounds_settle(&session->rounds, violation);
        break;
    case ACT_BUSY:
        session->failed = true;
        rounds_postpone(&session->rounds, violation);
        break;
    case ACT_FORBIDDEN:
    case ACT_FAILED:
        session->failed = true;
        break;
    case ACT_TERMINATED: /* it is still there, or its successor is another */
    case ACT_KILLED:
    case ACT_WITHHELD:
    case ACT_OUTCOME_COUNT:
        break;
    }
}

int session_look(struct session *session, const struct enforce_host *hosts, size_t host_count,
                 struct violation_list *ret_new, struct violation_list *ret_due, struct genv_error *err)
{
    int r;

    follow_limits(session);
    r = rounds_look(&session->rounds, hosts, host_count, ret_new, ret_due, err);
    for (size_t i = 0; r == 0 && i < ret_new->count; i++) {
        const struct violation *violation = &ret_new->items[i];
        const char *host = hosts[violation->host].name;
        cleanup_text struct text sentence = TEXT_INIT;
        cleanup_json json_t *entry = NULL;

        violation_describe(violation, &sentence);
        entry = journal_entry("found", host, violation, NULL, sentence.data ? sentence.data : "");
        session_tell(session, entry);
    }
    return r;
}
