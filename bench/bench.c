/* genv-bench GENV: what genv costs, beside /bin/true in the same run. docs/performance.md explains the rows. */
#include "measure.h"
#include "table.h"

#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ROUNDS         300
#define CONTESTS       5
#define LISTINGS       40
#define CONTENDERS     200
#define DEVICES        64
#define LIMIT_RATIO    2.0
#define LIMIT_RSS_KIB  4096
#define LIMIT_ACTIVATE 10.0 /* ms */
#define LIMIT_INIT     3.0  /* ms */
#define LIMIT_RATE     0.5  /* of the rate of /bin/true */
#define LIMIT_PAIRS    5000.0
#define LIMIT_LISTING  40.0 /* ms */
#define LIMIT_GROWTH   1.3  /* cost of an environment among 1,000 against one among 500 */

static char *const true_argv[] = {"/bin/true", NULL};
static char library[PATH_MAX]; /* genv-bench-library */
static char work[PATH_MAX];    /* holds a state directory for each measurement */

/* A new state directory with @devices simulated ones. */
static void set_world(const char *name, int devices)
{
    char path[PATH_MAX + 32], count[16];

    snprintf(path, sizeof(path), "%s/%s", work, name);
    snprintf(count, sizeof(count), "%d", devices);
    setenv("GENV_TMPDIR", path, 1);
    setenv("GENV_DEVICES", count, 1);
}

static void register_many(const char *prefix, int environments, const char *capacity)
{
    char count[16], pid[16];

    snprintf(count, sizeof(count), "%d", environments);
    snprintf(pid, sizeof(pid), "%d", (int)getpid());
    if (measure((char *[]){library, "register", (char *)prefix, count, pid, (char *)capacity, NULL}).status != 0)
        fail("cannot make %d environments", environments);
}

/* The commands of an active environment, one after another, /bin/true before each. */
static void bench_commands(void)
{
    static char *const commands[][5] = {
        {"genv", "attach", "--count", "1"},
        {"genv", "status"},
        {"genv", "envs"},
        {"genv", "devices"},
        {"genv", "config"},
        {"genv", "detach"},
    };
    enum { COUNT = sizeof(commands) / sizeof(commands[0]) };
    static double seconds[COUNT][ROUNDS], true_seconds[COUNT * ROUNDS];
    long rss_kib[COUNT] = {0}, true_rss_kib = 0;
    double base;

    set_world("commands", 8);
    register_many("bench", 1, NULL);
    setenv("GENV_ENVIRONMENT_ID", "bench-0", 1);
    for (int round = 0; round < ROUNDS; round++) {
        for (int c = 0; c < COUNT; c++) {
            struct cost base_cost = measure(true_argv);
            struct cost cost = measure(commands[c]);

            if (cost.status != 0)
                fail("genv %s ended with status %d", commands[c][1], cost.status);
            seconds[c][round] = cost.seconds;
            true_seconds[round * COUNT + c] = base_cost.seconds;
            rss_kib[c] = cost.rss_kib > rss_kib[c] ? cost.rss_kib : rss_kib[c];
            true_rss_kib = base_cost.rss_kib > true_rss_kib ? base_cost.rss_kib : true_rss_kib;
        }
    }
    unsetenv("GENV_ENVIRONMENT_ID");
    base = median(true_seconds, (size_t)COUNT * ROUNDS);
    table_row("/bin/true", cell("%.2f ms", base * 1e3), "1", "", true);
    table_row("  resident", cell("%ld KiB", true_rss_kib), "", "", true);
    for (int c = 0; c < COUNT; c++) {
        double middle = median(seconds[c], ROUNDS);

        table_row(cell("genv %s", commands[c][1]), cell("%.2f ms", middle * 1e3), cell("%.2f x true", middle / base),
                  cell("%.0f x true", LIMIT_RATIO), middle <= LIMIT_RATIO * base);
        table_row("  resident", cell("%ld KiB", rss_kib[c]), "", cell("%d KiB", LIMIT_RSS_KIB),
                  rss_kib[c] <= LIMIT_RSS_KIB);
    }
}

/* What a user waits for in bash; a line of microseconds each round: loading, activation, /bin/true. */
static void bench_bash(void)
{
    static char script[] = "eval \"$(genv shell --init)\"\n"
                           "for ((i = 0; i < 100; i++)); do\n"
                           "    t0=$EPOCHREALTIME; eval \"$(genv shell --init)\"\n"
                           "    t1=$EPOCHREALTIME; genv activate --gpus 1 >/dev/null || exit\n"
                           "    t2=$EPOCHREALTIME; /bin/true\n"
                           "    t3=$EPOCHREALTIME; genv deactivate >/dev/null || exit\n"
                           "    t0=${t0//[!0-9]/} t1=${t1//[!0-9]/} t2=${t2//[!0-9]/} t3=${t3//[!0-9]/}\n"
                           "    echo $((t1 - t0)) $((t2 - t1)) $((t3 - t2))\n"
                           "done\n";
    static char text[16384];
    double load[100], activate[100], base[100];
    const char *line = text;
    int consumed = 0;

    set_world("bash", 8);
    read_output((char *[]){"bash", "--norc", "-c", script, NULL}, text, sizeof(text));
    for (int i = 0; i < 100; i++, line += consumed) {
        if (sscanf(line, "%lf %lf %lf%n", &load[i], &activate[i], &base[i], &consumed) != 3)
            fail("bash said: %s", text);
    }
    table_row("bash: eval \"$(genv shell --init)\"", cell("%.2f ms", median(load, 100) / 1e3),
              cell("%.2f x true", load[50] / median(base, 100)), cell("%.0f ms", LIMIT_INIT),
              load[50] / 1e3 <= LIMIT_INIT);
    table_row("bash: genv activate --gpus 1", cell("%.2f ms", median(activate, 100) / 1e3),
              cell("%.2f x true", activate[50] / base[50]), cell("%.0f ms", LIMIT_ACTIVATE),
              activate[50] / 1e3 <= LIMIT_ACTIVATE);
}

static char *const *argv_of_true(size_t i)
{
    (void)i;
    return true_argv;
}

static char *const *argv_of_contender(size_t i)
{
    static char eid[32];
    static char *argv[] = {"genv", "devices", "attach", "--eid", eid, "--count", "1", NULL};

    snprintf(eid, sizeof(eid), "contender-%zu", i);
    return argv;
}

/* Each device has to be in the listing once, held by somebody. Returns how many are. */
static int count_given(void)
{
    static char text[65536];
    bool given[DEVICES] = {false};
    int count = 0;

    read_output((char *[]){"genv", "devices", "ps", "--format", "csv", "--no-header", NULL}, text, sizeof(text));
    for (char *rest = text, *line; (line = strsep(&rest, "\n")) && *line;) {
        const char *index = strsep(&line, ","), *eid = strsep(&line, ",");
        unsigned long device = strtoul(index, NULL, 10);

        if (device >= DEVICES || given[device] || !eid || !*eid)
            fail("device %s is not given to exactly one environment", index);
        given[device] = true;
        count++;
    }
    return count;
}

static void bench_contention(void)
{
    double ours[CONTESTS], base[CONTESTS], rate, base_rate;
    size_t succeeded;

    for (int i = 0; i < CONTESTS; i++) {
        set_world(cell("contention-%d", i), DEVICES);
        register_many("contender", CONTENDERS, NULL);
        base[i] = measure_many(CONTENDERS, argv_of_true, &succeeded);
        ours[i] = measure_many(CONTENDERS, argv_of_contender, &succeeded);
        if (succeeded != DEVICES || count_given() != DEVICES)
            fail("%zu of %d devices were given", succeeded, DEVICES);
    }
    rate = CONTENDERS / median(ours, CONTESTS);
    base_rate = CONTENDERS / median(base, CONTESTS);
    table_row("200 /bin/true at once", cell("%.0f/s", base_rate), "1", "", true);
    table_row("200 attach to 64 devices at once", cell("%.0f/s", rate), cell("%.2f of true", rate / base_rate),
              cell("%.1f of true", LIMIT_RATE), rate >= LIMIT_RATE * base_rate);
}

static void bench_library(void)
{
    char text[64];
    double rates[CONTESTS], rate;

    set_world("library", 8);
    for (int i = 0; i < CONTESTS; i++) {
        read_output((char *[]){library, "pairs", NULL}, text, sizeof(text));
        rates[i] = strtod(text, NULL);
    }
    rate = median(rates, CONTESTS);
    table_row("library: attach and detach, pairs", cell("%.0f/s", rate), "", cell("%.0f/s", LIMIT_PAIRS),
              rate >= LIMIT_PAIRS);
}

static void bench_listing(void)
{
    static const int sizes[] = {100, 500, 1000};
    double seconds[3][LISTINGS], few, more, many, growth;

    for (int s = 0; s < 3; s++) {
        set_world(cell("listing-%d", sizes[s]), DEVICES);
        register_many("listed", sizes[s], "1000000000");
    }
    for (int i = 0; i < LISTINGS; i++) {
        for (int s = 0; s < 3; s++) {
            set_world(cell("listing-%d", sizes[s]), DEVICES);
            seconds[s][i] = measure((char *[]){"genv", "devices", NULL}).seconds;
        }
    }
    few = median(seconds[0], LISTINGS);
    more = median(seconds[1], LISTINGS);
    many = median(seconds[2], LISTINGS);
    growth = ((many - few) / 900) / ((more - few) / 400);
    table_row("64 devices, 100 environments: genv devices", cell("%.2f ms", few * 1e3), "", "", true);
    table_row("64 devices, 500 environments: genv devices", cell("%.2f ms", more * 1e3), "", "", true);
    table_row("64 devices, 1,000 environments: genv devices", cell("%.2f ms", many * 1e3), "",
              cell("%.0f ms", LIMIT_LISTING), many * 1e3 <= LIMIT_LISTING);
    table_row("  an environment more: at 1,000 against at 500", cell("%.1f us", (many - few) / 900 * 1e6),
              cell("%.2f", growth), cell("%.1f: linear", LIMIT_GROWTH), growth <= LIMIT_GROWTH);
}

/* Everything is found beside the binaries, and nothing of the caller's environment gets in. */
static void set_up(const char *program, const char *genv)
{
    static char *const variables[] = {"GENV_ENVIRONMENT_ID", "GENV_ENVIRONMENT_NAME", "GENV_GPUS",
                                      "GENV_GPU_MEMORY",     "CUDA_VISIBLE_DEVICES",  "LD_LIBRARY_PATH"};
    char here[PATH_MAX], binary[PATH_MAX], path[PATH_MAX * 2];
    const char *tmp = getenv("TMPDIR");

    if (!realpath(program, here) || !realpath(genv, binary))
        fail("cannot find %s", genv);
    snprintf(library, sizeof(library), "%.4000s/genv-bench-library", dirname(here));
    snprintf(path, sizeof(path), "%s:%.4000s", dirname(binary), getenv("PATH"));
    setenv("PATH", path, 1);
    for (size_t i = 0; i < sizeof(variables) / sizeof(variables[0]); i++)
        unsetenv(variables[i]);
    snprintf(work, sizeof(work), "%.4000s/genv-bench-XXXXXX", tmp && *tmp ? tmp : "/var/tmp");
    if (!mkdtemp(work))
        fail("cannot make a folder in %s", tmp && *tmp ? tmp : "/var/tmp");
}

static void clean_up(void)
{
    if (*work)
        measure((char *[]){"rm", "-rf", work, NULL});
}

int main(int argc, char **argv)
{
    if (argc != 2) {
        fputs("usage: genv-bench GENV\n", stderr);
        return 2;
    }
    set_up(argv[0], argv[1]);
    atexit(clean_up);
    table_begin();
    bench_commands();
    bench_bash();
    bench_contention();
    bench_library();
    bench_listing();
    table_end();
    return 0;
}
