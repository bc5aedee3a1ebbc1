#!/usr/bin/env bats
# A tab in real interactive shells that are set up as the installation says, wherever it is.
# shellcheck disable=SC2154 # set by bats

load helpers

setup_file() {
    stage "$BATS_FILE_TMPDIR/stage"
}

setup() {
    unset LD_LIBRARY_PATH XDG_CONFIG_HOME XDG_DATA_DIRS ZDOTDIR
    export GENV_TMPDIR=$BATS_TEST_TMPDIR/state GENV_DEVICES=2 HOME=$BATS_TEST_TMPDIR/home
    mkdir -p "$HOME/.config/fish"
    # fish need not generate completions from the man pages, as it does in the background when it first starts.
    export XDG_DATA_HOME=$BATS_TEST_TMPDIR/data XDG_CACHE_HOME=$BATS_TEST_TMPDIR/cache
    mkdir -p "$XDG_DATA_HOME/fish/generated_completions" "$XDG_CACHE_HOME/fish/generated_completions"
    cd "$HOME" || return
    command -v tmux >/dev/null || skip 'tmux is not installed'
    SYSTEM=()
}

teardown() {
    [[ ! -v SOCKET ]] || tmux_in_test kill-server 2>/dev/null || true # unless it has ended
}

# Installs into $1. /usr/local is one of the terminals' own, SYSTEM.
place() {
    prefix=$1
    if [[ $1 == /usr/local ]]; then
        ((EUID == 0)) && unshare --mount true 2>/dev/null || skip 'this needs root, and mounts of its own'
        # shellcheck disable=SC2016 # of that shell
        SYSTEM=(unshare --mount bash -c 'mount --bind "$0" /usr/local && exec "$@"' "$BATS_FILE_TMPDIR/stage")
        return
    fi
    mkdir -p "${1%/*}"
    cp -a "$BATS_FILE_TMPDIR/stage" "$1"
}

# The shell's start-up file: $1, the line that sets it up, $2. genv's folder is not in PATH.
write_start_up() {
    case $shell in
    bash | zsh)
        printf '%s\n' "PS1='ready> '" "$1" "eval \"\$('$prefix/bin/genv' shell --init)\"" "${2-}" >"$HOME/.${shell}rc"
        ;;
    fish)
        printf '%s\n' 'set fish_greeting' "function fish_prompt; echo -n 'ready> '; end" "$1" \
            "'$prefix/bin/genv' shell --init fish | source" >"$HOME/.config/fish/config.fish"
        ;;
    esac
}

tmux_in_test() {
    tmux -S "$SOCKET" "$@"
}

# Waits until a line of the terminal matches $1; gives up, and shows the terminal, after a while.
wait_for() {
    for _ in {1..200}; do
        tmux_in_test capture-pane -p -t one >"$BATS_TEST_TMPDIR/screen"
        ! grep -q -E -e "$1" "$BATS_TEST_TMPDIR/screen" || return 0
        sleep 0.1
    done
    echo "no '$1' in"
    cat "$BATS_TEST_TMPDIR/screen"
    return 1
}

open_terminal() {
    command -v "$shell" >/dev/null || skip "$shell is not installed"
    SOCKET=$(mktemp -u "$BATS_TEST_TMPDIR/tmux.XXXXXX")
    "${SYSTEM[@]}" tmux -S "$SOCKET" -f /dev/null new-session -d -s one -x 150 -y 50 "exec $shell"
    wait_for '^ready> *$'
}

# Types $1 and a tab, waits for the line $2, and runs it or, with $3, throws it away.
tab() {
    tmux_in_test send-keys -t one -l -- "$1"
    wait_for "^ready> $1"
    tmux_in_test send-keys -t one Tab
    wait_for "^ready> $2"
    tmux_in_test send-keys -t one C-c
    tmux_in_test send-keys -t one -l 'clear'
    tmux_in_test send-keys -t one Enter
    wait_for '^ready> *$'
}

type_line() {
    tmux_in_test send-keys -t one -l -- "$1"
    tmux_in_test send-keys -t one Enter
}

# In each place that an installation may have, in a shell $1 with $2 before the set-up and $3 behind it.
everywhere() {
    local place
    shell=$1
    for place in "$HOME/.local" "$BATS_TEST_TMPDIR/a folder" /usr/local; do
        ((EUID == 0)) || [[ $place != /usr/local ]] || continue
        place "$place"
        write_start_up "${@:2}"
        open_terminal
        tab 'genv deta' 'genv detach'
        tab 'genv envs --format=c' 'genv envs --format=csv'
        tab 'genv lock -n printen' 'genv lock -n printenv'
        tmux_in_test kill-server
        SYSTEM=()
        # fish would find it from the other places, too.
        rm -rf "$HOME/.local"
    done
}

compinit='autoload -Uz compinit; compinit -u'

@test "bash" { everywhere bash ''; }
@test "bash with set -u" { everywhere bash 'set -u'; }
@test "zsh, compinit before" { everywhere zsh "$compinit"; }
@test "zsh, compinit behind" { everywhere zsh '' "$compinit"; }
@test "zsh, compinit from its dump behind" { everywhere zsh '' 'autoload -Uz compinit; compinit -C'; }
@test "fish" { everywhere fish ''; }

@test "genv-docker: in bash as bash-completion loads it, in zsh and fish" {
    place "$HOME/.local"
    export PATH=$HOME/.local/bin:$PATH
    for shell in bash zsh fish; do
        command -v "$shell" >/dev/null || continue
        before=
        case $shell in
        bash) before=". '$HOME/.local/share/bash-completion/completions/genv-docker'" ;;
        zsh) before="fpath=('$HOME/.local/share/zsh/site-functions' \$fpath); $compinit" ;;
        esac
        write_start_up "$before"
        open_terminal
        tab 'genv-docker cre' 'genv-docker create'
        tab 'genv-docker run --over' 'genv-docker run --over-subscribe'
        tmux_in_test kill-server
    done
}

@test "zsh: strange options of the user's" {
    shell=zsh
    place "$HOME/.local"
    write_start_up "$compinit" 'setopt ksh_arrays sh_word_split no_unset err_return glob_subst'
    open_terminal
    tab 'genv deta' 'genv detach'
}

# Types what shows whether genv has completions; with none, the line stays as it was.
@test "deinit takes them away again" {
    for shell in bash zsh fish; do
        command -v "$shell" >/dev/null || continue
        # Where no shell looks by itself: fish finds ~/.local.
        [ -e "$BATS_TEST_TMPDIR/prefix" ] || place "$BATS_TEST_TMPDIR/prefix"
        [[ $shell != zsh ]] || before=$compinit
        write_start_up "${before-}"
        unset before
        open_terminal
        tab 'genv deta' 'genv detach'
        type_line 'genv shell --deinit'
        case $shell in
        bash) type_line 'complete -p genv; declare -F | grep -c genv; set | grep -c ^__genv' ;;
        zsh) type_line 'echo $_comps[genv]; typeset -f | grep -c genv; set | grep -c ^__genv' ;;
        fish) type_line 'complete | grep -c genv; functions -a | grep -c genv; set | grep -c genv/completions' ;;
        esac
        case $shell in
        bash) wait_for '^bash: complete: genv: no completion specification' ;;
        zsh) wait_for '^_env$' ;;
        fish) wait_for '^0$' ;;
        esac
        wait_for '^0$'
        wait_for '^ready> *$'
        if grep -E '^[1-9][0-9]*$' "$BATS_TEST_TMPDIR/screen"; then
            cat "$BATS_TEST_TMPDIR/screen"
            return 1
        fi
        tmux_in_test kill-server
    done
}

@test "completions that are there already stay" {
    place "$HOME/.local"
    run bash --norc -c 'complete -W other genv; eval "$("$HOME/.local/bin/genv" shell --init bash)"; complete -p genv
        eval "$("$HOME/.local/bin/genv" shell --deinit bash)"; complete -p genv'
    echo "$output"
    [ "$output" = $'complete -W \'other\' genv\ncomplete -W \'other\' genv' ]
    if command -v zsh >/dev/null; then
        run zsh -f -c 'fpath=("$HOME/.local/share/zsh/site-functions" $fpath); autoload -Uz compinit; compinit -u -D
            eval "$("$HOME/.local/bin/genv" shell --init zsh)"; echo $_comps[genv]
            eval "$("$HOME/.local/bin/genv" shell --deinit zsh)"; echo $_comps[genv]'
        echo "$output"
        [ "$output" = $'_genv\n_genv' ]
    fi
    if command -v fish >/dev/null; then
        mkdir elsewhere
        echo "complete -c genv -f -a other" >elsewhere/genv.fish
        run fish --no-config -c 'set -g fish_complete_path elsewhere; ~/.local/bin/genv shell --init fish | source
            complete -C "genv o"; genv shell --deinit; echo $fish_complete_path'
        echo "$output"
        [ "$output" = $'other\nelsewhere' ]
    fi
}
