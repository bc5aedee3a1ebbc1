# What the tests of the shells share.
# shellcheck shell=bash disable=SC2154

# Prepares a test that runs scripts in the shell $1.
setup_shell() {
    TEST_SHELL=$1
    command -v "$TEST_SHELL" >/dev/null || skip "$TEST_SHELL is not installed"
    export GENV_TMPDIR=$BATS_TEST_TMPDIR/state GENV_DEVICES=4
    export HOME=$BATS_TEST_TMPDIR/home ZDOTDIR=$BATS_TEST_TMPDIR/home XDG_CONFIG_HOME=$BATS_TEST_TMPDIR/home/.config
    mkdir -p "$HOME/.config"
    cd "$BATS_TEST_TMPDIR" || return
    # Whatever shell or environment the tests were started from.
    unset GENV_ENVIRONMENT_ID GENV_ENVIRONMENT_NAME GENV_GPUS GENV_GPU_MEMORY GENV_VISIBLE_DEVICES CUDA_VISIBLE_DEVICES
    unset GENV_SHELL_DEVICES CUDA_DEVICE_ORDER VIRTUAL_ENV VIRTUAL_ENV_PROMPT PS1 BASH_ENV
    export -n SHELLOPTS BASHOPTS
}

# Runs the script on standard input in the shell of this run, with options for it before, and shows what it printed.
in_shell() {
    local script=$BATS_TEST_TMPDIR/script
    cat >"$script"
    case $TEST_SHELL in
    bash) run bash "$@" "$script" ;;
    zsh) run zsh -f "$@" "$script" ;;
    fish) run fish "$@" "$script" ;;
    esac
    echo "status $status"
    echo "$output"
}

# A virtualenv, as Python makes it.
make_venv() {
    python3 -m venv --without-pip "$1" >/dev/null 2>&1 || skip "python3 can't make a venv"
}
