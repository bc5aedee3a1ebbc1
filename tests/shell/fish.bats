#!/usr/bin/env bats
# fish: the sessions of posix.bats in its own language, and its own traps.
# shellcheck disable=SC1003 # single quotes and backslashes are what is tested

bats_require_minimum_version 1.5.0

load helpers

setup() {
    setup_shell fish
    cat >prelude.fish <<'END'
# Writes everything that a genv command could leave behind in the shell to the file $argv[1].
function state
    begin
        env
        set
        functions -n
        set -q argv[2]; or functions fish_prompt | string match -v -r '^#'
    end | string match -v -r '^(_=|SHLVL|_ |argv|history|pipestatus|status|status_generation|CMD_DURATION)' | sort >$argv[1]
end
function same
    diff $argv; and echo same
end
function count_in_path
    string match -- $argv[1] $PATH | count
end
"$GENV_BIN" shell --init fish | source
END
}

@test "activating and deactivating leaves the shell as it was" {
    in_shell <<'END'
. prelude.fish
set -g mine my own
state one
genv activate --name x --gpus 2
test "$CUDA_VISIBLE_DEVICES" = 0,1; and echo attached
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

@test "the set-up code is for the shell that asks" {
    in_shell <<'END'
eval ("$GENV_BIN" shell --init | string collect)
functions -q __genv_enter; and echo set up
END
    [ "$output" = 'set up' ]
}

@test "the user's own CUDA variables come back, exported or not, set or not, universal or not" {
    in_shell <<'END'
. prelude.fish
set -gx CUDA_VISIBLE_DEVICES '2, "$(touch harm)'
set -g CUDA_DEVICE_ORDER 'FASTEST_FIRST '
genv activate --gpus 1
env | grep '^CUDA' | sort
genv deactivate
env | grep '^CUDA'
echo "<$CUDA_VISIBLE_DEVICES|$CUDA_DEVICE_ORDER>"
set -e CUDA_DEVICE_ORDER
set -e CUDA_VISIBLE_DEVICES
set -Ux CUDA_VISIBLE_DEVICES 3
genv activate --gpus 1
echo $CUDA_VISIBLE_DEVICES
genv deactivate
set -qg CUDA_VISIBLE_DEVICES; or echo $CUDA_VISIBLE_DEVICES
set -q CUDA_DEVICE_ORDER; or echo unset
END
    [ "$output" = 'CUDA_DEVICE_ORDER=PCI_BUS_ID
CUDA_VISIBLE_DEVICES=0
CUDA_VISIBLE_DEVICES=2, "$(touch harm)
<2, "$(touch harm)|FASTEST_FIRST >
0
3
unset' ]
    [ ! -e harm ]
}

@test "a name passes through whatever it holds" {
    export NAME='a  b$(touch harm)`touch harm`'\''"\é*~!&;|# ${x} \'\'' (touch harm) \\'
    in_shell <<'END'
. prelude.fish
genv activate --name "$NAME"
test "$GENV_ENVIRONMENT_NAME" = "$NAME"; and echo variable
test (genv config name) = "$NAME"; and echo config
genv status | grep -q -F -e "   Name: $NAME"; and echo status
genv config name "<$NAME>" >/dev/null
env | grep -q -x -F -e "GENV_ENVIRONMENT_NAME=<$NAME>"; and echo changed
END
    [ "$output" = $'variable\nconfig\nstatus\nchanged' ]
    [ ! -e harm ]
}

@test "genv may be installed anywhere" {
    strange=$BATS_TEST_TMPDIR/'a  b'\''$(touch harm)"\é*[x]%s&(touch harm)\'\''/bin'
    mkdir -p "$strange"
    cp "$GENV_BIN" "$strange/genv"
    export STRANGE="$strange/genv"
    in_shell <<'END'
"$STRANGE" shell --init fish | source
set before $PATH
genv activate --gpus 1
set root (dirname (dirname $STRANGE))
test (string sub -l (string length -- $root) -- $PATH[1]) = $root; and echo shims
genv version >/dev/null; and echo plain
genv attach --count 2 >/dev/null
genv deactivate
test "$PATH" = (string join : $before); and echo restored
END
    [ "$output" = $'shims\nplain\nrestored' ]
    [ ! -e harm ]
}

@test "the status of every command arrives, and words and code do not mix" {
    in_shell <<'END'
. prelude.fish
genv attach --count 1 2>/dev/null; echo "inactive: $status"
genv activate
genv attach --count 99 2>/dev/null; echo "attach: $status"
genv attach --nonsense 2>/dev/null; echo "usage: $status"
genv nonsense 2>/dev/null; echo "unknown: $status"
genv config name 'x; echo harm' >/dev/null; echo "config: $status"
genv deactivate; echo "deactivate: $status"
END
    [ "$output" = $'inactive: 1\nattach: 1\nusage: 2\nunknown: 2\nconfig: 0\ndeactivate: 0' ]
}

@test "a failing attach evaluates its code" {
    in_shell <<'END'
. prelude.fish
genv activate --gpus 2
genv attach --count 99 2>/dev/null; or echo $CUDA_VISIBLE_DEVICES
END
    [ "$output" = -1 ]
}

@test "the user's functions, aliases and IFS" {
    in_shell <<'END'
for word in genv cd export printf echo contains count functions fish_add_path python
    function $word; builtin echo HARM; end
end
set -g IFS ''
command "$GENV_BIN" shell --init fish | builtin source
genv activate --name x --gpus 1
builtin echo $CUDA_VISIBLE_DEVICES $GENV_ENVIRONMENT_NAME
genv config name
genv attach --count 9 2>/dev/null
builtin echo $status
genv deactivate
set -q CUDA_VISIBLE_DEVICES; or builtin echo none
genv shell --deinit
builtin functions -q __genv_enter; or builtin echo gone
END
    [ "$output" = $'0 x\nx\n1\nnone\ngone' ]
}

@test "the prompt is marked once, and keeps the status that it shows" {
    in_shell <<'END'
. prelude.fish
function fish_prompt
    echo -n "$status $pipestatus> "
end
state one
genv activate
false | true | false
fish_prompt
echo
genv status >/dev/null
genv deactivate
true
fish_prompt
echo
genv activate --no-prompt
fish_prompt
echo
genv deactivate
state two
same one two
END
    [ "${lines[0]}" = '(genv) 1 1 0 1> ' ]
    [ "${lines[1]}" = '0 0> ' ]
    [ "${lines[2]}" = '0 0> ' ]
    [ "${lines[3]}" = same ]
}

@test "a prompt of several lines" {
    in_shell <<'END'
. prelude.fish
function fish_prompt
    printf 'one\n\n two \n> '
end
genv activate
fish_prompt
END
    [ "$output" = $'status 0\n(genv) one\n\n two \n> ' ] || [ "$output" = $'(genv) one\n\n two \n> ' ]
}

@test "no prompt function at all" {
    in_shell <<'END'
. prelude.fish
functions -e fish_prompt
genv activate
genv deactivate
functions -q fish_prompt; or echo none
END
    [ "$output" = none ]
}

@test "somebody else's prompt around ours" {
    in_shell <<'END'
. prelude.fish
function fish_prompt
    echo -n '> '
end
genv activate
functions -c fish_prompt inner_prompt
function fish_prompt
    echo -n 'outer '
    inner_prompt
end
genv deactivate
fish_prompt
echo
genv activate
fish_prompt
echo
genv shell --deinit
fish_prompt
echo
END
    [ "$output" = $'outer > \nouter (genv) > \nouter > ' ]
}

@test "the shims stand in PATH once, first, and come back where they went missing" {
    in_shell <<'END'
. prelude.fish
set before $PATH
genv activate
set shims $PATH[1]
test "$PATH" = (string join : $shims $before); and echo first
set PATH /other $PATH /last
genv status >/dev/null
test "$PATH" = (string join : /other $shims $before /last); and echo untouched
set PATH $before
genv status >/dev/null
test "$PATH" = (string join : $shims $before); and echo repaired
set PATH $shims /a $shims $shims $before $shims
genv deactivate
test "$PATH" = (string join : /a $before); and echo cleaned
END
    [ "$output" = $'first\nuntouched\nrepaired\ncleaned' ]
}

@test "a shell started inside follows the environment, and can leave it" {
    export CUDA_VISIBLE_DEVICES=3
    in_shell <<'END'
. prelude.fish
set -gx BEFORE_PATH $PATH
genv activate --name x --gpus 1
echo '
. prelude.fish
echo inner $CUDA_VISIBLE_DEVICES (count_in_path $PATH[1])
genv attach --count 2 >/dev/null
echo inner $CUDA_VISIBLE_DEVICES (count_in_path $PATH[1])
genv deactivate
echo inner $CUDA_VISIBLE_DEVICES (env | grep -c GENV_ENV)
test "$PATH" = "$BEFORE_PATH"; and echo clean' >inner
fish inner
genv status >/dev/null
echo outer $CUDA_VISIBLE_DEVICES
genv deactivate
echo outer $CUDA_VISIBLE_DEVICES
test "$PATH" = "$BEFORE_PATH"; and echo clean
END
    [ "$output" = $'inner 0 1\ninner 0,1 1\ninner 0\nclean\nouter 0,1\nouter 3\nclean' ]
}

@test "an environment within one, left for the outer one" {
    in_shell <<'END'
. prelude.fish
genv activate --id outer --gpus 1
echo '
. prelude.fish
genv activate --id inner --gpus 2
echo $GENV_ENVIRONMENT_ID $CUDA_VISIBLE_DEVICES (count_in_path $PATH[1])
genv deactivate
echo $GENV_ENVIRONMENT_ID $CUDA_VISIBLE_DEVICES (count_in_path $PATH[1])
genv deactivate
set -q GENV_ENVIRONMENT_ID CUDA_VISIBLE_DEVICES; or echo none' >inner
fish inner
echo $GENV_ENVIRONMENT_ID $CUDA_VISIBLE_DEVICES
END
    [ "$output" = $'inner 1,2 1\nouter 0 1\nnone\nouter 0' ]
}

@test "setting up twice is harmless, inside an environment too" {
    in_shell <<'END'
. prelude.fish
state one
. prelude.fish
genv activate --gpus 1
genv shell --init fish | source
genv deactivate
state two
same one two
END
    [ "$output" = same ]
}

@test "deinit leaves no trace, called either way" {
    in_shell <<'END'
. prelude.fish
genv shell --deinit
state one
. prelude.fish
genv activate --gpus 2
genv shell --deinit
"$GENV_BIN" envs --no-header
state two
same one two
. prelude.fish
genv activate --gpus 2
genv shell --deinit | source
"$GENV_BIN" envs --no-header
state two
same one two
"$GENV_BIN" shell --deinit fish | source
echo $status
END
    [ "$output" = $'same\nsame\n0' ]
}

# $1: what a session does between the first state and the last, with a virtualenv at hand.
venv_session() {
    make_venv venv
    export SESSION=$1
    in_shell <<'END'
. prelude.fish
function fish_prompt
    echo -n '> '
end
function show
    # Without colours, in what way the terminal has them. Where it has none, Python's activate.fish says "venv()" in fish 4.
    echo (fish_prompt | string replace -r -a '\e\[[0-9;]*m|\e\(.|\x0f' '' | string replace 'venv()' '(venv)') (count_in_path "*/shims") (count_in_path $PWD/venv/bin)
end
set PATH (string match -v '*/shims' -- $PATH)
state one
eval $SESSION
state two
same one two
END
}

terminals=(xterm-256color screen tmux-256color linux dumb)

@test "a virtualenv inside the environment, left in either order, on any terminal" {
    for TERM in "${terminals[@]}"; do venv_inside; done
}

venv_inside() {
    venv_session '
genv activate --gpus 1
. venv/bin/activate.fish
show
genv deactivate
show
deactivate
show
genv activate
. venv/bin/activate.fish
deactivate
show
genv deactivate'
    echo "in $TERM"
    [ "${lines[0]}" = '(venv) (genv) >  1 1' ] || [ "${lines[0]}" = '(genv) (venv) >  1 1' ]
    [ "${lines[1]}" = '(venv) >  0 1' ]
    [ "${lines[2]}" = '>  0 0' ]
    [ "${lines[3]}" = '(genv) >  1 0' ]
    [ "${lines[4]}" = same ]
}

@test "a virtualenv outside the environment, left in either order, on any terminal" {
    for TERM in "${terminals[@]}"; do venv_outside; done
}

venv_outside() {
    venv_session '
. venv/bin/activate.fish
genv activate --gpus 1
show
deactivate
show
genv deactivate
show
. venv/bin/activate.fish
genv activate
genv deactivate
show
deactivate'
    echo "in $TERM"
    [ "${lines[0]}" = '(genv) (venv) >  1 1' ]
    [ "${lines[1]}" = '(genv) >  1 0' ]
    [ "${lines[2]}" = '>  0 0' ]
    [ "${lines[3]}" = '(venv) >  0 1' ]
    [ "${lines[4]}" = same ]
}
