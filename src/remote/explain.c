/* What ssh's failures mean, and what to do about them. */
#include "remote/ssh.h"

#include <errno.h>
#include <string.h>
#include <strings.h>

#include "base/text.h"

#define SIGNALLED      128
#define NOT_EXECUTABLE 126
#define NOT_FOUND      127
#define USAGE_ERROR    2

#define DENIED "Permission denied (" /* behind "USER@HOST: ", which an ssh before 8.0 does not say */

/* What is printed where sshd closes the connection before it has let anybody in. ssh 10 says the last alone; one that
 * is lost later is "closed by remote host". */
static const char *const turned_away[] = {
    "ssh_exchange_identification: ", "kex_exchange_identification: ", "banner exchange: ",
    "Exceeded MaxStartups",          "Not allowed at this time",      "write: Broken pipe",
    "Connection closed by ",
};

/* Where ssh and sshd, or ssh and its configuration, do not fit together. */
static const char *const misfits[] = {
    "Unable to negotiate", "no matching ", "Bad configuration option", "terminating, ", "Bad owner or permissions",
};

static bool begins_with_any(const char *line, size_t length, const char *const *beginnings)
{
    for (; *beginnings; beginnings++) {
        if (length >= strlen(*beginnings) && memcmp(line, *beginnings, strlen(*beginnings)) == 0)
            return true;
    }
    return false;
}

/* Whether ssh only warns there, whatever becomes of the connection. */
static bool is_warning(const char *line, size_t length)
{
    static const char *const warnings[] = {"Warning: Permanently added ", "Warning: Identity file ", "** ", NULL};

    return begins_with_any(line, length, warnings);
}

/* The last line of @output in which @pattern is. free() it; NULL: there is none. */
static char *find_line(const char *output, const char *pattern)
{
    const char *begin = NULL;

    for (const char *hit = strstr(output, pattern); hit; hit = strstr(hit + 1, pattern))
        begin = hit;
    while (begin && begin > output && !strchr("\r\n", begin[-1]))
        begin--;
    return begin ? strndup(begin, strcspn(begin, "\r\n")) : NULL;
}

/* The last line that is neither empty nor a warning. free() it; NULL: there is none. */
static char *find_last_line(const char *output)
{
    const char *found = NULL;
    size_t found_length = 0;

    while (*output) {
        size_t length = strcspn(output, "\r\n");

        if (length > 0 && !is_warning(output, length)) {
            found = output;
            found_length = length;
        }
        output += length + strspn(output + length, "\r\n");
    }
    return found ? strndup(found, found_length) : NULL;
}

static bool is_silent(const char *output)
{
    cleanup_free char *line = find_last_line(output);

    return !line;
}

static bool has(const char *output, const char *pattern)
{
    return strstr(output, pattern) != NULL;
}

static int say_line(const char *output, int code, const char *what, struct genv_error *err)
{
    cleanup_free char *line = find_last_line(output);

    if (!line)
        return error_set(err, code, "%s without an error message", what);
    return error_set(err, code, "%s: %s", what, line);
}

/* "paul@gpu-1: Permission denied (publickey,password)." */
static int explain_denied(const struct host *host, const char *output, struct genv_error *err)
{
    cleanup_free char *line = find_line(output, DENIED);
    bool named;

    if (line)
        *strstr(line, DENIED) = '\0';
    named = line && strchr(line, '@') && strlen(line) > strlen(": ");
    if (named)
        line[strlen(line) - strlen(": ")] = '\0';
    return error_set(err, EACCES,
                     "ssh cannot log in%s%s without a password: install your key on the host (ssh-copy-id %s), or load "
                     "it with ssh-add",
                     named ? " as " : "", named ? line : "", host->destination);
}

/* "Offending ED25519 key in /home/paul/.ssh/known_hosts:3" is the line to remove. */
static int explain_host_key(const struct host *host, const char *output, struct genv_error *err)
{
    cleanup_free char *line = find_line(output, "Offending ");
    const char *place = line ? strstr(line, " key in ") : NULL;

    if (has(output, "REVOKED"))
        return error_set(err, EKEYREJECTED, "the host key is revoked: ask the host's administrator");
    if (has(output, "HAS CHANGED"))
        return error_set(err, EKEYREJECTED,
                         "the host key has changed: the host was reinstalled, or the connection is being intercepted; "
                         "if you trust it, remove the old key (%s)",
                         place ? place + strlen(" key in ") : "ssh-keygen -R");
    return error_set(err, EKEYREJECTED, "the host key is not known yet: run 'ssh %s' once and compare the key",
                     host->destination);
}

static const struct reason {
    const char *pattern;
    int code;
    const char *sentence;
} reasons[] = {
    {"Could not resolve hostname", EHOSTUNREACH, "cannot resolve the host name: check it, or add it to ~/.ssh/config"},
    {"Connection refused", ECONNREFUSED, "connection refused: no sshd listens on that port"},
    {"No route to host", EHOSTUNREACH, "cannot reach the host: no route to host"},
    {"Network is unreachable", EHOSTUNREACH, "cannot reach the host: the network is unreachable"},
    {"Host is down", EHOSTUNREACH, "cannot reach the host: the host is down"},
    {"timed out", ETIMEDOUT, "no response: the host is down, slow or behind a firewall"},
    {"Timeout, server", ETIMEDOUT, "the host stopped responding"},
    {"Too many authentication failures", EACCES,
     "ssh offered too many keys: choose one in ~/.ssh/config (IdentityFile and IdentitiesOnly yes)"},
};

static bool is_host_key(const char *output)
{
    return has(output, "Host key verification failed") || has(output, "REMOTE HOST IDENTIFICATION HAS CHANGED");
}

static bool has_any(const char *output, const char *const *patterns, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (has(output, patterns[i]))
            return true;
    }
    return false;
}

/* Whether what ssh said of its failure is known to be so at the next try. */
static bool lasts(const char *output)
{
    if (is_host_key(output) || has(output, DENIED) || has_any(output, misfits, ARRAY_SIZE(misfits)))
        return true;
    for (size_t i = 0; i < ARRAY_SIZE(reasons); i++) {
        if (has(output, reasons[i].pattern))
            return true;
    }
    return false;
}

/* ssh itself failed. */
static int explain_ssh(const struct host *host, const char *output, struct genv_error *err)
{
    if (is_host_key(output))
        return explain_host_key(host, output, err);
    if (has(output, DENIED))
        return explain_denied(host, output, err);
    for (size_t i = 0; i < ARRAY_SIZE(reasons); i++) {
        if (has(output, reasons[i].pattern))
            return error_set(err, reasons[i].code, "%s", reasons[i].sentence);
    }
    if (ssh_may_fare_better(SSH_FAILED, output) && has_any(output, turned_away, ARRAY_SIZE(turned_away)))
        return error_set(err, ECONNRESET,
                         "the host closed the connection before login: too many connections at once (MaxStartups in "
                         "its sshd), or it is refusing this address for a while (PerSourcePenalties)");
    if (is_silent(output)) /* as where the other side tells of a signal */
        return error_set(err, EIO,
                         "ssh failed without an error message: a signal may have ended the program on the host");
    return say_line(output, EIO, "ssh failed", err);
}

static int explain_missing(const struct host *host, struct genv_error *err)
{
    if (strcmp(host->genv, "genv") != 0)
        return error_set(
            err, ENOENT,
            "there is no '%s' on the host: check the path of genv (genv=PATH in the host file, or --genv PATH)",
            host->genv);
    return error_set(err, ENOENT,
                     "genv is not in PATH for commands that ssh runs: install it on the host, or set its path "
                     "(genv=PATH in the host file, or --genv PATH)");
}

/* genv's own sentence, if that is what the program there wrote. */
static int explain_program(int status, const char *output, struct genv_error *err)
{
    static const char prefix[] = "genv: ";
    cleanup_free char *line = find_line(output, prefix);
    /* And not a shell's, which has that status too. */
    bool is_genvs = line && strncmp(line, prefix, strlen(prefix)) == 0 && line[strlen(prefix)];

    if (has(output, "invalid choice") || (is_genvs && status == USAGE_ERROR))
        return error_set(err, EPROTO, "genv on the host is too old for this command: update it");
    if (is_genvs)
        return error_set(err, EREMOTEIO, "%s", line + strlen(prefix));
    if (line || *output)
        return say_line(output, EREMOTEIO, "genv failed on the host", err);
    return error_set(err, EREMOTEIO, "genv on the host exited with status %d without an error message", status);
}

int ssh_explain(const struct host *host, int status, const char *output, struct genv_error *err)
{
    if (!output)
        output = "";
    if (status == SSH_FAILED)
        return explain_ssh(host, output, err);
    if (status > SIGNALLED)
        return error_set(err, EINTR, "ended by signal %d", status - SIGNALLED);
    /* tcsh ends with 1 where a command does not exist. */
    if (status == NOT_FOUND || (status == 1 && has(output, "Command not found")))
        return explain_missing(host, err);
    if (status == NOT_EXECUTABLE)
        return error_set(err, ENOEXEC,
                         "cannot execute '%s' on the host: it is not a program for this type of machine, or you have "
                         "no permission to run it",
                         host->genv);
    if (has(output, "account is currently not available"))
        return error_set(err, EACCES,
                         "this account cannot run commands (its shell is nologin): log in as another user (-l USER)");
    return explain_program(status, output, err);
}

const char *ssh_last_words(const char *errors, const char *output)
{
    return errors && !is_silent(errors) ? errors : output;
}

void ssh_drop_chatter(struct text *text)
{
    static const char *const chatter[] = {"mux_client_",    "muxclient",       "muxserver_",
                                          "ControlSocket ", "Control socket ", NULL};
    size_t kept = 0;

    for (size_t start = 0, next; start < text->length; start = next) {
        const char *line = text->data + start, *end = memchr(line, '\n', text->length - start);

        next = end ? (size_t)(end + 1 - text->data) : text->length;
        if (begins_with_any(line, next - start, chatter))
            continue;
        memmove(text->data + kept, line, next - start);
        kept += next - start;
    }
    text->length = kept;
    if (text->data)
        text->data[kept] = '\0';
}

size_t ssh_length_before_farewell(const char *text, size_t length)
{
    static const char *const farewells[] = {"Shared connection to ", "Connection to ", NULL}, end[] = " closed.\r\n";
    size_t start;

    if (length < strlen(end) || memcmp(text + length - strlen(end), end, strlen(end)) != 0)
        return length;
    for (start = length - strlen(end); start > 0 && text[start - 1] != '\n';)
        start--;
    return begins_with_any(text + start, length - start, farewells) ? start : length;
}

void ssh_drop_farewell(struct text *text)
{
    if (!text->length)
        return;
    text->length = ssh_length_before_farewell(text->data, text->length);
    text->data[text->length] = '\0';
}

bool ssh_may_fare_better(int status, const char *output)
{
    return status == SSH_FAILED && output && !is_silent(output) && !lasts(output);
}
