#!/usr/bin/env bats
# Interactive shells on real terminals, typed into through tmux.

bats_require_minimum_version 1.5.0

load helpers

setup() {
    setup_shell bash
    command -v tmux >/dev/null || skip 'tmux is not installed'
    mkdir -p "$HOME/.config/fish" "$HOME/.cache/fish/generated_completions"
    # A set-up as the documentation says, and a prompt that can be waited for.
    export PATH="${GENV_BIN%/*}:$PATH"
    cat >"$HOME/.bashrc" <<'END'
PS1='ready> '
eval "$(genv shell --init)"
END
    cp "$HOME/.bashrc" "$HOME/.zshrc"
    cat >"$HOME/.config/fish/config.fish" <<'END'
set fish_greeting
function fish_prompt
    echo -n 'ready> '
end
genv shell --init fish | source
END
}

teardown() {
    if [[ -S $BATS_TEST_TMPDIR/tmux ]]; then
        tmux -S "$BATS_TEST_TMPDIR/tmux" kill-server
    fi
}

# Opens a terminal $1 with the shell $2 in it.
open_terminal() {
    tmux -S "$BATS_TEST_TMPDIR/tmux" -f /dev/null new-session -d -s "$1" -x 200 -y 50 "exec $2"
    wait_for "$1" '^ready> *$'
}

type_into() {
    tmux -S "$BATS_TEST_TMPDIR/tmux" send-keys -t "$1" -l -- "$2"
    tmux -S "$BATS_TEST_TMPDIR/tmux" send-keys -t "$1" Enter
}

# Waits until a line of the terminal $1 matches $2; gives up, and shows the terminal, after a while.
wait_for() {
    for _ in {1..200}; do
        tmux -S "$BATS_TEST_TMPDIR/tmux" capture-pane -p -t "$1" >"$BATS_TEST_TMPDIR/screen"
        ! grep -q -E -e "$2" "$BATS_TEST_TMPDIR/screen" || return 0
        sleep 0.1
    done
    echo "no '$2' in"
    cat "$BATS_TEST_TMPDIR/screen"
    return 1
}

# Waits until a command succeeds.
eventually() {
    for _ in {1..200}; do
        ! "$@" || return 0
        sleep 0.1
    done
    return 1
}

is_free() {
    ! "$GENV_BIN" devices --format csv --no-header | grep -q -v '^[0-9]*,,,'
}

session() {
    command -v "$1" >/dev/null || skip "$1 is not installed"
    open_terminal one "$1"
    type_into one 'genv activate --name '\''a b$(x)"'\'' --gpus 1'
    wait_for one '^\(genv\) ready> *$'
    type_into one 'genv status'
    wait_for one '^   Name: a b\$\(x\)"$'
    wait_for one '^Attached to GPUs at indices 0$'
    type_into one 'clear'
    type_into one 'genv deactivate'
    wait_for one '^ready> *$'
    type_into one 'genv status'
    wait_for one '^Environment is not active$'
    is_free
}

@test "a session in bash" { session bash; }
@test "a session in zsh" { session zsh; }
@test "a session in fish" { session fish; }

# A person is told what a script knows by the exit status.
told() {
    command -v "$1" >/dev/null || skip "$1 is not installed"
    mkdir "$HOME/.genv"
    echo 2 >"$HOME/.genv/gpus"
    open_terminal one "$1"
    type_into one 'genv activate'
    wait_for one '^genv: loaded gpus 2 from .*/\.genv$'
    wait_for one '^Attached to GPUs at indices 0,1$'
    type_into one 'genv config gpus 3'
    wait_for one "^genv: the new count takes effect at the next 'genv attach'$"
}

@test "activation says what it loaded and attached: bash" { told bash; }
@test "activation says what it loaded and attached: zsh" { told zsh; }
@test "activation says what it loaded and attached: fish" { told fish; }

follow() {
    command -v "$1" >/dev/null || skip "$1 is not installed"
    command -v "$2" >/dev/null || skip "$2 is not installed"
    open_terminal one "$1"
    type_into one 'genv activate --id shared --gpus 1'
    wait_for one '^\(genv\) ready> *$'
    open_terminal two "$2"
    type_into two 'genv activate --id shared'
    wait_for two '^\(genv\) ready> *$'
    type_into two 'echo "two: $CUDA_VISIBLE_DEVICES"'
    wait_for two '^two: 0$'
    type_into two 'genv attach --count 3'
    wait_for two '^Attached to GPUs at indices 0,1,2$'
    type_into one 'genv attach --refresh'
    type_into one 'echo "one: $CUDA_VISIBLE_DEVICES"'
    wait_for one '^one: 0,1,2$'
    type_into one 'genv detach --index 1'
    wait_for one '^Attached to GPUs at indices 0,2$'
    type_into two 'genv status'
    wait_for two '^Attached to GPUs at indices 0,2$'
    type_into two 'echo "two: $CUDA_VISIBLE_DEVICES"'
    wait_for two '^two: 0,2$'
    # It lives as long as one of them does.
    type_into one 'genv deactivate'
    wait_for one '^ready> *$'
    ! is_free
    type_into two 'exit'
    eventually is_free
}

@test "two shells in one environment follow each other: bash and zsh" { follow bash zsh; }
@test "two shells in one environment follow each other: zsh and fish" { follow zsh fish; }
@test "two shells in one environment follow each other: fish and bash" { follow fish bash; }

close_terminal() {
    command -v "$1" >/dev/null || skip "$1 is not installed"
    open_terminal one "$1"
    open_terminal other bash
    type_into one 'genv activate --gpus 2'
    wait_for one '^\(genv\) ready> *$'
    ! is_free
    tmux -S "$BATS_TEST_TMPDIR/tmux" kill-session -t one
    eventually is_free
}

@test "a closed terminal frees its devices: bash" { close_terminal bash; }
@test "a closed terminal frees its devices: zsh" { close_terminal zsh; }
@test "a closed terminal frees its devices: fish" { close_terminal fish; }

interrupt() {
    command -v "$1" >/dev/null || skip "$1 is not installed"
    open_terminal one "$1"
    type_into one 'genv activate --gpus 1'
    wait_for one '^\(genv\) ready> *$'
    type_into one 'genv lock sh -c "echo begun; exec sleep 1000"'
    wait_for one '^begun$'
    tmux -S "$BATS_TEST_TMPDIR/tmux" send-keys -t one C-c
    wait_for one '^\(genv\) ready> *$'
    type_into one 'genv config name still-here'
    type_into one 'genv status'
    wait_for one '^   Name: still-here$'
}

@test "an interrupted command leaves a shell that works: bash" { interrupt bash; }
@test "an interrupted command leaves a shell that works: zsh" { interrupt zsh; }
@test "an interrupted command leaves a shell that works: fish" { interrupt fish; }
