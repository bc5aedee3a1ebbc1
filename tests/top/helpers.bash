# What the tests of `genv top` share: a simulated machine with environments on it, and a terminal to watch it in.
# shellcheck shell=bash
# shellcheck disable=SC2034,SC2154 # used by the tests, and set by bats

bats_require_minimum_version 1.5.0

setup() {
    unset "${!GENV_ENVIRONMENT@}" "${!CUDA_@}" GENV_DEVICES GENV_MOCK_DEVICE_COUNT GENV_MOCK_DEVICE_TOTAL_MEMORY NO_COLOR
    unset TMUX GENV_SIMULATOR_TRACE
    export GENV_TMPDIR=$BATS_TEST_TMPDIR/state GENV_SIMULATOR=$BATS_TEST_TMPDIR/world.json
    export LD_LIBRARY_PATH=$GENV_NVML LC_ALL=C.UTF-8 TZ=UTC TERM=xterm-256color
    PATH=${GENV_BIN%/*}:$PATH
    USER_NAME=$(id -un)
    ((${#USER_NAME} == 4)) || be_called self
    PIDS=()
    write_world '{"devices": []}'
}

# The screens are those of a user whose name has four letters, as root's has: others are called $1 here.
be_called() {
    local library
    [[ $GENV_SANITIZE == none ]] || skip 'nothing can be preloaded into a sanitized program'
    library=$(find /usr/lib /usr/lib64 -name libnss_wrapper.so -print -quit 2>/dev/null)
    [[ $library ]] || skip "the screens are those of a user whose name has four letters: install libnss-wrapper"
    USER_NAME=$1
    echo "$1:x:$(id -u):$(id -g)::/:/bin/sh" >"$BATS_TEST_TMPDIR/passwd"
    export LD_PRELOAD=$library NSS_WRAPPER_PASSWD=$BATS_TEST_TMPDIR/passwd NSS_WRAPPER_GROUP=/etc/group
}

teardown() {
    local pid
    [[ ! -v SOCKET ]] || in_tmux kill-server 2>/dev/null || true # unless it has ended
    for pid in "${PIDS[@]}"; do
        kill -KILL "$pid" 2>/dev/null || true
        wait "$pid" 2>/dev/null || true
    done
}

# The machine becomes $1, at once and as a whole.
write_world() {
    printf '%s\n' "$1" >"$GENV_SIMULATOR.new"
    mv "$GENV_SIMULATOR.new" "$GENV_SIMULATOR"
}

# Starts a process that lives until the end of the test: PIDS[-1].
start_process() {
    sleep "100${#PIDS[@]}" 3>&- & # equal commands would be in the order of PIDs, which start anew some time
    PIDS+=("$!")
    until [[ $(<"/proc/$!/comm") == sleep ]]; do sleep 0.01; done
}

# Environment $1, named $2, with the capacity $3 unless empty, attached to the devices behind; PIDS[-1] is its process.
make_env() {
    local index
    start_process
    genv envs activate --eid "$1" --pid "${PIDS[-1]}"
    genv envs config --eid "$1" name --name "$2"
    [[ -z $3 ]] || genv envs config --eid "$1" gpu-memory --gpu-memory "$3"
    for index in "${@:4}"; do genv devices attach --eid "$1" --index "$index" >/dev/null; done
}

# The members of a device in JSON: uuid $1, utilization $2, temperature $3, power in watts $4, processes $5.
device() {
    printf '{"uuid": "GPU-0000000%s-0000-0000-0000-000000000000", "name": "NVIDIA H200", "total_memory": "141gi", ' "$1"
    printf '"utilization": %s, "temperature": %s, "power": %s000, "processes": [%s]}' "$2" "$3" "$4" "$5"
}

# {"pid": $1, "used_memory": "$2gi"}
uses() {
    printf '{"pid": %s, "used_memory": "%sgi"}' "$1" "$2"
}

# Four devices: two are one environment's, one is shared by two with capacities, of which one uses more than it may,
# and one is free but used from outside. PIDS: train, eval, a wide name, the stranger.
make_machine() {
    write_world "{\"devices\": [$(device 0 0 30 60 ''), $(device 1 0 30 60 ''), $(device 2 0 30 60 ''), $(device 3 0 30 60 '')]}"
    make_env 1573 train '' 0 1
    make_env 1600 eval 16gi 2
    make_env job.7 学習モデル 4gi 2
    start_process
    write_world "{\"devices\": [
        $(device 0 37 52 312 "$(uses "${PIDS[0]}" 40)"),
        $(device 1 100 77 699 "$(uses "${PIDS[0]}" 16)"),
        $(device 2 64 88 500 "$(uses "${PIDS[1]}" 10), $(uses "${PIDS[2]}" 5)"),
        $(device 3 3 35 71 "$(uses "${PIDS[3]}" 2)")]}"
}

in_tmux() {
    tmux -S "$SOCKET" -u -f /dev/null "$@"
}

# Opens a terminal of $1 by $2 with the command $3 in it.
open_terminal() {
    command -v tmux >/dev/null || skip 'tmux is not installed'
    # A server that ends may still have its socket.
    SOCKET=$(mktemp -u "$BATS_TEST_TMPDIR/tmux.XXXXXX")
    in_tmux new-session -d -s top -x "$1" -y "$2" "$3" 3>&-
}

# Watches the machine in a terminal of $1 by $2, with one look, so that nothing but the clock moves by itself. The first
# picture has no devices yet, and a later one may be half drawn: wait for what is looked at.
watch_once() {
    open_terminal "$1" "$2" "exec genv top --interval 1000 ${*:3}"
    wait_for '^Memory '
}

press() {
    in_tmux send-keys -t top "$@"
}

screen() {
    in_tmux capture-pane -p -t top
}

# Waits until a line of the terminal matches $1; gives up, and shows the terminal, after a while.
wait_for() {
    for _ in {1..200}; do
        screen >"$BATS_TEST_TMPDIR/screen"
        ! grep -q -E -e "$1" "$BATS_TEST_TMPDIR/screen" || return 0
        sleep 0.1
    done
    echo "no '$1' in"
    cat "$BATS_TEST_TMPDIR/screen"
    return 1
}

# Waits until a command succeeds.
eventually() {
    for _ in {1..200}; do
        ! "$@" || return 0
        sleep 0.1
    done
    return 1
}

# What differs from run to run, made the same: the clock, the host, the user, ages, PIDs.
normalise() {
    local pid script number=0
    script="s/ +[0-9]{2}:[0-9]{2}:[0-9]{2}\$/ HH:MM:SS/; s/^genv top  $(uname -n)( |\$)/genv top  HOST\1/"
    script+="; s/  $(printf '%-10s' "$USER_NAME")/  $(printf '%-10s' me)/; s/\b$USER_NAME:/me:/g; s/ +[0-9]+[smh]\$/  AGE/"
    for pid in "${PIDS[@]}"; do
        script+="; s/^$(printf '%7s' "$pid") /  PID-$((number++)) /"
    done
    sed -E "$script"
}

# A screen of $1 columns as it is with the name that this host has: in the first row, what a longer one than HOST leaves
# no room for in front of the clock is not there.
fit_host() {
    awk -v host="$(uname -n)" -v end="$(($1 - 10))" '
        NR == 1 && sub(/ HH:MM:SS$/, "") {
            count = split($0, parts, "  ")
            row = ""
            for (i = 1; i <= count; i++) {
                width = length(parts[i] == "HOST" ? host : parts[i])
                if (column + width <= end) {
                    row = row (i > 1 ? "  " : "") parts[i]
                    column += width + 2
                }
            }
            $0 = row " HH:MM:SS"
        }
        { print }'
}

# Compares the standard input, normalised, with the file $1 as a whole, which is for $2 columns (80).
# GENV_TEST_UPDATE=1 writes that file, where the host's name has four letters: look at what it says then.
compare() {
    normalise >"$BATS_TEST_TMPDIR/seen"
    if [[ ${GENV_TEST_UPDATE-} ]]; then cp "$BATS_TEST_TMPDIR/seen" "$BATS_TEST_DIRNAME/$1"; fi
    fit_host "${2-80}" <"$BATS_TEST_DIRNAME/$1" | diff - "$BATS_TEST_TMPDIR/seen"
}

# The screen becomes what the file $1 says.
expect_screen() {
    local width
    width=$(in_tmux display -p -t top '#{window_width}')
    if [[ ${GENV_TEST_UPDATE-} ]]; then sleep 1; fi
    for _ in {1..200}; do
        ! screen | compare "$1" "$width" >/dev/null || return 0
        sleep 0.1
    done
    screen | compare "$1" "$width"
}
