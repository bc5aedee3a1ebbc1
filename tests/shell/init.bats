#!/usr/bin/env bats
# `genv shell --init`: whose code it prints, and what loading it costs.
# shellcheck disable=SC2154 # bats's own variables

bats_require_minimum_version 1.5.0

load helpers

setup() {
    setup_shell bash
}

# Prints which shell the code on standard input is for.
kind_of_code() {
    case $(cat) in
    *"'emulate' 'zsh'"*) echo zsh ;;
    *'function genv'*) echo fish ;;
    *'genv() {'*) echo bash ;;
    *) echo none ;;
    esac
}
export -f kind_of_code

# A way to call a shell of the name $2 that is the shell $1.
named() {
    mkdir -p bin
    ln -s "$(readlink -f "$(command -v "$1")")" "bin/$2"
    echo "bin/$2"
}

@test "each shell gets its own code, and none that does not parse" {
    for shell in bash zsh fish; do
        command -v "$shell" || continue
        "$GENV_BIN" shell --init "$shell" >"code.$shell"
        [ "$(kind_of_code <"code.$shell")" = "$shell" ]
        "$shell" -n "code.$shell"
    done
}

@test "without a name, the code is that of the calling shell" {
    [ "$(bash -c '"$GENV_BIN" shell --init; :' | kind_of_code)" = bash ]
    [ "$(bash -c 'eval "printf %s \"\$("$GENV_BIN" shell --init)\""' | kind_of_code)" = bash ]
    [ "$(env -u SHELL bash -c 'printf %s "$(:; "$GENV_BIN" shell --init; :)"' | kind_of_code)" = bash ]
    [ "$(bash -c 'exec -a -bash bash -c "\"\$GENV_BIN\" shell --init; :"' | kind_of_code)" = bash ]
    [ "$("$(named bash sh)" -c '"$GENV_BIN" shell --init; :' | kind_of_code)" = bash ]
    [ "$(bash -c 'env nice "$GENV_BIN" shell --init; :' | kind_of_code)" = bash ]
    [ "$(SHELL=/bin/zsh bash -c '"$GENV_BIN" shell --init; :' | kind_of_code)" = bash ]
}

@test "the same in zsh" {
    command -v zsh || skip 'zsh is not installed'
    [ "$(SHELL=/bin/bash zsh -fc '"$GENV_BIN" shell --init; :' | kind_of_code)" = zsh ]
    [ "$(zsh -fc 'printf %s "$("$GENV_BIN" shell --init)"' | kind_of_code)" = zsh ]
    [ "$(zsh -fc 'printf %s "$(:; "$GENV_BIN" shell --init; :)"' | kind_of_code)" = zsh ]
    cp "$(readlink -f "$(command -v zsh)")" zsh-5.9-static
    [ "$(./zsh-5.9-static -fc '"$GENV_BIN" shell --init; :' | kind_of_code)" = zsh ]
}

@test "the same in fish" {
    command -v fish || skip 'fish is not installed'
    [ "$(SHELL=/bin/bash fish -c '"$GENV_BIN" shell --init; true' | kind_of_code)" = fish ]
    [ "$(fish -c '"$GENV_BIN" shell --init | cat' | kind_of_code)" = fish ]
    [ "$(fish -c 'printf %s ("$GENV_BIN" shell --init | string collect)' | kind_of_code)" = fish ]
}

@test "without a calling shell, the code is that of \$SHELL" {
    cat >orphan.py <<'END'
import os, sys, time
parent = os.getpid()
if os.fork() == 0:
    while os.getppid() == parent:
        time.sleep(0.01)
    os.execv(os.environ["GENV_BIN"], ["genv", "shell", "--init"])
END
    SHELL=/usr/bin/fish python3 orphan.py | cat >code
    [ "$(kind_of_code <code)" = fish ]
}

@test "a shell that genv does not speak is refused in one line" {
    for shell in dash sh ksh tcsh nonsense ''; do
        run --separate-stderr "$GENV_BIN" shell --init "$shell"
        echo "$shell: $status <$output> <$stderr>"
        [ "$status" -ne 0 ]
        [ -z "$output" ]
        [ "${#stderr_lines[@]}" -eq 1 ]
    done
    command -v dash || skip 'dash is not installed'
    run --separate-stderr dash -c '"$GENV_BIN" shell --init; exit $?'
    echo "$status <$output> <$stderr>"
    [ "$status" -eq 1 ]
    [ -z "$output" ]
    [ "${#stderr_lines[@]}" -eq 1 ]
}

@test "init - prints the same" {
    [ "$(bash -c '"$GENV_BIN" init -; :')" = "$(bash -c '"$GENV_BIN" shell --init; :')" ]
}

@test "loading the code starts no process" {
    command -v strace || skip 'strace is not installed'
    strace -o trace true || skip 'strace may not trace here'
    for shell in bash 'zsh -f' 'fish --no-config'; do
        command -v "${shell%% *}" || continue
        "$GENV_BIN" shell --init "${shell%% *}" >code
        : >nothing
        for file in nothing code; do
            # shellcheck disable=SC2086 # the shell and its option
            strace -f -o "trace.$file" -e trace=fork,vfork,clone,clone3,execve $shell "./$file"
        done
        echo "$shell"
        cat trace.code
        [ "$(grep -c -E 'fork|clone|execve' trace.code)" = "$(grep -c -E 'fork|clone|execve' trace.nothing)" ]
    done
}

@test "doctor knows whether the shell that calls it is set up" {
    run bash -c '"$GENV_BIN" doctor; :'
    [[ $output == *'warning  shell: genv is not set up in this bash'* ]]
    [[ $(bash -c 'eval "$("$GENV_BIN" shell --init)"; genv doctor') == *'shell: bash is set up'* ]]
    [[ $(zsh -fc 'eval "$("$GENV_BIN" shell --init)"; genv doctor') == *'shell: zsh is set up'* ]]
    [[ $(fish -c '$GENV_BIN shell --init | source; genv doctor') == *'shell: fish is set up'* ]]
}
