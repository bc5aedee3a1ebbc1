#!/usr/bin/env bats
# genv enforce as a service: it keeps looking, whatever happens around it.
# shellcheck disable=SC2154 # set by bats

load common

setup() { enforce_setup; }
teardown() { enforce_teardown; }

@test "a driver that takes longer than the interval stops nothing" {
    echo '{"init_delay_ms":600,"devices":[{"uuid":"GPU-a"},{"uuid":"GPU-b"}]}' >"$GENV_SIMULATOR"
    start_enforcer --interval 0.3 --non-env-processes
    sleep 1.5
    start_member alice
    world "$MEMBER:1" ''
    wait_for 'grep -q "^Terminated process $MEMBER " "$SCRATCH/log"'
}

@test "a look that fails is said once, and not repeated as fast as it can be" {
    start_member alice
    world "$MEMBER:1" ''
    start_enforcer --interval 1 --non-env-processes --grace 0.5
    wait_for 'grep -q "outside any environment" "$SCRATCH/log"'
    # The state directory is no directory any more, while a grace is over.
    mv "$GENV_TMPDIR" "$SCRATCH/moved"
    : >"$GENV_TMPDIR"
    wait_for 'grep -q "^genv: " "$SCRATCH/log"'
    sleep 1.5
    [[ $(grep -c '^genv: ' "$SCRATCH/log") -le 2 ]]
    rm "$GENV_TMPDIR"
    mv "$SCRATCH/moved" "$GENV_TMPDIR"
    wait_for 'grep -q "^Terminated process $MEMBER " "$SCRATCH/log"'
}

@test "limits that change hold at once; wrong ones are said, and the old ones stay" {
    create_env a
    "$GENV" devices attach --eid a --count 2 >/dev/null
    echo '* devices 5' >"$SCRATCH/limits"
    start_enforcer --interval 0.3 --limits "$SCRATCH/limits"
    sleep 0.5
    echo '* devices nonsense' >"$SCRATCH/limits"
    wait_for 'grep -q "keeping the previous limits: .*line 1" "$SCRATCH/log"'
    [[ $("$GENV" devices find --eid a) == 0,1 ]]
    echo '* devices 1' >"$SCRATCH/limits"
    wait_for 'grep -q "^Detached device 1 from environment a" "$SCRATCH/log"'
    [[ $("$GENV" devices find --eid a) == 0 ]]
}

@test "who detaches and attaches again and again gains no time" {
    create_env a
    "$GENV" devices attach --eid a --count 2 >/dev/null
    start_enforcer --interval 0.3 --max-devices-per-user 1 --grace 1
    local i
    for ((i = 0; i < 12; i++)); do
        "$GENV" devices detach --eid a --index 1 --quiet 2>/dev/null || true
        "$GENV" devices attach --eid a --index 1 >/dev/null || true
        sleep 0.3
    done
    cat "$SCRATCH/log"
    grep '^Detached device 1 from environment a' "$SCRATCH/log"
}

@test "half a look is acted on by nobody" {
    create_env a
    "$GENV" devices attach --eid a --count 2 >/dev/null
    echo '{"init_delay_ms":3600000,"devices":[{"uuid":"GPU-a"},{"uuid":"GPU-b"}]}' >"$GENV_SIMULATOR"
    GENV_DRIVER_TIMEOUT=1 run -1 enforce --max-devices-per-user 1
    [[ $output == 'genv: the driver did not respond within 1 second: '* ]]
    world '' ''
    [[ $("$GENV" devices find --eid a) == 0,1 ]]
    run -0 enforce --max-devices-per-user 1
    [[ $("$GENV" devices find --eid a) == 0 ]]
}

@test "a service outlives the folder that it was started from" {
    mkdir -p "$SCRATCH/old/bin" "$SCRATCH/old/libexec"
    cp "$GENV" "$SCRATCH/old/bin/genv"
    cp "$(dirname "$GENV")/../libexec/genv-driver" "$SCRATCH/old/libexec"
    start_member alice
    world "$MEMBER:1" ''
    GENV=$SCRATCH/old/bin/genv start_enforcer --interval 0.3 --non-env-processes --dry-run
    wait_for 'grep -q "process $MEMBER " "$SCRATCH/log"'
    rm -r "$SCRATCH/old"
    start_member bob
    world '' "$MEMBER:1"
    wait_for 'grep -q "process $MEMBER " "$SCRATCH/log"'
    run ! grep 'is missing' "$SCRATCH/log"
}
