#!/usr/bin/env bats
# What could be typed next: from the tables, and in the real shells.
# shellcheck disable=SC2154 # set by bats and by the helpers

load cli_helpers

# The candidates for the words given, without their descriptions, in a line.
candidates() {
    genv complete -- "$@" | cut -f 1 | paste -s -d ' '
}

@test "commands and subcommands" {
    expect 0 'attach' candidates att
    expect 0 'deactivate detach devices' bash -c 'genv complete -- de | cut -f 1 | sort | paste -s -d " "'
    expect 0 'activate deactivate config find keep ps query variables' candidates envs ''
    expect 0 'query' candidates devices q
    expect 0 '' candidates frobnicate ''
    expect 0 'attach	Attach devices to the environment' genv complete -- att
}

@test "options" {
    expect 0 '--count' candidates attach --c
    expect 0 '--count --index --refresh --over-subscribe --help' candidates attach -
    expect 0 '--help --version' candidates --
    expect 0 '--eid --help' candidates devices find --
    expect 0 '--help' candidates status ''
}

@test "genv-docker: its own options, behind docker's commands that start containers" {
    expect 0 'run create' candidates genv-docker ''
    expect 0 '' candidates genv-docker ps ''
    expect 0 '' candidates genv-docker ps --
    expect 0 '' candidates genv-docker run ''
    expect 0 '--gpus --gpu-memory' candidates genv-docker --context x container run --gp
    expect 0 '--activate --attach' candidates genv-docker run --a
    expect 0 '--no-activate --no-attach --no-shims --no-device-locks --no-over-subscribe' candidates genv-docker run -it --no
}

@test "genv-docker: help, manual and completions have the same options" {
    local program
    program=$(dirname "$GENV_BIN")/../bin/genv-docker
    [ -x "$program" ] || skip 'genv-docker is not where an installation has it'
    "$program" --help | sed -nE 's/^  --(\[no-\])?([^ ]+).*/\2/p' | sort >help
    genv help --man docker | sed -n '/^\.SH GENV.*OPTIONS/,/^\.SH GENV DOCKER/p' | sed -nE 's/^\\fB\\-\\-(\[no\\-\])?([^ ]*).*\\fR$/\2/p' |
        sed 's/\\-/-/g; s/\\fR//' | sort >manual
    genv complete -- genv-docker run -- | cut -f 1 | sed -E 's/^--(no-)?//' | sort -u >completions
    [ -s help ]
    diff help manual
    diff help completions
}

@test "values" {
    make_env one 'a name'
    make_env two
    expect 0 'one two' candidates activate --id ''
    expect 0 'two' candidates devices find --eid t
    expect 0 '--eid=two' candidates devices find --eid=t
    expect 0 'two' candidates devices find --eid = t
    expect 0 'one	a name' genv complete -- devices find --eid o
    expect 0 '0 1 2 3' candidates attach --index ''
    expect 0 '0 1 2 3' candidates attach -i ''
    expect 0 '0 1 2 3' candidates attach -oi ''
    expect 0 'tui csv json' candidates envs --format ''
    expect 0 '--format=csv' candidates envs --format=c
    expect 0 'csv' candidates envs --format = c
    expect 0 'tui csv json' candidates envs --format =
    expect 0 'eid' candidates envs query --query e
    expect 0 'eid' candidates envs query --query uid e
    expect 0 '--eid' candidates envs query --query uid --e
    expect 0 '' candidates activate --name ''
}

@test "words" {
    expect 0 'gpu-memory gpus name' candidates config ''
    expect 0 'bash zsh fish direnv' candidates shell --init ''
    expect 0 'gpu-memory' candidates envs config --eid a gpu-
    expect 0 'status snapshot shell' candidates help s
    expect 0 'query' candidates help devices q
    expect 0 '-' candidates init ''
}

@test "commands that begin inside" {
    expect 0 ':command 1' candidates run l
    expect 0 ':command 4' candidates run --gpus 1 -- l
    expect 0 ':command 4' candidates run --gpus 1 -- ls --format x
    expect 0 ':command 3' candidates lock -w 5 ls -n x
    expect 0 '--gpus --gpu-memory' candidates run --gpu
}

@test "nobody is disturbed by an error" {
    touch "$GENV_TMPDIR"
    expect 0 '' candidates activate --id ''
    [ -z "$stderr" ]
}

# What bash would complete the words given to; the last one is where the cursor is.
in_bash() {
    bash --norc -c 'source "$1"; shift; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _genv; echo "${COMPREPLY[*]}"' \
        bash "$GENV_SOURCE/completions/genv.bash" "$@"
}

@test "bash: candidates" {
    make_env one
    expect 0 'attach' in_bash genv att
    expect 0 'activate deactivate config find keep ps query variables' in_bash genv envs ''
    expect 0 'csv' in_bash genv envs --format = c
    expect 0 'one' in_bash genv activate --id ''
    run in_bash genv run --gpus 1 -- printen
    [[ $output == *printenv* ]]
}

# Types $1 and a tab into the shell of $SHELL_COMMAND, waits for $2 to be added, and lets the line run: a function genv
# there shows its words, which are to be $3.
in_terminal() {
    type -P expect >/dev/null || skip 'expect is not installed'
    cat >type.exp <<'END'
log_user 0
set timeout 20
set env(TERM) dumb
eval spawn $env(SHELL_COMMAND)
expect {ready> } {} timeout {exit 3} eof {exit 3}
send -- "$env(TYPED)"
expect -- "[string range $env(TYPED) end-1 end]" {} timeout {exit 4} eof {exit 4}
send "\t"
expect -- "$env(ADDED)" {} timeout {exit 5} eof {exit 5}
send "\r"
expect -- "got<$env(WANTED)>" {} timeout {exit 6} eof {exit 6}
send "exit\r"
expect eof
END
    TYPED=$1 ADDED=$2 WANTED=$3 command expect -f type.exp
}

type_all() {
    make_env one
    in_terminal 'genv deta' ch detach
    in_terminal 'genv envs --format=c' sv 'envs --format=csv'
    in_terminal 'genv devices query --query index ei' ds 'devices query --query index eids'
    in_terminal 'genv activate --id o' ne 'activate --id one'
    in_terminal 'genv lock -n printen' v 'lock -n printenv'
}

@test "bash: a real tab" {
    printf '%s\n' "PS1='ready> '; bind 'set enable-bracketed-paste off'; genv() { printf 'got<%s>\n' \"\$*\"; }" \
        "source '$GENV_SOURCE/completions/genv.bash'" >rc
    export SHELL_COMMAND='bash --noprofile --rcfile rc -i'
    type_all
}

@test "zsh: a real tab" {
    command -v zsh >/dev/null || skip 'zsh is not installed'
    printf '%s\n' "PS1='ready> '; genv() { printf 'got<%s>\n' \"\$*\"; }" \
        "fpath=('$GENV_SOURCE/completions' \$fpath); autoload -Uz compinit; compinit -u -D" >.zshrc
    export SHELL_COMMAND='zsh -d -i' ZDOTDIR=$PWD
    type_all
}

@test "fish: completions" {
    command -v fish >/dev/null || skip 'fish is not installed'
    make_env one 'a name'
    in_fish() {
        fish --no-config -c 'source $argv[1]; complete -C "$argv[2]"' "$GENV_SOURCE/completions/genv.fish" "$1"
    }
    expect 0 'attach	Attach devices to the environment' in_fish 'genv att'
    expect 0 '--format=csv' in_fish 'genv envs --format=c'
    expect 0 'eids' in_fish 'genv devices query --query index ei'
    expect 0 'one	a name' in_fish 'genv activate --id '
    run in_fish 'genv lock -w 5 printen'
    [[ $output == *printenv* ]]
    run in_fish 'genv '
    [ "${#lines[@]}" -eq "$(genv complete -- '' | wc -l)" ]
}
