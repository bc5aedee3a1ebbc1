#!/usr/bin/env bats
# PyCharm: what it runs where genv is used without a plugin, and the plugin's logic, compiled and tested with the real genv.
# What needs the IDE is not tested.
# shellcheck disable=SC2154 # set by bats

setup() {
    export GENV_TMPDIR=$BATS_TEST_TMPDIR/state GENV_DEVICES=4
    PATH=$(dirname "$GENV_BIN"):$PATH
}

@test "an external tool: the command line of the documentation, as a list of words" {
    mkdir "$BATS_TEST_TMPDIR/a project"
    cd "$BATS_TEST_TMPDIR/a project"
    echo 'import os; print(os.environ["CUDA_VISIBLE_DEVICES"], os.getcwd())' >'my file.py'
    # No shell and no terminal, and macros are replaced in words.
    run python3 -c '
import shlex, subprocess, sys
words = [word.replace("$FilePath$", sys.argv[2] + "/my file.py") for word in shlex.split(sys.argv[1])]
sys.exit(subprocess.run(["genv", *words], cwd=sys.argv[2], stdin=subprocess.DEVNULL).returncode)
' "$(sed -n 's/^- Arguments: `\(.*\)`$/\1/p' "$GENV_SOURCE/docs/pycharm.md")" "$PWD"
    echo "$output"
    [ "$status" -eq 0 ]
    [ "$output" = "0 $PWD" ]
    [ -z "$(genv envs query --query eid)" ]
}

@test "the IDE itself in an environment, with what it starts" {
    local bin=$BATS_TEST_TMPDIR/bin
    mkdir "$bin"
    # A program that leaves others behind it, as an IDE does its terminals.
    printf '#!/bin/sh\nsh -c "echo \\$CUDA_VISIBLE_DEVICES"\nsetsid sh -c "genv envs query --query eid | wc -l"\n' >"$bin/pycharm"
    chmod +x "$bin/pycharm"
    run env PATH="$bin:$PATH" bash -c "$(grep -m 1 '^genv run .* pycharm' "$GENV_SOURCE/docs/pycharm.md")"
    echo "$output"
    [ "$output" = $'0\n1' ]
    [ -z "$(genv envs query --query eid)" ]
}

@test "the logic of the plugin, with the real genv" {
    local real=() settings
    command -v mvn >/dev/null || skip 'Maven is not installed'
    settings=$(getent passwd "$(id -u)" | cut -d : -f 6)/.m2/settings.xml
    [[ ! -r $settings ]] || real=(-s "$settings")
    cp -r "$GENV_SOURCE/integrations/pycharm/core" "$BATS_TEST_TMPDIR/core"
    cd "$BATS_TEST_TMPDIR/core"
    rm -rf target
    local maven=(mvn -q -B "${real[@]}" -Dmaven.repo.local="$GENV_TEST_CACHE/maven")
    # Also downloads what the tests need: where the network fails, it is not the plugin's fault.
    "${maven[@]}" test -DskipTests >log 2>&1 3>&- || {
        grep -qE 'Could not transfer|UnknownHost|Unknown host|Connection (refused|reset|timed out)|unreachable|has not been downloaded' log ||
            { cat log && return 1; }
        skip "Maven cannot download what it needs: $(grep -m 1 ERROR log)"
    }
    TMPDIR=$BATS_TEST_TMPDIR "${maven[@]}" test -DargLine="-Djava.io.tmpdir=$BATS_TEST_TMPDIR" >log 2>&1 3>&- || { cat log && return 1; }
}
