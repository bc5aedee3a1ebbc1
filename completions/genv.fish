# fish completion for genv: genv itself knows the candidates.
function __genv_complete
    set -l words (commandline -opc)
    set -e words[1]
    set -l current (commandline -ct)
    # The function of `genv shell --init` knows where genv is, even if PATH does not.
    set -l candidates
    if functions -q __genv_deinit
        set candidates (genv complete -- $words "$current" 2>/dev/null)
    else
        set candidates (command genv complete -- $words "$current" 2>/dev/null)
    end
    if string match -q ':command *' -- $candidates[1]
        set -l start (math (string replace ':command ' '' -- $candidates[1]) + 1)
        set -a words "$current"
        complete -C (string join ' ' -- (string escape -- $words[$start..-2]) $words[-1])
    else
        string join \n -- $candidates
    end
end

complete -c genv -f -a '(__genv_complete)'
