# bash completion for genv-docker: genv itself knows its options; docker's own are not completed.
_genv_docker() {
    local line
    COMPREPLY=()
    while IFS= read -r line; do
        COMPREPLY+=("${line%%$'\t'*}")
    done < <(command genv complete -- genv-docker "${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)
    ((${#COMPREPLY[@]})) || compopt -o default
}
complete -F _genv_docker genv-docker
