#!/usr/bin/env bats
# genv remote monitor over real sshds: hosts with genv, with nothing but nvidia-smi, that are silent, slow, or not there.
# shellcheck disable=SC2154 # set by bats

load ../remote/hosts

setup_file() {
    command -v curl >/dev/null || export HOSTS_MISSING='curl is not installed'
    hosts_setup || return 0
    hosts_start one 2
    hosts_start two 1
    hosts_start bare 1
    hosts_program bare
    cat >"$HOSTS/bare/bin/nvidia-smi" <<'END'
#!/bin/sh
echo "Welcome to this host, GPU-less or not"
echo "0, GPU-aaaa, 00000000:01:00.0, NVIDIA H200, 143771, 512, 37, 45, 123.45, 550.163.01"
echo "1, GPU-bbbb, 00000000:02:00.0, NVIDIA H200, 143771, [N/A], [N/A], 46, [N/A], 550.163.01"
END
    chmod 755 "$HOSTS/bare/bin/nvidia-smi"
    hosts_fake silent silent
    hosts_fake closed closed
    hosts_start slow 1
    printf '#!/bin/sh\nsleep 2\nexec %s "$@"\n' "$GENV_BIN" >"$HOSTS/program"
    hosts_program slow "$HOSTS/program"
    as_alice genv remote -H one,two,bare,silent,closed,slow -t 5 monitor --port 0 --interval 1 \
        --config-dir "$HOSTS/home/$ALICE/metrics" >"$HOSTS/out" 2>&1 3>&- &
    echo $! >"$HOSTS/monitor"
    hosts_wait_for 'grep -q "^Serving" "$HOSTS/out"' || cat "$HOSTS/out"
    URL=$(sed -n 's#^Serving \(http://[^/]*\)/.*#\1#p' "$HOSTS/out")
    export URL
}

teardown_file() {
    [[ -n ${HOSTS-} ]] || return 0
    kill "$(pgrep -o -u "$ALICE" -x genv-monitor)" 2>/dev/null || true # not one that is about to be ssh
    hosts_teardown
}

setup() {
    hosts_check
}

metrics() {
    curl -sf "$URL/metrics"
}

# The series $1 comes to have the value $2.
comes() {
    hosts_wait_for "metrics | grep -qxF '$1 $2'" 15 || {
        metrics | grep -v '^#'
        return 1
    }
}

@test "every host is up or not, and every metric carries its name" {
    comes 'genv_host_up{hostname="one"}' 1
    comes 'genv_host_up{hostname="two"}' 1
    comes 'genv_host_up{hostname="closed"}' 0
    comes 'genv_host_up{hostname="silent"}' 0
    comes 'genv_device_memory_total_bytes{hostname="one",index="1"}' 17179869184
    run ! grep -v -e '^#' -e 'hostname="' <(metrics)
    [[ $(curl -sf "$URL/api/v1/overview" | jq -r '.hosts[] | select(.name == "closed").reason') == *'connection refused'* ]]
}

@test "a host without genv tells its devices through nvidia-smi" {
    comes 'genv_is_installed{hostname="bare"}' 0
    comes 'genv_is_installed{hostname="one"}' 1
    comes 'genv_host_up{hostname="bare"}' 1
    comes 'genv_device_utilization{hostname="bare",index="0"}' 37
    comes 'genv_device_memory_used_bytes{hostname="bare",index="0"}' $((512 * 1024 * 1024))
    comes 'genv_device_temperature{hostname="bare",index="1"}' 46
    run ! grep 'genv_device_utilization{hostname="bare",index="1"}' <(metrics)
}

@test "a slow host is shown all the same, and delays nobody" {
    comes 'genv_host_up{hostname="slow"}' 1
    # Something changes elsewhere, and is seen before the slow one could have answered twice.
    sleep 100 3>&- &
    local member=$!
    hosts_genv two envs activate --eid a --uid "$(id -u "$ALICE")" --pid "$member"
    comes 'genv_environments_total{hostname="two"}' 1
    kill "$member"
    comes 'genv_environments_total{hostname="two"}' 0
    [[ $(metrics | sed -n 's/^genv_snapshot_duration_seconds{[^}]*} \([0-9]*\).*/\1/p') -lt 2 ]]
}

@test "promtool finds nothing wrong" {
    folder=$("$GENV_SOURCE/tests/fetch" prometheus 3>&-) || skip "$folder"
    PATH=$folder:$PATH
    metrics | promtool check metrics
    promtool check config "$HOSTS/home/$ALICE/metrics/prometheus/prometheus.yml"
}

@test "it ends when it is told to" {
    local pid
    as_alice genv remote -H one monitor --port 0 --config-dir "$HOSTS/home/$ALICE/other" >"$HOSTS/other" 2>&1 3>&- &
    hosts_wait_for 'grep -q "^Serving" "$HOSTS/other"'
    pid=$(pgrep -P "$!" -x genv-monitor || echo "$!") # the newest of that name may be about to be ssh
    kill "$pid"
    hosts_wait_for "! hosts_lives $pid" 5
    wait "$!"
}
