#!/usr/bin/env bats
# What a shell in an environment does before each prompt. Meson runs this file once in each shell.
# shellcheck disable=SC2154,SC2016 # bats's own variables; the shell's are not for us

bats_require_minimum_version 1.5.0

load helpers
load typed

setup() {
    setup_typed
}

teardown() {
    teardown_typed
}

@test "what another terminal does to the environment is there at the next prompt" {
    type_into "$CODE" <<'END'
genv activate --id shared --gpus 1
say $CUDA_VISIBLE_DEVICES
$GENV_BIN attach --count 3
say $CUDA_VISIBLE_DEVICES
$GENV_BIN detach
say $CUDA_VISIBLE_DEVICES
$GENV_BIN config name other
say $GENV_ENVIRONMENT_NAME
END
    said $'0\n0,1,2\n-1\nother'
}

@test "what a subshell or a pipeline does is there at the next prompt" {
    type_into "$CODE" <<'END'
genv activate
give x "$(genv attach --count 2)"
say $CUDA_VISIBLE_DEVICES
genv attach --count 1 | cat
say $CUDA_VISIBLE_DEVICES
END
    said $'0,1\n0'
}

@test "an environment that has ended is left, with one line" {
    type_into "$CODE" <<'END'
give CUDA_VISIBLE_DEVICES 3
genv activate --id mine --gpus 1
shows '(genv)'
$GENV_BIN envs deactivate --pid $me
say "$GENV_ENVIRONMENT_ID:$CUDA_VISIBLE_DEVICES:$CUDA_DEVICE_ORDER:"
shows '(genv)'
genv activate --gpus 2
say $CUDA_VISIBLE_DEVICES
END
    said $'shows (genv)\n:3::\nshows no (genv)\n0,1' 1
    grep -q -x 'genv: environment mine has ended: leaving it' complaints
}

@test "a shell with variables of an environment that ended is cleared when genv's code is loaded" {
    export GENV_ENVIRONMENT_ID=gone CUDA_VISIBLE_DEVICES=0 CUDA_DEVICE_ORDER=PCI_BUS_ID GENV_GPUS=1
    type_into "$CODE" <<'END'
say "$GENV_ENVIRONMENT_ID:$CUDA_VISIBLE_DEVICES:$CUDA_DEVICE_ORDER:$GENV_GPUS"
END
    said ':::' 1
}

@test "a shell that is no member leaves when the last member has died, whatever the record says" {
    hold other
    export holder GENV_ENVIRONMENT_ID=other CUDA_VISIBLE_DEVICES=0
    type_into "$CODE" <<'END'
say $CUDA_VISIBLE_DEVICES
shows '(genv)'
$GENV_BIN devices attach --eid other --count 2
say $CUDA_VISIBLE_DEVICES
bash end $holder
test -e $GENV_TMPDIR/envs/other.json && say recorded
say "$GENV_ENVIRONMENT_ID:$CUDA_VISIBLE_DEVICES"
shows '(genv)'
END
    said $'0\nshows (genv)\n0,1\nrecorded\n:\nshows no (genv)' 1
}

@test "variables that something took away are back at the next prompt" {
    type_into "$CODE" <<'END'
genv activate --id mine --gpus 1
take CUDA_VISIBLE_DEVICES
say $CUDA_VISIBLE_DEVICES
take GENV_ENVIRONMENT_ID
say $GENV_ENVIRONMENT_ID
env | grep -c -x -e GENV_ENVIRONMENT_ID=mine -e CUDA_VISIBLE_DEVICES=0 >>"$SAID"
END
    said $'0\nmine\n2'
}

@test "a part of the devices, as the user chooses, is left alone; another device is not" {
    type_into "$CODE" <<'END'
genv activate --id mine --gpus 3
say $CUDA_VISIBLE_DEVICES
give CUDA_VISIBLE_DEVICES 2,1
say $CUDA_VISIBLE_DEVICES
$GENV_BIN config name other
say $CUDA_VISIBLE_DEVICES
give CUDA_VISIBLE_DEVICES 3
say $CUDA_VISIBLE_DEVICES
give CUDA_VISIBLE_DEVICES 1
say $CUDA_VISIBLE_DEVICES
$GENV_BIN detach --index 1
say $CUDA_VISIBLE_DEVICES
END
    said $'0,1,2\n2,1\n2,1\n0,1,2\n1\n0,2' 2
    grep -q -x 'genv: CUDA_VISIBLE_DEVICES=3 names devices that are not attached to environment mine: setting it to 0,1,2' complaints
}

@test "the shims are in PATH again at the next prompt, and once genv's code is loaded" {
    hold other
    export GENV_ENVIRONMENT_ID=other
    type_into "$CODE" <<'END'
echo "$PATH" | grep -c "/shims:" >>"$SAID"
give PATH /usr/bin:/bin
echo "$PATH" | grep -c "/shims:" >>"$SAID"
END
    said $'1\n1'
}

@test "without a change no process is started" {
    command -v strace >/dev/null || skip 'strace is not installed'
    strace -o trace true || skip 'strace may not trace here'
    [[ $TEST_SHELL != fish ]] || skip 'fish has no prompts without a terminal'
    local shell=(bash --norc -i)
    [[ $TEST_SHELL == bash ]] || shell=(zsh -f -i)
    export ASAN_OPTIONS=${ASAN_OPTIONS-}:detect_leaks=0 # which fails below a tracer
    for count in 1 20; do
        {
            echo ". '$CODE'"
            echo 'genv activate --gpus 1'
            for ((i = 0; i < count; i++)); do
                echo 'x=1'
            done
        } | strace -f -o "trace.$count" -e trace=execve "${shell[@]}" >/dev/null 2>&1
    done
    grep execve trace.20
    [ "$(grep -c execve trace.20)" = "$(grep -c execve trace.1)" ]
}

@test "the status of the last command is not touched" {
    case $TEST_SHELL in
    fish) echo 'function last; say $status; end' >last ;;
    *) echo 'last() { say $?; }' >last ;;
    esac
    type_into "$CODE" ./last <<'END'
genv activate
$GENV_BIN attach --count 1; false
last
END
    [[ $TEST_SHELL == fish ]] || said 1 # there the announcement is a command of its own
}

@test "a record that is a pipe, or a link, stops nobody" {
    mkdir -p "$GENV_TMPDIR/envs"
    mkfifo "$GENV_TMPDIR/envs/pipe.json" "$BATS_TEST_TMPDIR/pipe"
    ln -s "$BATS_TEST_TMPDIR/pipe" "$GENV_TMPDIR/envs/link.json"
    truncate -s 100G sparse
    ln -s "$PWD/sparse" "$GENV_TMPDIR/envs/endless.json"
    for eid in pipe link endless; do
        export GENV_ENVIRONMENT_ID=$eid
        type_into "$CODE" <<'END'
say "$GENV_ENVIRONMENT_ID:"
END
        said ':' 1
    done
}

# As starship and others do it in bash: they keep one PROMPT_COMMAND that was there, and run it first.
make_builder() {
    case $TEST_SHELL in
    bash)
        cat >build <<'END'
build() { eval "${before-}"; PS1='built> '; }
before=${PROMPT_COMMAND-}
PROMPT_COMMAND=build
END
        ;;
    zsh) echo 'build() { PS1="built> "; }; precmd_functions+=(build)' >build ;;
    fish) echo 'function fish_prompt; echo -n "built> "; end' >build ;;
    esac
}

@test "prompts that are built anew before each prompt show it, whoever is set up first" {
    make_builder
    for files in "$CODE ./build" "./build $CODE"; do
        # shellcheck disable=SC2086
        type_into $files <<'END'
genv activate
shows '(genv) built>'
true
shows '(genv) built>'
genv deactivate
shows '(genv)'
END
        said $'shows (genv) built>\nshows (genv) built>\nshows no (genv)'
    done
}

@test "a shell in the shell shows it, too" {
    make_builder
    hold outer
    export GENV_ENVIRONMENT_ID=outer
    for files in "$CODE ./build" "./build $CODE"; do
        # shellcheck disable=SC2086
        type_into $files <<'END'
true
shows '(genv) built>'
END
        said 'shows (genv) built>'
    done
}

@test "a prompt that is replaced later shows it" {
    make_builder
    type_into "$CODE" <<'END'
genv activate
. ./build
true
true
shows '(genv) built>'
genv deactivate
shows '(genv)'
END
    said $'shows (genv) built>\nshows no (genv)'
}

@test "no mark where GENV_PROMPT says so, nor in what --no-prompt began" {
    type_into "$CODE" <<'END'
genv activate --no-prompt
shows '(genv)'
say $GENV_PROMPT
genv deactivate
say "<$GENV_PROMPT>"
give GENV_PROMPT 0
genv activate
shows '(genv)'
genv deactivate
say $GENV_PROMPT
END
    said $'shows no (genv)\noff\n<>\nshows no (genv)\n0'
}

@test "leaving an inner environment whose outer one has ended leaves that as well" {
    hold outer
    export holder GENV_ENVIRONMENT_ID=outer CUDA_VISIBLE_DEVICES=0
    type_into "$CODE" <<'END'
genv activate --id inner --gpus 2
say $CUDA_VISIBLE_DEVICES
bash end $holder
genv deactivate; say "$GENV_ENVIRONMENT_ID:$CUDA_VISIBLE_DEVICES"
END
    said $'1,2\n:' 1
}

@test "another user's environment is none of this shell's" {
    [[ $(id -u) == 0 ]] || skip 'needs root'
    scratch=$(mktemp -d /tmp/genv-look.XXXXXX)
    chmod 755 "$scratch"
    export GENV_TMPDIR=$scratch/state
    "$GENV_BIN" run --gpus 1 -- sleep 1000 3>&- &
    holder=$!
    for ((i = 0; i < 200; i++)); do
        eid=$("$GENV_BIN" envs query --query eid)
        [[ -z $eid ]] || break
        sleep 0.1
    done
    cd "$scratch"
    cp "$CODE" code
    export GENV_ENVIRONMENT_ID=$eid CUDA_VISIBLE_DEVICES=0
    run --separate-stderr setpriv --reuid 60602 --clear-groups "$GENV_BIN" status
    echo "$output $stderr"
    [ "$output" = 'Environment is not active' ]
    [ "$stderr" = "genv: environment $eid belongs to root" ]
    run setpriv --reuid 60602 --clear-groups env HOME=/nonexistent "$TEST_SHELL" -c \
        '. ./code; echo "<$GENV_ENVIRONMENT_ID$CUDA_VISIBLE_DEVICES>"'
    echo "$output"
    [[ $output == *"genv: environment $eid belongs to root: leaving it
<>" ]]
}

# What can be in PROMPT_COMMAND, before and after.
@test "PROMPT_COMMAND, whatever it is, is as it was after deinit" {
    [[ $TEST_SHELL == bash ]] || skip 'bash only'
    sed 's/< 501/< 9999/' "$CODE" >code.old # as an older bash does it
    for code in "$CODE" ./code.old; do
        for before in 'unset PROMPT_COMMAND' 'PROMPT_COMMAND="x=1;"' 'export PROMPT_COMMAND="x=1 # why"' \
            'PROMPT_COMMAND=(x=1 y=2)'; do
            echo "$code: $before"
            type_into <<END
$before
declare -p PROMPT_COMMAND >before 2>&1
. '$code'
genv activate --gpus 1
\$GENV_BIN detach
say \$CUDA_VISIBLE_DEVICES
genv shell --deinit
declare -p PROMPT_COMMAND >after 2>&1
END
            [[ $code$before == *old*y=2* ]] || said -1 # which took the first alone
            diff before after
        done
    done
}

@test "a shell that knows nothing of genv inherits nothing of it" {
    [[ $TEST_SHELL == bash ]] || skip 'bash only'
    sed 's/< 501/< 9999/' "$CODE" >code.old
    for code in "$CODE" ./code.old; do
        type_into <<END
export PROMPT_COMMAND='x=1'
. '$code'
genv activate
bash --norc -i <<<'say() { :; }' 2>inner
END
        cat inner
        ! grep -q 'not found' inner
    done
}

@test "a read-only PROMPT_COMMAND is left alone" {
    [[ $TEST_SHELL == bash ]] || skip 'bash only'
    echo 'readonly PROMPT_COMMAND="x=1"' >build
    type_into ./build "$CODE" <<'END'
genv activate
say $PROMPT_COMMAND
genv shell --deinit
say $PROMPT_COMMAND
END
    said $'x=1\nx=1'
}

# As VS Code's shell integration tells by a DEBUG trap which command is the user's: what runs behind it, before the prompt,
# would be taken for one.
@test "what tells the user's commands by a DEBUG trap is told of theirs alone, and PROMPT_COMMAND stays exported" {
    [[ $TEST_SHELL == bash ]] || skip 'bash only'
    cat >build <<'END'
waiting=
tell() { if [[ $waiting ]]; then waiting=; echo "$BASH_COMMAND" >>commands; fi; }
__vsc_prompt_cmd_original() {
    for command in "${__vsc_original_prompt_command[@]}"; do eval "${command:-}"; done
    waiting=1
}
__vsc_original_prompt_command=${PROMPT_COMMAND-}
PROMPT_COMMAND=__vsc_prompt_cmd_original
trap tell DEBUG
END
    type_into "$CODE" ./build <<'END'
: one
genv activate --gpus 1
: two
$GENV_BIN detach
say $CUDA_VISIBLE_DEVICES
genv deactivate
: three
END
    said -1
    cat commands
    run ! grep -q __genv commands
    grep -q -x ': one' commands
    grep -q -x ': two' commands
    grep -q -x ': three' commands
    echo "export PROMPT_COMMAND='x=1'" >build
    type_into ./build "$CODE" <<'END'
say "$(env | grep -c '^PROMPT_COMMAND=')"
END
    said 1
}

@test "with bash-preexec it is one of the functions before a prompt" {
    [[ $TEST_SHELL == bash ]] || skip 'bash only'
    cat >build <<'END'
bash_preexec_imported=defined
precmd_functions=()
PROMPT_COMMAND='for each in "${precmd_functions[@]}"; do "$each"; done'
END
    type_into ./build "$CODE" <<'END'
genv activate --gpus 1
$GENV_BIN detach
say "$CUDA_VISIBLE_DEVICES $PROMPT_COMMAND"
genv shell --deinit
say "${precmd_functions[*]}:"
END
    said $'-1 for each in "${precmd_functions[@]}"; do "$each"; done\n:'
}

@test "a variable that the user has made read-only stays, with one line, and the shell goes on" {
    [[ $TEST_SHELL != fish ]] || skip 'fish has none'
    for option in true 'set -o posix' 'set -e'; do
        [[ $TEST_SHELL == bash || $option != *posix ]] || continue
        type_into "$CODE" <<END
$option
CUDA_VISIBLE_DEVICES=3
readonly CUDA_VISIBLE_DEVICES
genv activate --id mine --gpus 1
true
\$GENV_BIN attach --count 2
\$GENV_BIN config name other
say "\$GENV_ENVIRONMENT_NAME:\$CUDA_VISIBLE_DEVICES"
genv deactivate
say "\$GENV_ENVIRONMENT_ID:\$CUDA_VISIBLE_DEVICES"
END
        said $'other:3\n:3' 1
        grep -q -x 'genv: CUDA_VISIBLE_DEVICES is read-only in this shell: leaving it unchanged' complaints
    done
}

@test "a command, or a shell in the shell, leaves the chosen part of the devices alone, too; attach gives all" {
    cat >status <<'END'
genv status
say $CUDA_VISIBLE_DEVICES
END
    [[ $TEST_SHELL == zsh ]] && in=(zsh -f) || in=("$TEST_SHELL")
    type_into "$CODE" <<END
genv activate --id mine --gpus 3
give CUDA_VISIBLE_DEVICES 1; genv status; say \$CUDA_VISIBLE_DEVICES; genv config name other; say \$CUDA_VISIBLE_DEVICES
cat prelude.$TEST_SHELL "$CODE" status >inner
${in[*]} inner
genv attach --refresh; say \$CUDA_VISIBLE_DEVICES
genv deactivate
say "\$CUDA_VISIBLE_DEVICES:\$GENV_SHELL_DEVICES:"
END
    said $'1\n1\n1\n0,1,2\n::'
}

@test "an outer environment's choice is there again behind an inner one" {
    hold outer
    "$GENV_BIN" devices attach --eid outer --count 2
    export GENV_ENVIRONMENT_ID=outer CUDA_VISIBLE_DEVICES=0,1
    type_into "$CODE" <<'END'
give CUDA_VISIBLE_DEVICES 1
genv activate --id inner --gpus 1
say $CUDA_VISIBLE_DEVICES
genv deactivate
say $CUDA_VISIBLE_DEVICES
END
    said $'2\n1'
}

@test "the look finds the record where the commands do" {
    type_into "$CODE" <<'END'
genv activate --id mine --gpus 1
genv deactivate
give GENV_TMPDIR ./elsewhere
genv activate --id mine --gpus 1
$GENV_BIN attach --count 2
say $CUDA_VISIBLE_DEVICES
test -e elsewhere/envs/mine.json && say there
END
    said $'0,1\nthere'
}

@test "root's shell in a user's environment follows what happens to it" {
    [[ $(id -u) == 0 ]] || skip 'needs root'
    scratch=$(mktemp -d /tmp/genv-look.XXXXXX)
    chmod 755 "$scratch"
    export GENV_TMPDIR=$scratch/state
    "$GENV_BIN" devices >/dev/null
    setpriv --reuid 60602 --clear-groups sleep 1000 3>&- &
    holder=$!
    while [[ $(stat -c %u "/proc/$holder") != 60602 ]]; do sleep 0.05; done
    "$GENV_BIN" envs activate --eid theirs --uid 60602 --pid "$holder"
    "$GENV_BIN" devices attach --eid theirs --count 1
    export GENV_ENVIRONMENT_ID=theirs CUDA_VISIBLE_DEVICES=0
    type_into "$CODE" <<'END'
say $CUDA_VISIBLE_DEVICES
$GENV_BIN devices attach --eid theirs --count 2
say $CUDA_VISIBLE_DEVICES
END
    said $'0\n0,1'
}

@test "an update that fails is tried again at each prompt, and said to have failed once" {
    mkdir bin
    cp "$GENV_BIN" bin/genv
    bin/genv shell --init "$TEST_SHELL" >"$CODE"
    type_into "$CODE" <<'END'
genv activate --id mine --gpus 1
mv bin/genv bin/away; $GENV_BIN attach --count 2
true
say $CUDA_VISIBLE_DEVICES
mv bin/away bin/genv
say $CUDA_VISIBLE_DEVICES
END
    [ "$(cat "$SAID")" = $'0\n0,1' ]
    [ "$(grep -c -x 'genv: cannot update this shell: trying again at each prompt' complaints)" -eq 1 ]
    [ "$(grep -c -i -e 'no such file' -e 'unknown command' stderr)" -eq 1 ]
}

@test "an update that exits with an error is tried again as well" {
    mkdir bin
    cat >bin/genv <<'END'
#!/bin/sh
case $* in *shell-update*) [ ! -e broken ] || exit 1 ;; esac
exec "$GENV_BIN" "$@"
END
    chmod +x bin/genv
    sed -i "s|$GENV_BIN|$PWD/bin/genv|" "$CODE"
    type_into "$CODE" <<'END'
genv activate --id mine --gpus 1
touch broken; $GENV_BIN attach --count 2
true
say $CUDA_VISIBLE_DEVICES
rm broken
say $CUDA_VISIBLE_DEVICES
END
    said $'0\n0,1' 1
}

@test "an environment that has ended leaves a shell whose GENV_ENVIRONMENT_ID cannot be taken away working" {
    local keep='readonly GENV_ENVIRONMENT_ID=gone'
    [[ $TEST_SHELL != fish ]] || keep='set -Ux GENV_ENVIRONMENT_ID gone'
    echo "$keep" >build
    type_into ./build "$CODE" <<'END'
true
say "$GENV_ENVIRONMENT_ID:$CUDA_VISIBLE_DEVICES:"
shows '(genv)'
END
    said $'gone::\nshows no (genv)' 2
    grep -q -x -E 'genv: GENV_ENVIRONMENT_ID is (read-only in this shell|a universal variable): leaving it unchanged' complaints
    [[ $TEST_SHELL != fish ]] || return 0
    for end in 'genv deactivate' '$GENV_BIN envs deactivate --pid $me'; do
        type_into "$CODE" <<END
genv activate --id mine --gpus 1
readonly GENV_ENVIRONMENT_ID GENV_GPUS GENV_SHELL_DEVICES
$end
true
say "\$GENV_ENVIRONMENT_ID:\$CUDA_VISIBLE_DEVICES:"
END
        [ "$(cat "$SAID")" = mine:: ]
        [ "$(grep -c 'GENV_ENVIRONMENT_ID is read-only' complaints)" -eq 1 ]
        [ "$(grep -c 'GENV_SHELL_DEVICES is read-only' complaints)" -eq 1 ]
    done
}

@test "a read-only PATH is left alone, with one line, and all else is done" {
    [[ $TEST_SHELL != fish ]] || skip 'fish has none'
    for option in true 'set -e' 'set -u'; do
        type_into "$CODE" <<END
$option
readonly PATH
genv activate --id mine --gpus 1
true
\$GENV_BIN attach --count 2
say "\$CUDA_VISIBLE_DEVICES \$GENV_SHELL_DEVICES"
genv deactivate
say "\${CUDA_VISIBLE_DEVICES-none}"
END
        said $'0,1 0,1\nnone' 1
        grep -q -x 'genv: PATH is read-only in this shell: leaving it unchanged' complaints
        run ! grep -q -e 'readonly variable' -e 'read-only variable' stderr
    done
}

@test "what programs will not see, since CUDA's variables are read-only, is said at activation" {
    [[ $TEST_SHELL != fish ]] || skip 'fish has none'
    for name in CUDA_VISIBLE_DEVICES CUDA_DEVICE_ORDER; do
        type_into "$CODE" <<END
give $name wrong
readonly $name
genv activate --id mine --gpus 1; say "\$(env | grep '^$name=')"
END
        said "$name=wrong" 1
        grep -q -x "genv: $name is read-only in this shell: leaving it unchanged" complaints
    done
}

@test "a restricted shell is not told so at each prompt" {
    [[ $TEST_SHELL == bash ]] || skip 'bash only'
    type_into "$CODE" <<'END'
genv activate --id mine --gpus 1
set -r; true
true
exit
END
    run ! grep -q restricted stderr
}

@test "^C while the shell is brought up to date takes none of its options away" {
    [[ $TEST_SHELL == bash ]] || skip 'bash only'
    type_into "$CODE" <<'END'
set -ua
genv activate --id mine --gpus 1
__genv_evaluate 'kill -INT $$; sleep 1; say never'
say "$([[ $- == *a*u* ]] && echo kept) $(env | grep -c '^__genv')"
END
    said 'kept 0'
}
