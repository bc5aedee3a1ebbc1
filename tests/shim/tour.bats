#!/usr/bin/env bats
# The tour of nvidia-smi that the documentation gives, in each shell.
# shellcheck disable=SC2154 # set by bats and by the helpers

load helpers

setup() {
    setup_installation
    export HOME=$SCRATCH/home ZDOTDIR=$SCRATCH/home XDG_CONFIG_HOME=$SCRATCH/home/.config
    mkdir -p "$HOME/.config"
    # As it is before anything is activated.
    export PATH=$PREFIX/bin:$PLAIN_PATH
}

teardown() {
    remove_installation
}

# $1 is the shell, $2 its way to be set up.
tour() {
    command -v "$1" >/dev/null || skip "$1 is not installed"
    cat >"$SCRATCH/tour" <<END
$2
genv activate
nvidia-smi
genv config gpus 2
genv attach
nvidia-smi --query-gpu=index --format=csv,noheader
genv detach
nvidia-smi
genv deactivate
END
    run "${@:3}" "$1" "$SCRATCH/tour"
    echo "$output"
    diff - <(echo "$output") <<'END'
No devices were found
Attached to GPUs at indices 0,1
0
1
Detached from GPUs
No devices were found
END
}

@test "bash" {
    tour bash 'eval "$(genv shell --init bash)"'
}

@test "zsh" {
    tour zsh 'eval "$(genv shell --init zsh)"'
}

@test "fish" {
    tour fish 'genv shell --init fish | source'
}

@test "genv run" {
    run genv run --gpus 2 nvidia-smi --query-gpu=index --format=csv,noheader
    [ "$output" = $'0\n1' ]
    run genv run nvidia-smi
    [ "$status" -eq 6 ]
    [ "$output" = 'No devices were found' ]
}
