# What `genv shell --init bash` prints, without its comments; @GENV@, @SHIMS@ and @COMPLETIONS@ become quoted
# absolute paths, @VARIABLES@ the names of the variables of environments, @VALUES@ what they are. For bash 4.4 and later,
# POSIX mode included.
#
# Commands are called as `\builtin …`, so that no alias or function of the user's gets in between.
# shellcheck shell=bash disable=SC2288

if [[ ${BASH_ALIASES[genv]+set} ]]; then
    \builtin unalias genv
fi

genv() {
    case ${1-} in
    activate | attach | config | deactivate | detach | doctor | status) ;;
    shell)
        # The others print code, to be evaluated; so does --deinit in a subshell, which can't change the shell itself.
        if [[ $# -gt 1 && ${2-}:$BASH_SUBSHELL != --deinit:0 ]]; then
            @GENV@ "$@"
            \builtin return
        fi
        ;;
    *)
        @GENV@ "$@"
        \builtin return
        ;;
    esac
    \builtin local __genv_pid __genv_code __genv_status
    __genv_pid=$BASHPID
    if [[ $BASH_SUBSHELL != 0 ]]; then
        __genv_pid+=:subshell
    elif [[ $- == *i* && $- == *c* && ${FUNCNAME[*]} == *source* ]]; then
        __genv_pid+=:passing
    fi
    __genv_status=0
    __genv_code=$(@GENV@ "--shell=bash:$__genv_pid" "$@") || __genv_status=$?
    __genv_evaluate "$__genv_code"
    \builtin return "$__genv_status"
}

# Evaluates $1 to its end, whatever fails, without the options that could trip it or export what is not to be exported.
# (`local -` would bring them back, but in bash 4.4 it forgets expand_aliases.) Where ^C ends it, the next look does.
__genv_evaluate() {
    if [[ ${__genv_evaluating-} ]]; then
        \builtin eval "$1"
        \builtin return 0
    fi
    \builtin local "__genv_evaluating=:${-//[!aeku]/}"
    \builtin set +aeku
    __genv_options=${__genv_evaluating#:}
    \builtin eval "$1" # which may take these functions away
    \builtin unset -v __genv_options
    if [[ $__genv_evaluating != : ]]; then
        \builtin set "-${__genv_evaluating#:}"
    fi
}

# __genv_enter prompt|'' NAME=VALUE… NAME…: a name alone unsets the variable.
__genv_enter() {
    __genv_entered=1
    \builtin unset -v __genv_stuck
    \builtin declare -gA __genv_saved
    __genv_variables "${@:2}"
    __genv_path front
    if [[ ! $1 ]]; then
        __genv_variables GENV_PROMPT=off
    elif [[ ${GENV_PROMPT-} == off ]]; then
        __genv_variables GENV_PROMPT
    fi
    __genv_show
    __genv_hook
    __genv_trap
}

__genv_update() {
    __genv_variables "$@"
    __genv_path keep
}

__genv_leave() {
    if [[ ${__genv_entered-} ]]; then
        __genv_restore
    elif [[ ${GENV_ENVIRONMENT_ID+set} ]]; then
        # A shell that was started in the environment: what was before, its parent knows.
        __genv_variables @VARIABLES@
        if [[ ${GENV_PROMPT-} == off ]]; then
            __genv_variables GENV_PROMPT
        fi
        __genv_prompt=1
    else
        \builtin return 0
    fi
    __genv_clean
    if [[ ${GENV_ENVIRONMENT_ID@a} == *r* ]]; then
        __genv_stuck=1 # the user's to keep: nothing more to leave
    elif [[ ${GENV_ENVIRONMENT_ID+set} ]]; then
        __genv_look # the outer one may have ended meanwhile
    fi
}

# Takes off what is no variable.
__genv_clean() {
    \builtin local __genv_name
    __genv_untrap
    # It may have been an environment within one.
    if [[ ${GENV_ENVIRONMENT_ID+set} && ${GENV_ENVIRONMENT_ID@a} != *r* ]]; then
        __genv_path keep
    else
        __genv_path out
        __genv_variables GENV_SHELL_DEVICES
    fi
    if [[ ${__genv_prompt-} ]]; then
        for __genv_name in PS1 _OLD_VIRTUAL_PS1; do
            if [[ ${!__genv_name-} == *'(genv) '* ]]; then
                __genv_assign "$__genv_name" "${!__genv_name/'(genv) '/}"
            fi
        done
    fi
    \builtin unset -v __genv_entered __genv_saved __genv_prompt __genv_seen __genv_eid __genv_file __genv_witness \
        __genv_sign __genv_told __genv_failing
}

# Sets variables, each saved before it is changed for the first time since the shell entered.
__genv_variables() {
    \builtin local __genv_word __genv_name
    for __genv_word; do
        __genv_name=${__genv_word%%=*}
        if [[ ${!__genv_name@a} == *r* ]]; then
            __genv_tell_once "$__genv_name"
            \builtin continue
        fi
        if [[ ${__genv_entered-} && ! ${__genv_saved[$__genv_name]+set} ]]; then
            if [[ ! ${!__genv_name+set} ]]; then
                __genv_saved[$__genv_name]='unset'
            elif [[ ${!__genv_name@a} == *x* ]]; then
                __genv_saved[$__genv_name]=exported=${!__genv_name}
            else
                __genv_saved[$__genv_name]=set=${!__genv_name}
            fi
        fi
        if [[ $__genv_word == *=* ]]; then
            # shellcheck disable=SC2163 # the word is NAME=VALUE
            \builtin export "$__genv_word"
        else
            \builtin unset -v "$__genv_name"
        fi
    done
}

# That the variable $1 is the user's to leave as it is.
__genv_tell_once() {
    if [[ " ${__genv_told-} " != *" $1 "* ]]; then
        __genv_told+=" $1"
        \builtin printf 'genv: %s is read-only in this shell: leaving it unchanged\n' "$1" >&2
    fi
}

__genv_restore() {
    \builtin local __genv_name __genv_value
    for __genv_name in "${!__genv_saved[@]}"; do
        if [[ ${!__genv_name@a} == *r* ]]; then
            __genv_tell_once "$__genv_name"
            \builtin continue
        fi
        __genv_value=${__genv_saved[$__genv_name]}
        case $__genv_value in
        unset) \builtin unset -v "$__genv_name" ;;
        exported=*) \builtin export "$__genv_name=${__genv_value#*=}" ;;
        *) \builtin export -n "$__genv_name=${__genv_value#*=}" ;;
        esac
    done
}

# The shims' folder to the front of PATH (front), there unless it is somewhere in it (keep), or out of it (out). The
# same for the PATH that a virtualenv brings back when it is deactivated, which may be before us or after us.
__genv_path() {
    \builtin local __genv_shims=@SHIMS@ __genv_name __genv_value
    for __genv_name in PATH _OLD_VIRTUAL_PATH; do
        __genv_value=:${!__genv_name-}:
        if [[ ! ${!__genv_name+set} || $1 == keep && $__genv_value == *":$__genv_shims:"* ]]; then
            \builtin continue
        fi
        while [[ $__genv_value == *":$__genv_shims:"* ]]; do
            __genv_value=${__genv_value//":$__genv_shims:"/:}
        done
        __genv_value=${__genv_value#:}
        __genv_value=${__genv_value%:}
        if [[ $1 != out ]]; then
            __genv_value=$__genv_shims:$__genv_value
        fi
        __genv_assign "$__genv_name" "$__genv_value"
    done
}

# The mark in front of the prompt, which others may have built anew.
__genv_show() {
    if [[ ${GENV_PROMPT-} == @(0|off) || ! ${PS1+set} || ${PS1@a} == *r* || $PS1 == *'(genv) '* ||
        $PS1 == *'genv prompt'* ]]; then
        \builtin return 0
    fi
    __genv_prompt=1
    __genv_assign PS1 "(genv) $PS1"
    if [[ ${_OLD_VIRTUAL_PS1+set} ]]; then
        __genv_assign _OLD_VIRTUAL_PS1 "(genv) $_OLD_VIRTUAL_PS1"
    fi
}

# Before each prompt, and when this code is loaded: brings variables, PATH and prompt up to date, and leaves what has
# ended. A process is started only where the environment's record, one of the variables or what the environment lives
# by is not as it was at the last look.
__genv_look() {
    \builtin set -- "$?"
    \builtin local __genv_record __genv_printed
    if [[ ${__genv_options-}${__genv_stuck-} || $- == *r* ]]; then
        if [[ ${__genv_options-} && ! ${__genv_evaluating-} ]]; then
            \builtin set "-$__genv_options"
            \builtin unset -v __genv_options
        fi
        if [[ ${__genv_stuck-} || $- == *r* ]]; then # a restricted shell may neither run genv nor set PATH
            \builtin return "$1"
        fi
    fi
    if [[ ${GENV_ENVIRONMENT_ID-}${__genv_entered-} ]]; then
        [[ ${__genv_file-} ]] || __genv_file=${GENV_TMPDIR:-/var/tmp/genv}/envs/${GENV_ENVIRONMENT_ID-}.json # until genv tells
        # Nothing but a record of one's own: where that is gone, anybody may put a pipe, or a link to something endless.
        if [[ -f $__genv_file && -O $__genv_file && ! -L $__genv_file ]]; then
            \builtin mapfile __genv_record <"$__genv_file" || \builtin :
        elif [[ $EUID == 0 ]]; then # root, in the environment of a user: genv looks each time
            __genv_seen=
        fi
        if [[ ${__genv_witness-} ]]; then
            __genv_listen
        fi
        # Not [[, which matches a pattern, and takes its time for that.
        if ! \builtin [ "${GENV_TMPDIR-}:"@VALUES@"${__genv_record-}" = "${__genv_seen-}" ]; then
            __genv_refresh
            if [[ ${__genv_stuck-} ]]; then
                \builtin return "$1"
            fi
        fi
    elif [[ ${__genv_eid-} ]]; then
        __genv_drop
    fi
    if [[ ${GENV_ENVIRONMENT_ID-} ]]; then
        [[ :${PATH-}: == *:@SHIMS@:* ]] || __genv_path keep
        [[ ${PS1-'(genv) '} == *'(genv) '* ]] || __genv_show
        [[ ${PROMPT_COMMAND[*]-} == *'"${__genv_hooked-:}"' ]] || __genv_hook
        # The user may have set a trap of their own in its place. As __genv_print_trap, but its beginning alone.
        {
            \builtin trap -p EXIT >|/proc/self/fd/9
            \builtin read -r -N 21 -u 9 __genv_printed
        } 9<<<'' || \builtin :
        [[ $__genv_printed == *"trap -- '__genv_exit"* ]] || __genv_evaluate __genv_trap
    fi
    \builtin return "$1"
}

# What failed is tried again at the next look, without a word until it succeeds. Runs under the user's options, so that
# ^C, while genv runs, finds them in place.
__genv_refresh() {
    \builtin local __genv_pid __genv_code
    __genv_pid=$BASHPID
    if [[ ${__genv_failing-} ]] && ! { @GENV@ "--shell=bash:$__genv_pid" shell-update >/dev/null; } 2>/dev/null; then
        \builtin return 0
    fi
    if __genv_code=$(@GENV@ "--shell=bash:$__genv_pid" shell-update); then
        __genv_code+=$'\n'__genv_settle
    else
        __genv_code+=$'\n'__genv_fail
    fi
    __genv_evaluate "$__genv_code"
}

__genv_fail() {
    if [[ ! ${__genv_failing-} ]]; then
        \builtin printf 'genv: cannot update this shell: trying again at each prompt\n' >&2
    fi
    __genv_failing=1
}

# The record is that from before, so that a change meanwhile is seen at the next look.
__genv_settle() {
    \builtin unset -v __genv_failing
    if [[ ${GENV_ENVIRONMENT_ID-}${__genv_entered-} ]]; then
        __genv_seen="${GENV_TMPDIR-}:"@VALUES@"${__genv_record-}"
        __genv_eid=${GENV_ENVIRONMENT_ID-}
    fi
}

# Something, such as direnv, that brought the variables has taken them away again.
__genv_drop() {
    \builtin local __genv_pid
    __genv_pid=$BASHPID
    GENV_ENVIRONMENT_ID=$__genv_eid @GENV@ "--shell=bash:$__genv_pid" shell-exit || \builtin :
    __genv_evaluate __genv_clean
}

# Whether the witness still says what the environment lives by.
__genv_listen() {
    \builtin local __genv_line=''
    if [[ -r $__genv_witness ]]; then
        \builtin mapfile __genv_line <"$__genv_witness" || \builtin :
    fi
    if [[ ! ${__genv_line-} || ${__genv_line-} != *"$__genv_sign"* || ${__genv_line-} == *') Z '* ]]; then
        __genv_record=(gone)
    fi
}

# A shell that ends hands its environment over to what it leaves running, if anything. A terminal that goes away shows it
# the end of its input, and sends SIGHUP as well, which would end it in the midst of this: that comes into effect behind.
__genv_exit() {
    \builtin set -- "$?"
    \builtin local __genv_printed
    if [[ $- == *i* && $- != *r* ]]; then
        __genv_print_trap HUP
        \builtin trap '__genv_hung_up=1' HUP
    fi
    \builtin local __genv_pid=$BASHPID __genv_children=unknown
    if [[ -r /proc/$__genv_pid/task/$__genv_pid/children ]]; then
        \builtin mapfile __genv_children <"/proc/$__genv_pid/task/$__genv_pid/children" || \builtin :
    fi
    if [[ ${GENV_ENVIRONMENT_ID-} && ${__genv_children-} ]]; then
        @GENV@ "--shell=bash:$__genv_pid" shell-exit || \builtin :
    fi
    if [[ $- == *i* && $- != *r* ]]; then
        \builtin eval "\\builtin ${__genv_printed:-trap - HUP}"
    fi
    [[ ! ${__genv_hung_up-} ]] || \builtin kill -HUP "$__genv_pid"
    \builtin return "$1"
}

# In front of the user's own trap, which sees the status: that of a list ends no shell.
__genv_trap() {
    __genv_read_trap EXIT
    if [[ $__genv_trap != __genv_exit* ]]; then
        \builtin trap -- "__genv_exit && \\builtin :${__genv_trap:+$'\n'$__genv_trap}" EXIT
    fi
    \builtin unset -v __genv_trap
}

__genv_untrap() {
    __genv_read_trap EXIT
    if [[ $__genv_trap == '__genv_exit && \builtin :' ]]; then
        \builtin trap - EXIT
    elif [[ $__genv_trap == '__genv_exit && \builtin :'$'\n'* ]]; then
        \builtin trap -- "${__genv_trap#*$'\n'}" EXIT
    fi
    \builtin unset -v __genv_trap
}

# Sets __genv_printed to what shows the trap of $1, told through the pipe, or file, behind a here-string: $(trap) would be
# a process. (A pipe takes 64 KiB; a longer trap would block the shell. Since bash 5.2 a file there is only its owner's to
# read, so that none can take the place of the pipe.)
__genv_print_trap() {
    {
        \builtin trap -p "$1" >|/proc/self/fd/9
        \builtin mapfile -d '' -u 9 __genv_printed
    } 2>/dev/null 9<<<'' || \builtin :
    # shellcheck disable=SC2178 # to its first element
    __genv_printed=${__genv_printed#$'\n'}
}

# Sets __genv_trap to the trap of $1. A subshell is shown those of its parent until it sets one; to it, a signal that there
# is not does as well.
__genv_read_trap() {
    \builtin local __genv_printed
    if [[ $BASH_SUBSHELL != 0 ]]; then
        \builtin trap - none 2>/dev/null || \builtin :
    fi
    __genv_print_trap "$1"
    \builtin eval "\\builtin set -- ${__genv_printed-}"
    __genv_trap=${3-}
    __genv_trap=${__genv_trap#-} # of POSIX mode, where there is none
}

# __genv_watch RECORD WITNESS SIGN DEVICES: the environment lives as long as the file WITNESS, if any, says SIGN; DEVICES
# is what CUDA_VISIBLE_DEVICES is by us, if that could be set: exported, since a shell within inherits the user's choice.
__genv_watch() {
    __genv_file=$1
    __genv_witness=$2
    __genv_sign=$3
    if [[ "${__genv_told-} " != *' CUDA_VISIBLE_DEVICES '* ]]; then
        __genv_variables "GENV_SHELL_DEVICES=$4"
    fi
}

# Has the look come last before each prompt, behind what builds prompts and variables. It is a part of a text where it
# can be, which others keep when they put theirs around it, and which may be exported to shells that know nothing of it.
# bash-preexec and VS Code tell by a DEBUG trap which command is the user's: what came behind theirs would be taken for
# one, and they have places for what comes before.
__genv_hook() {
    \builtin local __genv_last
    if [[ $- != *i* || ${PROMPT_COMMAND[*]@a} == *r* ]]; then
        \builtin return 0
    fi
    __genv_hooked=__genv_look
    if [[ ${bash_preexec_imported-}${__bp_imported-} ]]; then
        if [[ " ${precmd_functions[*]-} " != *' __genv_look '* ]]; then
            precmd_functions+=(__genv_look)
        fi
    elif [[ ${__vsc_original_prompt_command+set} ]]; then
        if [[ $__vsc_original_prompt_command != *'"${__genv_hooked-:}"'* ]]; then
            __vsc_original_prompt_command+=${__vsc_original_prompt_command:+$'\n'}'"${__genv_hooked-:}"'
        fi
        if [[ ${PROMPT_COMMAND-} == __vsc_prompt_cmd ]]; then # which runs nothing else
            PROMPT_COMMAND=__vsc_prompt_cmd_original
        fi
    elif [[ ${#PROMPT_COMMAND[@]} -gt 1 ]]; then
        __genv_last=${PROMPT_COMMAND[*]: -1}
        if [[ $__genv_last != *'"${__genv_hooked-:}"' ]]; then
            __genv_unhook
            PROMPT_COMMAND+=('"${__genv_hooked-:}"')
            __genv_hooked=__genv_look
        fi
    elif [[ ${PROMPT_COMMAND-} != *'"${__genv_hooked-:}"' ]]; then
        __genv_unhook
        # shellcheck disable=SC2179 # to the first element, if it is an array
        PROMPT_COMMAND+=${PROMPT_COMMAND:+$'\n'}'"${__genv_hooked-:}"'
        __genv_hooked=__genv_look
    fi
}

# Takes the look out again, wherever it is.
__genv_unhook() {
    \builtin local __genv_index __genv_command
    \builtin unset -v __genv_hooked
    for __genv_index in "${!PROMPT_COMMAND[@]}"; do
        if [[ ${PROMPT_COMMAND[*]@a} == *r* ]]; then
            \builtin return 0
        fi
        __genv_command=${PROMPT_COMMAND[__genv_index]}
        if [[ $__genv_command == *'"${__genv_hooked-:}"'* ]]; then
            __genv_command=${__genv_command//$'\n''"${__genv_hooked-:}"'/}
            __genv_command=${__genv_command//'"${__genv_hooked-:}"'/}
            if [[ ${PROMPT_COMMAND[*]@a} != *a* && ($__genv_command || ${PROMPT_COMMAND[*]@a} == *x*) ]]; then
                # shellcheck disable=SC2178 # not an array, and not to become one
                PROMPT_COMMAND=$__genv_command
            elif [[ $__genv_command ]]; then
                PROMPT_COMMAND[__genv_index]=$__genv_command
            elif [[ ${PROMPT_COMMAND[*]@a} == *a* && ${#PROMPT_COMMAND[@]} -gt 1 ]]; then
                \builtin unset -v "PROMPT_COMMAND[$__genv_index]"
            else
                \builtin unset -v PROMPT_COMMAND
            fi
        fi
    done
    for __genv_index in "${!precmd_functions[@]}"; do
        if [[ ${precmd_functions[__genv_index]} == __genv_look ]]; then
            \builtin unset -v "precmd_functions[$__genv_index]"
        fi
    done
    if [[ ${__vsc_original_prompt_command+set} ]]; then
        __vsc_original_prompt_command=${__vsc_original_prompt_command//'"${__genv_hooked-:}"'/}
    fi
}

# An assignment to what the user has made read-only would be an error each time, and end a shell under set -e.
__genv_assign() {
    if [[ ${!1-} == "$2" ]]; then
        \builtin return 0
    elif [[ ${!1@a} == *r* ]]; then
        __genv_tell_once "$1"
    else
        \builtin printf -v "$1" %s "$2"
    fi
}

# At the first tab it reads the completions, which register themselves, and stays in front of them to be known.
__genv_complete() {
    if ! \builtin declare -F _genv >/dev/null; then
        \builtin source @COMPLETIONS@/genv.bash || \builtin return
        \builtin complete -F __genv_complete genv
    fi
    _genv "$@"
}

__genv_deinit() {
    if [[ ${GENV_ENVIRONMENT_ID+set} ]] && ! genv deactivate; then
        __genv_evaluate __genv_leave
    fi
    if [[ $(\builtin complete -p genv 2>/dev/null) == *' __genv_complete '* ]]; then
        \builtin complete -r genv
        \builtin unset -f _genv
    fi
    __genv_unhook
    \builtin unset -f genv __genv_evaluate __genv_enter __genv_update __genv_leave __genv_variables __genv_restore \
        __genv_path __genv_assign __genv_show __genv_look __genv_refresh __genv_drop __genv_clean __genv_listen \
        __genv_exit __genv_trap __genv_untrap __genv_read_trap __genv_watch __genv_hook __genv_unhook __genv_complete \
        __genv_tell_once __genv_fail __genv_settle __genv_print_trap __genv_deinit
    \builtin unset -v __genv_stuck
}

# What was registered before stays.
if ! \builtin complete -p genv >/dev/null 2>&1; then
    \builtin complete -F __genv_complete genv
fi
__genv_hook
__genv_look
