# fish completion for genv-docker: genv itself knows its options; docker's own are not completed.
function __genv_docker_complete
    set -l words (commandline -opc)
    set -e words[1]
    set -l current (commandline -ct)
    command genv complete -- genv-docker $words "$current" 2>/dev/null
end

complete -c genv-docker -a '(__genv_docker_complete)'
