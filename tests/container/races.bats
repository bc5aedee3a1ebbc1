#!/usr/bin/env bats
# The runtime killed at each of its system calls, and many containers at once: no device is given twice, and nothing stays
# registered.

load helpers

setup_file() { container_setup_file; }
teardown_file() { container_teardown_file; }
setup() { container_setup; }
teardown() { container_teardown; }

@test "killed at each system call of create, it leaves nothing registered, and the bundle can be created again" {
    command -v strace >/dev/null || skip 'needs strace'
    strace -qq -o /dev/null true || skip 'may not trace processes here'
    export ASAN_OPTIONS=detect_leaks=0
    printf '#!/bin/sh\n%s\n' "$(run_hook)" >"$SCRATCH/lower"
    chmod +x "$SCRATCH/lower"
    export GENV_RUNTIME=$SCRATCH/lower
    jq -nc '{process: {env: ["GENV_GPUS=1"]}, root: {path: "rootfs"}, mounts: [{destination: "/dev", type: "tmpfs"}]}' \
        >"$BUNDLE/config.json"
    cp "$BUNDLE/config.json" "$SCRATCH/before"
    make_env 0 keeper 0
    local create=("$WRAPPER" create --bundle "$BUNDLE" c1) name k points=0 step every
    "${create[@]}"
    strace -qq -o "$SCRATCH/trace" "${create[@]}"
    # From where it reads the bundle to where it starts the lower runtime.
    awk -F'(' -v bundle="$BUNDLE" '/^[a-z0-9_]+\(/ { count[$1]++; if (index($0, bundle)) seen = 1; if (seen) print $1, count[$1] }
        /^v?(fork|clone)/ && seen { exit }' "$SCRATCH/trace" >"$SCRATCH/calls"
    every=$(size 4 1)
    while read -r name k; do
        ((step++ % every == 0)) || continue
        strace -qq -o /dev/null -e inject="$name:signal=KILL:when=$k" "${create[@]}" >/dev/null 2>&1 && continue
        [[ -z $(attached) ]] || { echo "at $name $k:"; attached; return 1; }
        # It is the old config.json or the new one, and what comes next starts from the old one.
        jq -e .process "$BUNDLE/config.json" >/dev/null
        genv envs config --eid keeper name --name "at $name $k"
        [[ $(ls "$GENV_TMPDIR/envs") == keeper.json ]]
        "${create[@]}"
        [[ $(jq '[.mounts[] | select(.destination == "/dev/genv")] | length' "$BUNDLE/config.json") == 1 ]]
        [[ $(jq '.hooks.poststop | length' "$BUNDLE/config.json") == 1 ]]
        cmp "$BUNDLE/genv/original.json" "$SCRATCH/before"
        points=$((points + 1))
    done <"$SCRATCH/calls"
    echo "# killed at $points system calls" >&3
    ((points > 20))
}

@test "killed while the lower runtime creates the container, it takes that with it" {
    mkfifo "$SCRATCH/fifo"
    printf '#!/bin/sh\necho $$ >"%s/pid"\nread -r line <"%s/fifo"\n' "$SCRATCH" "$SCRATCH" >"$SCRATCH/lower"
    chmod +x "$SCRATCH/lower"
    export GENV_RUNTIME=$SCRATCH/lower
    jq -nc '{process: {env: ["GENV_GPUS=1"]}}' >"$BUNDLE/config.json"
    "$WRAPPER" create --bundle "$BUNDLE" c1 3>&- &
    until [[ -s $SCRATCH/pid ]]; do sleep 0.01; done
    [[ $(attached) == 0,c1 ]]
    kill -KILL "$!"
    wait "$!" || true
    while kill -0 "$(<"$SCRATCH/pid")" 2>/dev/null; do sleep 0.01; done
    [[ -z $(attached) ]]
}

@test "a lower runtime that fails leaves nothing registered" {
    printf '#!/bin/sh\nexit 1\n' >"$SCRATCH/lower"
    chmod +x "$SCRATCH/lower"
    export GENV_RUNTIME=$SCRATCH/lower
    jq -nc '{process: {env: ["GENV_GPUS=1"]}}' >"$BUNDLE/config.json"
    run "$WRAPPER" create --bundle "$BUNDLE" c1
    [[ $status == 1 && -z $(attached) ]]
}

@test "an environment that ends while a container enters it is not made anew, without devices" {
    command -v strace >/dev/null || skip 'needs strace'
    strace -qq -o /dev/null true || skip 'may not trace processes here'
    export ASAN_OPTIONS=detect_leaks=0
    printf '#!/bin/sh\ntouch "%s/called"\n' "$SCRATCH" >"$SCRATCH/lower"
    chmod +x "$SCRATCH/lower"
    export GENV_RUNTIME=$SCRATCH/lower
    jq -nc '{process: {env: ["GENV_ENVIRONMENT_ID=mine"]}}' >"$BUNDLE/config.json"
    make_env 0 mine 2
    # Whoever looks still can; the change waits.
    exec 9<"$GENV_TMPDIR/genv.lock"
    flock -s 9
    strace -qq -e trace=flock -o "$SCRATCH/trace" "$WRAPPER" create --bundle "$BUNDLE" c1 2>"$SCRATCH/err" 3>&- 9>&- &
    local pid=$! status=0
    until grep -q 'LOCK_EX.*EAGAIN' "$SCRATCH/trace"; do
        kill -0 "$pid"
        sleep 0.01
    done
    kill "${MEMBERS[0]}"
    wait "${MEMBERS[0]}" || true
    exec 9<&-
    wait "$pid" || status=$?
    cat "$SCRATCH/err"
    [[ $status == 1 && $(<"$SCRATCH/err") == 'genv: environment mine ended while the container was being created' && ! -e $SCRATCH/called ]]
    [[ -z $(ls "$GENV_TMPDIR/envs") ]]
}

@test "many containers at once for 4 devices: 4 start, the others are refused with the reason" {
    use_lower runc
    local n count pids=()
    count=$(size 24 100)
    make_config sleep 1000
    variables GENV_GPUS=1
    edit_config --arg root "$BUNDLE/rootfs" '.root.path = $root'
    for ((n = 0; n < count; n++)); do
        mkdir "$SCRATCH/b$n"
        jq --arg n "$n" '.linux.cgroupsPath += "-\($n)"' "$BUNDLE/config.json" >"$SCRATCH/b$n/config.json"
        CONTAINERS+=("many-$n")
    done
    for ((n = 0; n < count; n++)); do
        runtime create --bundle "$SCRATCH/b$n" "many-$n" </dev/null >/dev/null 2>"$SCRATCH/err$n" 3>&- &
        pids+=("$!")
    done
    local started=0
    for ((n = 0; n < count; n++)); do
        if wait "${pids[n]}"; then
            started=$((started + 1))
        else
            [[ $(<"$SCRATCH/err$n") == 'genv: '*available* ]] || { cat "$SCRATCH/err$n"; return 1; }
        fi
    done
    ((started == 4))
    [[ $(attached | cut -d, -f1 | xargs) == '0 1 2 3' ]]
    [[ $(find "$GENV_TMPDIR/envs" -name '*.json' | wc -l) == 4 ]]
    for ((n = 0; n < count; n++)); do runtime delete -f "many-$n" 2>/dev/null || true; done
    [[ -z $(attached) && -z $(ls "$GENV_TMPDIR/envs") ]]
}
