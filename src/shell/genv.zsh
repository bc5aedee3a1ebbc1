# What `genv shell --init zsh` prints, without its comments and wrapped in `emulate zsh … -c`, which parses and runs
# it under zsh's own options whatever the user's are, without aliases, and without errexit: a failing genv command is
# always followed to its end. @GENV@, @SHIMS@ and @COMPLETIONS@ become quoted absolute paths, @VARIABLES@ the
# names of the variables of environments, @VALUES@ what they are. For zsh 5.3 and later.
#
# Commands are called as `builtin …`, so that no function of the user's gets in between.

if builtin alias genv >/dev/null; then
    builtin unalias genv
fi

function genv {
    case ${1-} in
    (activate|attach|config|deactivate|detach|doctor|status) ;;
    (shell)
        # The others print code, to be evaluated; so does --deinit in a subshell, which can't change the shell itself.
        if [[ $# -gt 1 && ${2-}:$ZSH_SUBSHELL != --deinit:0 ]]; then
            @GENV@ "$@"
            builtin return
        fi
        ;;
    (*)
        @GENV@ "$@"
        builtin return
        ;;
    esac
    builtin local __genv_pid __genv_code __genv_status=0
    __genv_identify
    if [[ $ZSH_SUBSHELL != 0 ]]; then
        __genv_pid+=:subshell
    elif [[ -o interactive && -n $ZSH_EXECUTION_STRING && $ZSH_EVAL_CONTEXT == file* ]]; then
        __genv_pid=$$:passing
    fi
    __genv_code=$(@GENV@ "--shell=zsh:$__genv_pid" "$@") || __genv_status=$?
    builtin eval "$__genv_code"
    builtin return $__genv_status
}

# __genv_enter prompt|'' NAME=VALUE… NAME…: a name alone unsets the variable.
function __genv_enter {
    builtin typeset -g __genv_entered=1
    builtin unset __genv_stuck
    builtin typeset -gA __genv_saved
    __genv_variables "${@:2}"
    __genv_path front
    if [[ -z $1 ]]; then
        __genv_variables GENV_PROMPT=off
    elif [[ $GENV_PROMPT == off ]]; then
        __genv_variables GENV_PROMPT
    fi
    __genv_show
    __genv_hook
    __genv_trap
}

function __genv_update {
    __genv_variables "$@"
    __genv_path keep
}

function __genv_leave {
    if [[ -n $__genv_entered ]]; then
        __genv_restore
    elif (( ${+GENV_ENVIRONMENT_ID} )); then
        # A shell that was started in the environment: what was before, its parent knows.
        __genv_variables @VARIABLES@
        if [[ $GENV_PROMPT == off ]]; then
            __genv_variables GENV_PROMPT
        fi
        builtin typeset -g __genv_prompt=1
    else
        builtin return 0
    fi
    __genv_clean
    if [[ ${(t)GENV_ENVIRONMENT_ID} == *readonly* ]]; then
        builtin typeset -g __genv_stuck=1 # the user's to keep: nothing more to leave
    elif (( ${+GENV_ENVIRONMENT_ID} )); then
        __genv_look # the outer one may have ended meanwhile
    fi
}

# Takes off what is no variable.
function __genv_clean {
    builtin local __genv_name
    __genv_call_at_exit
    # It may have been an environment within one.
    if [[ ${+GENV_ENVIRONMENT_ID} == 1 && ${(t)GENV_ENVIRONMENT_ID} != *readonly* ]]; then
        __genv_path keep
    else
        __genv_path out
        __genv_variables GENV_SHELL_DEVICES
    fi
    if [[ -n $__genv_prompt ]]; then
        for __genv_name in PS1 _OLD_VIRTUAL_PS1; do
            if [[ ${(P)__genv_name} == *"(genv) "* ]]; then
                __genv_assign $__genv_name "${${(P)__genv_name}/"(genv) "/}"
            fi
        done
    fi
    builtin unset __genv_entered __genv_saved __genv_prompt __genv_seen __genv_eid __genv_file __genv_witness \
        __genv_sign __genv_told __genv_failing
}

# Sets variables, each saved before it is changed for the first time since the shell entered.
function __genv_variables {
    builtin local __genv_word __genv_name
    for __genv_word in "$@"; do
        __genv_name=${__genv_word%%=*}
        if [[ ${(Pt)__genv_name} == *readonly* ]]; then
            __genv_tell_once $__genv_name # touching it would end the function half way
            builtin continue
        fi
        if [[ -n $__genv_entered ]] && (( ! ${+__genv_saved[$__genv_name]} )); then
            if (( ! ${(P)+__genv_name} )); then
                __genv_saved[$__genv_name]=unset
            elif [[ ${(Pt)__genv_name} == *-export* ]]; then
                __genv_saved[$__genv_name]=exported=${(P)__genv_name}
            else
                __genv_saved[$__genv_name]=set=${(P)__genv_name}
            fi
        fi
        if [[ $__genv_word == *=* ]]; then
            builtin typeset -gx "$__genv_word"
        else
            builtin unset $__genv_name
        fi
    done
}

# That the variable $1 is the user's to leave as it is.
function __genv_tell_once {
    if [[ " $__genv_told " != *" $1 "* ]]; then
        builtin typeset -g __genv_told="$__genv_told $1"
        builtin print -ru2 -- "genv: $1 is read-only in this shell: leaving it unchanged"
    fi
}

function __genv_restore {
    builtin local __genv_name __genv_value
    for __genv_name __genv_value in "${(@kv)__genv_saved}"; do
        if [[ ${(Pt)__genv_name} == *readonly* ]]; then
            __genv_tell_once $__genv_name
            builtin continue
        fi
        case $__genv_value in
        (unset) builtin unset $__genv_name ;;
        (exported=*) builtin typeset -gx "$__genv_name=${__genv_value#*=}" ;;
        (*) builtin typeset -g +x "$__genv_name=${__genv_value#*=}" ;;
        esac
    done
}

# The shims' folder to the front of PATH (front), there unless it is somewhere in it (keep), or out of it (out). The
# same for the PATH that a virtualenv brings back when it is deactivated, which may be before us or after us.
function __genv_path {
    builtin local __genv_shims=@SHIMS@ __genv_name __genv_value
    for __genv_name in PATH _OLD_VIRTUAL_PATH; do
        __genv_value=:${(P)__genv_name}:
        if (( ! ${(P)+__genv_name} )) || [[ $1 == keep && $__genv_value == *":$__genv_shims:"* ]]; then
            builtin continue
        fi
        while [[ $__genv_value == *":$__genv_shims:"* ]]; do
            __genv_value=${__genv_value//":$__genv_shims:"/:}
        done
        __genv_value=${__genv_value#:}
        __genv_value=${__genv_value%:}
        if [[ $1 != out ]]; then
            __genv_value=$__genv_shims:$__genv_value
        fi
        __genv_assign $__genv_name "$__genv_value"
    done
}

# The mark in front of the prompt, which others may have built anew.
function __genv_show {
    if [[ $GENV_PROMPT == (0|off) || -z ${PS1+set} || $PS1 == *"(genv) "* ]]; then
        builtin return 0
    fi
    builtin typeset -g __genv_prompt=1
    __genv_assign PS1 "(genv) $PS1"
    if (( ${+_OLD_VIRTUAL_PS1} )); then
        __genv_assign _OLD_VIRTUAL_PS1 "(genv) $_OLD_VIRTUAL_PS1"
    fi
}

# Before each prompt, and when this code is loaded: brings variables, PATH and prompt up to date, and leaves what has
# ended. A process is started only where the environment's record, one of the variables or what the environment lives
# by is not as it was at the last look.
function __genv_look {
    builtin local __genv_record
    if [[ -n $__genv_stuck || -o restricted ]]; then # a restricted shell may neither run genv nor set PATH
        builtin return 0
    fi
    if [[ -n $GENV_ENVIRONMENT_ID$__genv_entered ]]; then
        if [[ -z $__genv_file ]]; then # until genv has told
            builtin typeset -g __genv_file=${GENV_TMPDIR:-/var/tmp/genv}/envs/$GENV_ENVIRONMENT_ID.json
        fi
        # Nothing but a record of one's own: where that is gone, anybody may put a pipe, or a link to something endless.
        if [[ -f $__genv_file && -O $__genv_file && ! -L $__genv_file ]]; then
            __genv_record=$(<$__genv_file)
        elif [[ $EUID == 0 ]]; then # root, in the environment of a user: genv looks each time
            builtin typeset -g __genv_seen=
        fi
        if [[ -n $__genv_witness ]]; then
            __genv_listen
        fi
        if [[ "$GENV_TMPDIR:"@VALUES@"$__genv_record" != "$__genv_seen" ]]; then
            __genv_refresh
        fi
    elif [[ -n $__genv_eid ]]; then
        __genv_drop
    fi
    if [[ -n $GENV_ENVIRONMENT_ID && -z $__genv_stuck ]]; then
        [[ :$PATH: == *:@SHIMS@:* ]] || __genv_path keep
        [[ $PS1 == *"(genv) "* ]] || __genv_show
        [[ ${precmd_functions[-1]} == __genv_look ]] || __genv_hook
    fi
}

# The record is that from before, so that a change meanwhile is seen at the next look. What failed is tried again there,
# without a word until it succeeds.
function __genv_refresh {
    builtin local __genv_pid __genv_code __genv_failed=''
    __genv_identify
    if [[ -n $__genv_failing ]] && ! { @GENV@ "--shell=zsh:$__genv_pid" shell-update >/dev/null } 2>/dev/null; then
        builtin return 0
    fi
    __genv_code=$(@GENV@ "--shell=zsh:$__genv_pid" shell-update) || __genv_failed=1
    builtin eval "$__genv_code"
    if [[ -n $__genv_failed ]]; then
        if [[ -z $__genv_failing ]]; then
            builtin print -ru2 -- 'genv: cannot update this shell: trying again at each prompt'
        fi
        builtin typeset -g __genv_failing=1
        builtin return 0
    fi
    builtin unset __genv_failing
    if [[ -n $GENV_ENVIRONMENT_ID$__genv_entered ]]; then
        builtin typeset -g __genv_seen="$GENV_TMPDIR:"@VALUES@"$__genv_record" __genv_eid=$GENV_ENVIRONMENT_ID
        __genv_trap
    fi
}

# Something, such as direnv, that brought the variables has taken them away again.
function __genv_drop {
    GENV_ENVIRONMENT_ID=$__genv_eid @GENV@ "--shell=zsh:$$" shell-exit
    __genv_clean
}

# Whether the witness still says what the environment lives by.
function __genv_listen {
    builtin local __genv_line
    if [[ -r $__genv_witness ]]; then
        __genv_line=$(<$__genv_witness)
    fi
    if [[ -z $__genv_line || $__genv_line != *"$__genv_sign"* || $__genv_line == *") Z "* ]]; then
        __genv_record=gone
    fi
}

# A shell that ends hands its environment over to what it leaves running, if anything. A terminal that goes away shows it
# the end of its input, and sends SIGHUP as well, which would end it in the midst of this; its jobs have had theirs.
function __genv_exit {
    builtin local __genv_status=$? __genv_pid __genv_children=unknown
    builtin setopt local_options local_traps
    builtin trap '' HUP
    __genv_identify
    if [[ -r /proc/$__genv_pid/task/$__genv_pid/children ]]; then
        __genv_children=$(</proc/$__genv_pid/task/$__genv_pid/children)
    fi
    if [[ -n $GENV_ENVIRONMENT_ID && -n $__genv_children ]]; then
        @GENV@ "--shell=zsh:$__genv_pid" shell-exit
    fi
    builtin return $__genv_status
}

# Sets __genv_pid. Only a subshell needs the module that knows its PID, so that the shell itself never loads it.
function __genv_identify {
    __genv_pid=$$
    if [[ $ZSH_SUBSHELL != 0 ]] && builtin zmodload -F zsh/system p:sysparams; then
        __genv_pid=${sysparams[pid]}
    fi
}

# Has __genv_exit called when the shell ends: a subshell calls no hooks, and so gets a trap, in front of one of its own
# that was set with posix_traps. (Any other is hidden here, and put back when the function returns.)
function __genv_trap {
    builtin local __genv_text __genv_words __genv_own=''
    if [[ $ZSH_SUBSHELL == 0 ]]; then
        __genv_call_at_exit __genv_exit
        builtin return
    fi
    # $(trap) would show those of another subshell: none.
    {
        builtin trap >|/proc/self/fd/9
        __genv_text=$(</proc/self/fd/9)
    } 9<<<'' 2>/dev/null
    __genv_words=(${(z)__genv_text})
    if (( ${__genv_words[(I)EXIT]} )); then
        __genv_own=${(Q)__genv_words[${__genv_words[(I)EXIT]}-1]}
    fi
    if [[ $__genv_own != __genv_exit* ]]; then
        builtin setopt local_options posix_traps # else it would be the trap of this function
        builtin trap -- $'__genv_exit\n'"$__genv_own" EXIT
    fi
}

# Has $1 called when the shell ends, or nothing of ours.
function __genv_call_at_exit {
    zshexit_functions=(${zshexit_functions:#__genv_exit} $1)
    if (( ! $#zshexit_functions )); then
        builtin unset zshexit_functions
    fi
}

# __genv_watch RECORD WITNESS SIGN DEVICES: the environment lives as long as the file WITNESS, if any, says SIGN; DEVICES
# is what CUDA_VISIBLE_DEVICES is by us, if that could be set: exported, since a shell within inherits the user's choice.
function __genv_watch {
    builtin typeset -g __genv_file=$1 __genv_witness=$2 __genv_sign=$3
    if [[ "$__genv_told " != *" CUDA_VISIBLE_DEVICES "* ]]; then
        __genv_variables "GENV_SHELL_DEVICES=$4"
    fi
}

# Has the look come last before each prompt, behind what builds prompts and variables.
function __genv_hook {
    if [[ -o interactive && ${precmd_functions[-1]-} != __genv_look && ${(Pt)${:-precmd_functions}} != *readonly* ]]; then
        __genv_unhook
        builtin typeset -ga precmd_functions
        precmd_functions+=(__genv_look)
    fi
}

function __genv_unhook {
    precmd_functions=(${precmd_functions:#__genv_look})
    if (( ! $#precmd_functions )); then
        builtin unset precmd_functions
    fi
}

# Assigning to what the user has made read-only would end the function half way.
function __genv_assign {
    if [[ ${(P)1} == "$2" ]]; then
        builtin return 0
    elif [[ ${(Pt)1} == *readonly* ]]; then
        __genv_tell_once $1
    else
        builtin typeset -g "$1=$2"
    fi
}

# Registers the completions, unless there are some, at once where compinit has run, else before the first prompt after
# it. To zsh itself genv is GNU's env on a BSD. (In fpath they would make compinit write its dump anew, and ask whether
# a folder of another user's is safe.)
function __genv_register {
    if ! builtin typeset -f compdef >/dev/null; then
        __genv_before_prompt __genv_register
        builtin return 0
    fi
    __genv_before_prompt
    if [[ ${_comps[genv]-} == (|_env) ]]; then
        builtin typeset -g __genv_replaced=${_comps[genv]-}
        compdef __genv_complete genv
    fi
}

# Has $1 called before each prompt, or nothing of ours.
function __genv_before_prompt {
    precmd_functions=(${precmd_functions:#__genv_register} $1)
    if (( ! $#precmd_functions )); then
        builtin unset precmd_functions
    fi
}

# This function has options of its own; the functions that completions call expect those of the completion system.
function __genv_complete {
    builtin setopt local_options $_comp_options
    builtin source @COMPLETIONS@/_genv
}

function __genv_deinit {
    if (( ${+GENV_ENVIRONMENT_ID} )) && ! genv deactivate; then
        __genv_leave
    fi
    __genv_before_prompt
    if [[ ${_comps[genv]-} == __genv_complete ]]; then
        compdef -d genv
        if [[ -n $__genv_replaced ]]; then
            compdef $__genv_replaced genv
        fi
        builtin unset __genv_replaced
    fi
    __genv_unhook
    builtin unfunction genv __genv_enter __genv_update __genv_leave __genv_variables __genv_restore __genv_path \
        __genv_assign __genv_show __genv_look __genv_refresh __genv_drop __genv_clean __genv_listen __genv_exit \
        __genv_identify __genv_trap __genv_call_at_exit __genv_watch __genv_hook __genv_unhook __genv_register \
        __genv_before_prompt __genv_complete __genv_tell_once __genv_deinit
    builtin unset __genv_stuck
}

__genv_register
__genv_hook
__genv_look
