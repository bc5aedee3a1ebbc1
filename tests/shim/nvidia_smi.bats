#!/usr/bin/env bats
# The nvidia-smi shim becomes the real one, with the view in front.
# shellcheck disable=SC2154 # set by bats and by the helpers

load helpers

setup() {
    setup_installation
    make_fake nvidia-smi
    enter e 2
    # The machine's driver, whatever there is here: the same devices.
    genv devices --format json | jq '{devices: map({uuid, name: "NVIDIA \(.index)"})}' >"$SCRATCH/machine"
    export GENV_SIMULATOR=$SCRATCH/machine LD_LIBRARY_PATH=$GENV_NVML
    unset GENV_DEVICES
    # What a PATH needs that is to have no other nvidia-smi.
    TOOLS=$SCRATCH/tools
    mkdir "$TOOLS"
    ln -s "$(command -v env)" "$(command -v timeout)" "$TOOLS"
}

# Fails unless the program was last called with the view in front, or without it.
expect_view() { [ "$(variable LD_LIBRARY_PATH)" = "$VIEW:$GENV_NVML" ]; }
expect_no_view() { [ "$(variable LD_LIBRARY_PATH)" = "$GENV_NVML" ]; }

teardown() {
    remove_installation
}

# Only the shims and what is named are in PATH.
bare() {
    local path=$1
    shift
    env PATH="$path" "$@"
}

@test "the real one is called with the view in front, its words untouched" {
    nvidia-smi
    [ ! -s "$CALL.words" ]
    expect_view
    nvidia-smi -q --id=3 '' 'a b' "it's" '"x"' $'two\nlines' '$(x)' '*'
    expect_words -q --id=3 '' 'a b' "it's" '"x"' $'two\nlines' '$(x)' '*'
    [ "$(cat "$CALL.path")" = "$SCRATCH/real/nvidia-smi" ]
}

@test "attached devices are named by UUID, which the view and the machine agree about" {
    local uuids one
    uuids=$(jq -r '[.attachments[].uuid] | join(",")' "$GENV_TMPDIR/envs/e.json")
    one=${uuids#*,}
    nvidia-smi -q -i 1
    expect_words -q -i "$one"
    nvidia-smi --id=0,1 -q
    expect_words "--id=$uuids" -q
    nvidia-smi pmon --id 1,7,GPU-x
    expect_words pmon --id "$one,7,GPU-x"
    nvidia-smi topo -m -i 1
    expect_words topo -m -i 1
    nvidia-smi -q -i
    expect_words -q -i
}

@test "what LD_LIBRARY_PATH had stays behind the view, which is there once" {
    LD_LIBRARY_PATH=/a:/b nvidia-smi
    [ "$(variable LD_LIBRARY_PATH)" = "$VIEW:/a:/b" ]
    LD_LIBRARY_PATH="/a:$VIEW:/b" nvidia-smi
    [ "$(variable LD_LIBRARY_PATH)" = "$VIEW:/a:/b" ]
    LD_LIBRARY_PATH="$VIEW" nvidia-smi
    [ "$(variable LD_LIBRARY_PATH)" = "$VIEW" ]
    # Set to nothing means nothing, but an empty entry the current directory.
    LD_LIBRARY_PATH='' nvidia-smi
    [ "$(variable LD_LIBRARY_PATH)" = "$VIEW" ]
    LD_LIBRARY_PATH=/a: nvidia-smi
    [ "$(variable LD_LIBRARY_PATH)" = "$VIEW:/a:" ]
    LD_LIBRARY_PATH=:/a nvidia-smi
    [ "$(variable LD_LIBRARY_PATH)" = "$VIEW::/a" ]
}

@test "no other variable changes" {
    nvidia-smi
    diff <(env -0 | tr '\0' '\n' | grep -v '^_=\|^SHLVL=\|^LD_LIBRARY_PATH=' | sort) \
        <(tr '\0' '\n' <"$CALL.env" | grep -v '^_=\|^SHLVL=\|^LD_LIBRARY_PATH=' | sort)
}

@test "status, and death by a signal, are the real one's" {
    local wanted
    for wanted in 0 1 6 126 255; do
        FAKE_STATUS=$wanted run nvidia-smi
        [ "$status" -eq "$wanted" ]
    done
    printf '#!/bin/bash\nkill -%s $$\n' TERM >"$SCRATCH/real/nvidia-smi"
    run nvidia-smi
    [ "$status" -eq 143 ]
    printf '#!/bin/bash\nkill -%s $$\n' KILL >"$SCRATCH/real/nvidia-smi"
    run nvidia-smi
    [ "$status" -eq 137 ]
}

@test "it is the same process, which signals reach" {
    printf '#!/bin/bash\necho $$ >"%s"\nexec sleep 600 3>&-\n' "$SCRATCH/pid" >"$SCRATCH/real/nvidia-smi"
    nvidia-smi 3>&- &
    local pid=$!
    members+=("$pid")
    until [ -s "$SCRATCH/pid" ]; do sleep 0.01; done
    [ "$(cat "$SCRATCH/pid")" = "$pid" ]
    kill -TERM "$pid"
    local died=0
    wait "$pid" || died=$?
    [ "$died" -eq 143 ]
}

@test "streams are the real one's: a pipe, nothing, a terminal" {
    printf '#!/bin/bash\ncat; echo err >&2\n' >"$SCRATCH/real/nvidia-smi"
    run --separate-stderr bash -c 'printf "in\n" | nvidia-smi'
    [ "$output" = in ]
    [ "$stderr" = err ]
    # Whatever is closed stays closed, and nothing is left open.
    printf '#!/bin/bash\nls /proc/self/fd | tr "\\n" " " >"%s"\n' "$SCRATCH/open" >"$SCRATCH/real/nvidia-smi"
    nvidia-smi 3>&- 4>&- 5>&-
    local open
    open=$(cat "$SCRATCH/open")
    bash "$SCRATCH/real/nvidia-smi" 3>&- 4>&- 5>&-
    [ "$open" = "$(cat "$SCRATCH/open")" ]
    printf '#!/bin/bash\n[ -e /proc/$$/fd/0 ] || echo closed\n' >"$SCRATCH/real/nvidia-smi"
    [ "$(nvidia-smi <&-)" = closed ]
    command -v script >/dev/null || skip 'script is not installed'
    printf '#!/bin/bash\n[ -t 0 ] && [ -t 1 ] && [ -t 2 ] && tty && exit 9\n' >"$SCRATCH/real/nvidia-smi"
    run script -qec nvidia-smi /dev/null
    [ "$status" -eq 9 ]
    [[ $output == /dev/* ]]
}

@test "the state is not read on the way" {
    command -v strace >/dev/null || skip 'strace is not installed'
    [ "$GENV_SANITIZE" = none ] || skip 'the leak check does not work under strace'
    # Until the real program takes over, by its execve.
    strace -f -qq -o "$SCRATCH/trace" nvidia-smi -q
    sed '/execve("[^"]*\/real\/nvidia-smi"/q' "$SCRATCH/trace" >"$SCRATCH/shim"
    [ "$(wc -l <"$SCRATCH/shim")" -lt "$(wc -l <"$SCRATCH/trace")" ]
    run ! grep -F "$GENV_TMPDIR" "$SCRATCH/shim"
    run ! grep -E 'clone|fork|socket' "$SCRATCH/shim"
}

@test "without an environment it steps aside, a stale PATH notwithstanding" {
    unset GENV_ENVIRONMENT_ID
    nvidia-smi -L
    expect_words -L
    expect_no_view
    GENV_ENVIRONMENT_ID='' nvidia-smi
    expect_no_view
    GENV_DEVICES=4 nvidia-smi -q
    expect_words -q
}

@test "GENV_BYPASS=1 steps aside, simulated devices or not" {
    GENV_BYPASS=1 LD_LIBRARY_PATH=/a nvidia-smi -L
    [ "$(variable LD_LIBRARY_PATH)" = /a ]
    GENV_BYPASS=1 GENV_DEVICES=4 nvidia-smi -q
    expect_words -q
    GENV_BYPASS='' nvidia-smi
    expect_view
    GENV_BYPASS=0 nvidia-smi
    expect_view
}

@test "the shims anywhere and often in PATH do not make it call itself" {
    local path
    ln -s "$SHIMS" "$SCRATCH/link"
    mkdir "$SCRATCH/links" "$SCRATCH/hard"
    ln -s "$SHIMS/nvidia-smi" "$SCRATCH/links/nvidia-smi"
    ln "$SHIMS/nvidia-smi" "$SCRATCH/hard/nvidia-smi"
    cd "$SHIMS"
    for path in "$SHIMS:$SHIMS" "$SCRATCH/link:$SHIMS" "$SCRATCH/links:$SHIMS/:$SCRATCH/link" "$SHIMS:$SCRATCH/hard:$SCRATCH/links" . '' \
        "$SHIMS/../shims:::.:" "$SCRATCH/nowhere:$SCRATCH/real/nvidia-smi:relative"; do
        rm -f "$CALL.words"
        timeout 20 env PATH="$path:$SCRATCH/real:$TOOLS" nvidia-smi -L
        expect_words -L
        run -127 timeout 20 env PATH="$path" /proc/self/fd/9 9<"$SHIMS/nvidia-smi"
        [ "$output" = 'genv: nvidia-smi: command not found' ]
    done
    PATH=$SCRATCH/real:$SHIMS:$TOOLS timeout 20 "$SHIMS/nvidia-smi" -q
    expect_words -q
}

@test "two installations do not call each other" {
    local other=$SCRATCH/other
    mkdir -p "$other/bin" "$other/shims" "$other/view"
    cp "$GENV_BIN" "$other/bin/genv"
    cp "$SHIMS/nvidia-smi" "$other/shims"
    touch "$other/view/libnvidia-ml.so.1"
    run -127 timeout 20 env PATH="$SHIMS:$other/shims" nvidia-smi
    run -127 timeout 20 env PATH="$other/shims:$SHIMS:$other/shims" "$SHIMS/nvidia-smi"
    PATH="$other/shims:$SHIMS:$TOOLS:$SCRATCH/real" timeout 20 nvidia-smi -L
    expect_words -L
    [ "$(variable LD_LIBRARY_PATH)" = "$other/view:$GENV_NVML" ]
}

@test "shims of any installation, wherever they lie, do not call each other" {
    local one=$SCRATCH/usr/lib/genv-1/wrappers two=$SCRATCH/opt/bin link=$SCRATCH/links
    mkdir -p "$one" "$two" "$link"
    cp "$SHIMS/nvidia-smi" "$one"
    cp "$SHIMS/nvidia-smi" "$two"
    ln -s "$two/nvidia-smi" "$link/nvidia-smi"
    run -127 timeout 20 env PATH="$one:$two:$link" nvidia-smi
    [[ $output == "genv: nvidia-smi: command not found" ]]
    for path in "$one:$two" "$two:$one" "$link:$one:$SHIMS"; do
        rm -f "$CALL.words"
        GENV_BYPASS=1 PATH="$path:$TOOLS:$SCRATCH/real" timeout 20 nvidia-smi -q
        expect_words -q
    done
    PATH="$SHIMS:$one:$two:$one:$TOOLS:$SCRATCH/real" timeout 20 nvidia-smi -L
    expect_words -L
}

@test "the shims of an earlier version, which have no mark, are known by their place" {
    local older=$SCRATCH/usr/libexec/genv/shims
    mkdir -p "$older"
    make_fake "$older/nvidia-smi"
    PATH="$SHIMS:$older:$TOOLS:$SCRATCH/real" timeout 20 nvidia-smi -L
    [[ $(cat "$CALL.path") == "$SCRATCH/real/nvidia-smi" ]]
}

@test "another tool's folder of shims is not taken for an installation" {
    mkdir "$SCRATCH/shims"
    make_fake "$SCRATCH/shims/nvidia-smi"
    PATH=$SHIMS:$SCRATCH/shims:/usr/bin:/bin nvidia-smi -L
    [ "$(cat "$CALL.path")" = "$SCRATCH/shims/nvidia-smi" ]
}

@test "relative and empty entries of PATH are the current directory's" {
    cd "$SCRATCH"
    PATH=$SHIMS:real:$TOOLS nvidia-smi -L
    [ "$(cat "$CALL.path")" = real/nvidia-smi ]
    cd real
    PATH=$SHIMS::$TOOLS nvidia-smi -L
    [ "$(cat "$CALL.path")" = ./nvidia-smi ]
    PATH=$SHIMS:$TOOLS: nvidia-smi -L
    [ "$(cat "$CALL.path")" = ./nvidia-smi ]
}

@test "what can't be executed is passed over, and told if there is nothing else" {
    mkdir -p "$SCRATCH/a/nvidia-smi" "$SCRATCH/b"
    touch "$SCRATCH/b/nvidia-smi"
    PATH=$SHIMS:$SCRATCH/a:$SCRATCH/b:$SCRATCH/real:$TOOLS nvidia-smi -L
    expect_words -L
    run -127 bare "$SHIMS:$SCRATCH/a" nvidia-smi
    [ "$output" = 'genv: nvidia-smi: command not found' ]
    run -126 bare "$SHIMS:$SCRATCH/b" nvidia-smi
    [ "$output" = "genv: $SCRATCH/b/nvidia-smi: Permission denied" ]
    GENV_BYPASS=1 run -127 bare "$SHIMS" nvidia-smi
    [ "$output" = 'genv: nvidia-smi: command not found' ]
}

@test "a script without #! runs, as shells have it" {
    printf 'echo old "$@"\n' >"$SCRATCH/real/nvidia-smi"
    [ "$(nvidia-smi x)" = 'old x' ]
}

@test "a shim that was replaced while it starts still knows its view" {
    # As an upgrade does: another file takes the name.
    cp "$SHIMS/nvidia-smi" "$SCRATCH/new"
    exec 9<"$SHIMS/nvidia-smi"
    mv "$SCRATCH/new" "$SHIMS/nvidia-smi"
    /proc/self/fd/9 -L 3>&-
    exec 9<&-
    expect_view
}

@test "genv run has the shims" {
    GENV_DEVICES=4 PATH=$PREFIX/bin:$SCRATCH/real:$TOOLS genv run --gpus 1 -- \
        env -u GENV_DEVICES nvidia-smi --id=0 'a b'
    expect_words --id=0 'a b'
    expect_view
}

# Without the view.

# What the shim says once when it falls back.
expect_said() {
    [ "${#stderr_lines[@]}" -eq 1 ]
    [[ $stderr == "genv: the view is not available, so nvidia-smi also shows processes of other environments on these devices: "*"$1"* ]]
}

@test "no view: --id of the attached devices, said once" {
    rm "$VIEW/libnvidia-ml.so.1"
    run --separate-stderr nvidia-smi
    [ "$status" -eq 0 ]
    expect_said "$VIEW/libnvidia-ml.so.1: No such file or directory"
    expect_words --id=0,1
    expect_no_view
    FAKE_STATUS=5 run --separate-stderr nvidia-smi -q -d 'a b'
    [ "$status" -eq 5 ]
    expect_words --id=0,1 -q -d 'a b'
}

@test "no view: the option stands behind subcommands that take it" {
    rm "$VIEW/libnvidia-ml.so.1"
    nvidia-smi pmon -c 1
    expect_words pmon -i=0,1 -c 1
    nvidia-smi dmon
    expect_words dmon -i=0,1
    rm "$CALL.words"
    run --separate-stderr nvidia-smi topo -m
    [ "$status" -eq 1 ]
    [ "$stderr" = 'genv: nvidia-smi topo would show the devices of other environments: to run it anyway, use GENV_BYPASS=1 nvidia-smi' ]
    [ ! -e "$CALL.words" ]
}

@test "no view: devices that are asked for must be attached" {
    local uuid other wanted
    uuid=$(GENV_DEVICES=4 genv devices --format json | jq -r '.[1].uuid')
    other=$(GENV_DEVICES=4 genv devices --format json | jq -r '.[2].uuid')
    rm "$VIEW/libnvidia-ml.so.1"
    for wanted in --id=1 "-i=0,1" "--id=$uuid" "--id=${uuid,,}"; do
        nvidia-smi -q "$wanted"
        expect_words -q "$wanted"
    done
    nvidia-smi -i 1 -q
    expect_words -i 1 -q
    nvidia-smi pmon --id 1
    expect_words pmon --id 1
    rm "$CALL.words"
    for wanted in --id=2 --id=0,3 --id=00 --id= "--id=0 -i=2" "-i 2" "--id $other" "-i 0 -i 2"; do
        # shellcheck disable=SC2086
        run --separate-stderr nvidia-smi $wanted
        [ "$status" -eq 6 ]
        [ "$output" = 'No devices were found' ]
        [ ! -e "$CALL.words" ]
    done
}

@test "no view, detached: as the real one without devices" {
    GENV_DEVICES=4 genv devices detach --eid e
    rm "$VIEW/libnvidia-ml.so.1"
    local words
    for words in '' -q 'pmon -c 1' 'topo -m'; do
        # shellcheck disable=SC2086
        run --separate-stderr nvidia-smi $words
        [ "$status" -eq 6 ]
        [ "$output" = 'No devices were found' ]
    done
    [ ! -e "$CALL.words" ]
}

@test "no view: an environment that has ended, or is another's, shows nothing" {
    rm "$VIEW/libnvidia-ml.so.1"
    GENV_ENVIRONMENT_ID=gone run --separate-stderr nvidia-smi
    [ "$status" -eq 6 ]
    [ "$output" = 'No devices were found' ]
    [[ $stderr == 'genv: there is no environment gone: run '* ]]
    need_root
    run --separate-stderr setpriv --reuid 60601 --regid 60601 --clear-groups nvidia-smi
    [ "$status" -eq 6 ]
    [ "$output" = 'No devices were found' ]
    [[ $stderr == "genv: environment e belongs to another user"* ]]
    [ ! -e "$CALL.words" ]
}

@test "no view: help needs no devices" {
    rm "$VIEW/libnvidia-ml.so.1"
    local words
    for words in -h --help --version --help-query-gpu; do
        run --separate-stderr nvidia-smi "$words"
        [ -z "$stderr" ]
        expect_words "$words"
    done
}

@test "no view: -L, which takes no --id, is genv's own" {
    rm "$VIEW/libnvidia-ml.so.1"
    GENV_DEVICES=4 genv devices detach --eid e --index 0
    run nvidia-smi -L
    echo "$output"
    [ "$status" -eq 0 ]
    [ "$output" = "GPU 1: NVIDIA 1 (UUID: $(jq -r '.devices[1].uuid' "$SCRATCH/machine"))" ]
    [ ! -e "$CALL.words" ]
}

@test "a path that can't stand in LD_LIBRARY_PATH falls back" {
    local odd
    for odd in 'a:b' 'a;b' 'a$LIB'; do
        cp -r "$PREFIX" "$SCRATCH/$odd"
        run --separate-stderr "$SCRATCH/$odd/shims/nvidia-smi"
        [ "$status" -eq 0 ]
        expect_said "cannot be used in LD_LIBRARY_PATH"
        expect_words --id=0,1
    done
}

@test "a program with rights of its own, which would disregard the view, falls back" {
    need_root
    chmod 1777 "$SCRATCH"
    local alice=(setpriv --reuid 60601 --regid 60601 --clear-groups)
    "${alice[@]}" sleep 600 3>&- &
    members+=($!)
    export GENV_ENVIRONMENT_ID=alice GENV_DEVICES=4
    until [ "$(stat -c %u "/proc/$!")" = 60601 ]; do sleep 0.01; done
    "${alice[@]}" genv envs activate --eid alice --uid 60601 --pid "$!"
    "${alice[@]}" genv devices attach --eid alice --index 3
    unset GENV_DEVICES
    chmod u+s "$SCRATCH/real/nvidia-smi"
    run --separate-stderr "${alice[@]}" nvidia-smi
    [ "$status" -eq 0 ]
    expect_said "$SCRATCH/real/nvidia-smi is set-uid or has file capabilities"
    expect_words --id=3
    chmod u-s,g+s "$SCRATCH/real/nvidia-smi"
    rm "$CALL".*
    run --separate-stderr "${alice[@]}" nvidia-smi
    expect_said 'is set-uid or has file capabilities'
    chmod g-s "$SCRATCH/real/nvidia-smi"
    rm "$CALL".*
    "${alice[@]}" nvidia-smi
    expect_view
    # To root they are nobody's.
    chmod u+s "$SCRATCH/real/nvidia-smi"
    rm "$CALL".*
    nvidia-smi
    expect_view
    command -v setcap >/dev/null || return 0
    chmod u-s "$SCRATCH/real/nvidia-smi"
    setcap cap_net_raw+ep "$SCRATCH/real/nvidia-smi" || return 0
    rm "$CALL".*
    run --separate-stderr "${alice[@]}" nvidia-smi
    expect_said 'is set-uid or has file capabilities'
}
