/* The options of docker and podman, as far as one must know them to see where they end. */
#include "shim/docker_options.h"

#include <string.h>

/* clang-format off */
const struct docker_option docker_global_options[] = {
    {"config", 0, true},
    {"context", 'c', true},
    {"debug", 'D', false},
    {"help", 'h', false},
    {"host", 'H', true},
    {"log-level", 'l', true},
    {"tls", 0, false},
    {"tlscacert", 0, true},
    {"tlscert", 0, true},
    {"tlskey", 0, true},
    {"tlsverify", 0, false},
    {"version", 'v', false},
    /* podman's */
    {"cdi-spec-dir", 0, true},
    {"cgroup-manager", 0, true},
    {"conmon", 0, true},
    {"connection", 0, true},
    {"db-backend", 0, true},
    {"events-backend", 0, true},
    {"hooks-dir", 0, true},
    {"identity", 0, true},
    {"imagestore", 0, true},
    {"module", 0, true},
    {"namespace", 0, true},
    {"network-cmd-path", 0, true},
    {"network-config-dir", 0, true},
    {"noout", 0, false},
    {"out", 0, true},
    {"pull-option", 0, true},
    {"remote", 'r', false},
    {"root", 0, true},
    {"runroot", 0, true},
    {"runtime", 0, true},
    {"runtime-flag", 0, true},
    {"ssh", 0, true},
    {"storage-driver", 0, true},
    {"storage-opt", 0, true},
    {"syslog", 0, false},
    {"tmpdir", 0, true},
    {"trace", 0, false},
    {"transient-store", 0, false},
    {"url", 0, true},
    {"volumepath", 0, true},
    {NULL, 0, false},
};

/* Those of old releases and undocumented ones too. tests/shim compares it with what docker itself says. */
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
    /* podman's */
    {"arch", 0, true},
    {"authfile", 0, true},
    {"cert-dir", 0, true},
    {"cgroup-conf", 0, true},
    {"cgroups", 0, true},
    {"chrootdirs", 0, true},
    {"conmon-pidfile", 0, true},
    {"creds", 0, true},
    {"decryption-key", 0, true},
    {"env-host", 0, false},
    {"env-merge", 0, true},
    {"gidmap", 0, true},
    {"group-entry", 0, true},
    {"health-log-destination", 0, true},
    {"health-max-log-count", 0, true},
    {"health-max-log-size", 0, true},
    {"health-on-failure", 0, true},
    {"health-startup-cmd", 0, true},
    {"health-startup-interval", 0, true},
    {"health-startup-retries", 0, true},
    {"health-startup-success", 0, true},
    {"health-startup-timeout", 0, true},
    {"hosts-file", 0, true},
    {"hostuser", 0, true},
    {"http-proxy", 0, false},
    {"image-volume", 0, true},
    {"init-ctr", 0, true},
    {"init-path", 0, true},
    {"intel-rdt-closid", 0, true},
    {"no-hostname", 0, false},
    {"no-hosts", 0, false},
    {"os", 0, true},
    {"passwd", 0, false},
    {"passwd-entry", 0, true},
    {"personality", 0, true},
    {"pidfile", 0, true},
    {"pod", 0, true},
    {"pod-id-file", 0, true},
    {"preserve-fd", 0, true},
    {"preserve-fds", 0, true},
    {"rdt-class", 0, true},
    {"read-only-tmpfs", 0, false},
    {"replace", 0, false},
    {"requires", 0, true},
    {"retry", 0, true},
    {"retry-delay", 0, true},
    {"rmi", 0, false},
    {"rootfs", 0, false},
    {"sdnotify", 0, true},
    {"seccomp-policy", 0, true},
    {"secret", 0, true},
    {"shm-size-systemd", 0, true},
    {"subgidname", 0, true},
    {"subuidname", 0, true},
    {"systemd", 0, true},
    {"timeout", 0, true},
    {"tls-verify", 0, false},
    {"tz", 0, true},
    {"uidmap", 0, true},
    {"umask", 0, true},
    {"unsetenv", 0, true},
    {"unsetenv-all", 0, false},
    {"variant", 0, true},
    {NULL, 0, false},
};

const struct docker_option docker_compose_options[] = {
    {"all-resources", 0, false},
    {"ansi", 0, true},
    {"compatibility", 0, false},
    {"dry-run", 0, false},
    {"env-file", 0, true},
    {"file", 'f', true},
    {"help", 'h', false},
    {"insecure-registry", 0, true},
    {"no-ansi", 0, false},
    {"parallel", 0, true},
    {"profile", 0, true},
    {"progress", 0, true},
    {"project-directory", 0, true},
    {"project-name", 'p', true},
    {"verbose", 0, false},
    {"version", 'v', false},
    {"workdir", 0, true},
    {NULL, 0, false},
};

const struct docker_option docker_compose_run_options[] = {
    {"build", 0, false},
    {"cap-add", 0, true},
    {"cap-drop", 0, true},
    {"detach", 'd', false},
    {"dry-run", 0, false},
    {"entrypoint", 0, true},
    {"env", 'e', true},
    {"env-from-file", 0, true},
    {"help", 'h', false},
    {"interactive", 'i', false},
    {"label", 'l', true},
    {"name", 0, true},
    {"no-TTY", 'T', false},
    {"no-deps", 0, false},
    {"publish", 'p', true},
    {"pull", 0, true},
    {"quiet", 'q', false},
    {"quiet-build", 0, false},
    {"quiet-pull", 0, false},
    {"remove-orphans", 0, false},
    {"rm", 0, false},
    {"service-ports", 'P', false},
    {"tty", 't', false},
    {"use-aliases", 0, false},
    {"user", 'u', true},
    {"volume", 'v', true},
    {"workdir", 'w', true},
    {NULL, 0, false},
};

const struct docker_option docker_compose_up_options[] = {
    {"abort-on-container-exit", 0, false},
    {"abort-on-container-failure", 0, false},
    {"always-recreate-deps", 0, false},
    {"attach", 0, true},
    {"attach-dependencies", 0, false},
    {"build", 0, false},
    {"detach", 'd', false},
    {"dry-run", 0, false},
    {"exit-code-from", 0, true},
    {"force-recreate", 0, false},
    {"help", 'h', false},
    {"menu", 0, false},
    {"no-attach", 0, true},
    {"no-build", 0, false},
    {"no-color", 0, false},
    {"no-deps", 0, false},
    {"no-log-prefix", 0, false},
    {"no-recreate", 0, false},
    {"no-start", 0, false},
    {"pull", 0, true},
    {"quiet-build", 0, false},
    {"quiet-pull", 0, false},
    {"remove-orphans", 0, false},
    {"renew-anon-volumes", 'V', false},
    {"scale", 0, true},
    {"timeout", 't', true},
    {"timestamps", 0, false},
    {"wait", 0, false},
    {"wait-timeout", 0, true},
    {"watch", 'w', false},
    {"yes", 'y', false},
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

/* "-it", "-p80:80", "-itp 80:80", "-d=true" */
static struct docker_word read_short(const struct docker_option *table, char **words)
{
    struct docker_word word = {.word_count = 1};

    for (const char *letter = words[0] + 1; *letter; letter++) {
        bool has_equals = letter[1] == '=';

        word.option = find_letter(table, *letter);
        if (!word.option && !has_equals) {
            word.kind = DOCKER_UNKNOWN;
            return word;
        }
        if (has_equals || (word.option->has_value && letter[1])) {
            word.value = letter + 1 + has_equals;
            word.joined = true;
            return word;
        }
        if (word.option->has_value && words[1]) {
            word.value = words[1];
            word.word_count = 2;
        }
        if (word.option->has_value)
            return word;
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
