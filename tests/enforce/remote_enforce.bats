#!/usr/bin/env bats
# genv remote enforce over real sshds: hosts with simulated GPUs, and processes of two users on them.
# shellcheck disable=SC2154 # set by bats

load ../remote/hosts

setup_file() {
    [[ $(readlink /proc/self/ns/pid) == 'pid:[4026531836]' ]] || export HOSTS_MISSING='genv terminates nobody in a PID namespace of its own'
    hosts_setup || return 0
    for name in one two three; do
        hosts_start "$name"
        # As root there reaches the devices: a simulated machine of two GPUs.
        cat >"$HOSTS/program" <<END
#!/bin/sh
unset GENV_DEVICES
export GENV_SIMULATOR=$HOSTS/$name/world.json LD_LIBRARY_PATH=$GENV_NVML
exec $GENV_BIN "\$@"
END
        hosts_program "$name" "$HOSTS/program"
    done
    # Alice administrates: her key opens root's door too.
    cp "$HOSTS/$ALICE.keys" "$HOSTS/root.keys"
}

teardown_file() {
    hosts_teardown
}

setup() {
    hosts_check
    bats_require_minimum_version 1.5.0
    members=()
    local name
    for name in one two three; do
        world "$name" ''
    done
}

teardown() {
    local pid
    for pid in "${members[@]}"; do
        kill -KILL "$pid" 2>/dev/null || true
        wait "$pid" 2>/dev/null || true
    done
}

# On host $1 the processes $2, words PID:GIGABYTES, use device 0.
world() {
    local word list=
    for word in $2; do
        list+=${list:+,}"{\"pid\":${word%:*},\"used_memory\":\"${word#*:}g\"}"
    done
    echo "{\"devices\":[{\"uuid\":\"GPU-$1-0\",\"processes\":[$list]},{\"uuid\":\"GPU-$1-1\"}]}" >"$HOSTS/$1/world.new"
    mv "$HOSTS/$1/world.new" "$HOSTS/$1/world.json"
}

# genv as it is on host $1, as root.
there() {
    GENV_TMPDIR=$HOSTS/$1/state "$HOSTS/$1/bin/genv" "${@:2}"
}

# A process of Bob's; its PID is in $member.
start_member() {
    setpriv --reuid "$BOB" --regid "$BOB" --clear-groups sleep 1000 3>&- &
    member=$!
    members+=("$member")
}

# Environment $2 of Bob's on host $1, with $3 devices.
make_env() {
    start_member
    there "$1" envs activate --eid "$2" --uid "$(id -u "$BOB")" --pid "$member"
    there "$1" devices attach --eid "$2" --count "$3" >/dev/null
    sleep 0.01
}

enforce() {
    as_alice genv remote -H one,two,three -l root enforce --interval 0 "$@"
}

lives() {
    hosts_lives "$1"
}

@test "findings and actions carry the host" {
    start_member
    local stranger=$member
    world two "$stranger:1"
    run enforce --non-env-processes
    echo "$output"
    [[ $status == 0 && ${#lines[@]} == 2 ]]
    [[ ${lines[0]} == "[two] Process $stranger (sleep 1000) of $BOB uses device 0 outside any environment" ]]
    [[ ${lines[1]} == "[two] Terminated process $stranger (sleep 1000) of $BOB" ]]
    run ! lives "$stranger"
}

@test "a maximum counts over all hosts together, and the newest go" {
    make_env three first 1
    make_env one second 1
    make_env two third 2
    local third=$member
    start_member # or the environment would end with the process that is terminated
    there two envs activate --eid third --uid "$(id -u "$BOB")" --pid "$member"
    world two "$third:1"
    run enforce --max-devices-per-user 4
    [[ $status == 0 && -z $output ]]
    run enforce --max-devices-per-user 2 --dry-run
    [[ $output == *"[two] Would detach device 0 from environment third of $BOB"* ]]
    run enforce --max-devices-per-user 2
    echo "$output"
    [[ $status == 0 ]]
    [[ $output == *"[two] Environment third of $BOB holds device 1, and $BOB holds 4 devices (limit 2)"* ]]
    [[ $output == *"[two] Detached device 0 from environment third of $BOB"* ]]
    [[ $output == *"[two] Detached device 1 from environment third of $BOB"* ]]
    [[ $output == *"[two] Terminated process $third (sleep 1000) of $BOB"* ]]
    [[ $(there one devices find --eid second) == 0 && $(there three devices find --eid first) == 0 ]]
}

@test "a host that does not answer weakens no other" {
    hosts_fake dark silent
    start_member
    world three "$member:1"
    run --separate-stderr as_alice genv remote -H dark,three -l root -t 2 enforce --interval 0 --non-env-processes
    echo "$output $stderr"
    [[ $status == 0 && $stderr == 'genv: dark: no response within 2 seconds'* && ${#stderr_lines[@]} == 1 ]]
    run ! lives "$member"
}

@test "without the right to, it says so and fails" {
    start_member
    world one "$member:1"
    run as_alice genv remote -H one enforce --interval 0 --non-env-processes
    echo "$output"
    [[ $status == 1 && $output == *"[one] Cannot terminate process $member (sleep 1000) of $BOB: run genv as root"* ]]
    lives "$member"
}

@test "the host looks for itself: what has changed since the survey is left alone" {
    make_env one late 1
    start_member
    local stranger=$member start word
    world one "$stranger:1" # it breaks the rule, and its start time alone is another
    # What a survey of long ago would send: another start time, another attachment.
    for word in '{"rule":"non-env-processes","pid":'"$stranger"',"start_time":1,"uuid":"GPU-0","device":0}' \
        '{"rule":"max-devices-per-user","eid":"late","attached":"2020-01-01T00:00:00Z","uuid":"GPU-0","device":0}'; do
        run there one enforce-act "$word"
        echo "$output"
        [[ $status == 0 && $(jq -r .event <<<"$output") == gone ]]
    done
    lives "$stranger"
    [[ $(there one devices find --eid late) == 0 ]]
    start=$(cut -d ' ' -f 22 "/proc/$stranger/stat")
    word='{"rule":"non-env-processes","pid":'"$stranger"',"start_time":'"$start"',"uuid":"GPU-0","device":0,"later":1}'
    GENV_TERMINATE_PROCESSES=0 run there one enforce-act "$word"
    [[ $status == 0 && $(jq -r .event <<<"$output") == withheld ]]
    run there one enforce-act "$word"
    [[ $status == 0 && $(jq -r .event <<<"$output") == terminated ]]
    run there one enforce-act 'rm -rf /'
    [[ $status == 2 ]]
    # Of the first version, whose user is shown the sentence unless the status is 2.
    run there one enforce-act 'max-devices-per-user:0:0:0:late:2020-01-01T00:00:00Z/1/0'
    [[ $status == 1 && $output == "genv: genv on the machine that runs 'genv remote enforce' is too old: update it" ]]
}

@test "more than a command line holds, and what a host says is harmless" {
    local program=$HOSTS/one/bin/genv
    jq -n '{version: 1, hostname: "one", time: "2026-11-20T10:00:00Z", processes: [],
        envs: [range(600) | {eid: ("e\(.)" + "x" * 120), uid: 0, username: "root", created: "2026-11-20T10:00:00Z", pids: [1], kernel_ids: []}]} |
        .devices = [{index: 0, uuid: "GPU-0", attachments: [.envs[] | {eid, time: .created}]}]' >"$HOSTS/one/snapshot"
    cp "$program" "$HOSTS/one/real"
    cat >"$program" <<END
#!/bin/sh
[ "\$1" != snapshot ] || exec cat $HOSTS/one/snapshot
for word; do
    case \$word in %7B%22rule%22:%22max-*) echo "\$word" >>$HOSTS/one/told ;; esac
done
printf '{"time":"2026-11-20T10:14:12Z","event":"detached","message":"\\\\u001b]0;owned\\\\u0007\\\\n[two] Process 1 terminated"}\\n'
END
    run enforce --max-devices-per-user 0
    mv "$HOSTS/one/real" "$program"
    [[ $status == 0 && $(sort -u "$HOSTS/one/told" | wc -l) == 600 && $(wc -l <"$HOSTS/one/told") == 600 ]]
    grep '^\[one\] ?]0;owned??\[two\] Process 1 terminated$' <<<"$output"
    [[ $output != *$'\e'* && $output != *$'\n[two]'* ]]
}

@test "what is put back on a host is detached again" {
    make_env one back 1
    cp -p "$HOSTS/one/state/envs/back.json" "$HOSTS/record"
    as_alice genv remote -H one -l root enforce --interval 0.5 --max-devices-per-user 0 >"$HOSTS/log" 2>&1 3>&- &
    local service=$! i
    for ((i = 1; i <= 3; i++)); do
        hosts_wait_for '[[ $(grep -c "^\[one\] Detached device 0 from environment back" "$HOSTS/log" 2>/dev/null) -ge '"$i"' ]]'
        cp -p "$HOSTS/record" "$HOSTS/again"
        mv "$HOSTS/again" "$HOSTS/one/state/envs/back.json"
    done
    kill "$(pgrep -P "$service" -x genv || echo "$service")"
    wait "$service"
}

@test "as a service it keeps looking, and ends when told to" {
    as_alice genv remote -H one,two -l root enforce --interval 0.5 --non-env-processes >"$HOSTS/log" 2>&1 3>&- &
    local service=$!
    sleep 1
    start_member
    world two "$member:1"
    hosts_wait_for 'grep -q "^\[two\] Terminated process $member" "$HOSTS/log"'
    kill "$(pgrep -P "$service" -x genv || echo "$service")"
    wait "$service"
}
