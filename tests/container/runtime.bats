#!/usr/bin/env bats
# genv-container-runtime under runc and crun: what a container gets, whose it is, how long it lives; and that it is not
# there for containers that do not ask for it.

load helpers

setup_file() { container_setup_file; }
teardown_file() { container_teardown_file; }
setup() { container_setup; }
teardown() { container_teardown; }

# A lower runtime that writes down its words and the bundle's config.json.
fake_lower() {
    cat >"$SCRATCH/lower" <<END
#!/bin/bash
printf '%s\n' "\$@" >'$SCRATCH/words'
cp '$BUNDLE/config.json' '$SCRATCH/seen.json'
if grep -q createRuntime '$BUNDLE/config.json'; then $(run_hook); fi
exit \${FAKE_STATUS-0}
END
    chmod +x "$SCRATCH/lower"
    export GENV_RUNTIME=$SCRATCH/lower
    cat >"$BUNDLE/config.json"
}

with_env() {
    jq -nc '{ociVersion: "1.0.2", process: {env: $ARGS.positional}, root: {path: "rootfs"}}' --args "$@"
}

# Runs the tests' container under each of both.
each_lower() {
    local name
    for name in runc crun; do
        (use_lower "$name" && "$@") || return
    done
}

@test "a container gets its devices and no others, decided before it is created" {
    use_lower runc
    use_nodes
    # shellcheck disable=SC2016
    make_config sh -c 'env; for n in 0 1 2 3; do
        mknod /dev/try c 195 $n; echo "node $n: $(cat /dev/try 2>&1)"; rm -f /dev/try; done; ls /dev/nvidia*'
    variables GENV_GPUS=2 GENV_ENVIRONMENT_NAME=training GENV_GPU_MEMORY=4g
    run_container c1 >"$SCRATCH/out"
    cat "$SCRATCH/out"
    grep -Fx 'CUDA_VISIBLE_DEVICES=GPU-0,GPU-1' "$SCRATCH/out"
    grep -Fx 'NVIDIA_VISIBLE_DEVICES=GPU-0,GPU-1' "$SCRATCH/out"
    grep -Fx 'CUDA_DEVICE_ORDER=PCI_BUS_ID' "$SCRATCH/out"
    grep -Fx 'GENV_CONTAINER=1' "$SCRATCH/out"
    grep -Fx 'GENV_ENVIRONMENT_ID=c1' "$SCRATCH/out"
    grep -Fx 'GENV_ENVIRONMENT_NAME=training' "$SCRATCH/out"
    grep -Fx 'GENV_GPU_MEMORY=4g' "$SCRATCH/out"
    # The nodes of GPU-0 and GPU-1 have the minor numbers 3 and 2.
    [[ $(grep -c 'node [23]: .*No such device or address' "$SCRATCH/out") == 2 ]]
    [[ $(grep -c 'node [01]: .*Operation not permitted' "$SCRATCH/out") == 2 ]]
    [[ $(grep '^/dev/nvidia[0-9]' "$SCRATCH/out" | xargs) == '/dev/nvidia2 /dev/nvidia3' ]]
}

@test "its environment lives as long as its first process, and nothing is left of it" {
    use_lower runc
    make_config sleep 1000
    variables GENV_GPUS=2
    cp "$BUNDLE/config.json" "$SCRATCH/before"
    start_container c1
    [[ $(attached | xargs) == '0,c1 1,c1' ]]
    local pid
    pid=$(runtime state c1 | jq .pid)
    [[ $(genv snapshot | jq -c '.envs[0].pids') == "[$pid]" ]]
    runtime kill c1 KILL
    until [[ $(runtime state c1 | jq -r .status) == stopped ]]; do sleep 0.05; done
    [[ -z $(attached) ]]
    runtime delete c1
    [[ -z $(ls "$GENV_TMPDIR/envs") ]]
    cmp "$BUNDLE/config.json" "$SCRATCH/before"
    [[ ! -e $BUNDLE/rootfs/dev/genv && ! -e $BUNDLE/rootfs/opt && ! -e $BUNDLE/rootfs/var ]]
}

@test "crun: a container gets its environment, and leaves none" {
    use_lower crun
    make_config sleep 1000
    variables GENV_GPUS=1
    start_container c1
    [[ $(attached) == 0,c1 ]]
    runtime delete -f c1
    [[ -z $(attached) && -z $(ls "$GENV_TMPDIR/envs") ]]
}

@test "what asks for nothing passes as if genv were not there, byte for byte" {
    local text word
    for text in "$(with_env PATH=/bin)" "$(with_env GENV_GPUS=1 GENV_ACTIVATE=0)" '{"process": {"env": ["OTHER=GENV_GPUS=1"]}}' \
        'no JSON' '{"linux": {"seccomp": 1.5e300}, "x": 18446744073709551615}' 'GENV_GPUS=1' '{"a": 1, "a": "GENV_"}' \
        '{"annotations": {"x": "\u0000 GENV_GPUS=1", "GENV_GPUS": "1"}}' "{\"GENV_\": $(printf '[%.0s' {1..3000})$(printf ']%.0s' {1..3000})}" \
        '{"x": "\u0001genv 5", "process": {"env": ["NOT_GENV_GPUS=1", "GENV_OTHER=1"]}}' \
        '{"a": 1, "a": 2, "process": {"env": ["GENV_GPUS=1", "GENV_ACTIVATE=0"]}}'; do
        fake_lower <<<"$text"
        "$WRAPPER" --root /run/x --systemd-cgroup create --bundle "$BUNDLE" --pid-file 'a b' c1
        cmp "$BUNDLE/config.json" <(echo "$text")
        [[ $(xargs -d '\n' printf '<%s>' <"$SCRATCH/words") == "<--root></run/x><--systemd-cgroup><create><--bundle><$BUNDLE><--pid-file><a b><c1>" ]]
        [[ -z $(ls "$GENV_TMPDIR") && ! -e $BUNDLE/genv ]]
    done
    for word in start kill delete state list features spec --version exec; do
        fake_lower < <(with_env GENV_GPUS=1)
        "$WRAPPER" --log /x "$word" c1 'one word'
        [[ $(xargs -d '\n' printf '<%s>' <"$SCRATCH/words") == "<--log></x><$word><c1><one word>" ]]
    done
    run env FAKE_STATUS=42 "$WRAPPER" state c1
    [[ $status == 42 ]]
}

@test "the bundle is where --bundle says, however it is spelled, or the current directory" {
    local words split
    for words in 'create|--bundle|@|c1' 'create|-b|@|c1' 'create|--bundle=@|c1' 'create|-bundle|@|c1' \
        'create|-b@|c1' 'create|-b=@|c1' 'create|c1|--bundle|@' 'create|c1|-b@' 'create|--bund=@|c1' 'create|--bu|@|c1' 'run|-db|@|c1' 'run|-db@|c1' \
        '--root|create|--debug|create|--bundle=@|c1' '--new-option|value|--new-flag|run|-d|--bundle=@|c1'; do
        fake_lower < <(with_env GENV_GPUS=1)
        mapfile -t split < <(tr '|' '\n' <<<"${words/@/$BUNDLE}")
        (cd / && "$WRAPPER" "${split[@]}")
        jq -r '.process.env[]' "$SCRATCH/seen.json" | grep -Fx GENV_CONTAINER=1
    done
    fake_lower < <(with_env GENV_GPUS=1)
    (cd "$BUNDLE" && "$WRAPPER" create c1)
    jq -r '.process.env[]' "$SCRATCH/seen.json" | grep -Fx GENV_CONTAINER=1
}

@test "a link to a configuration is refused, and neither the link nor what it leads to changes" {
    fake_lower < <(with_env GENV_GPUS=1)
    mv "$BUNDLE/config.json" "$SCRATCH/real.json"
    cp "$SCRATCH/real.json" "$SCRATCH/before"
    ln -s "$SCRATCH/real.json" "$BUNDLE/config.json"
    run --separate-stderr "$WRAPPER" create --bundle "$BUNDLE" c1
    echo "$stderr"
    [[ $status == 1 && $stderr == *'config.json is a symbolic link'* && ! -e $SCRATCH/words ]]
    ln -s "$SCRATCH/real.json" "$SCRATCH/link"
    run --separate-stderr "$WRAPPER" create --bundle "$BUNDLE" --config "$SCRATCH/link" c1
    echo "$stderr"
    [[ $status == 1 && $stderr == *'link is a symbolic link'* && -L $SCRATCH/link && -L $BUNDLE/config.json ]]
    cmp "$SCRATCH/real.json" "$SCRATCH/before"
    [[ -z $(attached) ]]
}

@test "what genv does not know in config.json stays as it was" {
    fake_lower <<'END'
{"ociVersion":"1.3.0","process":{"env":["GENV_GPUS=1","A=\u0000\ud83d\ude00é"],"rlimits":[{"type":"RLIMIT_MEMLOCK","hard":18446744073709551615,"soft":18446744073709551615}]},
 "root":{"path":"rootfs"},"new":{"a":1.50,"b":1e-7,"c":[null,true,{"z":1,"a":2}],"d":"\\u0001genv 5","e":9223372036854775807},"linux":{"netDevices":{"x":{}},"resources":{"devices":[{"allow":false,"access":"rwm"}]}}}
END
    sed -i 's/\\u0000//' "$BUNDLE/config.json"
    "$WRAPPER" create --bundle "$BUNDLE" c1
    cat "$SCRATCH/seen.json"
    grep -F '"hard":18446744073709551615,"soft":18446744073709551615' "$SCRATCH/seen.json"
    grep -F '"new":{"a":1.50,"b":1e-7,"c":[null,true,{"z":1,"a":2}],"d":"\\u0001genv 5","e":9223372036854775807}' "$SCRATCH/seen.json"
    grep -F '"A=😀é"' "$SCRATCH/seen.json"
    grep -F '"netDevices":{"x":{}}' "$SCRATCH/seen.json"
}

@test "a container that is refused says why in the engine's log, and leaves nothing registered" {
    local n text
    for text in "$(with_env GENV_GPUS=5)" "$(with_env GENV_GPUS=many)" "$(with_env GENV_GPU_MEMORY=4q)" "$(with_env GENV_GPUS=1 GENV_ENVIRONMENT_ID=../x)" \
        '{"process": {"env": ["GENV_GPUS=1", ]}}' '{"a": 1, "a": 2, "process": {"env": ["GENV_ACTIVATE=1"]}}'; do
        fake_lower <<<"$text"
        rm -f "$SCRATCH/words" "$SCRATCH/log"
        run --separate-stderr "$WRAPPER" --log "$SCRATCH/log" --log-format json create --bundle "$BUNDLE" c1
        echo "$stderr"
        [[ $status == 1 && $stderr == 'genv: '* && ${#stderr_lines[@]} == 1 ]]
        [[ $(jq -r .msg "$SCRATCH/log") == "$stderr" && $(jq -r .level "$SCRATCH/log") == error ]]
        [[ ! -e $SCRATCH/words ]]
        cmp "$BUNDLE/config.json" <(echo "$text")
        [[ -z $(attached) ]]
        n=$(find "$GENV_TMPDIR/envs" -name '*.json' 2>/dev/null | wc -l)
        ((n == 0))
    done
}
