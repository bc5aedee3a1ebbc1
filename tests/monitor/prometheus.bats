#!/usr/bin/env bats
# A real Prometheus, with the configuration that genv monitor writes: what it scrapes over time is what the simulated
# machine did.
# shellcheck disable=SC2154 # set by bats

load monitor

setup() {
    monitor_setup
    need_prometheus
}

teardown() { monitor_teardown; }

# Starts Prometheus with the written configuration; PROMETHEUS is where it answers.
start_prometheus() {
    local port=$((20000 + RANDOM % 10000))
    until ! (exec 9<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; do port=$((port + 1)); done
    PROMETHEUS=http://127.0.0.1:$port
    prometheus --config.file="$GENV_TMPDIR/metrics/prometheus/prometheus.yml" --storage.tsdb.path="$SCRATCH/tsdb" \
        --web.listen-address="127.0.0.1:$port" >"$SCRATCH/prometheus.log" 2>&1 3>&- &
    STARTED+=($!)
    until_so 'curl -sf "$PROMETHEUS/-/ready" >/dev/null'
}

# The result of query $1, as JSON.
query() {
    curl -sf --data-urlencode "query=$1" "$PROMETHEUS/api/v1/query" | jq -ce .data.result
}

# The values that query $1 had since time $2, in their order, each once for as long as it lasted.
values_since() {
    curl -sf --data-urlencode "query=$1" -d "start=$2" -d "end=$(date +%s.%N)" -d step=0.05 "$PROMETHEUS/api/v1/query_range" |
        jq -r '.data.result[].values[][1]' | uniq | paste -sd ' '
}

# The machine as device 0 is busy to $1 percent and process MEMBER uses $2 of it.
step_world() {
    world '{"devices": [{"uuid": "GPU-0", "utilization": '"$1"', "processes": [{"pid": '"$MEMBER"', "used_memory": "'"$2"'"}]}]}'
}

# Until Prometheus has seen it.
until_scraped() {
    local quoted
    printf -v quoted %q "$1"
    until_so '[[ $(query '"$quoted"' | jq -r ".[0].value[1]") == '"$2"' ]]'
}

@test "promtool finds nothing to say about the configuration and its rules" {
    start_monitor --interval 0.5
    for file in prometheus alerts; do
        what=config
        [[ $file == prometheus ]] || what=rules
        run promtool check "$what" "$GENV_TMPDIR/metrics/prometheus/$file.yml"
        echo "$output"
        [[ $status == 0 && $output == *SUCCESS* && $output != *[Ww]arn* && $output != *FAILED* ]]
    done
}

@test "the alerts are raised when they should be, and not before" {
    cp "$GENV_SOURCE/tests/monitor/alerts.yml" "$SCRATCH/test.yml"
    cp "$GENV_SOURCE/src/monitor/config/prometheus/alerts.yml" "$SCRATCH/alerts.yml"
    run promtool test rules "$SCRATCH/test.yml"
    echo "$output"
    [[ $status == 0 ]]
    # One that never fires would not pass.
    sed -i 's/> 3600/> 36000/' "$SCRATCH/alerts.yml"
    run promtool test rules "$SCRATCH/test.yml"
    [[ $status == 1 ]]
}

@test "queries over time return what the machine did" {
    create_env train
    "$GENV" devices attach --eid train --count 1
    step_world 10 1gi
    start_monitor --interval 0.5
    start_prometheus
    utilization='genv_device_utilization{index="0"}'
    until_scraped "$utilization" 10
    begin=$(date +%s.%N)
    for percent in 35 80 0 55; do
        step_world "$percent" "$((percent + 1))mi"
        until_scraped "$utilization" "$percent"
    done
    values_since "$utilization" "$begin"
    [[ $(values_since "$utilization" "$begin") == '10 35 80 0 55' ]]
    [[ $(values_since 'genv_environment_memory_used_bytes{eid="train"} / 1024 / 1024' "$begin") == '1024 36 81 1 56' ]]
    [[ $(values_since 'sum(genv_environments_total)' "$begin") == 1 ]]
    [[ $(query 'genv_environment_info' | jq -r '.[0].metric.eid') == train ]]
    # The environment ends: its series do too, at once.
    kill "$MEMBER"
    wait "$MEMBER" || true
    until_scraped genv_environments_total 0
    for metric in genv_environment_info genv_environment_idle_seconds genv_user_environments_total; do
        [[ $(query "$metric") == '[]' ]]
    done
    [[ $(values_since 'genv_environments_total' "$begin") == '1 0' ]]
    [[ $(query 'up{job="genv"}' | jq -r '.[0].value[1]') == 1 ]]
    run -1 grep -E 'level=(warn|error)' "$SCRATCH/prometheus.log"
}

@test "every query of the dashboard finds something, and every rule is healthy" {
    create_env train
    "$GENV" envs config --eid train name --name 'quotes " and \ backslashes'
    "$GENV" devices attach --eid train --count 1
    step_world 10 1gi
    start_monitor --interval 0.5
    start_prometheus
    until_scraped genv_environments_total 1
    while IFS= read -r expression; do
        expression=${expression//'$hostname'/.*}
        echo "$expression"
        [[ $(query "$expression" | jq length) -gt 0 ]]
    done < <(jq -r '.panels[].targets[].expr' "$GENV_TMPDIR/metrics/grafana/dashboards/overview.json")
    [[ $(query genv_environment_info | jq -r '.[0].metric.name') == 'quotes " and \ backslashes' ]]
    until_so '[[ $(curl -sf "$PROMETHEUS/api/v1/rules" | jq -r "[.data.groups[].rules[].health] | unique[]") == ok ]]'
    [[ $(curl -sf "$PROMETHEUS/api/v1/rules" | jq '[.data.groups[].rules[]] | length') == 4 ]]
    [[ $(curl -sf "$PROMETHEUS/api/v1/targets" | jq -r '.data.activeTargets[].health') == up ]]
}

@test "Prometheus takes the metrics as OpenMetrics, as it asks for them" {
    create_env train
    "$GENV" devices attach --eid train --count 1
    start_monitor --interval 0.5
    start_prometheus
    until_scraped genv_environments_total 1
    # The types come from the format that it was told in: Prometheus' own has no "info".
    until_so '[[ $(curl -sf "$PROMETHEUS/api/v1/metadata" | jq -r ".data[\"genv_environment\"][0].type") == info ]]'
}

@test "a monitor that ends is an alert's business, and one that comes back goes on" {
    start_monitor --interval 0.5
    start_prometheus
    until_scraped genv_host_up 1
    port=${URL##*:}
    stop_monitor TERM
    until_scraped 'up{job="genv"}' 0
    [[ $(query genv_host_up) == '[]' ]]
    until_so '[[ $(query "ALERTS{alertname=\"GenvHostDown\"}" | jq -r ".[0].metric.alertstate") == pending ]]'
    start_monitor --interval 0.5 --port "$port"
    until_scraped genv_host_up 1
}
