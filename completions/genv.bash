# bash completion for genv: genv itself knows the candidates.
_genv() {
    local line start genv=(command genv)
    # The function of `genv shell --init` knows where genv is, even if PATH does not.
    ! declare -F __genv_deinit >/dev/null || genv=(genv)
    COMPREPLY=()
    while IFS= read -r line; do
        if [[ $line == ':command '* ]]; then
            start=$((${line#:command } + 1)) # in COMP_WORDS, where "genv" is word 0
            if ((COMP_CWORD == start)); then
                mapfile -t COMPREPLY < <(compgen -c -- "${COMP_WORDS[COMP_CWORD]}")
            elif declare -F _command_offset >/dev/null; then
                _command_offset "$start"
            else
                compopt -o default
            fi
        else
            COMPREPLY+=("${line%%$'\t'*}")
        fi
    done < <("${genv[@]}" complete -- "${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)
}
complete -F _genv genv
