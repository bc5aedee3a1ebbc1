#!/usr/bin/env bats
# genv enforce: each rule from violation to end, on real processes of several users; and what it must never do.
# shellcheck disable=SC2154 # set by bats

load common

setup() { enforce_setup; }
teardown() { enforce_teardown; }

# The environment $1 of $2 with $3 devices, of $4 each if given; its process is MEMBER.
make_env() {
    create_env "$1" "$2"
    [[ -z ${4-} ]] || "$GENV" envs config --eid "$1" gpu-memory --gpu-memory "$4"
    "$GENV" devices attach --eid "$1" --count "$3" >/dev/null
}

@test "a process outside any environment: found, and terminated only if that is asked for" {
    start_member alice
    local alice=$MEMBER
    world "$alice:1" ''
    run enforce
    [[ $status == 0 && -z $output ]]
    lives "$alice"
    run enforce --non-env-processes
    echo "$output"
    [[ $status == 0 && ${#lines[@]} == 2 ]]
    [[ ${lines[0]} == "Process $alice (sleep 1000) of 60601 uses device 0 outside any environment" ]]
    [[ ${lines[1]} == "Terminated process $alice (sleep 1000) of 60601" ]]
    run ! lives "$alice"
}

@test "a process that uses a device of somebody else's environment" {
    make_env theirs bob 1
    make_env mine alice 1
    local alice=$MEMBER
    world "$alice:1" "$alice:1"
    run enforce
    echo "$output"
    [[ ${lines[0]} == "Process $alice (sleep 1000) of environment mine of 60601 uses device 0, which is not attached to its environment" ]]
    [[ ${lines[1]} == "Terminated process $alice (sleep 1000) of 60601" && ${#lines[@]} == 2 ]]
    run ! lives "$alice"
    world "$alice:1" ''
}

@test "memory: the largest first, until it fits, and nothing more" {
    make_env mine alice 1 6g
    local first=$MEMBER second third stranger
    export GENV_ENVIRONMENT_ID=mine
    start_member alice; second=$MEMBER
    start_member alice; third=$MEMBER
    unset GENV_ENVIRONMENT_ID
    start_member bob; stranger=$MEMBER
    world "$first:2 $second:4 $third:3 $stranger:9" ''
    run enforce
    echo "$output"
    [[ $status == 0 && ${#lines[@]} == 2 ]]
    [[ ${lines[0]} == "Process $second (sleep 1000) of environment mine of 60601 is among the processes that use 9g on device 0, where their environment reserved 6g" ]]
    [[ ${lines[1]} == "Terminated process $second (sleep 1000) of 60601" ]]
    lives "$first"
    lives "$third"
    lives "$stranger"
    world "$first:2 $third:3 $stranger:9" ''
    run enforce
    [[ -z $output ]]
}

@test "a user's maximum: the newest devices go, and what runs there" {
    make_env old alice 1
    local old=$MEMBER
    sleep 0.01
    make_env new alice 1
    local new=$MEMBER
    start_member alice # or the environment would end with the process that is terminated
    "$GENV" envs activate --eid new --uid 60601 --pid "$MEMBER"
    world "$old:1" "$new:1"
    run enforce --max-devices-per-user 2
    [[ -z $output ]]
    run enforce --max-devices-per-user 1
    echo "$output"
    [[ $status == 0 && ${#lines[@]} == 4 ]]
    [[ ${lines[0]} == "Environment new of 60601 holds device 1, and 60601 holds 2 devices (limit 1)" ]]
    [[ ${lines[1]} == "Process $new (sleep 1000) of environment new of 60601 uses device 1, and 60601 holds 2 devices (limit 1)" ]]
    [[ ${lines[2]} == "Terminated process $new (sleep 1000) of 60601" ]]
    [[ ${lines[3]} == "Detached device 1 from environment new of 60601" ]]
    lives "$old"
    run ! lives "$new"
    [[ $("$GENV" devices find --eid old) == 0 ]]
}

@test "a name that nobody has is warned of, and everybody else's maximum holds" {
    local warning
    printf '@no-such-group devices 1\nno-such-user devices 1\n' >"$SCRATCH/limits"
    make_env old alice 2
    run --separate-stderr enforce --max-devices-per-user 1 --max-devices-for-user nobody-of-that-name=1 \
        --limits "$SCRATCH/limits"
    echo "$output$stderr"
    [[ $status == 0 && $output == *'Detached device 1 from environment old of 60601'* ]]
    [[ ${#stderr_lines[@]} == 3 ]]
    for warning in "$SCRATCH/limits: line 1: there is no group 'no-such-group' here" \
        "$SCRATCH/limits: line 2: there is no user 'no-such-user' here" "there is no user 'nobody-of-that-name' here"; do
        [[ $stderr == *"genv: warning: $warning: check the name"* ]]
    done
}

# A record $1, owned by user $3, that genv does not write: the JSON $2 with two attachments.
plant() {
    jq -c '. + {attachments: [{uuid: "GPU-a"}, {uuid: "GPU-b"}]}' <<<"$2" >"$ENVS/$1.json"
    chown "$3" "$ENVS/$1.json"
}

@test "a user's record that is not valid goes, and its devices are free" {
    plant hog '{}' 60601
    run --separate-stderr enforce --max-devices-per-user 0
    echo "$output"
    [[ $status == 0 && ${#lines[@]} == 4 ]]
    [[ ${lines[2]} == 'Detached device 1 from environment hog of 60601' ]]
    [[ ${lines[3]} == 'Detached device 0 from environment hog of 60601' ]]
    [[ ! -e $ENVS/hog.json ]]
    run jq -c 'select(.event == "detached") | [.uuid, .reason]' "$GENV_TMPDIR/enforcement.log"
    [[ $output == $'["GPU-b","asked"]\n["GPU-a","asked"]' ]]
    make_env next bob 2
    run --separate-stderr enforce --max-devices-per-user 2
    [[ $status == 0 && -z $output$stderr ]]
}

@test "a record that genv here cannot change stays, and enforcement says that it failed" {
    local boot=00000000-0000-0000-0000-000000000000 row record owner reason
    for row in '{"version":2}|60601|it was created by a newer version of genv: use that version' \
        '{"version":1,"machine":"m","boot_id":"'$boot'"}|60601|it is on another machine: change it there' \
        '{}|0|its record is not valid: remove the record once the environment has ended'; do
        IFS='|' read -r record owner reason <<<"$row"
        plant hog "$record" "$owner"
        run --separate-stderr enforce --max-devices-per-user 1
        echo "$output"
        [[ $status == 1 && ${#lines[@]} == 2 ]]
        [[ ${lines[1]} == "Cannot detach device 1 from environment hog of "*": cannot change environment hog: $reason" ]]
        [[ -e $ENVS/hog.json ]]
    done
}

@test "a user's own maximum wins over that of everybody, and memory has one too" {
    make_env a root 1 4g
    make_env b root 1 8g
    run enforce --dry-run --max-devices-per-user 0 --max-devices-for-user root=2
    [[ -z $output ]]
    run enforce --dry-run --max-devices-per-user 5 --max-devices-for-user root=0 daemon=1
    [[ $output == *'root holds '*' device'*' (limit 0)'* ]]
    run enforce --dry-run --max-memory-per-user 12g
    [[ -z $output ]]
    run enforce --dry-run --max-memory-per-user 11g
    echo "$output"
    [[ $output == *'root holds 12g of device memory (limit 11g)'* ]]
}

@test "a limits file: users, groups, unlimited; attach respects it" {
    make_env a root 1
    printf '* devices 0\n@root devices 1 # its group\n' >"$SCRATCH/limits"
    run enforce --dry-run --limits "$SCRATCH/limits"
    [[ -z $output ]]
    printf '* devices 1\nroot devices 0\n' >"$SCRATCH/limits"
    run enforce --dry-run --limits "$SCRATCH/limits"
    [[ $output == *'Would detach device 0 from environment a of root'* ]]
    printf '* devices 0\nroot devices unlimited\n' >"$SCRATCH/limits"
    run enforce --dry-run --limits "$SCRATCH/limits"
    [[ -z $output ]]
    # In a mount namespace of its own, what administrators write for all.
    mkdir -p "$SCRATCH/etc"
    printf 'root devices 1\n' >"$SCRATCH/etc/limits.conf"
    # shellcheck disable=SC2016
    run unshare --mount --propagation private sh -c '
        mount -t tmpfs none /etc/opt && mkdir /etc/opt/up /etc/opt/work &&
            mount -t overlay -o lowerdir=/etc,upperdir=/etc/opt/up,workdir=/etc/opt/work none /mnt || exit 77
        mkdir -p /mnt/genv && cp "$2" /mnt/genv/limits.conf && mount --bind /mnt /etc || exit 77
        "$1" devices attach --eid a --count 2; echo "status $?"
        "$1" devices find --eid a' sh "$GENV" "$SCRATCH/etc/limits.conf"
    [[ $status != 77 && $output != unshare:* ]] || skip 'no overlay of /etc can be mounted here'
    echo "$output"
    [[ ${lines[0]} == 'genv: root would hold 2 devices; the limit is 1: detach some, or ask the administrator (/etc/genv/limits.conf)' ]]
    [[ ${lines[1]} == 'status 1' ]]
}

@test "a dry run says everything and does nothing" {
    start_member alice
    world "$MEMBER:1" ''
    run enforce --non-env-processes --dry-run
    [[ ${lines[1]} == "Would terminate process $MEMBER (sleep 1000) of 60601" && $status == 0 ]]
    GENV_TERMINATE_PROCESSES=0 run enforce --non-env-processes
    [[ ${lines[1]} == "Would terminate process $MEMBER (sleep 1000) of 60601" ]]
    lives "$MEMBER"
}

@test "claiming somebody's environment protects nobody" {
    make_env bobs bob 1
    GENV_ENVIRONMENT_ID=bobs start_member alice
    world "$MEMBER:1" ''
    run enforce --non-env-processes
    echo "$output"
    [[ ${lines[0]} == "Process $MEMBER (sleep 1000) of 60601 uses device 0 outside any environment" ]]
    run ! lives "$MEMBER"
}

@test "one that ignores SIGTERM is killed, if it still breaks the rule" {
    "${ALICE[@]}" bash -c 'trap "" TERM; echo ready; while :; do sleep 0.05; done' >"$SCRATCH/ready" 3>&- &
    MEMBERS+=("$!")
    local stubborn=$!
    wait_for '[[ -s $SCRATCH/ready ]]'
    world "$stubborn:1" ''
    run enforce --non-env-processes --kill-after 0.3
    echo "$output"
    [[ $status == 0 && ${#lines[@]} == 3 && ${lines[2]} == "Killed process $stubborn "*', which did not exit on SIGTERM' ]]
    run ! lives "$stubborn"
}

@test "without the right to: it says so, does what it can, and fails" {
    start_member bob
    local bob=$MEMBER
    start_member alice
    world "$bob:1 $MEMBER:1" ''
    run as_alice "$GENV" enforce --interval 0 --non-env-processes
    echo "$output"
    [[ $status == 1 && $output == *"Cannot terminate process $bob (sleep 1000) of 60602: run genv as root"* ]]
    [[ $output == *"Terminated process $MEMBER (sleep 1000) of 60601"* ]]
    lives "$bob"
    run ! lives "$MEMBER"
}

@test "root without the right to is told what the system says" {
    start_member bob
    world "$MEMBER:1" ''
    run setpriv --bounding-set -kill "$GENV" enforce --interval 0 --non-env-processes
    echo "$output"
    [[ $status == 1 ]]
    [[ $output == *"Cannot terminate process $MEMBER (sleep 1000) of 60602: "*'Operation not permitted'* ]]
    lives "$MEMBER"
}

@test "JSON for machines, and the journal" {
    start_member alice
    local alice=$MEMBER
    world "$alice:1" ''
    run enforce --non-env-processes --format json
    [[ $(jq -c '[.event, .rule, .pid, .uid, .device]' <<<"$output") == "[\"found\",\"non-env-processes\",$alice,60601,0]
[\"terminated\",\"non-env-processes\",$alice,60601,0]" ]]
    run "$GENV" enforce --history --format json
    [[ $(jq -r .event <<<"$output") == $'found\nterminated' ]]
    run "$GENV" enforce --history
    [[ ${lines[1]} == 20*Z" Terminated process $alice (sleep 1000) of 60601" ]]
    [[ $(stat -c '%U %a' "$GENV_TMPDIR/enforcement.log") == 'root 644' ]]
}

@test "what the journal says of a detachment is what the library told of it" {
    make_env new alice 1
    printf '* devices 0\n' >"$SCRATCH/limits"
    run enforce --limits "$SCRATCH/limits"
    run "$GENV" enforce --history --format json
    echo "$output"
    run jq -c 'select(.event == "detached") | [.rule, .eid, .uid, .by, .reason, .device, .uuid]' <<<"$output"
    [[ $output == '["max-devices-per-user","new",60601,0,"asked",0,'"$("$GENV" snapshot | jq '.devices[0].uuid')"']' ]]
}

@test "what makes no sense is refused before anything is done" {
    start_member alice
    world "$MEMBER:1" ''
    local line
    while read -r line; do
        # shellcheck disable=SC2086
        run --separate-stderr enforce --non-env-processes $line
        [[ $status != 0 && -z $output && ${#stderr_lines[@]} == 1 && $stderr == 'genv: '* ]] || {
            echo "$line: status $status: $output $stderr"
            return 1
        }
    done <<END
--no-non-env-processes
--env-memory --no-env-memory
--max-devices-for-user root=1 root=2
--max-devices-for-user root
--max-devices-for-user root=x
--max-devices-per-user -1
--limits $SCRATCH/none
--interval x
--log $SCRATCH/none/log
--log $SCRATCH
END
    for line in '* devices x' 'devices 3' '* 3 gpus' '* memory 3q' $'* devices 1\n* devices 2'; do
        printf '# a comment\n%s\n' "$line" >"$SCRATCH/limits"
        run --separate-stderr enforce --non-env-processes --limits "$SCRATCH/limits"
        [[ $status == 1 && -z $output && $stderr == *"$SCRATCH/limits: line "[23]:* ]] || {
            echo "$line: status $status: $output $stderr"
            return 1
        }
    done
    lives "$MEMBER"
}

@test "as a service: at once when an environment changes, and within the interval when only the driver knows" {
    start_enforcer --interval 600 --max-devices-per-user 1
    make_env a root 1
    make_env b root 1
    wait_for 'grep -q "^Detached device 1 from environment b of root" "$SCRATCH/log"'
    end_enforcer
    start_member alice
    start_enforcer --interval 0.3 --non-env-processes
    sleep 0.5
    world "$MEMBER:1" ''
    wait_for 'grep -q "^Terminated process $MEMBER " "$SCRATCH/log"'
    wait_for '! lives "$MEMBER"'
    world '' ''
    [[ $(grep -c "^Terminated" "$SCRATCH/log") == 1 ]]
}

@test "a warning first, on the user's terminal; what ends in time is left alone" {
    mkfifo "$SCRATCH/hold"
    # A terminal of Alice's, with a process of hers on it.
    script -qefc "chown 60601 \$(tty); exec setpriv --reuid 60601 --regid 60601 --clear-groups sleep 1000" \
        "$SCRATCH/typescript" >/dev/null 2>&1 <"$SCRATCH/hold" 3>&- &
    local script=$! sleeper
    exec 9>"$SCRATCH/hold"
    wait_for 'sleeper=$(pgrep -u 60601 -P $script -x sleep)'
    sleeper=$(pgrep -u 60601 -P "$script" -x sleep)
    MEMBERS+=("$sleeper" "$script")
    world "$sleeper:1" ''
    start_enforcer --interval 0.2 --non-env-processes --grace 1.5
    wait_for 'grep -q "outside any environment: stop the process within 1.5 seconds, or genv will terminate it" "$SCRATCH/typescript"'
    lives "$sleeper"
    world '' ''
    sleep 2
    lives "$sleeper"
    world "$sleeper:1" ''
    wait_for 'grep -q "^Terminated process $sleeper " "$SCRATCH/log"'
    exec 9>&-
    [[ $(grep -c '^Terminated' "$SCRATCH/log") == 1 ]]
}
