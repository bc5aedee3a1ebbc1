#!/usr/bin/env bats
# What scripts that were written for the Python genv say: its spellings, variables and words.
# shellcheck disable=SC2154 # set by bats and by the helpers

load cli_helpers

@test "old spellings of options" {
    make_env mine
    expect 0 mine genv envs query --queries eid
    expect 0 0 bash -c 'genv devices query --queries index | head -n 1'
    expect 0 mine bash -c 'genv envs ps --no-cleanup --format csv --no-header | cut -d, -f1'
    export GENV_ENVIRONMENT_ID=mine
    genv config gpus 2
    expect 0 'Attached to GPUs at indices 0,1' genv attach --config
    expect_usage_error '--config and --count cannot be used together' genv attach --config --count 1
    start_member
    unset GENV_ENVIRONMENT_ID
    genv "--shell=bash:$member" activate --eid theirs >/dev/null
    expect 0 theirs genv envs find --pid "$member"
}

@test "old spellings are understood, and not shown" {
    local command
    for command in 'envs ps' devices attach activate remote; do
        # shellcheck disable=SC2086
        run bash -c '{ genv $1 --help; genv complete -- $1 --; } | grep -e --no-cleanup -e --reset -e --config -e --eid -e --username' - "$command"
        [ "$status" -eq 1 ]
    done
}

@test "--reset resets nothing, and says so" {
    make_env mine
    genv devices attach --eid mine --count 1
    expect 0 "$(genv devices --timestamp)" genv devices --reset --timestamp
    [[ $stderr == 'genv: warning: --reset does nothing:'* ]]
    expect 0 0 genv devices find --eid mine
}

@test "genv remote -hostfile, -host, --username" {
    echo '# no host' >hosts
    expect_refusal 'hosts has no hosts' genv remote -hostfile hosts devices
    expect_refusal 'hosts has no hosts' genv remote -hostfile=hosts --username paul devices
    expect_refusal "'-x' is not a host" genv remote -host -x devices
    expect_usage_error "option -hostfile goes before 'devices': genv remote -hostfile FILE devices" genv remote devices -hostfile hosts
}

@test "an -h among other letters asks for no help" {
    expect_usage_error "unknown option '-hx'" genv attach -hx
    expect_usage_error "unknown option '-hosts'" genv attach -hosts
    expect 0 "$(genv attach --help)" genv attach -oh
}

@test "GENV_SHELL says that this is inside an environment" {
    unset GENV_SHELL
    expect 0 1 genv run -- printenv GENV_SHELL
}

@test "usage snapshot" {
    make_env mine
    run --separate-stderr genv usage snapshot
    [ "$status" -eq 0 ]
    [ "$(jq -r '.envs[0].eid' <<<"$output")" = mine ]
    expect_unknown_command 'usage everything' usage genv usage everything
}

# A program genv in the folder $1, of the lines that follow.
program() {
    mkdir -p "$1"
    printf '%s\n' "${@:2}" >"$1/genv"
    chmod +x "$1/genv"
}

@test "doctor finds a Python genv, wherever in PATH it is" {
    program venv '#!/opt/venv/bin/python3' 'import sys' 'from genv.cli.__main__ import main'
    program deep '#!/bin/sh' "'''exec' /a/path/with blanks/bin/python3.11 \"\$0\" \"\$@\"" "' '''" 'import sys' \
        'from genv.cli.__main__ import main'
    program old '#!/usr/bin/python3' "# EASY-INSTALL-ENTRY-SCRIPT: 'genv==1.4.3','console_scripts','genv'"
    program other '#!/bin/sh' 'exec something else'
    program ours '#!/opt/venv/bin/python3' 'import os' 'os.execv("/opt/genv/bin/genv", ["genv"])' # Python, and no such
    PATH=$PATH:$PWD/other:$PWD/ours run --separate-stderr genv doctor
    [[ $output != *'Python genv'* ]]
    PATH=$PWD/deep:$PATH:$PWD/venv:$PWD/old run --separate-stderr "$GENV_BIN" doctor
    grep -F "warning  Python genv: $PWD/deep/genv is the Python genv, which does not see reservations made here" <<<"$output"
    grep -F "warning  Python genv: $PWD/venv/genv is" <<<"$output"
    grep -F "warning  Python genv: $PWD/old/genv is" <<<"$output"
    [[ $output == *"remove it with 'pip uninstall genv'"* ]]
}
