#!/usr/bin/env bats
# Records where modes don't hold: no device is given twice.

load common

setup() {
    common_setup
    create_env mine
}

teardown() {
    common_teardown
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

@test "modes that somebody changes hide no holder" {
    create_holder holder
    local mode
    for mode in 644 600 755 777; do
        chmod "$mode" "$ENVS"/*.json
        check_held holder || { echo "mode $mode"; return 1; }
    done
}

@test "a file system that gives all files the same mode hides no holder" {
    [[ $GENV_SANITIZE == none ]] || skip 'nothing can be preloaded before the sanitizer'
    local mode
    export LD_PRELOAD=$GENV_BUILD/tests/state/libfixed_modes.so
    for mode in 644 755 777; do
        export FIXED_MODE=$mode
        create_holder "holder-$mode"
        [[ $(stat -c %a "$ENVS/holder-$mode.json") == "$mode" ]]
        check_held "holder-$mode" || { echo "mode $mode"; return 1; }
        rm "$ENVS/holder-$mode.json"
    done
}
