#!/usr/bin/env bats
# genv view runs any program on the view.
# shellcheck disable=SC2154 # set by bats and by the helpers

load helpers

setup() {
    setup_installation
    make_fake monitor
}

teardown() {
    remove_installation
}

@test "in an environment the view is in front" {
    enter e 1
    genv view -- monitor 'a b' --help
    expect_words 'a b' --help
    [ "$(variable LD_LIBRARY_PATH)" = "$VIEW" ]
    LD_LIBRARY_PATH=/a genv view monitor -x
    expect_words -x
    [ "$(variable LD_LIBRARY_PATH)" = "$VIEW:/a" ]
}

# What the command gets of the CUDA_VISIBLE_DEVICES $1.
seen() {
    CUDA_VISIBLE_DEVICES=$1 genv view monitor
    variable CUDA_VISIBLE_DEVICES
}

@test "devices that are visible to CUDA are named by UUID where an index would be too high, and only there" {
    local uuids
    enter e 0
    genv devices attach --eid e --index 1 >/dev/null
    genv devices attach --eid e --index 3 >/dev/null
    uuids=$(jq -r '[.attachments[].uuid] | join(",")' "$GENV_TMPDIR/envs/e.json")
    [ "$(seen 1,3)" = "$uuids" ]
    [ "$(seen '1, 3')" = "$uuids" ]
    [ "$(seen $' 1\t,3 ')" = "$uuids" ]
    [ "$(seen 3)" = "${uuids#*,}" ]
    [ "$(seen 1)" = 1 ] # as the user has narrowed it
    [ "$(seen 0,7)" = 0,7 ]
    [ "$(GENV_VISIBLE_DEVICES=index seen 1,3)" = 1,3 ]
    [ "$(GENV_VISIBLE_DEVICES=uuid seen 1)" = "${uuids%,*}" ]
}

@test "devices whose indices are as the command counts them keep these" {
    enter e 2
    local uuids
    uuids=$(jq -r '[.attachments[].uuid] | join(",")' "$GENV_TMPDIR/envs/e.json")
    [ "$(seen 0,1)" = 0,1 ]
    [ "$(seen 1)" = 1 ]
    [ "$(GENV_VISIBLE_DEVICES=uuid seen '0, 1')" = "$uuids" ]
    CUDA_VISIBLE_DEVICES=-1 genv view monitor
    [ "$(variable CUDA_VISIBLE_DEVICES)" = -1 ]
}

@test "without one the command just runs" {
    LD_LIBRARY_PATH=/a genv view monitor
    [ "$(variable LD_LIBRARY_PATH)" = /a ]
    rm "$VIEW/libnvidia-ml.so.1"
    genv view monitor
}

@test "the command's status, and words when it can't be started" {
    enter e 1
    FAKE_STATUS=42 run genv view monitor
    [ "$status" -eq 42 ]
    run genv view sh -c 'kill -TERM $$'
    [ "$status" -eq 143 ]
    run -127 genv view no-such-command
    [ "$output" = "genv: command not found: 'no-such-command'" ]
    run genv view
    [ "$status" -eq 2 ]
}

@test "inside itself, and around the shim, the view is there once" {
    enter e 1
    make_fake nvidia-smi
    genv view genv view monitor
    [ "$(variable LD_LIBRARY_PATH)" = "$VIEW" ]
    genv view env -u GENV_DEVICES nvidia-smi
    [ "$(variable LD_LIBRARY_PATH)" = "$VIEW" ]
}

@test "no view: the command is not started" {
    enter e 1
    rm "$VIEW/libnvidia-ml.so.1"
    run genv view monitor
    [ "$status" -eq 1 ]
    [[ $output == 'genv: the view is not available, and without it the command would see all devices: '*libnvidia-ml.so.1* ]]
    [ ! -e "$CALL.words" ]
}

@test "genv itself sees the whole machine in the view" {
    cp "$(dirname "$GENV_BIN")/../view/libnvidia-ml.so.1" "$VIEW"
    unset GENV_DEVICES
    export GENV_SIMULATOR=$SCRATCH/world LD_LIBRARY_PATH=$GENV_NVML
    echo '{"devices": [{"uuid": "GPU-a"}, {"uuid": "GPU-b"}, {"uuid": "GPU-c"}]}' >"$GENV_SIMULATOR"
    enter e 0
    genv devices attach --eid e --index 2 --quiet
    # Also in one of another installation.
    mkdir "$SCRATCH/other"
    cp "$VIEW/libnvidia-ml.so.1" "$SCRATCH/other"
    local folders
    for folders in "$VIEW" "$SCRATCH/other"; do
        [ "$(LD_LIBRARY_PATH=$folders:$GENV_NVML genv devices --format json | jq -r '.[].uuid' | xargs)" = 'GPU-a GPU-b GPU-c' ]
        [ "$(LD_LIBRARY_PATH=$folders:$GENV_NVML genv devices find --eid e)" = 2 ]
    done
    run -0 genv view -- genv attach --count 3
    [ "$output" = 'Attached to GPUs at indices 0,1,2' ]
    # Of years ago, it has fewer functions than the view.
    [ "$(LD_LIBRARY_PATH=$VIEW:$GENV_NVML/old genv devices --format json | jq -r '.[].state' | uniq)" = ok ]
    # What looks at the machine through the view still sees the environment alone.
    run -0 genv detach --index 1
    CUDA_VISIBLE_DEVICES=0,2 genv view -- monitor
    [ "$(variable CUDA_VISIBLE_DEVICES)" = GPU-a,GPU-c ]
    [ "$(variable GENV_ENVIRONMENT_ID)" = e ]
}

# Each before there is an inventory: what root writes then, everybody believes until the next boot.
@test "all of genv's programs see the whole machine in the view" {
    cp "$(dirname "$GENV_BIN")/../view/libnvidia-ml.so.1" "$VIEW"
    cp "$(dirname "$GENV_BIN")"/../libexec/genv-{monitor,top} "$PREFIX/libexec"
    unset GENV_DEVICES
    export GENV_SIMULATOR=$SCRATCH/world LD_LIBRARY_PATH=$GENV_NVML
    sleep 600 3>&- &
    members+=($!)
    echo '{"devices": [{"uuid": "GPU-a", "processes": [{"pid": '"$!"', "used_memory": 7}]}, {"uuid": "GPU-b"}, {"uuid": "GPU-c"}]}' \
        >"$GENV_SIMULATOR"
    enter e 0
    genv devices attach --eid e --index 2 --quiet
    anew() {
        rm -f "$GENV_TMPDIR"/inventory-*
        run -0 --separate-stderr genv view -- "$@"
    }
    anew genv snapshot
    [ "$(jq -c '[[.devices[].uuid], [.processes[].pid]]' <<<"$output")" = '[["GPU-a","GPU-b","GPU-c"],['"${members[0]}"']]' ]
    anew genv devices --no-header
    [ "$(wc -l <<<"$output")" -eq 3 ]
    rm -f "$GENV_TMPDIR"/inventory-*
    run genv view -- genv doctor
    [[ $output == *'nvml 550.163.01: 3 devices'* ]]
    anew genv attach --index 0
    [ "$output" = 'Attached to GPUs at indices 0,2' ]
    [[ $stderr == *"${members[0]}"* ]] # warns of whose process is there
    anew genv detach --index 0
    rm -f "$GENV_TMPDIR"/inventory-*
    run genv view -- genv enforce --interval 0 --non-env-processes --dry-run
    [[ $output == *"${members[0]}"* ]]
    [ "$status" -eq 0 ] || [[ $output == *'in a PID namespace'*'run genv on the host' ]]
    anew genv top --once
    [[ $output == *'GPU'* ]]
    [ "$(grep -cE '^ *[0-2] ' <<<"$output")" -ge 3 ]
    # A shell that tmux or JupyterLab starts there, in an environment of its own.
    anew genv run --gpus 1 -- sh -c 'genv view -- genv devices query --query index | wc -l; echo "$CUDA_VISIBLE_DEVICES"'
    [ "$output" = $'3\n1' ]
    genv view -- genv monitor --port 0 --interval 1 >"$SCRATCH/monitor" 2>&1 3>&- &
    members+=($!)
    until grep -q 'http://' "$SCRATCH/monitor"; do sleep 0.05; done
    run -0 curl -s --noproxy '*' "$(grep -o 'http://[^ ]*:[0-9]*' "$SCRATCH/monitor" | head -n 1)/metrics"
    [ "$(grep -c '^genv_device_memory_total_bytes{' <<<"$output")" -eq 3 ]
}
