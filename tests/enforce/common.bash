# What the tests of enforcement share: a machine with two simulated GPUs, and real processes of several users that "use"
# them because the machine's description says so.
# shellcheck shell=bash disable=SC2154

load ../state/common

enforce_setup() {
    common_setup
    need_root
    [[ $(readlink /proc/self/ns/pid) == 'pid:[4026531836]' ]] || skip 'genv terminates nobody in a PID namespace of its own'
    unset GENV_DEVICES GENV_TERMINATE_PROCESSES
    export GENV_SIMULATOR=$SCRATCH/world.json LD_LIBRARY_PATH=$GENV_NVML
    install -d -m 1777 "$GENV_TMPDIR" "$ENVS" "$GENV_TMPDIR/devices"
    install -m 666 /dev/null "$GENV_TMPDIR/genv.lock"
    world '' ''
    ENFORCER=
}

enforce_teardown() {
    [[ -z ${ENFORCER-} ]] || end_enforcer
    common_teardown
}

# What uses device 0 and device 1: words PID:GIGABYTES each.
world() {
    local device word uuid=a lists=() list
    for device in "$1" "$2"; do
        list=
        for word in $device; do
            list+=${list:+,}"{\"pid\":${word%:*},\"used_memory\":\"${word#*:}g\"}"
        done
        lists+=("{\"uuid\":\"GPU-$uuid\",\"processes\":[$list]}")
        uuid=b
    done
    echo "{\"devices\":[${lists[0]},${lists[1]}]}" >"$SCRATCH/world.new"
    mv "$SCRATCH/world.new" "$GENV_SIMULATOR"
}

enforce() {
    "$GENV" enforce --interval 0 "$@"
}

lives() {
    local state
    state=$(sed -n 's/^State:[[:space:]]*//p' "/proc/$1/status" 2>/dev/null) || return 1
    [[ -n $state && $state != Z* ]]
}

# Evaluates $1 until it is true, for at most 10 seconds.
wait_for() {
    local i
    for ((i = 0; i < 500; i++)); do
        if eval "$1"; then
            return 0
        fi
        sleep 0.02
    done
    echo "never: $1"
    return 1
}

# Starts "genv enforce" as a service does, its output in $SCRATCH/log.
start_enforcer() {
    "$GENV" enforce "$@" >"$SCRATCH/log" 2>&1 3>&- &
    ENFORCER=$!
}

end_enforcer() {
    kill "$ENFORCER"
    wait "$ENFORCER"
    ENFORCER=
}
