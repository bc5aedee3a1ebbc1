/* The options of docker, as far as one must know them to see where they end. */
#include "shim/docker_options.h"

#include <string.h>

const struct docker_option docker_global_options[] = {
    {"config", 0, true},  {"context", 'c', true}, {"debug", 'D', false},    {"help", 'h', false},
    {"host", 'H', true},  {"tls", 0, false},      {"log-level", 'l', true}, {"tlscacert", 0, true},
    {"tlscert", 0, true}, {"tlskey", 0, true},    {"tlsverify", 0, false},  {"version", 'v', false},
    {NULL, 0, false},
};

/* Those of old releases and undocumented ones too. tests/shim compares it with what docker itself says. */
/* clang-format off */
const struct docker_option docker_run_options[] = {
    {"add-host", 0, true},
    {"annotation", 0, true},
    {"attach", 'a', true},
    {"blkio-weight", 0, true},
    {"blkio-weight-device", 0, true},
    {"cap-add", 0, true},
    {"cap-drop", 0, true},
    {"cgroup-parent", 0, true},
    {"cgroupns", 0, true},
    {"cidfile", 0, true},
    {"cpu-count", 0, true},
    {"cpu-percent", 0, true},
    {"cpu-period", 0, true},
    {"cpu-quota", 0, true},
    {"cpu-rt-period", 0, true},
    {"cpu-rt-runtime", 0, true},
    {"cpu-shares", 'c', true},
    {"cpus", 0, true},
    {"cpuset-cpus", 0, true},
    {"cpuset-mems", 0, true},
    {"detach", 'd', false},
    {"detach-keys", 0, true},
    {"device", 0, true},
    {"device-cgroup-rule", 0, true},
    {"device-read-bps", 0, true},
    {"device-read-iops", 0, true},
    {"device-write-bps", 0, true},
    {"device-write-iops", 0, true},
    {"disable-content-trust", 0, false},
    {"dns", 0, true},
    {"dns-opt", 0, true},
    {"dns-option", 0, true},
    {"dns-search", 0, true},
    {"domainname", 0, true},
    {"entrypoint", 0, true},
    {"env", 'e', true},
    {"env-file", 0, true},
    {"expose", 0, true},
    {"gpus", 0, true},
    {"group-add", 0, true},
    {"health-cmd", 0, true},
    {"health-interval", 0, true},
    {"health-retries", 0, true},
    {"health-start-interval", 0, true},
    {"health-start-period", 0, true},
    {"health-timeout", 0, true},
    {"help", 0, false},
    {"hostname", 'h', true},
    {"init", 0, false},
    {"interactive", 'i', false},
    {"io-maxbandwidth", 0, true},
    {"io-maxiops", 0, true},
    {"ip", 0, true},
    {"ip6", 0, true},
    {"ipc", 0, true},
    {"isolation", 0, true},
    {"kernel-memory", 0, true},
    {"label", 'l', true},
    {"label-file", 0, true},
    {"link", 0, true},
    {"link-local-ip", 0, true},
    {"log-driver", 0, true},
    {"log-opt", 0, true},
    {"mac-address", 0, true},
    {"memory", 'm', true},
    {"memory-reservation", 0, true},
    {"memory-swap", 0, true},
    {"memory-swappiness", 0, true},
    {"mount", 0, true},
    {"name", 0, true},
    {"net", 0, true},
    {"net-alias", 0, true},
    {"network", 0, true},
    {"network-alias", 0, true},
    {"no-healthcheck", 0, false},
    {"oom-kill-disable", 0, false},
    {"oom-score-adj", 0, true},
    {"pid", 0, true},
    {"pids-limit", 0, true},
    {"platform", 0, true},
    {"privileged", 0, false},
    {"publish", 'p', true},
    {"publish-all", 'P', false},
    {"pull", 0, true},
    {"quiet", 'q', false},
    {"read-only", 0, false},
    {"restart", 0, true},
    {"rm", 0, false},
    {"runtime", 0, true},
    {"security-opt", 0, true},
    {"shm-size", 0, true},
    {"sig-proxy", 0, false},
    {"stop-signal", 0, true},
    {"stop-timeout", 0, true},
    {"storage-opt", 0, true},
    {"sysctl", 0, true},
    {"tmpfs", 0, true},
    {"tty", 't', false},
    {"ulimit", 0, true},
    {"use-api-socket", 0, false},
    {"user", 'u', true},
    {"userns", 0, true},
    {"uts", 0, true},
    {"volume", 'v', true},
    {"volume-driver", 0, true},
    {"volumes-from", 0, true},
    {"workdir", 'w', true},
    {NULL, 0, false},
};
/* clang-format on */

static const struct docker_option *find(const struct docker_option *table, const char *name, size_t length)
{
    for (; table->name; table++) {
        if (strlen(table->name) == length && memcmp(table->name, name, length) == 0)
            return table;
    }
    return NULL;
}

static const struct docker_option *find_letter(const struct docker_option *table, char letter)
{
    for (; table->name; table++) {
        if (table->letter == letter)
            return table;
    }
    return NULL;
}

static struct docker_word read_long(const struct docker_option *table, char **words)
{
    const char *name = words[0] + 2;
    size_t length = strcspn(name, "=");
    struct docker_word word = {.word_count = 1, .joined = name[length] == '='};

    word.option = find(table, name, length);
    if (!word.option && !word.joined)
        word.kind = DOCKER_UNKNOWN;
    if (word.joined) {
        word.value = name + length + 1;
    } else if (word.option && word.option->has_value && words[1]) {
        word.value = words[1];
        word.word_count = 2;
    }
    return word;
}

/* "-it", "-p80:80", "-itp 80:80" */
static struct docker_word read_short(const struct docker_option *table, char **words)
{
    struct docker_word word = {.word_count = 1};

    for (const char *letter = words[0] + 1; *letter; letter++) {
        const struct docker_option *option = find_letter(table, *letter);

        if (letter[1] == '=') /* "-d=true": whatever it is, its value is here */
            return word;
        if (!option) {
            word.kind = DOCKER_UNKNOWN;
            return word;
        }
        if (option->has_value) {
            if (letter[1] == '\0' && words[1])
                word.word_count = 2;
            return word;
        }
    }
    return word;
}

struct docker_word docker_read(const struct docker_option *table, char **words)
{
    if (!words[0] || words[0][0] != '-' || words[0][1] == '\0')
        return (struct docker_word){.kind = DOCKER_END};
    if (strcmp(words[0], "--") == 0)
        return (struct docker_word){.kind = DOCKER_END, .word_count = 1};
    return words[0][1] == '-' ? read_long(table, words) : read_short(table, words);
}
