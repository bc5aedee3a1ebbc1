#!/usr/bin/env bats
# What a shell that leaves its environment has left running there keeps the devices. Meson runs this file once in each
# shell.
# shellcheck disable=SC2154,SC2016 # bats's own variables; the shell's are not for us

bats_require_minimum_version 1.5.0

load helpers
load typed

setup() {
    setup_typed
}

teardown() {
    local pid
    teardown_typed
    for pid in $("$GENV_BIN" envs query --query pids); do
        kill -9 "$pid" 2>/dev/null || :
    done
}

# The processes of the environment that is left, as far as they are those that were started.
heirs() {
    "$GENV_BIN" envs query --query pids
}

is_free() {
    [[ $("$GENV_BIN" devices --format csv --no-header) == $'0,,,\n1,,,\n2,,,\n3,,,' ]]
}

is_held() {
    [[ $("$GENV_BIN" devices --format csv --no-header) != $'0,,,\n1,,,\n2,,,\n3,,,' ]]
}

@test "a shell that ends hands over to what it has left running, with a line" {
    type_into "$CODE" <<'END'
genv activate --id mine --gpus 2
start "nohup sleep 1000 >/dev/null 2>&1"
exit 3
END
    heir=$(heirs)
    [ -n "$heir" ]
    grep -q -x -E "genv: .* \($heir\) keeps environment mine and devices 0,1 until it exits: to end it, run 'kill $heir'" \
        complaints
    [[ $("$GENV_BIN" devices --format csv --no-header) == '0,mine,'*$'\n1,mine,'* ]]
    kill -9 "$heir"
    for ((i = 0; i < 200; i++)); do
        ! is_free || return 0
        sleep 0.1
    done
    return 1
}

@test "in one line with exit" {
    type_into "$CODE" <<'END'
genv activate --id mine --gpus 1; start "sleep 1000"; exit
END
    [ -n "$(heirs)" ]
    is_held
}

@test "deactivate does so as well, and the shell is as before" {
    type_into "$CODE" <<'END'
genv activate --id mine --gpus 1
start "sleep 1000"
genv deactivate
say "$GENV_ENVIRONMENT_ID:$CUDA_VISIBLE_DEVICES:"
genv activate --id next --gpus 1
say $CUDA_VISIBLE_DEVICES
END
    said $'::\n1' 1
    # It may be the shell's fork still, which is about to be sleep.
    [[ $(cat complaints) == 'genv: '*' ('*') keeps environment mine and device 0 until it exits: '* ]]
    [[ $("$GENV_BIN" envs query --query eid) == mine ]]
}

@test "what was started before the environment is not in it" {
    type_into "$CODE" <<'END'
start "sleep 1000"
genv activate --id mine --gpus 1
genv deactivate
say over
END
    said over
    is_free
    [[ -z $(heirs) ]]
}

@test "nothing left, nothing said, no process started" {
    type_into "$CODE" <<'END'
genv activate --id mine --gpus 1
start true
sleep 0.2
exit
END
    said ''
    is_free
}

@test "a shell in the shell hands over, too" {
    hold outer
    export holder GENV_ENVIRONMENT_ID=outer CUDA_VISIBLE_DEVICES=0
    type_into "$CODE" <<'END'
start "sleep 1000"
exit
END
    [[ $(heirs) == "$holder "* ]]
    kill -9 "$holder"
    is_held
}

@test "a job that has executed nothing, such as a loop, is kept as well" {
    [[ $TEST_SHELL != fish ]] || skip 'fish has none'
    type_into "$CODE" <<'END'
genv activate --id mine --gpus 1
start "while sleep 0.1; do :; done"
exit
END
    [ -n "$(heirs)" ]
}

@test "a script that keeps its output, a pipe, as another descriptor hands over as well" {
    [[ $TEST_SHELL != fish ]] || skip 'fish keeps no descriptors'
    type_into "$CODE" <<'END'
exec > >(cat >/dev/null)
exec 7>&1
genv activate --id mine --gpus 1
start "sleep 1000"
exit
END
    is_held
}

@test "a coprocess ends with the shell" {
    [[ $TEST_SHELL != fish ]] || skip 'fish has none'
    type_into "$CODE" <<'END'
genv activate --id mine --gpus 1
coproc cat
sleep 0.3
exit
END
    said ''
    is_free
}

@test "the user's own trap comes behind, sees the status, and is back afterwards" {
    [[ $TEST_SHELL == bash ]] || skip 'bash only'
    for option in '' -e; do
        cat >script <<'END'
trap 'echo "mine $?"
echo more' EXIT
. "$CODE"
before=$(trap)
genv activate --id mine --gpus 1
sleep 1000 >/dev/null 2>&1 &
echo $! >>started
genv deactivate 2>/dev/null
[ "$(trap)" = "$before" ] && echo restored
genv activate --id yours --gpus 1
sleep 1000 >/dev/null 2>&1 &
echo $! >>started
exit 5
END
        run --separate-stderr bash $option script 3>&-
        echo "$output"
        echo "$stderr"
        [ "$status" -eq 5 ]
        [ "$output" = $'restored\nmine 5\nmore' ]
        [[ $stderr == *' keeps environment yours and '* ]]
        for pid in $("$GENV_BIN" envs query --query pids); do
            kill -9 "$pid"
        done
    done
}

@test "detach names what still uses a device" {
    unset GENV_DEVICES
    export GENV_SIMULATOR=$BATS_TEST_TMPDIR/world LD_LIBRARY_PATH=$GENV_NVML
    echo '{"devices": [{"uuid": "GPU-a"}, {"uuid": "GPU-b"}]}' >world
    cat >use <<'END'
printf '{"devices": [{"uuid": "GPU-a", "processes": [{"pid": %s, "used_memory": 5}]}, {"uuid": "GPU-b"}]}' "$1" >world.new
mv world.new world
END
    for ((try = 0; try < 20; try++)); do # a busy machine may need another
        type_into "$CODE" <<'END'
genv activate --id mine --gpus 2
start "sleep 1000"
give job $(tail -n 1 started)
bash use $job
genv detach --index 1
genv detach
say $job
END
        job=$(cat "$SAID")
        kill -9 "$job"
        ! grep -q 'still uses' complaints || break
    done
    grep -q -x "genv: warning: process $job (sleep 1000) still uses device 0, which others can attach now: to end it, run 'kill $job'" \
        complaints
    [ "$(grep -c 'still uses' complaints)" -eq 1 ]
}

@test "a trap of the user's that is set later, in a function too, takes nothing away" {
    [[ $TEST_SHELL == bash ]] || skip 'bash only'
    for set in "trap 'say mine \$?' EXIT" "own() { trap 'say mine \$?' EXIT; }; own" 'trap - EXIT'; do
        : >started
        type_into "$CODE" <<END
genv activate --id mine --gpus 1
$set
start "sleep 1000"
exit 3
END
        [[ $(cat complaints) == *' keeps environment mine and device 0 until it exits: '* ]]
        [[ $set == *-* ]] || said 'mine 3' 1
        kill -9 "$(heirs)"
    done
}

@test "the look at the trap keeps that of the user as it is" {
    [[ $TEST_SHELL == bash ]] || skip 'bash only'
    for option in true 'set -o posix' 'set -C' 'set -u' 'set -e'; do
        type_into "$CODE" <<END
$option
genv activate --id mine --gpus 1
trap 'say "it'\''s"; say 2' EXIT
true
true
genv deactivate
trap -p EXIT >|trap
END
        [ "$(cat trap)" = "trap -- 'say \"it'\\''s\"; say 2' EXIT" ]
        said $'it\'s\n2'
    done
}

@test "a subshell that ends hands over as well, in front of a trap of its own" {
    [[ $TEST_SHELL != fish ]] || skip 'fish has none'
    cat >script <<'END'
trap 'echo outer' EXIT
. "$CODE"
[ -z "$ZSH_VERSION" ] || setopt posix_traps # else nobody in a function sees what is there
(
    trap 'echo inner $?' EXIT
    genv activate --id mine --gpus 1
    sleep 1000 >/dev/null 2>&1 &
    echo $! >>started
    exit 4
)
echo $?
(genv activate --id yours --gpus 1; sleep 1000 >/dev/null 2>&1 & echo $! >>started)
END
    local shell=(bash)
    [[ $TEST_SHELL == bash ]] || shell=(zsh -f)
    run --separate-stderr "${shell[@]}" script 3>&-
    echo "$output"
    echo "$stderr"
    [ "$output" = $'inner 4\n4\nouter' ]
    [[ $stderr == *' keeps environment mine and device 0 until it exits: '* ]]
    [[ $stderr == *' keeps environment yours and device 1 until it exits: '* ]]
    [[ $(heirs | sort -n) == $(sort -n started) ]]
}

@test "what copies the shell's output ends with the shell" {
    [[ $TEST_SHELL != fish ]] || skip 'fish has none'
    type_into "$CODE" <<'END'
genv activate --id mine --gpus 1
exec > >(tee copy)
sleep 0.3
exit
END
    said ''
    is_free
}

@test "so does what the shell has on a terminal of its own" {
    [[ $TEST_SHELL == zsh ]] || skip 'zsh only'
    zsh -f -c 'zmodload zsh/zpty' || skip 'this zsh has no zpty'
    type_into "$CODE" <<'END'
zmodload zsh/zpty
genv activate --id mine --gpus 1
zpty helper sleep 1000
sleep 0.3
exit
END
    said ''
    is_free
}

@test "a child that has entered another environment is no heir of this one" {
    type_into "$CODE" <<'END'
genv activate --id mine --gpus 1
start "sleep 1000"
$GENV_BIN envs activate --eid other --uid $(id -u) --pid $(tail -n 1 started)
genv deactivate
END
    said ''
    [[ $("$GENV_BIN" envs query --query eid) == other ]]
}

@test "a trap for SIGHUP, whenever it was set, is there again behind the handing over" {
    [[ $TEST_SHELL == bash ]] || skip 'bash only'
    for set in "trap '' HUP" "trap 'say hung up' HUP" 'trap - HUP'; do
        for order in "$set; genv activate --id mine --gpus 1" "genv activate --id mine --gpus 1; $set"; do
            type_into "$CODE" <<END
$order
trap -p HUP >before
trap 'trap -p HUP >behind' EXIT
exit
END
            said ''
            diff before behind
        done
    done
}

@test "what could not be handed over is said" {
    [[ $TEST_SHELL == bash ]] || skip 'once'
    type_into "$CODE" <<'END'
export GENV_STATE_TIMEOUT=1
genv activate --id mine --gpus 1
start "sleep 1000"
exec 8<>"$GENV_TMPDIR/genv.lock"; flock 8
exit 3
END
    [[ $(tail -n 1 complaints) == 'genv: what still runs in environment mine can lose its devices: '* ]]
}
