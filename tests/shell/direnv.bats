#!/usr/bin/env bats
# `use genv` in a project's .envrc, with the real direnv; and activations that nobody would hold. Meson runs this file once
# in each shell.
# shellcheck disable=SC2154,SC2016 # bats's own variables; the shell's are not for us

bats_require_minimum_version 1.5.0

load helpers
load typed

setup() {
    setup_typed
    command -v direnv >/dev/null || skip 'direnv is not installed'
    export XDG_DATA_HOME=$HOME/.local/share PATH=${GENV_BIN%/*}:$PATH
    mkdir -p "$HOME/.config/direnv/lib" one/.genv two
    "$GENV_BIN" shell --init direnv >"$HOME/.config/direnv/lib/genv.sh"
    echo 2 >one/.genv/gpus
    echo "use genv --name \"it's one\"" >one/.envrc
    echo 'use genv --gpus 1' >two/.envrc
    direnv allow one
    direnv allow two
    if [[ $TEST_SHELL == fish ]]; then
        echo 'direnv hook fish | source'
    else
        echo "eval \"\$(direnv hook $TEST_SHELL)\""
    fi >hook
}

teardown() {
    teardown_typed
}

@test "the shell in the project's directory holds its environment, and leaves it with the directory" {
    for files in "./hook $CODE" "$CODE ./hook"; do
        # shellcheck disable=SC2086
        type_into $files <<'END'
give CUDA_VISIBLE_DEVICES 3
cd one
say $CUDA_VISIBLE_DEVICES
say $GENV_ENVIRONMENT_NAME
$GENV_BIN envs query --query config.name pids >>$SAID
cd ../two
say $CUDA_VISIBLE_DEVICES
$GENV_BIN envs query --query config.gpus >>$SAID
cd ..
true
say "$GENV_ENVIRONMENT_ID:$CUDA_VISIBLE_DEVICES:"
$GENV_BIN envs query --query pids >>$SAID
END
        [ "$(sed 's/one,[0-9]*$/one,PID/' "$SAID")" = $'0,1\nit\'s one\nit\'s one,PID\n0\n1\n:3:' ]
    done
}

@test "a shell that has activated by itself goes on with that" {
    type_into ./hook "$CODE" <<'END'
genv activate --id mine --gpus 3
cd one
say "$GENV_ENVIRONMENT_ID:$CUDA_VISIBLE_DEVICES"
cd ..
true
say "$GENV_ENVIRONMENT_ID:$CUDA_VISIBLE_DEVICES"
END
    said $'mine:0,1,2\nmine:0,1,2'
}

@test "where too few devices are available, nothing is exported" {
    hold other
    "$GENV_BIN" devices attach --eid other --count 4
    type_into ./hook "$CODE" <<'END'
cd one
say "$GENV_ENVIRONMENT_ID:$CUDA_VISIBLE_DEVICES"
END
    said : 2
    grep -q '^genv: cannot attach 2 devices: ' complaints
    [[ $("$GENV_BIN" envs query --query eid) == other ]]
}

@test "direnv exec: the command holds it" {
    [[ $TEST_SHELL == bash ]] || skip 'once'
    run direnv exec one bash -c 'echo $$ $GENV_ENVIRONMENT_ID $CUDA_VISIBLE_DEVICES; genv envs query --query pids'
    echo "$output"
    read -r pid eid devices <<<"$(grep -E '^[0-9]+ [0-9]+ 0,1$' <<<"$output")"
    [ "$pid" = "$eid" ]
    [ "$devices" = 0,1 ]
    [ "${lines[-1]}" = "$pid" ]
    [[ -z $("$GENV_BIN" envs query --query eid) ]]
}

@test "activate in .envrc is refused, and says what to write" {
    [[ $TEST_SHELL == bash ]] || skip 'once'
    echo 'eval "$(genv shell --init bash)"; genv activate --gpus 1' >two/.envrc
    direnv allow two
    cd two
    run --separate-stderr direnv export bash
    echo "$stderr"
    [[ $stderr == *"genv: direnv runs .envrc in a shell that exits at once: write 'use genv' there"* ]]
    [[ $output != *GENV_ENVIRONMENT_ID* ]]
}

@test "use genv outside of direnv is refused" {
    [[ $TEST_SHELL == bash ]] || skip 'once'
    run --separate-stderr "$GENV_BIN" shell-direnv --gpus 1
    [ "$status" -eq 1 ]
    [ -z "$output" ]
    [[ $stderr == 'genv: cannot tell which shell direnv runs this for'* ]]
}

@test "a shell that is to tell its variables activates nothing that it would leave behind" {
    case $TEST_SHELL in
    bash)
        printf '%s\n' ". $CODE" 'genv activate --gpus 1' >"$HOME/.bashrc"
        shell=(bash -ic)
        ;;
    zsh)
        printf '%s\n' ". $CODE" 'genv activate --gpus 1' >"$HOME/.zshrc"
        shell=(zsh -ilc)
        ;;
    fish)
        mkdir -p "$HOME/.config/fish"
        printf '%s\n' ". $CODE" 'genv activate --gpus 1' >"$HOME/.config/fish/config.fish"
        shell=(fish -ilc)
        ;;
    esac
    run --separate-stderr "${shell[@]}" env
    echo "$stderr"
    [[ $stderr == *"genv: this shell runs a single command and then exits, which ends the environment: "* ]]
    [[ $output != *GENV_ENVIRONMENT_ID* ]]
    # Its own command may.
    run --separate-stderr "${shell[@]}" 'genv activate --gpus 1; echo "<$CUDA_VISIBLE_DEVICES>"'
    [[ $output == *'<0>'* ]]
}

@test "what a project has left running keeps its devices when the shell goes on to another" {
    type_into ./hook "$CODE" <<'END'
cd one
start "sleep 1000"
cd ../two
say $CUDA_VISIBLE_DEVICES
touch -d 2001-01-01 .envrc
true
say $CUDA_VISIBLE_DEVICES
cd ../one
say $CUDA_VISIBLE_DEVICES
END
    [ "$(cat "$SAID")" = $'2\n2\n2,3' ]
    heir=$(cat started)
    grep -q -x -E "genv: .* \($heir\) keeps environment [0-9]+ and devices 0,1 until it exits: to end it, run 'kill $heir'" complaints
    [ "$(grep -c ' keeps environment ' complaints)" -eq 1 ]
}

@test "the same project, evaluated again, is the same environment, whatever runs in it" {
    type_into ./hook "$CODE" <<'END'
cd one
start "sleep 1000"
echo 'use genv --gpus 3' >.envrc; touch -d 2001-01-01 .envrc; direnv allow
true
say $CUDA_VISIBLE_DEVICES
$GENV_BIN envs query --query config.gpus >>$SAID
END
    [ "$(cat "$SAID")" = $'0,1,2\n3' ]
}
