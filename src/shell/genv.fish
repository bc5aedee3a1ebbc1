# What `genv shell --init fish` prints, without its comments; @GENV@, @SHIMS@ and @COMPLETIONS@ become quoted
# absolute paths, @VARIABLES@ the names of the variables of environments, @VALUES@ what they are. For fish 3.1 and later.
#
# Builtins that a function of the user's could stand in for are called as `builtin …`; fish lets nobody redefine the
# others used here (set, string, test, eval, return, status, functions of the language).

function genv
    switch "$argv[1]"
        case activate attach config deactivate detach doctor status
        case shell
            # With --init it prints code, to be evaluated by the caller.
            if test (builtin count $argv) -gt 1; and test "$argv[2]" != --deinit
                @GENV@ $argv
                return
            end
        case '*'
            @GENV@ $argv
            return
    end
    # Not a command substitution, where redirections of this function would not hold.
    set -l __genv_code
    set -l __genv_pid $fish_pid
    if status is-interactive; and string match -q '*/fish/conf*' -- (status stack-trace)
        and string split0 </proc/$fish_pid/cmdline | string match -q -r '^-[a-zA-Z]*c'
        set __genv_pid $fish_pid:passing
    end
    @GENV@ --shell=fish:$__genv_pid $argv | read -z __genv_code
    set -l __genv_status $pipestatus[1]
    eval $__genv_code
    return $__genv_status
end

# __genv_enter prompt|'' NAME=VALUE… NAME…: a name alone unsets the variable.
function __genv_enter
    set -g __genv_entered 1
    set -eg __genv_stuck
    __genv_variables $argv[2..-1]
    __genv_path front
    if test -z "$argv[1]"
        __genv_variables GENV_PROMPT=off
    else if test "$GENV_PROMPT" = off
        __genv_variables GENV_PROMPT
    end
    __genv_mark
end

function __genv_update
    __genv_variables $argv
    __genv_path keep
end

function __genv_leave
    if set -qg __genv_entered
        __genv_restore
    else if set -q GENV_ENVIRONMENT_ID
        # A shell that was started in the environment: what was before, its parent knows.
        for __genv_name in @VARIABLES@
            set -eg $__genv_name
        end
        test "$GENV_PROMPT" = off; and set -eg GENV_PROMPT
        # A universal one of the user's is theirs to keep: nothing more to leave.
        if set -q GENV_ENVIRONMENT_ID
            set -g __genv_stuck 1
            echo 'genv: GENV_ENVIRONMENT_ID is a universal variable: leaving it unchanged' >&2
        end
    else
        return 0
    end
    __genv_clean
    # The outer one may have ended meanwhile.
    set -q GENV_ENVIRONMENT_ID; and __genv_look
    return 0
end

# Takes off what is no variable.
function __genv_clean
    # It may have been an environment within one.
    if set -q GENV_ENVIRONMENT_ID; and not set -qg __genv_stuck
        __genv_path keep
    else
        __genv_path out
        set -eg GENV_SHELL_DEVICES
    end
    if set -qg __genv_prompt
        set -eg __genv_prompt
        set -eg __genv_shown
        __genv_unwrap fish_prompt
        __genv_unwrap _old_fish_prompt
        if set -qg __genv_unwrapped
            builtin functions -e __genv_fish_prompt_again __genv_fish_prompt __genv__old_fish_prompt
            set -eg __genv_unwrapped
        end
    end
    for __genv_name in __genv_entered __genv_seen __genv_eid __genv_file __genv_witness __genv_sign __genv_failing
        set -eg $__genv_name
    end
end

# Before each prompt, and when this code is loaded: brings variables, PATH and prompt up to date, and leaves what has
# ended. A process is started only where the environment's record, one of the variables or what the environment lives
# by is not as it was at the last look.
function __genv_look
    set -qg __genv_stuck; and return
    if test -n "$GENV_ENVIRONMENT_ID$__genv_entered"
        set -l __genv_record
        test -n "$__genv_file"; or __genv_guess
        # Nothing but a record of one's own: where that is gone, anybody may put a pipe, or a link to something endless.
        if test -f "$__genv_file" -a -O "$__genv_file"; and not test -L $__genv_file
            read -z __genv_record <$__genv_file
        else if test "$EUID" = 0 # root, in the environment of a user: genv looks each time
            set -g __genv_seen
        end
        test -n "$__genv_witness"; and __genv_listen
        test "$GENV_TMPDIR:"@VALUES@"$__genv_record" = "$__genv_seen"; or __genv_refresh
        if test -n "$GENV_ENVIRONMENT_ID"; and not set -qg __genv_stuck
            builtin contains -- @SHIMS@ $PATH; or __genv_path keep
            set -qg __genv_shown; or __genv_remark
            set -eg __genv_shown
        end
    else if test -n "$__genv_eid"
        # Something, such as direnv, that brought the variables has taken them away again.
        env GENV_ENVIRONMENT_ID=$__genv_eid @GENV@ --shell=fish:$fish_pid shell-exit
        __genv_clean
    end
end

# Where the record is, until genv has told.
function __genv_guess
    set -l __genv_state /var/tmp/genv
    test -n "$GENV_TMPDIR"; and set __genv_state $GENV_TMPDIR
    set -g __genv_file "$__genv_state/envs/$GENV_ENVIRONMENT_ID.json"
end

# The record is that from before, so that a change meanwhile is seen at the next look. What failed is tried again there,
# without a word until it succeeds.
function __genv_refresh -S
    set -l __genv_code
    if set -qg __genv_failing
        # What is not there fish itself complains of, whatever the redirection.
        test -x @GENV@; and @GENV@ --shell=fish:$fish_pid shell-update >/dev/null 2>&1; or return
    end
    @GENV@ --shell=fish:$fish_pid shell-update | read -z __genv_code
    set -l __genv_status $pipestatus[1]
    eval $__genv_code
    if test "$__genv_status" != 0
        set -qg __genv_failing; or echo 'genv: cannot update this shell: trying again at each prompt' >&2
        set -g __genv_failing 1
        return
    end
    set -eg __genv_failing
    if test -n "$GENV_ENVIRONMENT_ID$__genv_entered"
        set -g __genv_seen "$GENV_TMPDIR:"@VALUES@"$__genv_record"
        set -g __genv_eid $GENV_ENVIRONMENT_ID
    end
end

# Whether the witness still says what the environment lives by.
function __genv_listen -S
    set -l __genv_line
    test -r $__genv_witness; and read __genv_line <$__genv_witness
    if test -z "$__genv_line"; or not string match -q -- "*$__genv_sign*" $__genv_line
        or string match -q -- '*) Z *' $__genv_line
        set __genv_record gone
    end
end

# A shell that ends hands its environment over to what it leaves running, if anything. (Threads start children, too.)
function __genv_exit --on-event fish_exit
    test -n "$GENV_ENVIRONMENT_ID"; or return
    set -l __genv_files /proc/$fish_pid/task/*/children
    for __genv_task in $__genv_files
        if read -l __genv_children <$__genv_task; and test -n "$__genv_children"
            set __genv_files
            break
        end
    end
    # There are some, or the kernel does not tell.
    if test -z "$__genv_files"
        @GENV@ --shell=fish:$fish_pid shell-exit
    end
end

# __genv_watch RECORD WITNESS SIGN DEVICES: the environment lives as long as the file WITNESS, if any, says SIGN; DEVICES
# is what CUDA_VISIBLE_DEVICES is by us: exported, since a shell within inherits the user's choice.
function __genv_watch
    set -g __genv_file $argv[1]
    set -g __genv_witness $argv[2]
    set -g __genv_sign $argv[3]
    __genv_variables GENV_SHELL_DEVICES=$argv[4]
end

# Sets variables, each saved before it is changed for the first time since the shell entered. A universal variable of
# the user's needs no saving: a global one only hides it.
function __genv_variables
    for __genv_word in $argv
        set -l __genv_pair (string split -m 1 -- = $__genv_word)
        set -l __genv_name $__genv_pair[1]
        if set -qg __genv_entered; and not builtin contains -- $__genv_name $__genv_saved
            set -ga __genv_saved $__genv_name
            if set -qg $__genv_name
                set -g __genv_saved_$__genv_name $$__genv_name
                set -qgx $__genv_name; and set -g __genv_exported_$__genv_name 1
            end
        end
        if set -q __genv_pair[2]
            set -gx $__genv_name $__genv_pair[2]
        else
            set -eg $__genv_name
        end
    end
end

function __genv_restore
    for __genv_name in $__genv_saved
        set -l __genv_value __genv_saved_$__genv_name
        if not set -qg $__genv_value
            set -eg $__genv_name
        else if set -qg __genv_exported_$__genv_name
            set -gx $__genv_name $$__genv_value
        else
            set -gu $__genv_name $$__genv_value
        end
        set -eg $__genv_value
        set -eg __genv_exported_$__genv_name
    end
    set -eg __genv_saved
end

# The shims' folder to the front of PATH (front), there unless it is somewhere in it (keep), or out of it (out). The
# same for the PATH that a virtualenv brings back when it is deactivated, which may be before us or after us.
function __genv_path
    set -l __genv_shims @SHIMS@
    for __genv_name in PATH _OLD_VIRTUAL_PATH
        if not set -qg $__genv_name
            continue
        end
        set -l __genv_value $$__genv_name
        if test "$argv[1]" = keep; and builtin contains -- $__genv_shims $__genv_value
            continue
        end
        while set -l __genv_index (builtin contains -i -- $__genv_shims $__genv_value)
            set -e __genv_value[$__genv_index]
        end
        if test "$argv[1]" != out
            set -p __genv_value $__genv_shims
        end
        set -g $__genv_name $__genv_value
    end
end

# The mark in front of the prompt.
function __genv_mark
    if builtin contains -- "$GENV_PROMPT" 0 off
        return
    end
    set -g __genv_prompt 1
    set -g __genv_shown 1
    __genv_wrap fish_prompt __genv_fish_prompt
    __genv_wrap _old_fish_prompt __genv__old_fish_prompt
end

# The same where the last prompt did not show it: that may be another function by now, which may call the one before.
function __genv_remark
    __genv_mark
    if set -qg __genv_prompt; and not string match -q '*__genv_show *' -- (builtin functions fish_prompt)
        __genv_wrap fish_prompt __genv_fish_prompt_again
    end
end

# Puts our prompt around the function NAME, which stays reachable as INNER.
function __genv_wrap
    if not builtin functions -q $argv[1]; or builtin functions -q $argv[2]
        return
    end
    builtin functions -c $argv[1] $argv[2]
    eval "function $argv[1]; __genv_show $argv[2]; end"
end

# Takes it off again. Somebody else's prompt around ours goes on calling it, so that then it stays, and shows nothing.
function __genv_unwrap
    for __genv_inner in __genv_fish_prompt_again __genv_fish_prompt __genv__old_fish_prompt
        if builtin functions -q $__genv_inner
            and string match -q "*__genv_show $__genv_inner*" -- (builtin functions $argv[1])
            builtin functions -e $argv[1]
            builtin functions -c $__genv_inner $argv[1]
            set -g __genv_unwrapped 1
        end
    end
end

# The inner prompt comes first, so that it sees the $status and $pipestatus of the last command.
function __genv_show
    set -l __genv_text ($argv[1] | string collect -N)
    if set -qg __genv_prompt
        if string match -q '*(genv) *' -- $__genv_text
            set __genv_text (string replace '(genv) ' '' -- $__genv_text | string collect)
        end
        builtin printf '(genv) '
        set -g __genv_shown 1
    end
    builtin printf %s $__genv_text
end

function __genv_deinit
    if set -q GENV_ENVIRONMENT_ID; and not genv deactivate
        __genv_leave
    end
    if not builtin functions -q __genv_fish_prompt; and not builtin functions -q __genv__old_fish_prompt
        builtin functions -e __genv_show
    end
    if set -l __genv_index (builtin contains -i -- @COMPLETIONS@ $fish_complete_path)
        set -eg fish_complete_path[$__genv_index]
    end
    if test "$(builtin functions -D __genv_complete 2>/dev/null)" = @COMPLETIONS@/genv.fish
        builtin complete -e -c genv
        builtin functions -e __genv_complete
    end
    builtin functions -e genv __genv_enter __genv_update __genv_leave __genv_variables __genv_restore __genv_path \
        __genv_look __genv_guess __genv_clean __genv_refresh __genv_listen __genv_exit __genv_watch __genv_first_look \
        __genv_next_look __genv_mark __genv_remark __genv_wrap __genv_unwrap __genv_deinit
    set -eg __genv_stuck
end

# Behind all that the user's files set up for the prompt, which may change variables.
function __genv_first_look --on-event fish_prompt
    builtin functions -e __genv_first_look
    function __genv_next_look --on-event fish_prompt
        __genv_look
    end
    __genv_look
end

# The last folder in which fish looks for completions, at the first tab.
if not builtin contains -- @COMPLETIONS@ $fish_complete_path
    set -ga fish_complete_path @COMPLETIONS@
end
__genv_look
