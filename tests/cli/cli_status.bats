#!/usr/bin/env bats
# genv status, attach, detach, shell, init, root and doctor without a shell function.
# shellcheck disable=SC2154 # set by bats and by the helpers

load cli_helpers

@test "status without an environment" {
    expect 0 'Environment is not active' genv status
    [ -z "$stderr" ]
}

@test "status of an environment that has ended" {
    GENV_ENVIRONMENT_ID=gone expect 0 'Environment is not active' genv status
    [[ $stderr == "genv: there is no environment gone: run 'genv deactivate'"* ]]
    # There is a record still.
    start_member
    genv envs activate --eid ended --pid "$member"
    kill "$member"
    wait "$member" || true
    GENV_ENVIRONMENT_ID=ended expect 0 'Environment is not active' genv status
    [[ $stderr == "genv: environment ended has ended: run 'genv deactivate', then 'genv activate'" ]]
    GENV_ENVIRONMENT_ID=../gone expect 0 'Environment is not active' genv status
    [ "${#stderr_lines[@]}" -eq 1 ]
}

@test "the state directory is named without the slashes that are too many" {
    local plain=$BATS_TEST_TMPDIR/state
    mkdir "$plain"
    touch "$plain/envs"
    GENV_TMPDIR=$BATS_TEST_TMPDIR//state// expect_refusal "$plain/envs is not a directory" genv envs ps
}

@test "status, as in the documentation" {
    make_env 22716 my-environment
    export GENV_ENVIRONMENT_ID=22716
    expect 0 'Environment is active (22716)
Detached from GPUs

Configuration
   Name: my-environment' genv status
    genv config gpus 2
    genv attach
    expect 0 'Environment is active (22716)
Attached to GPUs at indices 0,1

Configuration
   Name: my-environment
   Device count: 2' genv status
    genv config gpu-memory 4g
    expect 0 'Environment is active (22716)
Attached to GPUs at indices 0,1

Configuration
   Name: my-environment
   Device count: 2
   GPU memory capacity: 4g' genv status
}

@test "attach and detach print the line that status shows" {
    make_env a
    export GENV_ENVIRONMENT_ID=a
    expect 0 'Attached to GPUs at indices 0,1,2' genv attach --count 3
    expect 0 'Attached to GPUs at indices 0' genv attach --count 1
    expect 0 'Attached to GPUs at indices 0,3' genv attach --index 3
    expect 0 '' genv attach --refresh
    expect 0 'Attached to GPUs at indices 3' genv detach --index 0
    expect_refusal '' genv detach --index 0
    expect 0 'Detached from GPUs' genv detach
    expect 0 'Detached from GPUs' genv attach --count 0
}

@test "attach without a count that is known" {
    make_env a
    GENV_ENVIRONMENT_ID=a expect_refusal '' genv attach
}

@test "attach: a count that can't be met leaves nothing attached, an index that can't be had changes nothing" {
    make_env other
    genv devices attach --eid other --count 2
    make_env a
    export GENV_ENVIRONMENT_ID=a
    genv attach --count 1
    expect_refusal '' genv attach --index 0
    expect 0 2 genv devices find --eid a
    expect_refusal '' genv attach --index 99
    expect 0 2 genv devices find --eid a
    expect_refusal '' genv attach --count 3
    expect 0 '' genv devices find --eid a
    expect 0 'Attached to GPUs at indices 0,2,3' genv attach --count 3 -o
}

@test "attach and detach without an environment" {
    expect_refusal 'no environment is active' genv attach --count 1
    expect_refusal 'no environment is active' genv detach
    GENV_ENVIRONMENT_ID=gone expect_refusal 'there is no environment gone: ' genv attach --count 1
    GENV_ENVIRONMENT_ID=gone expect_refusal 'there is no environment gone: ' genv attach --refresh
    GENV_ENVIRONMENT_ID=gone expect_refusal 'there is no environment gone: ' genv detach
}

@test "activate and deactivate say how to set up the shell that called" {
    local shell
    for command in activate deactivate; do
        expect_refusal 'eval "$(genv shell --init)"' bash --norc -c "genv $command; exit \$?"
        [[ $stderr == *'~/.bashrc'* ]]
        if command -v zsh >/dev/null; then
            expect_refusal 'eval "$(genv shell --init)"' zsh -f -c "genv $command; exit \$?"
            [[ $stderr == *'~/.zshrc'* ]]
        fi
        if command -v fish >/dev/null; then
            expect_refusal 'genv shell --init fish | source' fish --no-config -c "genv $command; exit \$status"
        fi
        expect_refusal 'needs bash, zsh or fish with genv set up in it' dash -c "genv $command; exit \$?"
    done
    [ ! -e "$GENV_TMPDIR" ]
}

@test "shell says how to set up" {
    run bash --norc -c 'genv shell; exit $?'
    [ "$status" -eq 0 ]
    [[ $output == 'genv is not set up in this shell (bash).'*'eval "$(genv shell --init)"'*'~/.bashrc'* ]]
    local advice=$output
    expect 0 "$advice" bash --norc -c 'genv init; exit $?'
}

@test "shell --init, and its older form" {
    local shell init
    for shell in bash zsh fish; do
        init=$(genv shell --init $shell)
        [ -n "$init" ]
        [[ $init == *"$(dirname "$GENV_BIN")"* ]]
        expect 0 "$init" genv init - $shell
    done
    expect 0 "$(genv shell --init bash)" bash --norc -c 'genv shell --init; exit $?'
    expect 0 "$(genv shell --init bash)" bash --norc -c 'genv init -; exit $?'
    [ -n "$(genv shell --deinit fish)" ]
    expect_usage_error 'missing option: --init bash or --deinit bash' genv shell bash
}

@test "root is the folder above that of the binary, if it has the folder of the shims" {
    local root
    root=$(dirname "$(dirname "$(readlink -f "$GENV_BIN")")")
    expect 0 "$root" genv root
    [ -d "$root/shims" ]
    mkdir -p "$BATS_TEST_TMPDIR/moved/bin"
    cp "$GENV_BIN" "$BATS_TEST_TMPDIR/moved/bin/genv"
    # People delete what it prints, and this could be all of /usr/local.
    expect 1 '' "$BATS_TEST_TMPDIR/moved/bin/genv" root
    [ "$stderr" = "genv: $BATS_TEST_TMPDIR/moved/bin/genv is not part of a genv installation: $BATS_TEST_TMPDIR/moved/shims is missing" ]
    mkdir "$BATS_TEST_TMPDIR/moved/shims"
    expect 0 "$BATS_TEST_TMPDIR/moved" "$BATS_TEST_TMPDIR/moved/bin/genv" root
}

@test "doctor: a line for each finding, the remedy behind it" {
    run bash --norc -c 'genv doctor; exit $?'
    [ "$status" -eq 0 ]
    [[ ${lines[0]} == 'ok       installation: version '* ]]
    [[ $output == *$'\nok       driver: '* ]]
    [[ $output == *$'\nwarning  shell: genv is not set up in this bash; run '* ]]
    if grep -v -E '^(ok      |warning |error   ) [a-z ]+: ' <<<"$output"; then return 1; fi
}

@test "doctor: an error is status 1" {
    touch "$GENV_TMPDIR"
    run genv doctor
    [ "$status" -eq 1 ]
    [[ $output == *$'\nerror    state'* ]]
}

@test "doctor: shims that are missing, and another genv in PATH" {
    mkdir -p "$BATS_TEST_TMPDIR/moved/bin" "$BATS_TEST_TMPDIR/other"
    cp "$GENV_BIN" "$BATS_TEST_TMPDIR/moved/bin/genv"
    run "$BATS_TEST_TMPDIR/moved/bin/genv" doctor
    [ "$status" -eq 1 ]
    [[ ${lines[0]} == "error    installation: "*"$BATS_TEST_TMPDIR/moved/shims cannot be read; install genv again" ]]
    printf '#!/bin/sh\n' >"$BATS_TEST_TMPDIR/other/genv"
    chmod +x "$BATS_TEST_TMPDIR/other/genv"
    PATH=$BATS_TEST_TMPDIR/other:$PATH run "$GENV_BIN" doctor
    [[ ${lines[0]} == "warning  installation: "*"but PATH has $BATS_TEST_TMPDIR/other/genv first"* ]]
    mv "$BATS_TEST_TMPDIR/other" "$BATS_TEST_TMPDIR/"$'\e[31m\nok '
    PATH=$BATS_TEST_TMPDIR/$'\e[31m\nok ':$PATH run "$GENV_BIN" doctor
    [[ ${lines[0]} == *"but PATH has $BATS_TEST_TMPDIR/?[31m?ok /genv first"* ]]
}

@test "genv prompt" {
    expect 0 '' genv prompt
    GENV_ENVIRONMENT_ID=gone expect 0 '' genv prompt
    GENV_ENVIRONMENT_ID=../x expect 0 '' genv prompt
    start_member
    genv envs activate --eid here --uid "$(id -u)" --pid "$member"
    GENV_ENVIRONMENT_ID=here expect 0 '(genv)' genv prompt
}

@test "who shares a device beyond what it has is named, on both sides" {
    make_env one
    make_env two
    export GENV_ENVIRONMENT_ID=one
    genv attach --index 0
    expect 0 $'Environment is active (one)\nAttached to GPUs at indices 0\n\nConfiguration' genv status
    [ -z "$stderr" ]
    GENV_ENVIRONMENT_ID=two run -0 --separate-stderr genv attach --index 0 -o
    [[ $stderr == "genv: warning: device 0 is over-subscribed: it is also attached to environment one of "* ]]
    run -0 --separate-stderr genv status
    [[ $stderr == "genv: warning: device 0 is over-subscribed: it is also attached to environment two of "* ]]
    genv detach
    genv config gpu-memory 4g
    GENV_ENVIRONMENT_ID=two genv detach
    GENV_ENVIRONMENT_ID=two genv config gpu-memory 12g
    GENV_ENVIRONMENT_ID=two genv attach --index 0
    run -0 --separate-stderr genv attach --index 0 -o
    [ -z "$stderr" ]
}
