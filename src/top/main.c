/* genv-top: what `genv top` becomes. Shows this machine until it is told to end. */
#include <errno.h>
#include <langinfo.h>
#include <locale.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/text.h"
#include "option/program.h"
#include "option/top.h"
#include "top/draw.h"
#include "top/keys.h"
#include "top/sampler.h"
#include "top/terminal.h"

#define ONCE_SECONDS  30 /* the driver's time to answer … */
#define FIRST_SECONDS 5  /* … and to answer whoever watches, before the environments are shown without it */
#define ONCE_WIDTH    80
#define LATE_SECONDS  2 /* that a snapshot may be overdue without a word */

struct options {
    double interval_seconds;
    bool once, plain;
    struct choice choice;
};

/* All that is shown, and what it comes from. */
struct program {
    struct options *options;
    struct sampler *sampler;
    struct terminal *terminal;
    struct trends *trends;
    struct genv_snapshot *snapshot;
    bool blind;
    char warning[SAMPLER_WARNING_SIZE];
    struct genv_error failure; /* of the last look; code 0: none */
    double asked, answered;    /* when, by the clock that only goes forward */
    struct layout layout;      /* of what the user sees */
    int signals;               /* signalfd */
    int ended_by;              /* signal, or 0 */
};

static struct picture picture_of(const struct program *program)
{
    double now = clock_monotonic_seconds(), age = now - program->answered, due = program->options->interval_seconds;

    return (struct picture){
        .snapshot = program->snapshot,
        .trends = program->options->once ? NULL : program->trends,
        .now = clock_now(),
        .age_seconds = program->answered > 0 && age > due + LATE_SECONDS ? age : 0,
        .failure = program->failure.code ? program->failure.message : NULL,
        .warning = *program->warning ? program->warning : NULL,
        .blind = program->blind,
        .ascii = strcmp(nl_langinfo(CODESET), "UTF-8") != 0,
        .once = program->options->once,
        .choice = &program->options->choice,
    };
}

/* Takes in what the sampler has to say. */
static void learn(struct program *program)
{
    struct genv_snapshot *snapshot = NULL;
    struct genv_error err = {.code = 0};
    double now;
    int r = sampler_read(program->sampler, &snapshot, &program->blind, program->warning, &err);

    if (r == -EAGAIN)
        return;
    now = clock_monotonic_seconds();
    program->failure = r < 0 ? err : (struct genv_error){.code = 0};
    if (r < 0) {
        program->asked = now; /* as long as an answer, so that it can be read */
        return;
    }
    genv_snapshot_free(program->snapshot);
    program->snapshot = snapshot;
    program->answered = now;
    if (trends_learn(program->trends, snapshot, (long)now, (long)(2 * program->options->interval_seconds) + 2) < 0)
        error_no_memory(&program->failure);
}

/* Until the next look, or until the clock on the screen moves on. */
static int wait_ms(const struct program *program)
{
    struct timespec now = clock_now();
    double to_tick = 1 - (double)now.tv_nsec / 1e9;
    double to_ask = program->asked + program->options->interval_seconds - clock_monotonic_seconds();

    if (sampler_is_busy(program->sampler) || to_ask > to_tick)
        to_ask = to_tick;
    return to_ask > 0 ? (int)(to_ask * 1000) + 1 : 0;
}

static void ask(struct program *program)
{
    if (sampler_is_busy(program->sampler) ||
        clock_monotonic_seconds() < program->asked + program->options->interval_seconds)
        return;
    program->asked = clock_monotonic_seconds();
    sampler_ask(program->sampler, &program->failure);
}

static int show(struct program *program, struct genv_error *err)
{
    cleanup_frame struct frame *frame = NULL;
    struct picture picture = picture_of(program);
    int width, height;

    terminal_size(program->terminal, &width, &height);
    if (draw_screen(&picture, width, height, &frame, &program->layout) < 0)
        return error_no_memory(err);
    choice_settle(&program->options->choice, &program->layout);
    terminal_show(program->terminal, frame);
    return 0;
}

/* 1: quit. */
static int take_keys(struct program *program, struct genv_error *err)
{
    uint32_t key;

    while ((key = terminal_key(program->terminal)) != KEY_CODE_NONE) {
        cleanup_rows struct rows rows = {.user_count = 0};

        if (rows_make(program->snapshot, &program->options->choice, &rows) < 0)
            return error_no_memory(err);
        if (key == KEY_CODE_REDRAW)
            terminal_forget(program->terminal);
        else if (!choice_apply(&program->options->choice, &program->layout, &rows, key))
            return 1;
    }
    return 0;
}

/* 1: quit. */
static int take_signals(struct program *program)
{
    struct signalfd_siginfo info;

    while (read(program->signals, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
        if (info.ssi_signo == SIGWINCH) {
            terminal_resize(program->terminal);
            continue;
        }
        program->ended_by = info.ssi_signo == SIGINT ? 0 : (int)info.ssi_signo;
        return 1;
    }
    return 0;
}

static int loop(struct program *program, struct genv_error *err)
{
    int r = 0;

    while (r == 0) {
        struct pollfd fds[] = {{.fd = STDIN_FILENO, .events = POLLIN}, {.fd = program->signals, .events = POLLIN}, {0}};

        ask(program);
        r = show(program, err);
        if (r < 0)
            return r;
        fds[2] = (struct pollfd){.fd = sampler_fd(program->sampler), .events = POLLIN};
        if (poll(fds, ARRAY_SIZE(fds), wait_ms(program)) < 0)
            continue; /* EINTR: stopped and continued */
        if (fds[2].revents)
            learn(program);
        if (fds[1].revents)
            r = take_signals(program);
        if (r == 0 && fds[0].revents & POLLIN)
            r = take_keys(program, err);
        if (r == 0 && fds[0].revents & (POLLHUP | POLLERR | POLLNVAL))
            r = 1; /* nobody is there any more */
    }
    return r;
}

static int watch(struct program *program, struct genv_error *err)
{
    static const int ends[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGWINCH};
    sigset_t set;
    int r;

    sigemptyset(&set);
    for (size_t i = 0; i < ARRAY_SIZE(ends); i++)
        sigaddset(&set, ends[i]);
    sigprocmask(SIG_BLOCK, &set, NULL);
    program->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    if (program->signals < 0)
        return error_set_errno(err, errno, "cannot handle signals");
    r = terminal_open(!program->options->plain, &program->terminal, err);
    if (r == 0)
        r = loop(program, err);
    terminal_close(program->terminal);
    close(program->signals);
    return r < 0 ? r : 0;
}

static int width_of_output(void)
{
    struct winsize size;

    return ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col ? size.ws_col : ONCE_WIDTH;
}

static int wait_for_snapshot(struct program *program, struct genv_error *err)
{
    double end = clock_monotonic_seconds() + ONCE_SECONDS + LATE_SECONDS;
    int r = sampler_ask(program->sampler, err);

    if (r < 0)
        return r;
    while (sampler_is_busy(program->sampler) && clock_monotonic_seconds() < end) {
        struct pollfd fd = {.fd = sampler_fd(program->sampler), .events = POLLIN};

        if (poll(&fd, 1, (int)((end - clock_monotonic_seconds()) * 1000) + 1) > 0)
            learn(program);
    }
    if (program->failure.code) {
        *err = program->failure;
        return -err->code;
    }
    return program->snapshot ? 0 : error_set(err, ETIMEDOUT, "no response from the driver: see 'genv doctor'");
}

static int print_once(struct program *program, struct genv_error *err)
{
    bool colours = !program->options->plain && isatty(STDOUT_FILENO);
    cleanup_frame struct frame *frame = NULL;
    cleanup_free char *text = NULL;
    struct picture picture;
    int r = wait_for_snapshot(program, err);

    if (r < 0)
        return r;
    picture = picture_of(program);
    if (draw_whole(&picture, width_of_output(), &frame) < 0 || !(text = frame_to_text(frame, colours)))
        return error_no_memory(err);
    r = file_write(STDOUT_FILENO, text, strlen(text));
    return r < 0 ? error_set_errno(err, -r, "cannot write to standard output") : 0;
}

/* Returns as program_parse() does. */
static int parse(int argc, char **argv, struct options *options)
{
    struct top_options values;
    struct arguments arguments;
    int status = program_parse(&command_top, argv + 1, argc > 0 ? argc - 1 : 0, &values, &arguments);

    if (status >= 0)
        return status;
    options->interval_seconds = values.interval_seconds;
    options->once = values.once;
    options->plain = options->plain || values.no_color;
    copy_string(options->choice.user, FILTER_SIZE, values.user ? values.user : "");
    copy_string(options->choice.env, FILTER_SIZE, values.env ? values.env : "");
    utf8_make_printable(options->choice.user);
    utf8_make_printable(options->choice.env);
    return -1;
}

static bool wants_no_colours(void)
{
    const char *no_color = getenv("NO_COLOR"), *name = getenv("TERM");

    return (no_color && *no_color) || !name || strcmp(name, "dumb") == 0;
}

static int run(struct options *options, struct genv_error *err, int *ret_signal)
{
    struct program program = {.options = options, .signals = -1, .asked = -1e9};
    int r = sampler_open(options->once ? ONCE_SECONDS : FIRST_SECONDS, &program.sampler, err);

    program.trends = trends_new();
    if (r == 0 && !program.trends)
        r = error_no_memory(err);
    if (r == 0)
        r = options->once ? print_once(&program, err) : watch(&program, err);
    *ret_signal = program.ended_by;
    sampler_close(program.sampler);
    trends_free(program.trends);
    genv_snapshot_free(program.snapshot);
    return r;
}

int main(int argc, char **argv)
{
    struct options options = {.plain = wants_no_colours()};
    struct genv_error err = {.code = 0};
    int ended_by = 0, status;

    setlocale(LC_ALL, "");
    choice_init(&options.choice);
    status = parse(argc, argv, &options);
    if (status >= 0)
        return status;
    signal(SIGPIPE, SIG_IGN); /* a closed pipe is an error like others */
    if (run(&options, &err, &ended_by) < 0) {
        program_complain(err.message);
        return EXIT_FAILURE;
    }
    return ended_by ? 128 + ended_by : EXIT_SUCCESS;
}
