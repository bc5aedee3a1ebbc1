#!/usr/bin/env bats
# Standard output that can't be written is an error like others.
# shellcheck disable=SC2154 # set by bats and by the helpers

load cli_helpers

@test "a full disk" {
    [ -c /dev/full ] || skip 'there is no /dev/full'
    local command
    for command in '' version help envs devices snapshot 'help --man' status root 'shell --init bash'; do
        run --separate-stderr bash -c "genv $command >/dev/full"
        [ "$status" -eq 1 ]
        [ "$stderr" = "genv: cannot write to standard output: No space left on device" ]
    done
}

@test "a closed standard output" {
    run --separate-stderr bash -c 'genv version >&-'
    [ "$status" -eq 1 ]
    [ "$stderr" = "genv: cannot write to standard output: Bad file descriptor" ]
}

@test "a closed standard output is not taken for a file of the state" {
    make_env a
    run bash -c 'genv envs >&- 2>&-'
    [ "$status" -eq 1 ]
    expect 0 a genv envs query --query eid
    [ "$(jq -r .version "$GENV_TMPDIR/envs/a.json")" = 1 ]
}

@test "a command that prints nothing needs no standard output" {
    start_member
    run bash -c "genv envs activate --eid a --pid $member <&- >&- 2>&-"
    [ "$status" -eq 0 ]
    expect 0 a genv envs query --query eid
}

@test "a pipe that nobody reads" {
    mkfifo pipe
    # The reader is gone before anything is written.
    run --separate-stderr bash -c 'exec 9<>pipe 8>pipe 9>&-; genv devices >&8'
    [ "$status" -eq 1 ]
    [ "$stderr" = "genv: cannot write to standard output: Broken pipe" ]
}

@test "a command that is executed gets its signals as they were" {
    run bash -c 'genv run yes | head -n 1; echo "${PIPESTATUS[0]}"'
    [ "${lines[0]}" = y ]
    [ "${lines[1]}" = 141 ]
}

@test "a large table arrives whole" {
    start_member
    local i
    for i in {1..60}; do
        genv envs activate --eid "env-$i" --pid "$member"
        genv envs config --eid "env-$i" name --name "$(printf 'n%.0s' {1..128})"
    done
    [ "$(genv envs --no-header | wc -l)" -eq 60 ]
    [ "$(genv snapshot | jq '.envs | length')" -eq 60 ]
}
