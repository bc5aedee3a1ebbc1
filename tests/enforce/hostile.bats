#!/usr/bin/env bats
# genv enforce against a user who wants it to be late, to look elsewhere or to forget.
# shellcheck disable=SC2154 # set by bats

load common

setup() { enforce_setup; }
teardown() { enforce_teardown; }

# The environment $1 of Alice's with $2 devices; its process is MEMBER.
make_env() {
    create_env "$1" alice
    "$GENV" devices attach --eid "$1" --count "$2" >/dev/null
}

@test "what is put back is detached again, and again" {
    make_env x 1
    cp -p "$ENVS/x.json" "$SCRATCH/record"
    start_enforcer --interval 0.3 --max-devices-per-user 0
    local i
    for ((i = 1; i <= 4; i++)); do
        wait_for '[[ $(grep -c "^Detached device 0 from environment x" "$SCRATCH/log" 2>/dev/null) -ge i ]]'
        cp -p "$SCRATCH/record" "$SCRATCH/again"
        mv "$SCRATCH/again" "$ENVS/x.json"
    done
    wait_for '[[ $("$GENV" devices find --eid x) == "" ]]'
}

@test "a process that is started anew gains no time" {
    start_enforcer --interval 0.2 --grace 1.5 --non-env-processes
    local i
    for ((i = 0; i < 30; i++)); do
        start_member alice
        world "$MEMBER:1" ''
        sleep 0.4
        lives "$MEMBER" || break
        kill -KILL "$MEMBER"
    done
    cat "$SCRATCH/log"
    grep '^Terminated process' "$SCRATCH/log"
}

@test "nor does one that is registered anew" {
    make_env e0 2
    "$GENV" devices detach --eid e0 --index 0 --quiet
    world "$MEMBER:1" ''
    start_enforcer --interval 0.2 --grace 1.5
    local i
    for ((i = 0; i < 30; i++)); do
        sleep 0.4
        lives "$MEMBER" || break
        mv "$ENVS/e$i.json" "$ENVS/e$((i + 1)).json"
    done
    cat "$SCRATCH/log"
    run ! lives "$MEMBER"
}

@test "a warning says how much time is left" {
    script -qefc "chown 60601 \$(tty); exec setpriv --reuid 60601 --regid 60601 --clear-groups sleep 1000" \
        "$SCRATCH/typescript" >/dev/null 2>&1 </dev/null 3>&- &
    local script=$! sleeper
    MEMBERS+=("$script")
    wait_for 'sleeper=$(pgrep -u 60601 -P $script -x sleep)'
    sleeper=$(pgrep -u 60601 -P "$script" -x sleep)
    MEMBERS+=("$sleeper")
    start_member alice
    world "$MEMBER:1" ''
    start_enforcer --interval 0.2 --grace 600 --non-env-processes
    wait_for 'grep -q "Process $MEMBER " "$SCRATCH/log"'
    sleep 1
    world "$sleeper:1" ''
    wait_for 'grep -q "Process $sleeper .*: stop the process within 59[0-9.]* seconds, or genv will terminate it" "$SCRATCH/typescript"'
}

@test "whoever holds the lock is named; processes end meanwhile" {
    make_env two 2
    start_member alice
    world "$MEMBER:1" ''
    "${ALICE[@]}" flock "$GENV_TMPDIR/genv.lock" sleep 1000 3>&- &
    MEMBERS+=("$!")
    wait_for '! flock --nonblock "$GENV_TMPDIR/genv.lock" true'
    MEMBERS+=("$(pgrep -P $! -x sleep)")
    enforce --non-env-processes --max-devices-per-user 0 >"$SCRATCH/log" 2>&1 3>&- &
    local enforcer=$!
    wait_for '! lives "$MEMBER"'
    lives "$enforcer"
    run ! grep '^Cannot' "$SCRATCH/log"
    local status=0
    wait "$enforcer" || status=$?
    cat "$SCRATCH/log"
    [[ $status == 1 && $(grep -c '^Cannot detach device . from environment two of 60601: .* is locked by process ' "$SCRATCH/log") == 2 ]]
    [[ $("$GENV" devices find --eid two) == 0,1 ]]
}

@test "what one user piles up keeps nobody waiting, and is summed up" {
    make_env e 2
    local i bob
    for ((i = 0; i < 100; i++)); do
        cp -p "$ENVS/e.json" "$ENVS/e$i.json"
    done
    create_env bobs bob
    bob=$MEMBER
    world '' "$bob:1"
    # A dry run lists all of it.
    [[ $(enforce --dry-run --max-devices-per-user 0 | grep -c '^Environment e') == 202 ]]
    run enforce --max-devices-per-user 0
    echo "$output"
    local first detached
    first=$(grep -n "^Terminated process $bob " <<<"$output" | cut -d: -f1)
    detached=$(grep -n '^Detached' <<<"$output" | head -n 1 | cut -d: -f1)
    ((status == 0 && first < detached))
    [[ $(grep -c "^Environment e" <<<"$output") == 32 && $(grep -c '^Detached' <<<"$output") == 32 ]]
    grep "^170 more 'found' entries about 60601\$" <<<"$output"
    grep "^170 more 'detached' entries about 60601\$" <<<"$output"
    run ! grep -l '"attachments":\[{' "$ENVS"/*.json
}

@test "what was done to processes is in a log of its own, and in the history at its place" {
    make_env two 2
    start_member alice
    world "$MEMBER:1" ''
    enforce --non-env-processes --max-devices-per-user 0
    run jq -r .event "$GENV_TMPDIR/enforcement.log.processes"
    [[ $output == terminated ]]
    run ! grep terminated "$GENV_TMPDIR/enforcement.log"
    run jq -r .event <("$GENV" enforce --history --format json)
    [[ $output == $'found\nfound\nfound\nterminated\ndetached\ndetached' ]]
    [[ $(stat -c '%U %a' "$GENV_TMPDIR/enforcement.log.processes") == 'root 644' ]]
    # The first log is read whatever others put in the place of the second.
    rm "$GENV_TMPDIR/enforcement.log.processes"
    install -m 600 -o 60601 /dev/null "$GENV_TMPDIR/enforcement.log.processes"
    run --separate-stderr as_bob "$GENV" enforce --history --format json
    [[ $status == 0 && -z $stderr && $(jq -r .event <<<"$output") == $'found\nfound\nfound\ndetached\ndetached' ]]
}

@test "the history tells how many a sum stands for" {
    make_env e 2
    local i
    for ((i = 0; i < 20; i++)); do
        cp -p "$ENVS/e.json" "$ENVS/e$i.json"
    done
    enforce --max-devices-per-user 0
    run jq -c 'select(.count) | [.event, .count]' <("$GENV" enforce --history --format json)
    [[ $output == $'["found",10]\n["detached",10]' ]]
}
