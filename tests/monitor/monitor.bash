# What the tests of `genv monitor` share: a simulated machine, environments on it, a monitor, and what it serves.
# shellcheck shell=bash

monitor_setup() {
    bats_require_minimum_version 1.5.0
    command -v curl >/dev/null || skip 'curl is not installed'
    command -v jq >/dev/null || skip 'jq is not installed'
    unset "${!GENV_MOCK@}" GENV_DEVICES GENV_ENVIRONMENT_ID GENV_LOCK http_proxy
    GENV=$GENV_BIN
    SCRATCH=$(mktemp -d /tmp/genv-test.XXXXXX)
    chmod 755 "$SCRATCH"
    export GENV_TMPDIR=$SCRATCH/state GENV_SIMULATOR=$SCRATCH/machine.json LC_ALL=C.UTF-8
    export LD_LIBRARY_PATH=$GENV_NVML
    STARTED=()
    MONITOR=
    URL=
    world '{"devices": [{"uuid": "GPU-0"}, {"uuid": "GPU-1"}]}'
}

# Puts prometheus and promtool into the PATH.
need_prometheus() {
    local folder
    folder=$("$GENV_SOURCE/tests/fetch" prometheus 3>&-) || skip "$folder"
    PATH=$folder:$PATH
}

monitor_teardown() {
    local i
    for ((i = ${#STARTED[@]} - 1; i >= 0; i--)); do
        kill -KILL "${STARTED[i]}" 2>/dev/null || true
        wait "${STARTED[i]}" 2>/dev/null || true
    done
    [[ -z ${SCRATCH-} ]] || rm -rf "$SCRATCH"
}

# The simulated machine becomes that of the JSON $1.
world() {
    printf '%s\n' "$1" >"$GENV_SIMULATOR.new"
    mv "$GENV_SIMULATOR.new" "$GENV_SIMULATOR"
}

# Waits until the command line holds; fails after half a minute.
until_so() {
    local i
    for ((i = 0; i < 300; i++)); do
        ! eval "$1" || return 0
        sleep 0.1
    done
    echo "never came true: $1"
    return 1
}

# Starts `genv monitor` with further options; MONITOR is its PID, URL where it serves.
start_monitor() {
    rm -f "$SCRATCH/out"
    "$GENV" monitor --port 0 "$@" >"$SCRATCH/out" 2>"$SCRATCH/err" 3>&- &
    MONITOR=$!
    STARTED+=("$MONITOR")
    until_so '[[ -s $SCRATCH/out ]] || ! kill -0 "$MONITOR" 2>/dev/null'
    URL=$(sed -n 's#^Serving \(http://.*\)/ and .*#\1#p' "$SCRATCH/out")
    [[ -n $URL ]] || cat "$SCRATCH/err"
    [[ -n $URL ]]
}

# Ends it with signal $1; fails unless its status is 0.
stop_monitor() {
    kill "-$1" "$MONITOR"
    wait "$MONITOR"
}

# Creates environment $1 with a process of its own, whose PID is MEMBER.
create_env() {
    sleep 1000 3>&- &
    MEMBER=$!
    STARTED+=("$MEMBER")
    until_so '[[ $(<"/proc/$MEMBER/comm") == sleep ]]'
    "$GENV" envs activate --eid "$1" --uid "$(id -u)" --pid "$MEMBER"
}

metrics() { curl -sf "$URL/metrics"; }

# Fails unless each argument is a line of the metrics.
expect_lines() {
    local text line
    text=$(metrics)
    for line in "$@"; do
        grep -qxF -- "$line" <<<"$text" || {
            printf 'not there: %s\n%s\n' "$line" "$(grep -v '^#' <<<"$text")"
            return 1
        }
    done
}
