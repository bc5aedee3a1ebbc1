#!/usr/bin/env bats
# genv ray, with a program in place of Ray. The real one is in tests/python/ray_test.py.
# shellcheck disable=SC2154 # set by bats and by the helpers

load cli_helpers

# A "ray" that notes its words and variables, and runs the code in $RAY_DOES. Its raylet is a process of that name.
make_ray() {
    mkdir "$BATS_TEST_TMPDIR/bin"
    cp "$(command -v sleep)" "$BATS_TEST_TMPDIR/bin/raylet"
    cat >"$BATS_TEST_TMPDIR/bin/ray" <<'PROGRAM'
#!/bin/sh
printf '%s\n' "$@" >"$BATS_TEST_TMPDIR/words"
echo "$CUDA_VISIBLE_DEVICES $GENV_ENVIRONMENT_ID $GENV_ENVIRONMENT_NAME" >"$BATS_TEST_TMPDIR/variables"
start_raylet() {
    raylet 600 >/dev/null 2>&1 3>&- &
    echo $! >"$BATS_TEST_TMPDIR/raylet"
    until [ "$(cat "/proc/$!/comm")" = raylet ]; do sleep 0.01; done
}
eval "$RAY_DOES"
PROGRAM
    chmod +x "$BATS_TEST_TMPDIR/bin/ray"
    PATH=$BATS_TEST_TMPDIR/bin:$PATH
    export BATS_TEST_TMPDIR RAY_DOES=${1-start_raylet}
}

# The raylet is nobody's child here: a zombie, or gone.
wait_for_raylet() {
    while [[ $(ps -o stat= -p "$(<"$BATS_TEST_TMPDIR/raylet")") == [!Z]* ]]; do sleep 0.01; done
}

end_raylet() {
    kill "$(<"$BATS_TEST_TMPDIR/raylet")"
    wait_for_raylet
}

@test "ray start: the environment is the node's, and ends with it" {
    make_ray
    genv ray start --gpus 2 --head
    [ "$(cat "$BATS_TEST_TMPDIR/variables")" = "0,1 $(genv envs query --query eid) ray" ]
    expect 0 "$(<"$BATS_TEST_TMPDIR/raylet")" genv envs query --query pids
    expect 0 '2' sh -c 'genv devices --format json | jq "[.[] | select(.attachments != [])] | length"'
    expect_refusal '' genv run --gpus 3 true
    end_raylet
    expect 0 '' genv envs query --query eid
}

@test "ray start: what it prints" {
    make_ray 'echo started; start_raylet'
    run -0 genv ray start --gpus 2
    end_raylet
    [ "${lines[0]}" = started ]
    [[ ${lines[1]} =~ ^Ray\ is\ running\ in\ environment\ [0-9]+$ ]]
    [ "${lines[2]}" = 'Attached to GPUs at indices 0,1' ]
}

@test "ray start: genv's options anywhere before --, the rest is Ray's, as it is" {
    make_ray 'exit 0'
    run genv ray start --head --gpus 1 -v --resources '{"a b": 1}' --port=0 --name 'x y' -- --gpus 7 --
    printf '%s\n' start --num-gpus=1 --head -v --resources '{"a b": 1}' --port=0 --gpus 7 -- |
        diff - "$BATS_TEST_TMPDIR/words"
    [[ $(cat "$BATS_TEST_TMPDIR/variables") == '0 '*' x y' ]]
    run genv ray start --num-gpus 3
    [ "$(paste -sd ' ' "$BATS_TEST_TMPDIR/words")" = 'start --num-gpus=3' ]
    run genv ray start
    [ "$(paste -sd ' ' "$BATS_TEST_TMPDIR/words")" = 'start --num-gpus=0' ]
    expect_usage_error "--gpus: 'x'" genv ray start --gpus x
}

@test "ray start: the saved configuration is loaded" {
    make_ray 'exit 0'
    mkdir .genv
    echo 2 >.genv/gpus
    run genv ray start --head
    [ "$(paste -sd ' ' "$BATS_TEST_TMPDIR/words")" = 'start --num-gpus=2 --head' ]
    run genv ray start --no-load
    [ "$(paste -sd ' ' "$BATS_TEST_TMPDIR/words")" = 'start --num-gpus=0' ]
}

@test "ray start: a node that does not start leaves nothing" {
    make_ray 'exit 3'
    expect 3 '' genv ray start --gpus 2
    [ -z "$stderr" ]
    RAY_DOES='kill -TERM $$' expect 143 '' genv ray start --gpus 2
    RAY_DOES='exit 0' expect_refusal 'ray has started no node, or it has ended already' genv ray start --gpus 2
    expect 0 '' genv envs query --query eid
}

@test "ray start: a node whose start fails is ended" {
    make_ray 'start_raylet; exit 4'
    expect 4 '' genv ray start --gpus 2
    expect 0 '' genv envs query --query eid
    wait_for_raylet
}

@test "ray start --block: becomes ray, which is the environment" {
    # shellcheck disable=SC2016 # for the shell that is run
    make_ray '[ "$GENV_ENVIRONMENT_ID" = $$ ] && genv envs query --query pids; exit 5'
    run -5 --separate-stderr genv ray start --gpus 1 --block
    [[ $output =~ ^[0-9]+$ ]]
    expect 0 '' genv envs query --query eid
}

@test "ray start: without devices, ray is not started" {
    make_ray
    expect_refusal 'cannot attach 5 devices' genv ray start --gpus 5
    [ ! -e "$BATS_TEST_TMPDIR/words" ]
}

@test "ray stop: Ray's options are passed on" {
    make_ray 'exit 6'
    expect 6 '' genv ray stop --force -g 5 -- -v
    [ "$(paste -sd ' ' "$BATS_TEST_TMPDIR/words")" = 'stop --force -g 5 -v' ]
}

@test "without Ray, the error says what to do" {
    if command -v ray; then skip 'there is a Ray here'; fi
    expect 127 '' genv ray stop
    [[ $stderr == "genv: command not found: 'ray': run 'pip install ray'"* ]]
    expect 127 '' genv ray start --gpus 1
    [[ $stderr == "genv: command not found: 'ray': run 'pip install ray'"* ]]
    expect 0 '' genv envs query --query eid
}
