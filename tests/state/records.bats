#!/usr/bin/env bats
# Records of other versions of genv, of other machines, and where modes don't hold: no device is given twice.

load common

setup() {
    common_setup
    create_env mine
}

teardown() {
    common_teardown
}

# Changes the record of $1 by a jq program; the options of jq follow.
edit() {
    local record=$ENVS/$1.json program=$2
    shift 2
    jq -c "$@" "$program" "$record" >"$SCRATCH/edited"
    cp "$SCRATCH/edited" "$record"
}

# An environment $1 that holds device 1.
create_holder() {
    create_env "$1" "${2-}"
    "$GENV" devices attach --eid "$1" --index 1
}

# Nobody gets device 1, in any way but on purpose, and the record of $1 stays as it is. The warning, if any, says $2.
check_held() {
    local before
    before=$(sha256sum "$ENVS/$1.json")
    run --separate-stderr "$GENV" devices attach --eid mine --count 3
    [[ $status == 0 && $output == 0,2,3 ]] || { echo "$output$stderr"; return 1; }
    [[ $stderr == *"${2-}"* && ${#stderr_lines[@]} == $(($# - 1)) ]] || { echo "$stderr"; return 1; }
    run --separate-stderr "$GENV" devices attach --eid mine --count 4
    [[ $status == 1 && $stderr == *'3 of 4 are available'* ]] || { echo "$output$stderr"; return 1; }
    run --separate-stderr "$GENV" devices attach --eid mine --index 1
    [[ $status == 1 && $stderr == *"device 1 is held by environment $1"* ]] || { echo "$output$stderr"; return 1; }
    run --separate-stderr "$GENV" devices ps --no-header --format csv
    [[ $output == *"1,$1,"* ]] || { echo "$output"; return 1; }
    "$GENV" envs config --eid mine name --name 'a change, which sweeps' 2>/dev/null
    "$GENV" devices detach --eid mine --quiet 2>/dev/null
    [[ $(sha256sum "$ENVS/$1.json") == "$before" ]] || { echo 'it was changed'; return 1; }
}

# The environment $1 can't be changed here, for the reason $2.
check_unchangeable() {
    local command
    for command in "devices attach --eid $1 --count 2" "devices detach --eid $1" "envs config --eid $1 gpus --count 1" \
        "envs activate --eid $1 --uid $EUID --pid $$"; do
        # shellcheck disable=SC2086
        run --separate-stderr "$GENV" $command
        [[ $status == 1 && ${stderr_lines[-1]} == "genv: cannot change environment $1: $2"* ]] || {
            echo "$command: $output$stderr"
            return 1
        }
    done
}

@test "members of a later version survive every change, in lists too" {
    create_holder later
    edit later '.lease = {"until": [1, null, 2.5, "é"]} | .attachments[0].kind = "mig" | .processes[0].container = "c"'
    local more=$MEMBER
    start_member
    "$GENV" envs activate --eid later --uid "$EUID" --pid "$MEMBER"
    "$GENV" envs config --eid later name --name 'Norwegian Wood'
    "$GENV" devices attach --eid later --count 2
    "$GENV" envs config --eid later gpu-memory --gpu-memory 1g
    jq -e '.lease == {"until": [1, null, 2.5, "é"]} and .processes[0].container == "c" and .gpu_memory == 1000000000 and
        ([.attachments[] | .kind] == [null, "mig"])' "$ENVS/later.json"
    "$GENV" devices detach --eid later --index 0 --quiet
    "$GENV" envs deactivate --pid "$MEMBER"
    jq -e '.attachments[0].kind == "mig" and .processes[0].container == "c"' "$ENVS/later.json"
    "$GENV" devices detach --eid later --quiet
    "$GENV" envs deactivate --pid "$more"
    [[ ! -e $ENVS/later.json ]]
}

@test "a record of a later version holds its devices, whatever else it says" {
    local change
    for change in '.version = 2' '.min_version = 2' '.min_version = "1.5"' \
        '.version = 2 | .processes = {"of": "another shape"} | .created = 1' \
        '.version = 2 | .attachments[0] |= {uuid, share: "1/7"}' '.version = 3 | .min_version = 2 | .gpus = "all"'; do
        create_holder later
        edit later "$change"
        check_held later || { echo "after $change"; return 1; }
        check_unchangeable later 'it was created by a newer version of genv: use that version'
        # What keeps it alive, that version knows.
        kill -KILL "${MEMBERS[-1]}"
        wait "${MEMBERS[-1]}" || true
        check_held later || { echo "ended after $change"; return 1; }
        rm "$ENVS/later.json"
    done
}

@test "a record of a later version is over with its boot" {
    create_holder later
    edit later '.version = 2 | .created = 1 | .boot_id = "00000000-0000-0000-0000-000000000000" | del(.machine)'
    [[ $("$GENV" devices attach --eid mine --count 4) == 0,1,2,3 ]]
    "$GENV" envs config --eid mine name --name swept
    [[ ! -e $ENVS/later.json ]]
}

@test "of a record that is not valid its devices count, and its owner is named" {
    create_holder broken
    edit broken '.gpus = -1'
    check_held broken "invalid record $ENVS/broken.json, owned by $(id -un): 'gpus' is not"
    check_unchangeable broken 'its record is not valid: remove the record once the environment has ended'
}

@test "junk stops nobody, unless it is root's" {
    need_root
    local junk=$ENVS/junk.json
    chmod 1777 "$SCRATCH"
    echo '{"version": 1, "atta' >"$junk"
    chown 60601 "$junk"
    run --separate-stderr "$GENV" devices attach --eid mine --count 4
    [[ $status == 0 && $output == 0,1,2,3 && $stderr == "genv: warning: ignoring invalid record $junk, owned by 60601: invalid JSON"* ]]
    # Alice can link, or name, what is root's there: that is not root's word.
    ln "$SCRATCH/edited" "$ENVS/linked.json" 2>/dev/null || ln -s /etc/passwd "$ENVS/linked.json"
    # Nor is what Alice moves there, out of a folder of hers.
    chown -h 0 "$junk"
    "$GENV" devices detach --eid mine --quiet 2>/dev/null
    run --separate-stderr "$GENV" devices attach --eid mine --count 1
    [[ $status == 0 && $stderr == *"$junk"* || $stderr == *'ignoring 2 invalid records'* ]]
    # What root's genv wrote has a mode of its own.
    chmod 744 "$junk"
    "$GENV" devices detach --eid mine --quiet 2>/dev/null
    run --separate-stderr "$GENV" devices attach --eid mine --count 1
    [[ $status == 1 && $stderr == *"genv: cannot read root's record $junk: invalid JSON: line 1"*'; fix or remove it' ]]
    [[ -z $("$GENV" devices find --eid mine 2>/dev/null) ]]
    # Looking, and giving back, go on.
    [[ $("$GENV" devices ps --no-header --format csv 2>/dev/null | wc -l) == 4 ]]
    "$GENV" envs config --eid mine gpus --count 1
    rm "$junk"
    "$GENV" devices attach --eid mine
}

# Runs a command as on the machine $1, in the boot $2: both look different in a mount namespace.
on_machine() {
    local id=$1 boot=$2
    shift 2
    # shellcheck disable=SC2016
    unshare --mount sh -eu -c '
        printf "%s\n" "$1" >"$0/machine-id"
        printf "%s\n" "$2" >"$0/boot_id"
        if [ -e /etc/machine-id ]; then
            mount --bind "$0/machine-id" /etc/machine-id
        else
            cp /etc/passwd /etc/group "$0"
            mount -t tmpfs tmpfs /etc
            cp "$0/machine-id" "$0/passwd" "$0/group" /etc
        fi
        mount --bind "$0/boot_id" /proc/sys/kernel/random/boot_id
        shift 2
        exec "$@"' "$SCRATCH" "$id" "$boot" "$@"
}

need_machines() {
    need_root
    on_machine "$ONE" "$FIRST_BOOT" true 2>/dev/null || skip 'may not mount what tells machines apart'
}

ONE=11111111111111111111111111111111 TWO=22222222222222222222222222222222
FIRST_BOOT=11111111-1111-1111-1111-111111111111 SECOND_BOOT=22222222-2222-2222-2222-222222222222

@test "two machines with one state directory: nobody removes, changes or gives away what the other has" {
    need_machines
    rm "$ENVS/mine.json"
    local one=(on_machine "$ONE" "$FIRST_BOOT" "$GENV") two=(on_machine "$TWO" "$SECOND_BOOT" "$GENV") before
    start_member
    "${one[@]}" envs activate --eid one --uid 0 --pid "$MEMBER"
    "${one[@]}" devices attach --eid one --count 2
    start_member
    "${one[@]}" envs activate --eid idle --uid 0 --pid "$MEMBER"
    before=$(sha256sum "$ENVS"/*)
    [[ $(jq -r .machine "$ENVS/one.json") =~ ^[0-9a-f]{16}$ ]]
    # The same UUIDs on both, as no real ones are.
    start_member
    "${two[@]}" envs activate --eid two --uid 0 --pid "$MEMBER"
    [[ $("${two[@]}" devices attach --eid two --count 2) == 2,3 ]]
    run --separate-stderr "${two[@]}" devices attach --eid two --index 0
    [[ $status == 1 && $stderr == *'device 0 is held by environment one of root on another machine: pick'* ]]
    run --separate-stderr "${two[@]}" devices detach --eid one
    [[ $status == 1 && $stderr == 'genv: cannot change environment one: it is on another machine: change it there' ]]
    GENV_ENVIRONMENT_ID=one run --separate-stderr "${two[@]}" lock -n echo ran
    [[ $status == 1 && -z $output && $stderr == 'genv: environment one is on another machine' ]]
    # PIDs say nothing about processes on another machine.
    [[ -z $("${two[@]}" envs find --pid "${MEMBERS[-3]}") ]]
    "${two[@]}" envs deactivate --pid "${MEMBERS[-3]}" # there is nothing to leave
    [[ $("${two[@]}" envs query --query eid | sort | tr '\n' ' ') == 'one two ' ]] # "one", since it holds devices 0 and 1
    [[ $(GENV_DEVICES=0 "${two[@]}" envs query --query eid) == two ]]
    [[ $(sha256sum "$ENVS/idle.json" "$ENVS/one.json") == "$before" ]]
    # Its own look and change are as ever, and the next boot sweeps what the last one left.
    [[ $("${one[@]}" devices find --eid one) == 0,1 ]]
    "${one[@]}" devices detach --eid one --index 0 --quiet
    on_machine "$ONE" "33333333-3333-3333-3333-333333333333" "$GENV" envs deactivate --pid 1 || true
    [[ ! -e $ENVS/one.json && ! -e $ENVS/idle.json && -e $ENVS/two.json ]]
}

@test "a container with a machine-id of its own is on the machine that it is on" {
    need_machines
    local host=(on_machine "$ONE" "$FIRST_BOOT" "$GENV") container=(on_machine "$TWO" "$FIRST_BOOT" "$GENV") machine
    start_member
    "${host[@]}" envs activate --eid both --uid 0 --pid "$MEMBER"
    machine=$(jq -r .machine "$ENVS/both.json")
    [[ $("${container[@]}" devices attach --eid both --count 2) == 0,1 ]]
    [[ $("${host[@]}" devices find --eid both) == 0,1 ]]
    [[ $(jq -r .machine "$ENVS/both.json") == "$machine" ]]
    kill -KILL "$MEMBER"
    wait "$MEMBER" || true
    start_member
    "${container[@]}" envs activate --eid next --uid 0 --pid "$MEMBER"
    [[ ! -e $ENVS/both.json ]]
}

@test "a record without a machine is of this one" {
    create_holder earlier
    edit earlier '.boot_id = "00000000-0000-0000-0000-000000000000" | del(.machine)'
    [[ $("$GENV" devices attach --eid mine --count 4) == 0,1,2,3 ]]
}

@test "modes that somebody changes hide no holder" {
    create_holder holder
    local mode
    for mode in 644 600 755; do
        chmod "$mode" "$ENVS"/*.json
        check_held holder || { echo "mode $mode"; return 1; }
    done
    for mode in 777 664 622; do
        chmod "$mode" "$ENVS/holder.json"
        check_held holder "invalid record $ENVS/holder.json, owned by $(id -un): others can write it" ||
            { echo "mode $mode"; return 1; }
    done
    check_unchangeable holder 'its record can be written by others, or has more than one hard link: remove the record'
}

@test "a file system that gives all files the same mode hides no holder" {
    [[ $GENV_SANITIZE == none ]] || skip 'nothing can be preloaded before the sanitizer'
    local mode
    export LD_PRELOAD=$GENV_BUILD/tests/state/libfixed_modes.so
    for mode in 644 755; do
        export FIXED_MODE=$mode
        create_holder "holder-$mode"
        [[ $(stat -c %a "$ENVS/holder-$mode.json") == "$mode" ]]
        check_held "holder-$mode" || { echo "mode $mode"; return 1; }
        rm "$ENVS/holder-$mode.json"
    done
}

@test "where everybody can write every file nothing is reserved" {
    [[ $GENV_SANITIZE == none ]] || skip 'nothing can be preloaded before the sanitizer'
    start_member
    run --separate-stderr env FIXED_MODE=777 LD_PRELOAD="$GENV_BUILD/tests/state/libfixed_modes.so" \
        "$GENV" envs activate --eid open --uid "$EUID" --pid "$MEMBER"
    [[ $status == 1 && $stderr == *'lets others write to every file'* && ! -e $ENVS/open.json ]]
}

@test "records of the first release keep every member when they are changed" {
    local record eid boot
    boot=$(</proc/sys/kernel/random/boot_id)
    for record in "$GENV_SOURCE"/tests/state/version-1/*.json; do
        eid=$(basename "$record" .json)
        [[ $eid != snapshot-* ]] || continue
        touch "$SCRATCH/kernel"
        # It lives here and now, like "mine".
        jq -c --arg boot "$boot" --arg kernel "$SCRATCH/kernel" --slurpfile mine "$ENVS/mine.json" '.boot_id = $boot |
            if .processes then .processes |= [.[0] + $mine[0].processes[0]] else . end |
            if .kernels then .kernels |= map(.connection_file = $kernel) else . end' "$record" >"$ENVS/$eid.json"
        jq -S '.name = "changed"' "$ENVS/$eid.json" >"$SCRATCH/expected"
        run --separate-stderr "$GENV" envs config --eid "$eid" name --name changed
        [[ $status == 0 && -z $stderr ]] || { echo "$eid: $stderr"; return 1; }
        diff "$SCRATCH/expected" <(jq -S 'del(.machine, .attachments[]?.vendor)' "$ENVS/$eid.json")
        rm "$ENVS/$eid.json"
    done
}
