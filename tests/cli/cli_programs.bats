#!/usr/bin/env bats
# genv run and genv lock.
# shellcheck disable=SC2154 # set by bats and by the helpers

load cli_helpers

@test "run: variables, PATH, and nothing left behind" {
    expect 0 "3 x y 4g 0,1,2 PCI_BUS_ID" genv run --gpus 3 --name 'x y' --gpu-memory 4g -- \
        sh -c 'echo "$GENV_GPUS $GENV_ENVIRONMENT_NAME $GENV_GPU_MEMORY $CUDA_VISIBLE_DEVICES $CUDA_DEVICE_ORDER"'
    expect 0 "$(genv root)/shims:$PATH" genv run -- sh -c 'echo "$PATH"'
    expect 0 "$(genv root)/shims:$PATH" genv run -- genv run -- sh -c 'echo "$PATH"'
    expect 0 '' genv envs query --query eid
}

@test "run: without devices, and in place of what was set" {
    export GENV_ENVIRONMENT_ID=gone GENV_ENVIRONMENT_NAME=old GENV_GPUS=7 GENV_GPU_MEMORY=1g CUDA_VISIBLE_DEVICES=5
    expect 0 '-1 unset unset unset' genv run sh -c 'echo "$CUDA_VISIBLE_DEVICES ${GENV_ENVIRONMENT_NAME-unset} ${GENV_GPUS-unset} ${GENV_GPU_MEMORY-unset}"'
}

@test "run: the environment is that of the command's own process" {
    expect 0 'same' genv run sh -c '[ "$GENV_ENVIRONMENT_ID" = $$ ] && [ "$(genv envs find --pid $$)" = $$ ] && echo same'
    expect 0 'Environment is active' bash -c 'genv run --gpus 1 genv status | sed "1s/ (.*//;q"'
}

# Runs it with this shell as the program that starts the kernel, and can start it again; compares its output with $1.
expect_of_kernel() {
    local wanted=$1
    shift
    genv run --kernel "$@" >out
    [ "$(<out)" = "$wanted" ] || { cat out; return 1; }
}

@test "run: a kernel has its devices while it restarts, and no longer" {
    mkdir dir
    echo '{}' >dir/kernel-a-1.json
    expect_of_kernel 'a-1 0' --gpus 1 --name x -- \
        sh -c 'echo "$GENV_ENVIRONMENT_ID $CUDA_VISIBLE_DEVICES"' - dir/kernel-a-1.json
    expect 0 'a-1,a-1,' genv envs query --query eid kernel_ids pids
    expect 0 0 genv devices find --eid a-1
    genv devices attach --eid a-1 --count 2
    expect_of_kernel '0,1 x' --gpus 1 --name y -- \
        sh -c 'echo "$CUDA_VISIBLE_DEVICES $GENV_ENVIRONMENT_NAME"' - "$PWD/dir/kernel-a-1.json"
    genv run --kernel -- /nowhere/python dir/kernel-a-1.json 2>out && return 1
    [ "$(<out)" = "genv: command not found: '/nowhere/python'" ]
    expect 0 0,1 genv devices find --eid a-1
    rm dir/kernel-a-1.json
    expect 0 '' genv envs query --query eid
}

@test "run: a kernel whose manager was killed has no devices, although its file is there" {
    echo '{}' >kernel-a.json
    run -137 --separate-stderr bash -c '
        genv run --kernel --gpus 1 -- true kernel-a.json
        genv devices find --eid a
        kill -KILL $$'
    [ "$output" = 0 ]
    expect 0 '' genv envs query --query eid
}

@test "run: a kernel that outlives its manager has its devices until it ends" {
    local pid
    echo '{}' >kernel-a.json
    # shellcheck disable=SC2016 # for the shell that is run
    bash -c 'genv run --kernel --gpus 1 -- sh -c "exec sleep 600" - kernel-a.json 3>&- >/dev/null & echo $! >pid
        until [ -n "$(genv devices find --eid a 2>/dev/null)" ]; do sleep 0.05; done'
    pid=$(<pid)
    expect 0 "a,a,$pid" genv envs query --query eid kernel_ids pids
    kill -KILL "$pid"
    until [ -z "$(genv envs query --query eid)" ]; do sleep 0.05; done
}

@test "run: a kernel is called as its file is, the last one that its command names" {
    local show='echo "$(genv envs find --kernel-id b) $GENV_ENVIRONMENT_ID"'
    echo '{}' >b.json
    expect 0 'b b' genv run --kernel -- sh -c "$show" other.json b.json
    expect 0 'b b' genv run --kernel -- sh -c "$show" - other.json "--f=$PWD/b.json"
    rm b.json
    expect_refusal 'there is no kernel c' genv run --kernel -- true -f kernel-c.json
    echo '{}' >'kernel-a b.json'
    expect_refusal 'invalid Jupyter kernel ID' genv run --kernel -- true 'kernel-a b.json'
    for words in '' '-f' '{connection_file}' '.json' '--f='; do
        expect_refusal 'names no connection file' genv run --kernel -- true $words
    done
    expect 0 '' genv envs query --query eid
}

@test "run: a kernel that another user claims has an environment of its own" {
    [ "$EUID" -eq 0 ] || skip 'needs root to be two users'
    echo '{}' >kernel-z.json
    echo '{}' >theirs
    start_member
    genv envs activate --eid a --pid "$member"
    python3 - <<'END'
import json, os
path = os.path.join(os.environ["GENV_TMPDIR"], "envs", "a.json")
record = json.load(open(path))
record["kernels"] = [{"id": "z", "connection_file": os.path.realpath("theirs")}]
with open(path, "w") as file:
    json.dump(record, file)
END
    chown 60777 "$GENV_TMPDIR/envs/a.json" theirs
    expect 0 a genv envs find --kernel-id z
    expect_of_kernel 'z 0' --gpus 1 -- sh -c 'echo "$GENV_ENVIRONMENT_ID $CUDA_VISIBLE_DEVICES"' - kernel-z.json
    genv devices attach --eid z --count 2
    expect_of_kernel 'z 0,1' --gpus 1 -- sh -c 'echo "$GENV_ENVIRONMENT_ID $CUDA_VISIBLE_DEVICES"' - kernel-z.json
}

@test "run: a kernel that cannot be started, or not have its devices, leaves nothing" {
    echo '{}' >kernel-d.json
    expect 127 '' genv run --kernel --gpus 1 -- /nowhere/python kernel-d.json
    expect_refusal 'cannot attach 99 devices' genv run --kernel --gpus 99 -- true kernel-d.json
    expect 0 '' genv envs query --query eid
}

@test "run: a kernel is isolated where the project says so, also when it restarts" {
    genv run --isolate -- true || skip "$(genv run --isolate -- true 2>&1)"
    mkdir .genv
    echo yes >.genv/isolate
    echo '{}' >kernel-i.json
    for _ in 1 2; do
        expect_of_kernel "i $(genv devices --format json | jq -r '.[0].uuid')" --gpus 1 -- \
            sh -c 'echo "$GENV_ENVIRONMENT_ID $GENV_ISOLATED"' - kernel-i.json
    done
}

@test "run: devices by UUID" {
    GENV_VISIBLE_DEVICES=uuid expect 0 "$(genv devices --format json | jq -r '[.[].uuid] | .[0:2] | join(",")')" \
        genv run --gpus 2 sh -c 'echo "$CUDA_VISIBLE_DEVICES"'
}

@test "run: the saved configuration is loaded, with a line, and options win" {
    mkdir .genv
    echo 2 >.genv/gpus
    echo 'a name' >.genv/name
    # shellcheck disable=SC2016 # for the shell that is run
    local show='echo "$CUDA_VISIBLE_DEVICES ${GENV_ENVIRONMENT_NAME-}"'
    expect 0 '0,1 a name' genv run sh -c "$show"
    [ "$stderr" = "genv: loaded name a name, gpus 2 from $PWD/.genv" ]
    expect 0 '0 a name' genv run --gpus 1 sh -c "$show"
    [ "$stderr" = "genv: loaded name a name from $PWD/.genv" ]
    expect 0 '-1 a name' genv run --no-attach sh -c "$show"
    expect 0 '-1 ' genv run --no-load sh -c "$show"
    [ -z "$stderr" ]
    expect 0 '0 x' genv run --gpus 1 --name x sh -c "$show"
    [ -z "$stderr" ]
    echo -2 >.genv/gpus
    expect_refusal ".genv/gpus: '-2' is not a device count" genv run true
    expect 0 '' genv envs query --query eid
}

@test "run: the exit status is the command's" {
    local status_
    for status_ in 0 1 2 42 255; do
        run genv run sh -c "exit $status_"
        [ "$status" -eq "$status_" ]
    done
    run genv run sh -c 'kill -TERM $$'
    [ "$status" -eq 143 ]
    run genv run sh -c 'kill -KILL $$'
    [ "$status" -eq 137 ]
    expect 0 '' genv envs query --query eid
}

@test "run: a command that can't be started" {
    expect 127 '' genv run --gpus 4 no-such-command
    [ "$stderr" = "genv: command not found: 'no-such-command'" ]
    touch plain
    expect 126 '' genv run --gpus 4 ./plain
    [ "$stderr" = "genv: cannot execute './plain': Permission denied" ]
    expect 126 '' genv run --gpus 4 /
    expect 0 0,1,2,3 genv run --gpus 4 sh -c 'echo "$CUDA_VISIBLE_DEVICES"'
}

@test "run: a folder in PATH that may not be looked into hides nothing" {
    mkdir -m 000 closed
    touch plain
    if [ -x closed/. ]; then skip 'root may look everywhere'; fi
    PATH=$PWD/closed:$PATH expect 127 '' genv run no-such-command
    PATH=$PWD/closed:$PATH:$PWD expect 126 '' genv run plain
    PATH=$PWD/closed:$PATH expect 0 x genv run echo x
}

@test "run: not started without its devices" {
    make_env a
    genv devices attach --eid a --count 2
    expect_refusal 'cannot attach 3 devices' genv run --gpus 3 touch started
    [ ! -e started ]
    expect 0 a genv envs query --query eid
    expect 0 0,2,3 genv run --gpus 3 -o sh -c 'echo "$CUDA_VISIBLE_DEVICES"'
}

@test "run: standard streams are the command's, words arrive as they are" {
    expect 0 'in' bash -c 'echo in | genv run cat'
    expect 0 "a b|\$(x)|*||" genv run printf '%s|' 'a b' '$(x)' '*' ''
}

@test "run: killed, its devices are free" {
    genv run --gpus 4 sleep 600 3>&- &
    local runner=$!
    members+=("$runner")
    until [ "$(genv devices find --eid "$runner" 2>/dev/null)" = 0,1,2,3 ]; do :; done
    kill -9 "$runner"
    wait "$runner" || true
    expect 0 0,1,2,3 genv run --gpus 4 sh -c 'echo "$CUDA_VISIBLE_DEVICES"'
}

# Holds the lock on what environment $1 is attached to, until its process is killed.
hold_lock() {
    GENV_ENVIRONMENT_ID=$1 genv lock sh -c 'touch "$1"; exec sleep 600' sh "$BATS_TEST_TMPDIR/held" 3>&- &
    holder=$!
    members+=("$holder")
    until [ -e "$BATS_TEST_TMPDIR/held" ]; do :; done
}

make_rivals() {
    make_env a
    make_env b
    genv devices attach --eid a --index 1
    genv devices attach --eid b --index 1 -o
    genv devices attach --eid b --index 2
}

@test "lock: without an environment, or detached, the command just runs" {
    expect 0 x genv lock echo x
    GENV_ENVIRONMENT_ID=gone expect 0 x genv lock echo x
    make_env a
    GENV_ENVIRONMENT_ID=a expect 0 x genv lock -n echo x
}

@test "lock: held by another, refused at once, or after a while" {
    make_rivals
    hold_lock a
    export GENV_ENVIRONMENT_ID=b
    expect_refusal '' genv lock -n echo x
    expect_refusal '' genv lock --nonblock echo x
    expect_refusal '' genv lock -w 0 echo x
    expect_refusal '' genv lock -w 0.05 echo x
    expect_refusal '' genv lock --timeout=0.05 echo x
    kill "$holder"
    wait "$holder" || true
    expect 0 x genv lock -n echo x
}

@test "lock: waits until it is free" {
    make_rivals
    hold_lock a
    GENV_ENVIRONMENT_ID=b genv lock touch "$BATS_TEST_TMPDIR/done" 3>&- &
    local waiter=$!
    members+=("$waiter")
    sleep 0.2
    [ ! -e "$BATS_TEST_TMPDIR/done" ]
    kill "$holder"
    wait "$waiter"
    [ -e "$BATS_TEST_TMPDIR/done" ]
}

@test "lock: says that it waits, and for whom" {
    make_rivals
    hold_lock a
    GENV_ENVIRONMENT_ID=b genv lock true 2>"$BATS_TEST_TMPDIR/said" 3>&- &
    members+=("$!")
    until [ -s "$BATS_TEST_TMPDIR/said" ]; do sleep 0.05; done
    cat "$BATS_TEST_TMPDIR/said"
    grep -q -E '^genv: waiting: device 1 is locked by ' "$BATS_TEST_TMPDIR/said"
    GENV_ENVIRONMENT_ID=b expect_refusal "device 1 is locked by " genv lock -w 0.05 true
}

@test "lock: inside itself it does not wait again" {
    make_rivals
    GENV_ENVIRONMENT_ID=a expect 0 x genv lock genv lock genv lock -n echo x
}

@test "lock: a token that is somebody else's is not believed" {
    make_rivals
    hold_lock a
    GENV_ENVIRONMENT_ID=b GENV_LOCK=1:1:1, expect_refusal '' genv lock -n echo x
}

@test "lock: the exit status is the command's" {
    make_rivals
    export GENV_ENVIRONMENT_ID=a
    run genv lock sh -c 'exit 7'
    [ "$status" -eq 7 ]
    run genv lock sh -c 'kill -TERM $$'
    [ "$status" -eq 143 ]
    expect 127 '' genv lock no-such-command
    expect 126 '' genv lock /
    GENV_ENVIRONMENT_ID=b expect 0 x genv lock -n echo x
}
