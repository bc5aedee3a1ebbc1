#!/usr/bin/env bats
# genv remote activate, typed into on a real terminal: each login shell, whatever its start-up files do.
# shellcheck disable=SC2154 # set by bats

load hosts

setup_file() {
    hosts_setup || return 0
    hosts_start one 2
    # What hosts_as() does, as a program for tmux.
    {
        echo '#!/usr/bin/env bash'
        declare -f hosts_as
        echo "HOSTS=$HOSTS HOSTS_SHELL=/bin/bash"
        echo "hosts_as $ALICE "'"$@"'
    } >"$HOSTS/as_alice"
    chmod 755 "$HOSTS/as_alice"
}

teardown_file() {
    hosts_teardown
}

setup() {
    hosts_check
    bats_require_minimum_version 1.5.0
    command -v tmux >/dev/null || skip 'tmux is not installed'
    home=$HOSTS/home/$ALICE
    host=one
    # Else fish makes completions, as a child of its own; fish 4 has them in the cache.
    as_alice mkdir -p .config/fish .local/share/fish/generated_completions .cache/fish/generated_completions
    as_alice rm -rf .bash_profile .bash_login .profile .bashrc .zshenv .zprofile .zshrc .zlogin dots .config/fish/config.fish
}

teardown() {
    [[ -z $HOSTS_MISSING ]] || return 0
    if [[ -S ${TMUX_SOCKET-} ]]; then
        tmux -S "$TMUX_SOCKET" kill-server 2>/dev/null || true
    fi
    hosts_wait_for is_free
}

is_free() {
    [[ $(hosts_genv one devices --format csv --no-header) == $'0,,,\n1,,,' ]]
}

is_taken() {
    hosts_genv one devices --format csv --no-header | grep -q '^[01],[0-9]'
}

use_shell() {
    local shell
    shell=$(command -v "$1") || skip "$1 is not installed"
    usermod --shell "$shell" "$ALICE"
    hang_up one # sshd goes on with the shell that there was when the connection began
}

# Ends Alice's shared connection to host $1.
hang_up() {
    as_alice ssh -F "$HOSTS/run/$ALICE/genv-ssh/config" -O exit "$1" 2>/dev/null || true
}

# What the user's own start-up files are to hold: a prompt that can be waited for, and $1 behind it.
start_up_files() {
    printf '%s\n' "PS1='ready> '" "$1" | as_alice tee .bash_profile .zshrc >/dev/null
    printf '%s\n' 'set fish_greeting' 'function fish_prompt; echo -n "ready> "; end' "${2-$1}" |
        as_alice tee .config/fish/config.fish >/dev/null
}

# Opens a terminal with this command of Alice's in it, whose end it shows.
open_command() {
    # A server that ends may still have its socket.
    TMUX_SOCKET=$(mktemp -u "$BATS_TEST_TMPDIR/tmux.XXXXXX")
    tmux -S "$TMUX_SOCKET" -f /dev/null new-session -d -x 150 -y 40 \
        "$HOSTS/as_alice $*; echo \"ended: \$?\"; stty -a | grep -o '.echo ' ; exec sleep 1000"
}

# Opens one with `genv remote -H one "$@"`.
open_terminal() {
    open_command genv remote -H one "$@"
}

type_in() {
    tmux -S "$TMUX_SOCKET" send-keys -l -- "$1"
    tmux -S "$TMUX_SOCKET" send-keys Enter
}

press() {
    tmux -S "$TMUX_SOCKET" send-keys "$1"
}

# Waits until a line of the terminal matches.
see() {
    local i
    for ((i = 0; i < 200; i++)); do
        tmux -S "$TMUX_SOCKET" capture-pane -p >"$BATS_TEST_TMPDIR/screen"
        ! grep -q -E -e "$1" "$BATS_TEST_TMPDIR/screen" || return 0
        sleep 0.05
    done
    echo "no '$1' in"
    cat "$BATS_TEST_TMPDIR/screen"
    return 1
}

session() {
    use_shell "$1"
    start_up_files "${2-}" "${3-${2-}}"
    open_terminal activate --gpus 2 --name "it\'s"
    see '^\(genv\) ready> *$'
    is_taken
    type_in 'genv status'
    see "^   Name: it's$"
    see '^Attached to GPUs at indices 0,1$'
    type_in 'echo "devices: $CUDA_VISIBLE_DEVICES"; env | grep -c -E "^(GENV_LOGIN_|ZDOTDIR)"'
    see '^devices: 0,1$'
    see '^0$'
    type_in 'clear'
    type_in 'genv deactivate'
    see '^ready> *$'
    hosts_wait_for is_free
    type_in 'env | grep -c -E "^(GENV_ENV|CUDA_)"; genv status'
    see '^0$'
    see '^Environment is not active$'
    type_in 'genv activate --gpus 1'
    see '^\(genv\) ready> *$'
    is_taken
    type_in 'exit 3'
    see '^ended: 3$'
    see '^ echo'
    is_free
}

@test "a session in bash" { session bash; }
@test "a session in zsh" { session zsh; }
@test "a session in fish" { session fish; }

noise='echo noise; echo more >&2'
@test "start-up files that print: bash" { session bash "$noise"; }
@test "start-up files that print: zsh" { session zsh "$noise"; }
@test "start-up files that print: fish" { session fish "$noise"; }

init='eval "$(genv shell --init)"'
@test "start-up files that set genv up: bash" { session bash "$init"; }
@test "start-up files that set genv up: zsh" { session zsh "$init"; }
@test "start-up files that set genv up: fish" { session fish 'genv shell --init fish | source'; }

@test "strict start-up files: bash" { session bash 'set -u; set -o pipefail; shopt -s failglob; alias genv=false'; }
@test "strict start-up files: zsh" { session zsh 'setopt nounset shwordsplit ksharrays globsubst; alias genv=false'; }

failing() {
    use_shell "$1"
    start_up_files "$2"
    open_terminal activate --gpus 2
    see '^ended: 9$'
    hosts_wait_for is_free
}

@test "start-up files that end the shell: bash" { failing bash 'exit 9'; }
@test "start-up files that end the shell: zsh" { failing zsh 'exit 9'; }
@test "start-up files that end the shell: fish" { failing fish "status is-interactive; and exec sh -c 'exit 9'"; }

@test "all files of a login are read: bash" {
    use_shell bash
    echo 'MINE=profile; . ~/.bashrc' | as_alice tee .profile >/dev/null
    echo 'MINE=$MINE-rc; PS1="ready> "' | as_alice tee .bashrc >/dev/null
    open_terminal activate --gpus 1
    see '^\(genv\) ready> *$'
    type_in 'echo "it is $MINE"; logout'
    see '^it is profile-rc$'
    see '^ended: 0$'
}

@test "all files of a login are read: zsh" {
    use_shell zsh
    as_alice mkdir -p dots
    echo 'export ZDOTDIR=$HOME/dots; MINE=env' | as_alice tee .zshenv >/dev/null
    echo 'MINE=$MINE-profile' | as_alice tee dots/.zprofile >/dev/null
    echo 'MINE=$MINE-rc; PS1="ready> "' | as_alice tee dots/.zshrc >/dev/null
    echo 'MINE=$MINE-login' | as_alice tee dots/.zlogin >/dev/null
    open_terminal activate --gpus 1
    see '^\(genv\) ready> *$'
    type_in '[[ -o login ]] && echo "it is $MINE in ${ZDOTDIR#$HOME}"; logout'
    see '^it is env-profile-rc-login in /dots$'
    see '^ended: 0$'
}

# What a shell that a command opens has, in the file ~/$1: its variables but for those of the connection and of genv, its
# folder, and which start-up files interactive shells have read. The command is what follows.
record() {
    as_alice rm -f read
    open_command "${@:2}"
    see 'ready> *$'
    type_in "env >~/$1; pwd >>~/$1; echo \"ZDOTDIR \$ZDOTDIR, \$AGAIN\" >>~/$1; cat ~/read >>~/$1; exit"
    see '^ended: 0$'
    tmux -S "$TMUX_SOCKET" kill-server
    sed -i -E -e '/^(_|SSH_[A-Z]*|CUDA_[A-Z_]*|GENV_[A-Z_]*)=/d' -e 's#(^PATH=|:)[^:]*/shims:#\1#' "$home/$1"
    LC_ALL=C sort -o "$home/$1" "$home/$1"
    hang_up "$host"
}

# Whether a session on $host has what a login has.
expect_login() {
    record plain ssh -tt "$host"
    record session genv remote -H "$host" activate --gpus 1
    cat "$home/plain"
    diff "$home/plain" "$home/session"
}

# A start-up file $1 for bash and zsh: it says that it is read, goes into PATH, sees whether that was done before, and
# does something else for commands.
start_up_file() {
    as_alice tee "$1" >/dev/null <<END
export PATH=/of$1:\$PATH
if [[ \${GUARD-} == *$1* ]]; then AGAIN=$1; fi
export GUARD=\${GUARD-}$1
if [[ \$- == *i* ]]; then echo $1 >>~/read; else cd /; export FOR_COMMANDS=1 BASH_ENV=/nowhere; fi
PS1='ready> '
END
}

@test "a session has what a login has: bash" {
    use_shell bash
    start_up_file .bashrc
    start_up_file .bash_profile
    echo '. ~/.bashrc' | as_alice tee -a .bash_profile >/dev/null
    expect_login
    grep -q '^PATH=/of.bashrc:/of.bash_profile:' "$home/session"
    # Where the one that is read for commands is read for them alone.
    as_alice sed -i '$d' .bash_profile
    expect_login
}

@test "a session has what a login has: fish" {
    use_shell fish
    as_alice tee .config/fish/config.fish >/dev/null <<'END'
set -gx PATH /usr/games $PATH
set -q GUARD; and set -g AGAIN yes
set -gx GUARD 1
if status is-interactive; echo config >>~/read; else; cd /; set -gx FOR_COMMANDS 1; end
set fish_greeting
function fish_prompt; echo -n "ready> "; end
END
    expect_login
}

@test "a session has what a login has: a shell that genv does not know" {
    use_shell dash
    printf '%s\n' 'PS1="ready> "; export PATH=/of-profile:$PATH; echo profile >>~/read' | as_alice tee .profile >/dev/null
    expect_login
}

# The user's files for zsh, of which .zshenv ends with $1; $2 is what ZDOTDIR is to be.
expect_zdotdir() {
    local file
    for file in .zshenv .zprofile .zshrc .zlogin dots/.zshenv dots/.zprofile dots/.zshrc dots/.zlogin; do
        start_up_file "$file"
    done
    printf '%s\n' "$1" | as_alice tee -a .zshenv >/dev/null
    expect_login
    grep -q "^ZDOTDIR $2, $" "$home/session"
}

# The user's files for zsh that the session has read.
files_read() {
    grep -E '^(dots/)?\.z' "$home/session" | paste -sd ' '
}

@test "a session has what a login has: zsh, wherever the user's ZDOTDIR comes from" {
    use_shell zsh
    as_alice mkdir -p dots
    expect_zdotdir '' ''
    [[ $(files_read) == '.zlogin .zprofile .zshenv .zshrc' ]]
    expect_zdotdir 'export ZDOTDIR=$HOME/dots' "$home/dots"
    [[ $(files_read) == '.zshenv dots/.zlogin dots/.zprofile dots/.zshrc' ]]
    expect_zdotdir 'ZDOTDIR=$HOME/dots' "$home/dots"
    # For commands alone, or for a terminal alone.
    expect_zdotdir '[[ -o interactive ]] || export ZDOTDIR=$HOME/dots' ''
    expect_zdotdir '[[ ! -o interactive ]] || export ZDOTDIR=$HOME/dots' "$home/dots"
    # From sshd's own variables.
    hosts_start dotted 2 "ZDOTDIR=$home/dots"
    host=dotted
    expect_zdotdir 'export ZDOTDIR=/nowhere' "$home/dots"
    [[ $(files_read) == 'dots/.zlogin dots/.zprofile dots/.zshenv dots/.zshrc' ]]
}

# Starts host $1, on which /etc/zsh/zshenv is $2.
start_with_zshenv() {
    local folder=$HOSTS/with-$1
    mkdir "$folder"
    echo "$2" >"$folder/zshenv"
    cat >"$folder/sshd" <<END
#!/bin/sh
exec unshare --mount --propagation private sh -c 'mount --bind "$folder/zshenv" /etc/zsh/zshenv && exec "\$@"' - \
    "${GENV_TEST_SSHD:-$(command -v sshd || echo /usr/sbin/sshd)}" "\$@"
END
    chmod 755 "$folder/sshd"
    GENV_TEST_SSHD=$folder/sshd hosts_start "$1" 2
}

@test "a session has what a login has: zsh, where the system chooses ZDOTDIR" {
    [[ -f /etc/zsh/zshenv ]] || skip 'the zsh here reads its system-wide file from somewhere else'
    unshare --mount --propagation private true 2>/dev/null || skip 'needs a mount namespace'
    use_shell zsh
    as_alice mkdir -p dots
    start_with_zshenv polite ': ${ZDOTDIR:=$HOME/dots}'
    host=polite
    expect_zdotdir '' "$home/dots"
    [[ $(files_read) == 'dots/.zlogin dots/.zprofile dots/.zshenv dots/.zshrc' ]]
    # Where there is no place for genv's own file the session is in the environment nevertheless.
    start_with_zshenv stubborn 'export ZDOTDIR=$HOME/dots'
    host=stubborn
    expect_zdotdir '' "$home/dots"
    open_command genv remote -H "$host" activate --gpus 1
    see '^ready> *$'
    type_in 'echo "devices: $CUDA_VISIBLE_DEVICES, $(env | grep -c GENV_LOGIN_)"; genv status | grep -c Attached; exit'
    see '^devices: 0, 0$'
    see '^1$'
    see '^ended: 0$'
}

@test "another shell starts inside the environment: dash" {
    use_shell dash
    open_terminal activate --gpus 1
    see '^\$ *$'
    is_taken
    type_in 'echo "devices: $CUDA_VISIBLE_DEVICES, $(env | grep -c GENV_LOGIN_)"'
    see '^devices: 0, 0$'
    type_in 'exit 4'
    see '^ended: 4$'
    is_free
}

@test "another shell in place of the login shell is inside the environment too" {
    use_shell bash
    printf '%s\n' 'PS1="ready> "' 'exec sh' | as_alice tee .bash_profile >/dev/null
    open_terminal activate --gpus 1
    see '^\$ *$'
    type_in 'echo "devices: $CUDA_VISIBLE_DEVICES"'
    see '^devices: 0$'
    type_in 'exit'
    see '^ended: 0$'
    is_free
}

without_prompt() {
    use_shell "$1"
    start_up_files ''
    open_terminal activate --gpus 1 --no-prompt
    see '^ready> *$'
    type_in 'genv status'
    see '^Attached to GPUs at indices 0$'
}

@test "the prompt stays as it is if asked for: bash" { without_prompt bash; }
@test "the prompt stays as it is if asked for: zsh" { without_prompt zsh; }
@test "the prompt stays as it is if asked for: fish" { without_prompt fish; }

terminal() {
    use_shell "$1"
    start_up_files ''
    open_terminal activate --gpus 1
    see '^\(genv\) ready> *$'
    type_in 'stty size'
    see '^40 150$'
    tmux -S "$TMUX_SOCKET" resize-window -x 101 -y 33
    type_in 'sh -c "until [ \"\$(stty size)\" = \"33 101\" ]; do sleep 0.1; done; echo resized"'
    see '^resized$'
    # An interrupt ends the command, a stop is the shell's affair, and the session goes on.
    type_in 'sh -c "echo begun; exec sleep 1000"'
    see '^begun$'
    press C-c
    type_in 'echo "after C-c"'
    see '^after C-c$'
    type_in 'sh -c "echo stop me; exec sleep 1000"'
    see '^stop me$'
    press C-z
    type_in 'echo "after C-z"; kill %1'
    see '^after C-z$'
    type_in 'exit 5'
    # A shell asks again where a job has just been stopped.
    hosts_wait_for 'tmux -S "$TMUX_SOCKET" capture-pane -p | grep -q -e "^ended: " -e " jobs"'
    tmux -S "$TMUX_SOCKET" capture-pane -p | grep -q '^ended: ' || type_in 'exit 5'
    see '^ended: 5$'
}

@test "the terminal in bash" { terminal bash; }
@test "the terminal in zsh" { terminal zsh; }
@test "the terminal in fish" { terminal fish; }

# Begins an environment on a terminal, types $2, which is to write a PID to ~/pid, and closes the terminal.
closed() {
    use_shell "$1"
    start_up_files ''
    open_terminal activate --gpus 2
    see '^\(genv\) ready> *$'
    type_in "$2"
    hosts_wait_for '[[ -s $home/pid ]]'
    pid=$(<"$home/pid")
    rm "$home/pid"
    tmux -S "$TMUX_SOCKET" kill-server
}

closed_obeyed() {
    closed "$1" "sh -c 'echo \$\$ >pid; sleep 1000; sleep 1000'"
    hosts_wait_for is_free
    hosts_wait_for "! hosts_lives $pid"
}

@test "a closed terminal ends what runs there, and frees the devices: bash" { closed_obeyed bash; }
@test "a closed terminal ends what runs there, and frees the devices: zsh" { closed_obeyed zsh; }
@test "a closed terminal ends what runs there, and frees the devices: fish" { closed_obeyed fish; }

is_held_by() {
    [[ $(hosts_genv one envs query --query pids) == "$1" ]]
}

# In the foreground or not, it ignores the hang-up.
closed_ignored() {
    closed "$1" "nohup sh -c 'echo \$\$ >pid; sleep 1000; sleep 1000' >/dev/null 2>&1 ${2-}"
    hosts_wait_for "is_held_by $pid"
    is_taken
    sleep 3 # longer than what a command is given
    is_held_by "$pid"
    kill -KILL "$pid"
    hosts_wait_for is_free
}

@test "what ignores the hang-up of a closed terminal keeps the devices until it ends: bash" { closed_ignored bash; }
@test "what ignores the hang-up of a closed terminal keeps the devices until it ends: zsh" { closed_ignored zsh; }
@test "what ignores the hang-up of a closed terminal keeps the devices until it ends: fish" { closed_ignored fish; }
@test "the same in the background: bash" { closed_ignored bash '&'; }
@test "the same in the background: zsh" { closed_ignored zsh '&'; }
@test "the same in the background: fish" { closed_ignored fish '&'; }

@test "a lost connection leaves a terminal that works" {
    use_shell bash
    start_up_files ''
    open_terminal activate --gpus 2
    see '^\(genv\) ready> *$'
    hosts_hang_up one
    see 'ended: 255$'
    see '^ echo'
    hosts_wait_for is_free
}

@test "a killed ssh leaves a terminal that works" {
    local pid
    use_shell bash
    start_up_files ''
    open_terminal activate --gpus 2
    see '^\(genv\) ready> *$'
    # Not the one that holds the shared connection.
    for pid in $(hosts_processes_of "$ALICE"); do
        [[ $(tr '\0' ' ' <"/proc/$pid/cmdline" || true) != 'ssh -F '*' -tt '* ]] || kill -KILL "$pid"
    done
    see 'ended: 137$'
    see '^ echo'
    hosts_wait_for is_free
}

@test "a command on a terminal: size, interrupt, status" {
    use_shell bash
    open_terminal "run --gpus 1 --tty -- sh -c 'trap \"echo caught; exit 6\" INT; stty size; echo begun; while :; do sleep 0.1; done'"
    see '^40 150$'
    see '^begun$'
    press C-z
    press C-c
    see 'caught'
    see '^ended: 6$'
    see '^ echo'
    is_free
}
