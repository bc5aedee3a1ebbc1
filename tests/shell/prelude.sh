# For the scripts that posix.bats runs in bash and zsh.
# shellcheck shell=bash

# Writes everything that a genv command could leave behind in the shell to the file $1.
state() {
    {
        env
        set -o
        trap
        alias
        if [ -n "${ZSH_VERSION-}" ]; then
            emulate
            zmodload
            typeset +f
            typeset -p
        else
            shopt -p
            declare -F
            declare -p
        fi
    } | grep -v -E -e '^_=' -e "^(declare|typeset)( -[-a-zA-Z0-9]+| [0-9]+)* ($volatile)(=|\$)" |
        LC_ALL=C sort >|"$1"
}
# What changes all the time, or by being looked at.
volatile='_|BASH_ARGC|BASH_ARGV|BASH_COMMAND|BASH_LINENO|BASH_SOURCE|BASH_SUBSHELL|BASHPID|EPOCHREALTIME|EPOCHSECONDS'
volatile=$volatile'|FUNCNAME|LINENO|PIPESTATUS|argv|RANDOM|SECONDS|SRANDOM|TTYIDLE|pipestatus|status|\?|BASH_REMATCH'
volatile=$volatile'|commands|functions|functions_source|parameters|modules|options'

# Says whether two such files are the same, and where not.
same() {
    if diff "$1" "$2"; then
        echo same
    fi
}

count_in_path() {
    printf '%s\n' "$PATH" | tr : '\n' | grep -c -x -F -e "$1" || :
}

# What a virtualenv leaves behind, and a test of one.
forget_venv() {
    if [ -n "${ZSH_VERSION-}" ]; then
        typeset +x PS1
    else
        export -n PS1
        unset -f deactivate
    fi
    # shellcheck disable=SC2034 # a variable of the tests
    shims=''
}
