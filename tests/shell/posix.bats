#!/usr/bin/env bats
# bash and zsh: the scripts are written in what the two have in common. Meson runs this file once in each.
# shellcheck disable=SC1003 # single quotes and backslashes are what is tested

bats_require_minimum_version 1.5.0

load helpers

setup() {
    setup_shell "${GENV_TEST_SHELL:-bash}"
    export PRELUDE="$GENV_SOURCE/tests/shell/prelude.sh"
}

@test "the set-up code is for the shell that asks" {
    in_shell <<'END'
eval "$("$GENV_BIN" shell --init)"
type __genv_enter
END
    [ "$status" -eq 0 ]
    [[ $output == *function* ]]
}

@test "activating and deactivating leaves the shell as it was" {
    in_shell <<'END'
. "$PRELUDE"
eval "$("$GENV_BIN" shell --init)"
PS1='before $ '
mine='my own'
state one
genv activate --name x --gpus 2
[ "$CUDA_VISIBLE_DEVICES" = 0,1 ] && echo attached
genv status
genv config
genv deactivate
state two
same one two
END
    [ "$status" -eq 0 ]
    [[ $output == *attached* ]]
    [[ ${lines[-1]} == same ]]
}

@test "the user's own CUDA variables come back, exported or not, set or not" {
    in_shell <<'END'
eval "$("$GENV_BIN" shell --init)"
export CUDA_VISIBLE_DEVICES='2, "$(touch harm)'
CUDA_DEVICE_ORDER='FASTEST_FIRST '
genv activate --gpus 1
env | grep '^CUDA' | sort
genv detach
genv deactivate
env | grep '^CUDA'
echo "<$CUDA_VISIBLE_DEVICES|$CUDA_DEVICE_ORDER>"
CUDA_VISIBLE_DEVICES=
unset CUDA_DEVICE_ORDER
genv activate --gpus 1
genv deactivate
env | grep '^CUDA'
echo "${CUDA_DEVICE_ORDER-unset}"
END
    [ "$output" = 'CUDA_DEVICE_ORDER=PCI_BUS_ID
CUDA_VISIBLE_DEVICES=0
'"$(grep -o 'Detached from GPUs' <<<"$output" || :)"'
CUDA_VISIBLE_DEVICES=2, "$(touch harm)
<2, "$(touch harm)|FASTEST_FIRST >
CUDA_VISIBLE_DEVICES=
unset' ]
    [ ! -e harm ]
}

@test "a name passes through whatever it holds" {
    export NAME='a  b$(touch harm)`touch harm`'\''"\é*~!&;|# ${x}'
    in_shell <<'END'
eval "$("$GENV_BIN" shell --init)"
genv activate --name "$NAME"
[ "$GENV_ENVIRONMENT_NAME" = "$NAME" ] && echo variable
[ "$(genv config name)" = "$NAME" ] && echo config
genv status | grep -q -F -e "   Name: $NAME" && echo status
genv config name "<$NAME>" >/dev/null
env | grep -q -x -F -e "GENV_ENVIRONMENT_NAME=<$NAME>" && echo changed
END
    [ "$output" = $'variable\nconfig\nstatus\nchanged' ]
    [ ! -e harm ]
}

@test "genv may be installed anywhere" {
    strange=$BATS_TEST_TMPDIR/'a  b'\''$(touch harm)"\é*[x]%s&/bin'
    mkdir -p "$strange"
    cp "$GENV_BIN" "$strange/genv"
    export STRANGE="$strange/genv"
    in_shell <<'END'
eval "$("$STRANGE" shell --init)"
before=$PATH
genv activate --gpus 1
[ "$PATH" != "$before" ] && printf "%s\n" "${PATH%"$before"}" | grep -c -F -e "${STRANGE%/bin/genv}/"
genv version >/dev/null && echo plain
genv attach --count 2 >/dev/null
genv deactivate
[ "$PATH" = "$before" ] && echo restored
END
    [ "$output" = $'1\nplain\nrestored' ]
    [ ! -e harm ]
}

@test "the status of every command arrives, and words and code do not mix" {
    in_shell <<'END'
eval "$("$GENV_BIN" shell --init)"
genv attach --count 1 2>/dev/null; echo "inactive: $?"
genv activate
genv attach --count 99 2>/dev/null; echo "attach: $?"
genv attach --nonsense 2>/dev/null; echo "usage: $?"
genv nonsense 2>/dev/null; echo "unknown: $?"
genv config name 'x; echo harm' >/dev/null; echo "config: $?"
genv deactivate; echo "deactivate: $?"
END
    [ "$output" = $'inactive: 1\nattach: 1\nusage: 2\nunknown: 2\nconfig: 0\ndeactivate: 0' ]
}

@test "under set -e a caught failure is harmless, and its code is evaluated" {
    in_shell -e <<'END'
eval "$("$GENV_BIN" shell --init)"
genv attach 2>/dev/null || echo caught
genv activate
genv attach --count 2 >/dev/null
genv attach --count 99 2>/dev/null || true
echo "$CUDA_VISIBLE_DEVICES"
if genv attach --count 99 2>/dev/null; then echo no; fi
if ! genv attach --index 99 2>/dev/null; then echo caught; fi
genv attach --count 99 2>/dev/null && echo no
genv status >/dev/null
genv deactivate
case $- in *e*) echo errexit ;; esac
genv attach --count 1 2>/dev/null
echo 'not reached'
END
    [ "$status" -eq 1 ]
    [ "$output" = $'caught\n-1\ncaught\nerrexit' ]
}

@test "an uncaught failure under set -e evaluates its code before the shell ends" {
    in_shell -e <<'END'
eval "$("$GENV_BIN" shell --init)"
trap 'echo "$CUDA_VISIBLE_DEVICES"' EXIT
genv activate --gpus 2
genv attach --count 99 2>/dev/null
echo 'not reached'
END
    [ "$status" -eq 1 ]
    [ "$output" = -1 ]
}

# All of a session under shell options that trip careless code; $1 sets them.
session_under() {
    export OPTIONS=$1
    in_shell <<'END'
. "$PRELUDE"
eval "$OPTIONS"
eval "$("$GENV_BIN" shell --init)"
state one
genv activate --name 'a *  b' --gpus 2
env | grep -x 'GENV_ENVIRONMENT_NAME=a \*  b'
genv status | grep -x '   Name: a \*  b'
genv attach --count 9 2>/dev/null || echo "$CUDA_VISIBLE_DEVICES"
genv attach --count 1 >/dev/null
echo "$CUDA_VISIBLE_DEVICES $(count_in_path "${PATH%%:*}")"
env | grep -c '^__genv' || :
genv deactivate
state two
same one two
eval "$("$GENV_BIN" shell --deinit)"
END
    [ "$status" -eq 0 ] &&
        [ "$output" = $'GENV_ENVIRONMENT_NAME=a *  b\n   Name: a *  b\n-1\n0 1\n0\nsame' ]
}

@test "set -u" { session_under 'set -u'; }
@test "set -e" { session_under 'set -e'; }
@test "set -a, which exports every variable" { session_under 'set -a'; }
@test "set -k" { session_under 'set -k'; }
@test "set -f" { session_under 'set -f'; }
@test "noclobber" { session_under 'set -C'; }
@test "everything at once" { session_under 'set -euafC'; }
@test "a changed IFS" { session_under 'IFS="01:=ae/_"'; }
@test "an empty IFS" { session_under 'IFS='; }
@test "an unset PS1" { session_under 'unset PS1'; }
@test "an empty PS1" { session_under 'PS1='; }
@test "an exported PS1" { session_under 'export PS1="> "'; }
@test "an ERR trap" { session_under 'trap "echo trapped" ERR'; }

@test "POSIX mode of bash" {
    [[ $TEST_SHELL == bash ]] || skip 'bash only'
    session_under 'set -o posix'
    session_under 'set -o posix; set -euaC'
}

@test "bash's own options" {
    [[ $TEST_SHELL == bash ]] || skip 'bash only'
    session_under 'shopt -s extglob nocasematch nullglob failglob inherit_errexit expand_aliases'
    session_under 'shopt -s localvar_inherit 2>/dev/null || :'
    session_under 'shopt -s extdebug; set -ET; trap "echo trapped" ERR RETURN; trap : DEBUG; trap - RETURN'
}

@test "zsh's own options" {
    [[ $TEST_SHELL == zsh ]] || skip 'zsh only'
    session_under 'setopt ksh_arrays sh_word_split no_nomatch rc_quotes err_exit extended_glob warn_create_global'
    session_under 'setopt glob_subst rc_expand_param null_glob csh_null_glob ignore_braces posix_builtins sh_glob'
    session_under 'setopt ksh_glob no_unset all_export err_return xtrace 2>/dev/null; exec 2>/dev/null; unsetopt xtrace'
    session_under 'setopt warn_nested_var 2>/dev/null || :'
    session_under 'setopt no_function_argzero typeset_silent local_options no_multibyte prompt_subst'
    session_under 'setopt posix_aliases posix_identifiers posix_strings interactive_comments no_short_loops ksh_typeset'
    session_under 'emulate ksh; set -e'
    session_under 'emulate sh; set -u'
    session_under 'typeset -U path; typeset -gU PATH'
}

@test "the user's aliases, those of genv and of the language included" {
    export OPTIONS=''
    for word in genv cd export local unset eval printf echo command builtin return typeset declare set shift test \
        '[' unalias zmodload emulate '.' true false status activate; do
        OPTIONS+="alias -- '$word=echo HARM'"$'\n'
    done
    in_shell <<'END'
[ -z "$BASH_VERSION" ] || shopt -s expand_aliases
eval "$OPTIONS"
\eval "$("$GENV_BIN" shell --init)"
genv activate --name x --gpus 1
\printf '%s\n' "$CUDA_VISIBLE_DEVICES $GENV_ENVIRONMENT_NAME"
genv config name
genv attach --count 9 2>/dev/null
\printf '%s\n' $?
genv deactivate
\printf '%s\n' "${CUDA_VISIBLE_DEVICES-none}"
genv shell --deinit
\type __genv_enter 2>/dev/null || \printf 'gone\n'
END
    [ "$output" = $'0 x\nx\n1\nnone\ngone' ] || [ "$output" = $'0 x\nx\n1\nnone\n__genv_enter not found\ngone' ]
}

@test "zsh's global aliases" {
    [[ $TEST_SHELL == zsh ]] || skip 'zsh only'
    in_shell <<'END'
for word in builtin emulate zsh local typeset activate status '-c' 'case' '%s' printf prompt __genv_enter do; do
    alias -g -- "$word=echo HARM |"
done
\eval "$("$GENV_BIN" shell --init)"
genv 'activate' --name x --gpus 1
echo "$CUDA_VISIBLE_DEVICES"
genv deactivate
echo "${CUDA_VISIBLE_DEVICES-none}"
END
    [ "$output" = $'0\nnone' ]
}

@test "the user's functions" {
    in_shell <<'END'
hijack() { for word in genv cd export local unset eval printf echo command return typeset declare set shift test unalias \
    zmodload emulate true false unfunction continue; do \builtin eval "function $word { \builtin echo HARM; }"; done; }
hijack
\builtin eval "$("$GENV_BIN" shell --init)"
genv activate --name x --gpus 1
\builtin printf '%s\n' "$CUDA_VISIBLE_DEVICES $GENV_ENVIRONMENT_NAME"
genv config name
genv attach --count 9 2>/dev/null
\builtin printf '%s\n' $?
genv deactivate
\builtin printf '%s\n' "${CUDA_VISIBLE_DEVICES-none}"
genv shell --deinit
\builtin typeset -f genv || \builtin printf '%s\n' gone
END
    [ "$output" = $'0 x\nx\n1\nnone\ngone' ]
}

@test "variables that the user has made read-only" {
    in_shell <<'END'
. "$PRELUDE"
readonly name=1 value=2 shims=3 status_=4 i=5 code=6 word=7
readonly PS1='fixed $ '
eval "$("$GENV_BIN" shell --init)"
genv activate --gpus 1 2>/dev/null
echo "$CUDA_VISIBLE_DEVICES"
genv deactivate 2>/dev/null
echo "${CUDA_VISIBLE_DEVICES-none} $PS1"
END
    [ "$status" -eq 0 ]
    [ "$output" = $'0\nnone fixed $ ' ]
}

@test "a CUDA_VISIBLE_DEVICES that the user has made read-only is left alone, and said to be" {
    in_shell <<'END'
. "$PRELUDE"
export CUDA_VISIBLE_DEVICES=7
readonly CUDA_VISIBLE_DEVICES
eval "$("$GENV_BIN" shell --init)"
state one
genv activate --gpus 1
echo "$CUDA_VISIBLE_DEVICES $GENV_GPUS $CUDA_DEVICE_ORDER $(count_in_path "${PATH%%:*}")"
genv deactivate 2>/dev/null
state two
same one two
END
    [[ ${lines[0]} == *CUDA_VISIBLE_DEVICES*read*only* ]]
    [ "${lines[1]}" = '7 1 PCI_BUS_ID 1' ]
    [ "${lines[2]}" = same ]
}

@test "the prompt is marked once, and cleaned wherever the mark stands then" {
    in_shell <<'END'
eval "$("$GENV_BIN" shell --init)"
PS1='\w %~ $ & \\'
before=$PS1
genv activate
printf '%s\n' "$PS1"
genv status >/dev/null
PS1="[other] $PS1 (genv)"
genv deactivate
printf '%s\n' "$PS1"
PS1=$before
genv activate --no-prompt
printf '%s\n' "$PS1"
PS1='mine (genv) $ '
genv deactivate
printf '%s\n' "$PS1"
END
    [ "${lines[0]}" = '(genv) \w %~ $ & \\' ]
    [ "${lines[1]}" = '[other] \w %~ $ & \\ (genv)' ]
    [ "${lines[2]}" = '\w %~ $ & \\' ]
    [ "${lines[3]}" = 'mine (genv) $ ' ]
}

@test "the shims stand in PATH once, first, and come back where they went missing" {
    in_shell <<'END'
. "$PRELUDE"
eval "$("$GENV_BIN" shell --init)"
before=$PATH
genv activate
shims=${PATH%%:*}
[ "$PATH" = "$shims:$before" ] && echo first
PATH=/other:$PATH:/last
genv status >/dev/null
[ "$PATH" = "/other:$shims:$before:/last" ] && echo untouched
PATH=$before
genv status >/dev/null
[ "$PATH" = "$shims:$before" ] && echo repaired
PATH="$shims:/a:$shims:$shims:$before:$shims"
genv deactivate
[ "$PATH" = "/a:$before" ] && echo cleaned
PATH=::/a:$before::
genv activate
genv deactivate
[ "$PATH" = "::/a:$before::" ] && echo exact
END
    [ "$output" = $'first\nuntouched\nrepaired\ncleaned\nexact' ]
}

@test "a shell started inside follows the environment, and can leave it" {
    [[ $TEST_SHELL == bash ]] && export INNER='bash' || export INNER='zsh -f'
    export CUDA_VISIBLE_DEVICES=3
    in_shell <<'END'
. "$PRELUDE"
export PRELUDE
eval "$("$GENV_BIN" shell --init)"
export before="$PATH"
genv activate --name x --gpus 1
cat >inner <<'INNER'
. "$PRELUDE"
eval "$("$GENV_BIN" shell --init)"
echo "inner $CUDA_VISIBLE_DEVICES $(count_in_path "${PATH%%:*}")"
genv attach --count 2 >/dev/null
echo "inner $CUDA_VISIBLE_DEVICES $(count_in_path "${PATH%%:*}")"
genv deactivate
echo "inner ${CUDA_VISIBLE_DEVICES-none} $(env | grep -c GENV_ENV)"
[ "$PATH" = "$before" ] && echo clean
INNER
eval "$INNER inner"
genv status >/dev/null
echo "outer $CUDA_VISIBLE_DEVICES"
genv deactivate
echo "outer $CUDA_VISIBLE_DEVICES"
[ "$PATH" = "$before" ] && echo clean
END
    [ "$output" = $'inner 0 1\ninner 0,1 1\ninner none 0\nclean\nouter 0,1\nouter 3\nclean' ]
}

@test "an environment within one, left for the outer one" {
    [[ $TEST_SHELL == bash ]] && export INNER='bash' || export INNER='zsh -f'
    in_shell <<'END'
eval "$("$GENV_BIN" shell --init)"
export before="$PATH"
genv activate --id outer --gpus 1
cat >inner <<'INNER'
eval "$("$GENV_BIN" shell --init)"
inherited=$PATH
genv activate --id inner --gpus 2
echo "$GENV_ENVIRONMENT_ID $CUDA_VISIBLE_DEVICES"
[ "$PATH" = "$inherited" ] && echo inherited
genv deactivate
echo "$GENV_ENVIRONMENT_ID $CUDA_VISIBLE_DEVICES"
[ "$PATH" = "$inherited" ] && echo inherited
genv deactivate
echo "${GENV_ENVIRONMENT_ID-none} ${CUDA_VISIBLE_DEVICES-none}"
[ "$PATH" = "$before" ] && echo clean
INNER
eval "$INNER inner"
echo "$GENV_ENVIRONMENT_ID $CUDA_VISIBLE_DEVICES"
END
    [ "$output" = $'inner 1,2\ninherited\nouter 0\ninherited\nnone none\nclean\nouter 0' ]
}

@test "subshells and pipelines" {
    in_shell <<'END'
eval "$("$GENV_BIN" shell --init)"
genv activate --name outer --gpus 1
(genv config name inner >/dev/null; echo "$GENV_ENVIRONMENT_NAME")
echo "$GENV_ENVIRONMENT_NAME"
genv status >/dev/null
echo "$GENV_ENVIRONMENT_NAME"
genv status | grep -c Name:
genv deactivate
(genv activate --gpus 1 2>said; sh -c 'echo "$PPID $GENV_ENVIRONMENT_ID"'; echo $$)
END
    [ "${lines[0]}" = inner ]
    [ "${lines[1]}" = outer ]
    [ "${lines[2]}" = inner ]
    [ "${lines[3]}" = 1 ]
    read -r subshell eid <<<"${lines[4]}"
    [ "$eid" = "$subshell" ]
    [ "$eid" != "${lines[5]}" ]
    [[ $(cat said) == "genv: environment $eid ends with this subshell: to stay in it, activate it outside "* ]]
}

@test "setting up twice is harmless, inside an environment too" {
    in_shell <<'END'
. "$PRELUDE"
eval "$("$GENV_BIN" shell --init)"
state one
eval "$("$GENV_BIN" shell --init)"
genv activate --gpus 1
eval "$(genv shell --init)"
genv deactivate
state two
same one two
END
    [ "$output" = same ]
}

@test "deinit leaves no trace, called either way" {
    in_shell <<'END'
. "$PRELUDE"
state one
eval "$("$GENV_BIN" shell --init)"
genv activate --gpus 2
genv shell --deinit
"$GENV_BIN" envs --no-header
state two
same one two
eval "$("$GENV_BIN" shell --init)"
genv activate --gpus 2
eval "$(genv shell --deinit)"
"$GENV_BIN" envs --no-header
state two
same one two
eval "$("$GENV_BIN" shell --deinit)"
echo $?
END
    [ "$output" = $'same\nsame\n0' ]
}

@test "a virtualenv inside the environment, left in either order" {
    make_venv venv
    in_shell <<'END'
. "$PRELUDE"
eval "$("$GENV_BIN" shell --init)"
PS1='$ '
hash -r
shims=''
state one
genv activate --gpus 1
shims=${PATH%%:*}
. venv/bin/activate
echo "$PS1 $(count_in_path "$shims") $(count_in_path "$PWD/venv/bin")"
genv deactivate
echo "$PS1 $(count_in_path "$shims") $(count_in_path "$PWD/venv/bin")"
deactivate
echo "$PS1 $(count_in_path "$shims") $(count_in_path "$PWD/venv/bin")"
forget_venv
state two
same one two
genv activate
shims=${PATH%%:*}
. venv/bin/activate
deactivate
echo "$PS1 $(count_in_path "$shims") $(count_in_path "$PWD/venv/bin")"
genv deactivate
forget_venv
state two
same one two
END
    [ "$output" = '(venv) (genv) $  1 1
(venv) $  0 1
$  0 0
same
(genv) $  1 0
same' ]
}

@test "a virtualenv outside the environment, left in either order" {
    make_venv venv
    in_shell <<'END'
. "$PRELUDE"
eval "$("$GENV_BIN" shell --init)"
PS1='$ '
hash -r
shims=''
state one
. venv/bin/activate
genv activate --gpus 1
shims=${PATH%%:*}
echo "$PS1 $(count_in_path "$shims") $(count_in_path "$PWD/venv/bin")"
deactivate
echo "$PS1 $(count_in_path "$shims") $(count_in_path "$PWD/venv/bin")"
genv deactivate
echo "$PS1 $(count_in_path "$shims") $(count_in_path "$PWD/venv/bin")"
forget_venv
state two
same one two
. venv/bin/activate
genv activate
shims=${PATH%%:*}
genv deactivate
echo "$PS1 $(count_in_path "$shims") $(count_in_path "$PWD/venv/bin")"
deactivate
forget_venv
state two
same one two
END
    [ "$output" = '(genv) (venv) $  1 1
(genv) $  1 0
$  0 0
same
(venv) $  0 1
same' ]
}

@test "what conda and nvm do to PATH and PS1 meanwhile stays" {
    in_shell <<'END'
eval "$("$GENV_BIN" shell --init)"
PS1='$ '
before=$PATH
genv activate
PATH=/conda/bin:/conda/condabin:$PATH PS1="(base) $PS1"
PATH=/nvm/bin:$PATH
genv deactivate
[ "$PATH" = "/nvm/bin:/conda/bin:/conda/condabin:$before" ] && echo "path $PS1"
genv activate
PATH=${PATH//\/conda\/bin:/}
PS1='(genv) $ '
genv deactivate
[ "$PATH" = "/nvm/bin:/conda/condabin:$before" ] && echo "path $PS1"
END
    [ "$output" = $'path (base) $ \npath $ ' ]
}
