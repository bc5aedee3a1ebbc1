#!/usr/bin/env bats
# genv monitor on a simulated machine: what it serves, to whom, and how it ends.
# shellcheck disable=SC2154 # set by bats

load monitor

setup() { monitor_setup; }
teardown() { monitor_teardown; }

# The status and the headers of an answer, without what changes.
head_of() { curl -s -o /dev/null -D - "$@" | tr -d '\r'; }
status_of() { curl -s -o /dev/null -w '%{http_code}' "$@"; }

@test "metrics tell of devices, environments, processes and users" {
    create_env train
    "$GENV" envs config --eid train gpu-memory --gpu-memory 4gi
    "$GENV" devices attach --eid train --count 2
    world '{"devices": [
        {"uuid": "GPU-0", "name": "NVIDIA H200", "total_memory": "100gi", "utilization": 37, "temperature": 61, "power": 250500,
         "processes": [{"pid": '"$MEMBER"', "used_memory": "3gi"}]},
        {"uuid": "GPU-1", "total_memory": "100gi", "utilization": -1, "temperature": -1, "power": -1,
         "processes": [{"pid": '"$MEMBER"', "used_memory": "1gi"}, {"pid": 1, "used_memory": "2gi"}]}]}'
    start_monitor
    user=$(id -un)
    expect_lines 'genv_host_up 1' 'genv_is_installed 1' 'genv_build_info{version="0.1.0"} 1' \
        'genv_device_info{index="0",uuid="GPU-0",name="NVIDIA H200"} 1' \
        'genv_device_utilization{index="0"} 37' 'genv_device_temperature{index="0"} 61' \
        'genv_device_power_watts{index="0"} 250.5' 'genv_device_memory_total_bytes{index="1"} 107374182400' \
        'genv_device_memory_used_bytes{index="0"} 3221225472' 'genv_device_attached{index="1"} 1' \
        'genv_environments_total 1' 'genv_processes_total 2' 'genv_attached_devices_total 2' 'genv_users_total 1' \
        'genv_environment_processes_total{eid="train"} 1' 'genv_environment_attached_devices_total{eid="train"} 2' \
        'genv_environment_memory_held_bytes{eid="train"} 8589934592' \
        'genv_environment_memory_used_bytes{eid="train"} 4294967296' \
        "genv_process_devices_total{pid=\"$MEMBER\",eid=\"train\"} 2" \
        "genv_process_used_gpu_memory_bytes{pid=\"$MEMBER\",eid=\"train\",device=\"1\"} 1073741824" \
        'genv_process_used_gpu_memory_bytes{pid="1",eid="",device="1"} 2147483648' \
        "genv_user_environments_total{username=\"$user\"} 1" "genv_user_processes_total{username=\"$user\"} 1" \
        "genv_user_attached_devices_total{username=\"$user\"} 2" \
        "genv_user_memory_held_bytes{username=\"$user\"} 8589934592" \
        "genv_user_memory_used_bytes{username=\"$user\"} 4294967296"
    # What the second device does not tell has no series.
    run -1 grep -E '^genv_device_(utilization|temperature|power_watts)\{index="1"' <(metrics)
}

@test "a series goes with what it is about" {
    create_env first
    create_env second
    "$GENV" devices attach --eid second --count 1
    start_monitor --interval 0.1
    expect_lines 'genv_environments_total 2' 'genv_environment_attached_devices_total{eid="second"} 1'
    kill "$MEMBER"
    wait "$MEMBER" || true
    until_so "expect_lines 'genv_environments_total 1' 'genv_device_attached{index=\"0\"} 0' >/dev/null"
    run -1 grep -F "eid=\"second\"" <(metrics)
    world '{"devices": [{"uuid": "GPU-1"}]}'
    until_so '! metrics | grep -q "index=\"1\""'
}

@test "names with quotes, backslashes and UTF-8 are labels, and newlines never get there" {
    need_prometheus
    create_env odd
    "$GENV" envs config --eid odd name --name 'a "quoted" \ name\n, {braces} für 深'
    run -2 "$GENV" envs config --eid odd name --name $'two\nlines'
    start_monitor
    expect_lines "genv_environment_info{eid=\"odd\",name=\"a \\\"quoted\\\" \\\\ name\\\\n, {braces} für 深\",username=\"$(id -un)\"} 1"
    metrics | promtool check metrics
}

@test "promtool finds nothing to say about the metrics" {
    need_prometheus
    create_env train
    "$GENV" devices attach --eid train --count 1
    start_monitor
    metrics >"$SCRATCH/metrics"
    run promtool check metrics <"$SCRATCH/metrics"
    echo "$output"
    [[ $status == 0 && -z $output ]]
    # It would, if there were something.
    sed 's/^# TYPE genv_users_total untyped/# TYPE genv_users_total gauge/' "$SCRATCH/metrics" >"$SCRATCH/gauge"
    run promtool check metrics <"$SCRATCH/gauge"
    [[ $status != 0 ]]
}

@test "the format is the one that is asked for" {
    start_monitor
    [[ $(head_of "$URL/metrics") == *'Content-Type: text/plain; version=0.0.4; charset=utf-8'* ]]
    accept='Accept: application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5'
    [[ $(head_of -H "$accept" "$URL/metrics") == *'Content-Type: application/openmetrics-text; version=1.0.0; charset=utf-8'* ]]
    [[ $(curl -s -H "$accept" "$URL/metrics" | tail -n 1) == '# EOF' ]]
    [[ $(curl -s "$URL/metrics") != *'# EOF'* ]]
    [[ $(curl -s -H "$accept" "$URL/metrics") == *$'\n# TYPE genv_build info\n'* ]]
}

@test "within an interval, everyone is told of the same look" {
    start_monitor --interval 60
    expect_lines 'genv_device_utilization{index="0"} 0'
    before=$(metrics)
    world '{"devices": [{"uuid": "GPU-0", "utilization": 50}, {"uuid": "GPU-1"}]}'
    sleep 0.3
    [[ $(metrics) == "$before" ]]
    [[ $(curl -s "$URL/api/v1/overview" | jq '.hosts[0].snapshot.devices[0].utilization') == 0 ]]
}

@test "a look that takes long delays nobody: the one before it is told" {
    start_monitor --interval 0.2
    expect_lines 'genv_device_utilization{index="0"} 0'
    world '{"init_delay_ms": 3000, "devices": [{"uuid": "GPU-0", "utilization": 50}, {"uuid": "GPU-1"}]}'
    sleep 0.3
    expect_lines 'genv_device_utilization{index="0"} 0'
    until_so 'metrics | grep -qxF "genv_device_utilization{index=\"0\"} 50"'
}

@test "before the first look has ended there is nothing to tell, and that is said" {
    world '{"init_delay_ms": 1500, "devices": [{"uuid": "GPU-0"}]}'
    start_monitor
    [[ $(status_of "$URL/metrics") == 503 ]]
    [[ $(status_of "$URL/healthz") == 503 ]]
    [[ $(curl -s "$URL/api/v1/overview" | jq -r .error) == 'the first snapshot is not complete yet: try again' ]]
    [[ $(status_of "$URL/") == 200 ]]
    until_so '[[ $(status_of "$URL/metrics") == 200 ]]'
    [[ $(curl -s "$URL/healthz") == ok ]]
}

@test "a machine without a driver is up, and has no devices" {
    world '{"init": "driver_not_loaded", "devices": []}'
    create_env train
    start_monitor
    expect_lines 'genv_host_up 1' 'genv_environments_total 1'
    run -1 grep '^genv_device_' <(metrics)
}

@test "a machine whose driver does not answer is down, with the reason, until it does" {
    world '{"init_delay_ms": 3600000, "devices": [{"uuid": "GPU-0"}]}'
    GENV_DRIVER_TIMEOUT=1 start_monitor --interval 0.1
    until_so 'metrics | grep -qxF "genv_host_up 0"'
    curl -s "$URL/api/v1/overview" | jq -e '.hosts[0].reason | startswith("the driver did not respond within 1 second: ")'
    world '{"devices": [{"uuid": "GPU-0"}]}'
    until_so 'metrics | grep -qxF "genv_host_up 1"'
}

@test "a machine that can't tell its state is down, with the reason, and may come back" {
    start_monitor --interval 0.1
    mv "$GENV_TMPDIR" "$GENV_TMPDIR.away"
    ln -s /nowhere "$GENV_TMPDIR"
    until_so 'metrics | grep -qxF "genv_host_up 0"'
    run -1 grep -E '^genv_(device|environment)' <(metrics)
    [[ $(status_of "$URL/api/v1/snapshot") == 503 ]]
    curl -s "$URL/api/v1/overview" | jq -e '.hosts[0] | (.up | not) and .snapshot == null and (.reason | length > 0)'
    rm "$GENV_TMPDIR"
    mv "$GENV_TMPDIR.away" "$GENV_TMPDIR"
    until_so 'metrics | grep -qxF "genv_host_up 1"'
}

@test "the snapshot is that of genv snapshot" {
    create_env train
    "$GENV" devices attach --eid train --count 1
    start_monitor
    [[ $(head_of "$URL/api/v1/snapshot") == *'Content-Type: application/json'* ]]
    diff <(curl -s "$URL/api/v1/snapshot" | jq -S 'del(.time)') <("$GENV" snapshot | jq -S 'del(.time)')
    curl -s "$URL/api/v1/overview" | jq -e '.remote == false and .interval == 10 and (.hosts | length) == 1'
    diff <(curl -s "$URL/api/v1/overview" | jq -S '.hosts[0].snapshot | del(.time)') <("$GENV" snapshot | jq -S 'del(.time)')
}

@test "an environment that is attached and does nothing is idle, and one that works is not" {
    create_env lazy
    "$GENV" devices attach --eid lazy --count 1
    create_env eager
    "$GENV" devices attach --eid eager --count 1
    world '{"devices": [{"uuid": "GPU-0"},
        {"uuid": "GPU-1", "utilization": 99, "processes": [{"pid": '"$MEMBER"', "used_memory": "1gi"}]}]}'
    start_monitor --interval 0.1
    metrics >/dev/null
    until_so '[[ $(metrics | sed -n "s/^genv_environment_idle_seconds{eid=\"lazy\"} //p") > 0 ]]'
    expect_lines 'genv_environment_idle_seconds{eid="eager"} 0'
    [[ $(curl -s "$URL/api/v1/overview" | jq -c '.hosts[0].idle | keys') == '["lazy"]' ]]
}

@test "the history grows, device by device" {
    world '{"devices": [{"uuid": "GPU-0", "utilization": 12, "processes": [{"pid": 1, "used_memory": "1gi"}]}, {"uuid": "GPU-1"}]}'
    start_monitor
    metrics >/dev/null
    history=$(curl -s "$URL/api/v1/history")
    host=$(hostname)
    jq -e --arg host "$host" '.step == 10 and (.times | length) >= 1 and
        .hosts[$host]["0"].utilization[-1] == 12 and .hosts[$host]["0"].memory[-1] == 1073741824 and
        .hosts[$host]["1"].memory[-1] == 0' <<<"$history"
}

@test "only GET and HEAD are served" {
    start_monitor
    for method in POST PUT DELETE PATCH OPTIONS TRACE FOO; do
        answer=$(head_of -X "$method" "$URL/metrics")
        [[ $answer == 'HTTP/1.1 405 '* && $answer == *$'\nAllow: GET, HEAD\n'* ]]
    done
    [[ $(status_of -d x=1 "$URL/metrics") == 405 ]]
    [[ $(status_of -X GET -d x=1 "$URL/metrics") == 413 ]]
    [[ $(status_of -X GET -H 'Transfer-Encoding: chunked' -d x=1 "$URL/metrics") == 413 ]]
    length=$(curl -s "$URL/" | wc -c)
    [[ $(curl -sI "$URL/" | tr -d '\r') == *"Content-Length: $length"* ]]
    [[ -z $(curl -s -X HEAD --max-time 5 -o - "$URL/" || true) ]]
}

@test "nothing but what is listed is served, whatever the path" {
    start_monitor
    for path in /metrics/ /Metrics //metrics /index.html /../etc/passwd /..%2f..%2fetc/passwd /%2e%2e/etc/passwd /api /api/v1 \
        /api/v2/snapshot /%6detrics /metrics%00 '/;/metrics' /. /.. //; do
        echo "$path"
        [[ $(status_of --path-as-is "$URL$path") =~ ^40[04]$ ]]
    done
    for path in / /metrics '/metrics?name=x' /api/v1/snapshot /api/v1/overview /api/v1/history /healthz; do
        [[ $(status_of "$URL$path") == 200 ]]
    done
}

@test "every answer says what browsers may do with it" {
    start_monitor
    for arguments in / /metrics /api/v1/overview /healthz /nothing '-d x /' '-H Host:evil.example /'; do
        # shellcheck disable=SC2086 # several words
        answer=$(head_of ${arguments% *} "$URL${arguments##* }" 2>/dev/null)
        [[ $arguments == *' '* ]] || answer=$(head_of "$URL$arguments")
        echo "$answer"
        [[ $answer == *"Content-Security-Policy: default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"* ]]
        [[ $answer == *'X-Content-Type-Options: nosniff'* ]]
        [[ $answer == *'Referrer-Policy: no-referrer'* ]]
        [[ $answer == *'Cache-Control: no-'* ]]
        [[ ${answer,,} != *'access-control-allow'* ]]
    done
}

@test "a file that the browser has is not sent again" {
    start_monitor
    etag=$(head_of "$URL/" | sed -n 's/^ETag: //p')
    [[ -n $etag ]]
    [[ $(status_of -H "If-None-Match: $etag" "$URL/") == 304 ]]
    [[ $(status_of -H 'If-None-Match: "other"' "$URL/") == 200 ]]
}

@test "on loopback, a page whose name was made to mean this machine learns nothing" {
    start_monitor
    port=${URL##*:}
    for host in evil.example "evil.example:$port" localhost.evil.example 10.0.0.1 "[2001:db8::1]:$port"; do
        [[ $(status_of -H "Host: $host" "$URL/metrics") == 421 ]]
        [[ $(curl -s -H "Host: $host" "$URL/metrics") != *genv_* ]]
    done
    for host in localhost "localhost:$port" 127.0.0.1 "[::1]:$port"; do
        [[ $(status_of -H "Host: $host" "$URL/metrics") == 200 ]]
    done
}

@test "a name that is not the monitor's is named, with the remedy" {
    start_monitor
    [[ $(curl -s -H 'Host: gpu.example.org:8443' "$URL/") == "this monitor does not serve the host name 'gpu.example.org': if \
a proxy uses it, start 'genv monitor' with --allowed-hosts gpu.example.org" ]]
    # shellcheck disable=SC2016 # no expansions
    for host in '<script>alert(1)</script>' '$(id)' 'a b' ':80'; do
        [[ $(curl -s -H "Host: $host" "$URL/") == 'this monitor does not serve the host name of the request' ]]
    done
}

@test "--allowed-hosts: the names of a proxy, and those below a domain" {
    start_monitor --allowed-hosts gpu.example.org,.lab.example
    for host in gpu.example.org GPU.example.org:8443 gpu.example.org. lab.example one.lab.example localhost; do
        [[ $(status_of -H "Host: $host" "$URL/metrics") == 200 ]]
    done
    for host in evil.example example.org evillab.example gpu.example.org.evil.example; do
        [[ $(status_of -H "Host: $host" "$URL/metrics") == 421 ]]
    done
    stop_monitor TERM
    start_monitor --allowed-hosts='*'
    [[ $(status_of -H 'Host: anything.example' "$URL/metrics") == 200 ]]
}

@test "one that listens to the network answers to any name, or to those that are allowed" {
    start_monitor --host 0.0.0.0
    [[ $(status_of -H 'Host: gpu-server-1' "http://127.0.0.1:${URL##*:}/metrics") == 200 ]]
    stop_monitor TERM
    start_monitor --host 0.0.0.0 --allowed-hosts gpu-server-1
    [[ $(status_of -H 'Host: gpu-server-1' "http://127.0.0.1:${URL##*:}/metrics") == 200 ]]
    [[ $(status_of -H 'Host: gpu-server-2' "http://127.0.0.1:${URL##*:}/metrics") == 421 ]]
}

@test "it listens where it is told, and nowhere else" {
    start_monitor --host 127.0.0.2
    [[ $URL == http://127.0.0.2:* ]]
    [[ $(status_of "$URL/metrics") == 200 ]]
    run -7 curl -s "http://127.0.0.1:${URL##*:}/metrics"
}

@test "it listens on IPv6" {
    [[ -e /proc/net/if_inet6 ]] && grep -q ' lo$' /proc/net/if_inet6 || skip 'no IPv6 here'
    start_monitor --host ::1
    [[ $URL == 'http://[::1]:'* ]]
    [[ $(status_of "$URL/metrics") == 200 ]]
}

@test "a port that is in use is one sentence" {
    start_monitor
    run -1 --separate-stderr "$GENV" monitor --port "${URL##*:}"
    [[ -z $output && ${#stderr_lines[@]} == 1 ]]
    [[ $stderr == "genv: port ${URL##*:} of 127.0.0.1 is in use by another program: choose another with --port" ]]
}

@test "an address that is not this machine's is one sentence" {
    for address in 192.0.2.1 no.such.host.invalid; do
        run -1 --separate-stderr "$GENV" monitor --port 0 --host "$address"
        [[ -z $output && ${#stderr_lines[@]} == 1 && $stderr == 'genv: '*"$address"*'--host' ]]
    done
}

@test "values that are none are usage errors" {
    for arguments in '--port 65536' '--port x' '--port -1' '--interval 0' '--interval x' '--interval 0.01' '--host=' '--config-dir=' '--allowed-hosts=' \
        '--allowed-hosts http://gpu.example.org' '--allowed-hosts a,,b' '--allowed-hosts a:80' extra; do
        # shellcheck disable=SC2086 # several words
        run -2 --separate-stderr "$GENV" monitor $arguments
        echo "$stderr"
        [[ -z $output && ${#stderr_lines[@]} == 1 && $stderr == *"(try 'genv monitor --help')" ]]
    done
}

@test "SIGTERM, SIGINT and SIGHUP end it cleanly, also while a look hangs" {
    for signal in TERM INT HUP; do
        start_monitor
        metrics >/dev/null
        stop_monitor "$signal"
    done
    world '{"init_delay_ms": 100000, "devices": [{"uuid": "GPU-0"}]}'
    start_monitor
    stop_monitor TERM
    [[ ! -s $SCRATCH/err ]]
}

@test "the program refuses, and helps, in the words of the command" {
    local program=$GENV_BUILD/src/libexec/genv-monitor words
    for words in --frobnicate '--port 65536' '--interval 0.01' --host= --allowed-hosts=a/b extra; do
        # shellcheck disable=SC2086 # one or two words
        run --separate-stderr -2 "$GENV" monitor $words
        [[ -z $output && $stderr == *"(try 'genv monitor --help')" ]]
        expected=$stderr
        # shellcheck disable=SC2086
        run --separate-stderr -2 "$program" $words
        [[ -z $output && $stderr == "$expected" ]]
        # shellcheck disable=SC2086
        run --separate-stderr -2 "$program" remote -H nowhere.invalid monitor $words
        [[ -z $output && $stderr == "${expected/genv monitor/genv remote monitor}" ]]
    done
    run --separate-stderr -2 "$program" remote -H nowhere.invalid serve
    [[ $stderr == "genv: genv-monitor is an internal program: run 'genv monitor'" ]]
    [[ $("$program" --help) == "$("$GENV" monitor --help)" ]]
    [[ $("$program" remote monitor --help) == "$("$GENV" remote monitor --help)" ]]
}

@test "a monitor that is not installed is said to be missing" {
    mkdir -p "$SCRATCH/bin"
    cp "$GENV" "$SCRATCH/bin/genv"
    run -1 "$SCRATCH/bin/genv" monitor
    [[ $output == *"'genv monitor' is not installed: $SCRATCH/libexec/genv-monitor is missing" ]]
}

@test "the configuration lies where it is expected, with the address that is served" {
    start_monitor --interval 2.5
    cd "$GENV_TMPDIR/metrics"
    diff <(find . -type f | sort) - <<'END'
./grafana/dashboards/overview.json
./grafana/grafana.ini
./grafana/provisioning/dashboards/genv.yaml
./grafana/provisioning/datasources/genv.yaml
./prometheus/alerts.yml
./prometheus/prometheus.yml
END
    grep -qF "targets: [\"${URL#http://}\"]" prometheus/prometheus.yml
    grep -qF 'scrape_interval: 2500ms' prometheus/prometheus.yml
    grep -qF "path: \"$GENV_TMPDIR/metrics/grafana/dashboards\"" grafana/provisioning/dashboards/genv.yaml
    grep -qxF "provisioning = $GENV_TMPDIR/metrics/grafana/provisioning" grafana/grafana.ini
    run -1 grep -rE '@[A-Z]+@' .
    jq -e .panels grafana/dashboards/overview.json >/dev/null
    # Prometheus and Grafana run as other users.
    [[ -z $(find . ! -perm -o=r) && -z $(find . -perm /o=w) ]]
}

@test "the configuration goes where it is told, over an older one, and past links" {
    dir="$SCRATCH/a \"b\" \\c/deep"
    start_monitor --config-dir "$dir"
    python3 -c 'import sys, yaml; print(yaml.safe_load(open(sys.argv[1]))["providers"][0]["options"]["path"])' \
        "$dir/grafana/provisioning/dashboards/genv.yaml" >"$SCRATCH/path" 2>/dev/null || echo "$dir/grafana/dashboards" >"$SCRATCH/path"
    [[ $(<"$SCRATCH/path") == "$dir/grafana/dashboards" ]]
    [[ ! -e $GENV_TMPDIR/metrics ]]
    stop_monitor TERM
    echo precious >"$SCRATCH/precious"
    ln -sf "$SCRATCH/precious" "$dir/prometheus/alerts.yml"
    start_monitor --config-dir "$dir"
    [[ $(<"$SCRATCH/precious") == precious ]]
    [[ ! -L $dir/prometheus/alerts.yml ]] && grep -q GenvDeviceHot "$dir/prometheus/alerts.yml"
    stop_monitor TERM
    mkdir "$SCRATCH/elsewhere"
    rm -r "$dir/prometheus"
    ln -s "$SCRATCH/elsewhere" "$dir/prometheus"
    run -1 "$GENV" monitor --port 0 --config-dir "$dir"
    [[ $output == *"cannot write $dir/prometheus/alerts.yml"* || $output == *"cannot write $dir/prometheus/prometheus.yml"* ]]
    [[ -z $(ls -A "$SCRATCH/elsewhere") ]]
}

@test "a default directory of somebody else is left alone, and the monitor serves all the same" {
    ((EUID == 0)) || skip 'needs root, to act as another user'
    install -d -m 1777 "$GENV_TMPDIR"
    install -d -o 60601 "$GENV_TMPDIR/metrics"
    start_monitor
    [[ $(status_of "$URL/metrics") == 200 ]]
    [[ $(<"$SCRATCH/err") == "genv: $GENV_TMPDIR/metrics belongs to 60601: use another directory with --config-dir" ]]
    [[ -z $(ls -A "$GENV_TMPDIR/metrics") ]]
}

@test "nor is a default directory used that others can write, or put another in the place of" {
    ((EUID == 0)) || skip 'needs root, to act as another user'
    install -d -m 1777 "$GENV_TMPDIR"
    install -d -m 777 "$GENV_TMPDIR/metrics"
    start_monitor
    [[ $(<"$SCRATCH/err") == "genv: others can write $GENV_TMPDIR/metrics: "* ]]
    stop_monitor TERM
    rmdir "$GENV_TMPDIR/metrics"
    chown 60601 "$GENV_TMPDIR"
    start_monitor
    [[ $(status_of "$URL/metrics") == 200 ]]
    [[ $(<"$SCRATCH/err") == "genv: others can replace $GENV_TMPDIR/metrics: "* ]]
    [[ ! -e $GENV_TMPDIR/metrics ]]
}

@test "the systemd unit is valid, and takes away what the monitor does without" {
    command -v systemd-analyze >/dev/null || skip 'systemd is not installed'
    sed "s#^ExecStart=[^ ]*#ExecStart=$GENV#; /^Documentation=/d" "$GENV_BUILD/packaging/genv-monitor.service" >"$SCRATCH/genv-monitor.service"
    run systemd-analyze verify "$SCRATCH/genv-monitor.service"
    echo "$output"
    run -1 grep genv-monitor <<<"$output"
    # Of 100: a service without any such lines has 96.
    systemd-analyze security --offline=true --threshold=20 "$SCRATCH/genv-monitor.service"
}
