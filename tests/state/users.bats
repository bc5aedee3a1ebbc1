#!/usr/bin/env bats
# Several users on one machine: what is Bob's stays Bob's, with any tool, and root decides over all.

load common

setup() {
    common_setup
    need_root
    # As a system-wide installation makes it.
    install -d -m 1777 "$GENV_TMPDIR" "$ENVS" "$GENV_TMPDIR/devices"
    install -m 666 /dev/null "$GENV_TMPDIR/genv.lock"
    export HOME=$SCRATCH
}

teardown() {
    common_teardown
}

# Alice can't run "$@"; Bob's record stays as it is, to the byte, with its owner and mode.
alice_fails() {
    local before after
    before=$(sha256sum "$ENVS/bob.json"; stat -c '%u %a %h' "$ENVS/bob.json")
    run --separate-stderr as_alice "$@"
    after=$(sha256sum "$ENVS/bob.json"; stat -c '%u %a %h' "$ENVS/bob.json")
    [[ $status != 0 ]] || { echo "succeeded: $*"; return 1; }
    [[ $before == "$after" ]] || { echo "changed by: $*"; return 1; }
}

@test "Alice can't change, join, shorten or end an environment of Bob with genv" {
    create_env bob bob
    local pid=$MEMBER line
    as_bob "$GENV" envs config --eid bob gpus --count 2
    as_bob "$GENV" devices attach --eid bob >/dev/null
    start_member alice
    local attempts=(
        "devices detach --eid bob"
        "devices detach --eid bob --index 0"
        "devices attach --eid bob --count 3"
        "devices attach --eid bob --index 3"
        "envs config --eid bob gpus --count 1"
        "envs config --eid bob gpus --clear"
        "envs config --eid bob name --name mine"
        "envs config --eid bob gpu-memory --gpu-memory 1g"
        "envs activate --eid bob --uid 60601 --pid $MEMBER"
        "envs activate --eid bob --uid 60602 --pid $MEMBER"
    )
    for line in "${attempts[@]}"; do
        # shellcheck disable=SC2086
        alice_fails "$GENV" $line
        [[ $status == 1 && ${#stderr_lines[@]} == 1 && $stderr == 'genv: environment bob belongs to 60602'* ]] || {
            echo "$line: $stderr"
            return 1
        }
    done
    alice_fails "$GENV" envs deactivate --pid "$pid"
    [[ $status == 1 && $stderr == *"process $pid is not in any of your environments"* ]]
    # The variables of Bob's environment in Alice's shell change nothing.
    export GENV_ENVIRONMENT_ID=bob
    alice_fails "$GENV" attach --count 4
    alice_fails "$GENV" detach
    alice_fails "$GENV" config name stolen
    unset GENV_ENVIRONMENT_ID
    [[ $(as_bob "$GENV" devices find --eid bob) == 0,1 ]]
}

@test "Alice can't change or forge a record of Bob with other tools" {
    create_env bob bob
    echo '{}' >"$SCRATCH/forged"
    chmod 666 "$SCRATCH/forged"
    install -d -o 60601 "$SCRATCH/alice"
    # shellcheck disable=SC2016
    local attempts=(
        'rm -f "$0"; [ ! -e "$0" ]'
        'mv "$0" "$0.x"'
        'mv -f "$1" "$0"'
        'cp -f "$1" "$0"'
        'ln -f "$1" "$0"'
        'ln -sf "$1" "$0"'
        'truncate -s 0 "$0"'
        'chmod 666 "$0"'
        'chown 60601 "$0"'
        'echo >>"$0"'
        'sed -i s/bob/alice/ "$0"'
        'mv "$(dirname "$0")" "$(dirname "$0").old"'
        'rmdir "$(dirname "$0")"'
        'rm "$(dirname "$0")/../genv.lock"'
        'mv "$(dirname "$0")/../genv.lock" "$(dirname "$0")/../genv.lock.old"'
    )
    local attempt
    for attempt in "${attempts[@]}"; do
        alice_fails sh -c "$attempt" "$ENVS/bob.json" "$SCRATCH/forged" </dev/null
    done
    [[ $(stat -c %a "$GENV_TMPDIR/genv.lock") == 666 ]]
}

@test "a record that claims to be Bob's is whoever owns the file's" {
    create_env bob bob
    as_bob "$GENV" devices attach --eid bob --count 1
    # Bob's words in Alice's file: hers, and only her own processes keep it alive.
    as_alice sh -c 'cat "$1/bob.json" >"$1/forged.json"' sh "$ENVS"
    [[ $("$GENV" envs ps --no-header --format csv) != *forged* ]]
    start_member alice
    jq -c --argjson pid "$MEMBER" --argjson start "$(sed 's/.*) //' "/proc/$MEMBER/stat" | cut -d' ' -f20)" \
        '.processes += [.processes[0] | .pid = $pid | .start_time = $start]' "$ENVS/bob.json" >"$SCRATCH/forged"
    as_alice sh -c 'cat "$2" >"$1/forged.json"' sh "$ENVS" "$SCRATCH/forged"
    [[ $("$GENV" envs query --eid forged --query uid pids) == "60601,$MEMBER" ]]
    run as_alice "$GENV" devices detach --eid bob
    [[ $status == 1 ]]
    [[ $("$GENV" devices find --eid bob) == 0 ]]
}

# $1, owned by $2 and written by Alice, as it lies in a folder of hers that $2 wrote it into; she moves it among the records.
alice_moves() {
    install -d -o 60601 "$SCRATCH/alice"
    install -o "$2" -m "$3" "$1" "$SCRATCH/alice/words"
    as_alice mv "$SCRATCH/alice/words" "$ENVS/forged.json"
}

@test "a file of Bob's that Alice wrote, or moved to the records, makes nothing Bob's" {
    create_env bob bob
    as_bob "$GENV" devices attach --eid bob --count 1
    jq -c '.created = "2001-01-01T00:00:00Z" | .attachments[0].uuid = "GPU-of-nobody"' "$ENVS/bob.json" >"$SCRATCH/forged"
    local mode
    for mode in 666 664 646 622 766; do
        alice_moves "$SCRATCH/forged" 60602 "$mode"
        run --separate-stderr "$GENV" envs query --query eid uid pids
        [[ $status == 0 && $output == *"bob,60602,"* && $output != *forged,60602* ]] || { echo "$mode: $output"; return 1; }
        grep -qx 'forged,4294967295,' <<<"$output"
        [[ $stderr == *"invalid record $ENVS/forged.json, owned by 60602: others can write it"* ]]
        [[ $("$GENV" envs --no-header --format csv 2>/dev/null) == *'forged,unknown,'* ]]
        run --separate-stderr as_bob "$GENV" devices detach --eid forged
        [[ $status == 1 && $stderr == *'cannot change environment forged: its record can be written by others'* ]]
        rm "$ENVS/forged.json"
    done
    # It holds no longer than its members live.
    chmod 666 "$ENVS/bob.json"
    [[ $("$GENV" devices ps --no-header --format csv 2>/dev/null) == *,bob,* ]]
    kill -KILL "$MEMBER"
    wait "$MEMBER" || true
    [[ $("$GENV" devices ps --no-header --format csv 2>/dev/null) != *,bob,* ]]
}

@test "a file of root's that Alice moves to the records claims nobody's processes and stops nobody" {
    create_env bob bob
    local pid=$MEMBER forged
    as_bob "$GENV" devices attach --eid bob --count 1
    # shellcheck disable=SC2016
    forged='.created = "2001-01-01T00:00:00Z" | del(.attachments) | .processes[0].uid = 60602'
    jq -c "$forged" "$ENVS/bob.json" >"$SCRATCH/forged"
    alice_moves "$SCRATCH/forged" 0 644
    # It is registered in both, and Bob's is Bob's.
    [[ $(as_bob "$GENV" devices find --eid bob) == 0 ]]
    [[ $(stat -c %u "$ENVS/forged.json") == 0 ]]
    rm "$ENVS/forged.json"
    echo junk >"$SCRATCH/forged"
    alice_moves "$SCRATCH/forged" 0 644
    run --separate-stderr as_bob "$GENV" devices attach --eid bob --count 2
    [[ $status == 0 && $stderr == *"ignoring invalid record $ENVS/forged.json, owned by root: invalid JSON"* ]]
    # An inventory is root's if it has the mode that root's genv gave it.
    "$GENV" devices ps >/dev/null 2>&1
    [[ ! -e $GENV_TMPDIR/inventory-0.json || $(stat -c %a "$GENV_TMPDIR/inventory-0.json") == 645 ]]
    kill -0 "$pid"
}

@test "a file of Bob's that Alice links into the directory is no record" {
    create_env bob bob
    cp -p "$ENVS/bob.json" "$SCRATCH/old"
    chown 60602 "$SCRATCH/old"
    # As on a kernel without fs.protected_hardlinks.
    ln "$SCRATCH/old" "$ENVS/planted.json"
    run --separate-stderr as_bob "$GENV" envs ps --no-header --format csv
    [[ $status == 0 && $output == bob,* && ${#lines[@]} == 1 ]]
    [[ ${#stderr_lines[@]} == 1 && $stderr == *planted.json* ]]
}

# $1 files of Alice's among the records, of mode $2, with the text $3, or of the size $4.
alice_fills() {
    # shellcheck disable=SC2016
    as_alice sh -c 'cd "$1" && shift && for i in $(seq "$1"); do
        if [ "$4" ]; then truncate -s "$4" "f$i.json"; else printf "%s" "$3" >"f$i.json"; fi
    done && chmod "$2" f*.json' sh "$ENVS" "$1" "$2" "$3" "${4-}"
}

@test "of a user's records others read so many, and no file that is larger than one" {
    create_env bob bob
    start_member alice
    local pid=$MEMBER start calls
    start=$(sed 's/.*) //' "/proc/$pid/stat" | cut -d' ' -f20)
    # Sparse ones of a tebibyte.
    alice_fills 10 744 '' 1T
    run --separate-stderr as_bob "$GENV" envs ps --no-header --format csv
    [[ $status == 0 && ${#lines[@]} == 1 && $stderr == *'ignoring 10 invalid records'*', owned by 60601: it is too large for a record' ]]
    if command -v strace >/dev/null; then
        calls=$(as_bob strace -f -e trace=openat,openat2 "$GENV" envs ps 2>&1 >/dev/null | grep -c '"f[0-9]*.json"' || true)
        [[ $calls == 0 ]] || { echo "$calls were opened"; return 1; }
    fi
    # One that is no larger than a record, and zeros: its first byte tells.
    if command -v strace >/dev/null; then
        truncate -s 1M "$ENVS/f1.json"
        calls=$(as_bob strace -f -y -e trace=read "$GENV" envs ps 2>&1 >/dev/null | grep -c '/f1.json>' || true)
        [[ $calls == 0 ]] || { echo "it was read $calls times"; return 1; }
    fi
    # Live ones: a thousand and a few.
    alice_fills 1010 744 "{\"version\":1,\"boot_id\":\"$(</proc/sys/kernel/random/boot_id)\",\"created\":\"2026-11-27T05:00:00Z\",
        \"processes\":[{\"pid\":$pid,\"start_time\":$start,\"pid_namespace\":$(stat -L -c %i /proc/self/ns/pid)}]}"
    run --separate-stderr as_bob "$GENV" envs ps --no-header --format csv
    [[ $status == 0 && ${#lines[@]} == 1001 ]] || { echo "${#lines[@]} lines"; return 1; }
    [[ $stderr == *'ignoring 10 invalid records'*', owned by 60601: their owner has more than 1000 environments, or has made them too large' ]]
    if command -v strace >/dev/null; then
        calls=$(as_bob strace -f -e trace=openat,openat2 "$GENV" envs ps 2>&1 >/dev/null | grep -c '/limits.conf"' || true)
        ((calls <= 1)) || { echo "the limits were read $calls times"; return 1; }
    fi
    # Her own commands read them all, and there are no more.
    run as_alice "$GENV" envs ps --no-header --format csv
    [[ ${#lines[@]} == 1011 ]]
    run --separate-stderr as_alice "$GENV" envs activate --eid more --uid 60601 --pid "$pid"
    [[ $status == 1 && $stderr == *'60601 has 1010 environments; the limit is 1000: end some, or ask'* ]]
    # What has not the mode of records, as files of hers that others moved there, takes no room from what has.
    find "$ENVS" -name 'f*.json' -delete
    alice_fills 1010 644 junk
    as_alice "$GENV" envs activate --eid zz --uid 60601 --pid "$pid" 2>/dev/null
    as_alice "$GENV" devices attach --eid zz --count 4 2>/dev/null
    [[ $(as_bob "$GENV" devices ps --no-header --format csv 2>/dev/null | grep -c ,zz,) == 4 ]]
}

@test "identifiers: planted ones and those of other users' shells are passed by" {
    start_member bob
    local pid=$MEMBER
    as_alice sh -c 'echo "not a record" >"$1"' sh "$ENVS/$pid.json"
    # A set-up shell activates without an identifier: the plumbing below is what it calls.
    run --separate-stderr as_bob "$GENV" --shell=bash:"$pid" activate --no-load
    [[ $status == 0 && $output == *"GENV_ENVIRONMENT_ID"*"$pid-2"* ]]
    [[ $("$GENV" envs find --pid "$pid") == "$pid-2" ]]
    # Live and dead ones of Alice's do the same.
    start_member alice
    "$GENV" envs activate --eid "$pid-3" --uid 60601 --pid "$MEMBER"
    as_bob "$GENV" envs deactivate --pid "$pid"
    start_member alice
    "$GENV" envs activate --eid "$pid-2" --uid 60601 --pid "$MEMBER"
    kill -KILL "$MEMBER"
    wait "$MEMBER" || true
    run as_bob "$GENV" --shell=bash:"$pid" activate --no-load
    [[ $("$GENV" envs find --pid "$pid") == "$pid-4" ]]
}

@test "an identifier of another user's environment is refused, and nothing is created" {
    create_env bob bob
    start_member alice
    run --separate-stderr as_alice "$GENV" --shell=bash:"$MEMBER" activate --id bob
    [[ $status == 1 && $stderr == 'genv: environment bob belongs to 60602'* ]]
    [[ -z $("$GENV" envs find --pid "$MEMBER") ]]
}

@test "nobody but root creates environments of others, or registers their processes" {
    start_member bob
    run --separate-stderr as_alice "$GENV" envs activate --eid x --uid 60602 --pid "$MEMBER"
    [[ $status == 1 && ${#stderr_lines[@]} == 1 ]]
    run --separate-stderr as_alice "$GENV" envs activate --eid x --uid 60601 --pid "$MEMBER"
    [[ $status == 1 && $stderr == *"process $MEMBER belongs to 60602"* ]]
    [[ ! -e $ENVS/x.json ]]
    "$GENV" envs activate --eid x --uid 60602 --pid "$MEMBER"
    [[ $(stat -c %u "$ENVS/x.json") == 60602 ]]
}

@test "root changes environments of others without taking them over" {
    create_env bob bob
    as_bob "$GENV" devices attach --eid bob --count 2
    "$GENV" envs config --eid bob name --name 'by root'
    "$GENV" devices detach --eid bob --index 1 --quiet
    [[ $(stat -c '%u %a' "$ENVS/bob.json") == '60602 744' ]]
    [[ $(as_bob "$GENV" devices find --eid bob) == 0 ]]
    [[ $(as_bob "$GENV" envs query --eid bob --query config.name) == 'by root' ]]
    as_bob "$GENV" devices attach --eid bob --count 3
}

@test "dead records: counted as nothing at once, removed by their owner or root alone" {
    create_env alice alice
    as_alice "$GENV" devices attach --eid alice --count 4
    create_env bob bob
    kill -KILL "${MEMBERS[0]}"
    wait "${MEMBERS[0]}" || true
    [[ $(as_bob "$GENV" devices attach --eid bob --count 4) == 0,1,2,3 ]]
    [[ -e $ENVS/alice.json ]]
    start_member alice
    as_alice "$GENV" envs activate --eid other --uid 60601 --pid "$MEMBER"
    [[ ! -e $ENVS/alice.json ]]
}

@test "whoever holds the lock is named, and stops nobody from looking" {
    create_env bob bob
    as_bob "$GENV" devices attach --eid bob --count 1
    "${ALICE[@]}" flock -F -x "$GENV_TMPDIR/genv.lock" sleep 1000 3>&- &
    MEMBERS+=($!)
    until ! flock -n "$GENV_TMPDIR/genv.lock" true; do sleep 0.05; done
    [[ $(as_bob "$GENV" devices ps --no-header --format csv | head -n 1) == 0,bob,* ]]
    [[ $(GENV_ENVIRONMENT_ID=bob as_bob "$GENV" status) == 'Environment is active (bob)'* ]]
    GENV_STATE_TIMEOUT=2 run --separate-stderr as_bob "$GENV" devices attach --eid bob --count 2
    [[ $status == 1 && ${#stderr_lines[@]} == 1 ]]
    [[ $stderr == *"locked for 2 seconds by process "*" of 60601"* ]]
    kill -KILL "${MEMBERS[-1]}"
    wait "${MEMBERS[-1]}" || true
    [[ $(as_bob "$GENV" devices attach --eid bob --count 2) == 0,1 ]]
}

@test "a state directory that the first user made serves the others, and doctor says whose it is" {
    rm -rf "$GENV_TMPDIR"
    chmod 1777 "$SCRATCH"
    umask 077
    start_member alice
    as_alice "$GENV" envs activate --eid alice --uid 60601 --pid "$MEMBER"
    as_alice "$GENV" devices attach --eid alice --count 1
    create_env bob bob
    [[ $(as_bob "$GENV" devices attach --eid bob --count 3) == 1,2,3 ]]
    run as_bob "$GENV" doctor
    [[ $output == *"belongs to 60601, who can remove anyone's environments"* ]]
}

@test "processes that /proc hides count as alive" {
    unshare --mount true 2>/dev/null || skip 'may not mount /proc'
    create_env alice alice
    as_alice "$GENV" devices attach --eid alice --count 4
    create_env bob bob
    # shellcheck disable=SC2016
    run --separate-stderr unshare --mount sh -c '
        mount -t proc -o hidepid=2 proc /proc || exit 77
        exec setpriv --reuid 60602 --regid 60602 --clear-groups "$0" devices attach --eid bob --count 1' "$GENV"
    [[ $status != 77 ]] || skip 'may not mount /proc'
    [[ $status == 1 && $stderr == *'0 of 4 are available'* ]]
}

@test "a process of root's keeps Bob's environment if root says so, and not if Bob does" {
    local pid start
    start_member root
    pid=$MEMBER
    "$GENV" envs activate --eid roots --uid 60602 --pid "$pid"
    as_bob "$GENV" devices attach --eid roots --count 1
    [[ $("$GENV" envs query --query eid uid pids) == "roots,60602,$pid" ]]
    [[ $(as_alice "$GENV" envs query --query eid uid pids) == "roots,60602,$pid" ]]
    # What Bob writes himself, with PID 1.
    start=$(sed 's/.*) //' /proc/1/stat | cut -d' ' -f20)
    jq -c --argjson start "$start" '.processes[0].pid = 1 | .processes[0].start_time = $start' "$ENVS/roots.json" >"$SCRATCH/init"
    as_bob sh -c 'cat "$1/init" >"$2/init.json"' sh "$SCRATCH" "$ENVS"
    [[ $(as_alice "$GENV" envs query --query eid) == roots ]]
    kill -KILL "$pid"
    wait "$pid" || true
    [[ -z $(as_alice "$GENV" envs query --query eid) ]]
}
