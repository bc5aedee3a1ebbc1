#!/usr/bin/env bats
# Whose a container is: by a claim that nobody else can know, in the limits of that user; and nobody enters another's.

load helpers

setup_file() { container_setup_file; }
teardown_file() { container_teardown_file; }

setup() {
    container_setup
    use_lower runc
    make_config sleep 1000
}

teardown() { container_teardown; }

as_alice() { setpriv --reuid 60601 --regid 60601 --clear-groups "$@"; }

# The claim that genv-docker makes for user $1.
claim() {
    setpriv --reuid "$1" --regid "$1" --clear-groups env GENV_DOCKER=echo genv-docker run img | grep -o 'GENV_CLAIM=[^ ]*'
}

# The owner of environment $1.
owner() {
    genv snapshot | jq --arg eid "$1" '.envs[] | select(.eid == $eid).uid'
}

# Starts container $1 with the variables behind; it is to be refused, with the text $TEXT.
refused() {
    make_config sleep 1000
    variables "${@:2}"
    ! start_container "$1"
    cat "$SCRATCH/$1.err"
    [[ $(<"$SCRATCH/$1.err") == *"$TEXT"* ]]
    ! "$LOWER" --root "$SCRATCH/run" state "$1" 2>/dev/null
}

@test "a container is its claimant's, and root's without a claim" {
    variables GENV_GPUS=1 "$(claim 60601)"
    start_container hers
    [[ $(owner hers) == 60601 ]]
    [[ $(stat -c %u "$GENV_TMPDIR/envs/hers.json") == 60601 ]]
    [[ $(as_alice genv devices detach --eid hers; attached) == '' ]]
    make_config sleep 1000
    variables GENV_GPUS=1
    start_container roots
    [[ $(owner roots) == 0 ]]
    run ! as_alice genv devices detach --eid roots
    [[ $(attached) == 0,roots ]]
}

@test "a claim is for one container, which may come again; it is not in the container" {
    local claim
    claim=$(claim 60601)
    make_config sh -c 'env >/env; exec sleep 1000'
    variables "$claim"
    start_container first
    until [[ -s $BUNDLE/rootfs/env ]]; do sleep 0.05; done
    run ! grep CLAIM "$BUNDLE/rootfs/env"
    TEXT='nobody has claimed this container' refused second "$claim"
    runtime delete -f first
    [[ -z $(ls "$GENV_TMPDIR/claims") ]]
    make_config sleep 1000
    variables "$claim"
    start_container first
    [[ $(owner first) == 60601 ]]
    TEXT='nobody has claimed' refused third GENV_CLAIM=0123456789abcdef.0123456789abcdef0123456789abcdef
    TEXT='is not valid' refused third GENV_CLAIM=../../etc/passwd
}

@test "of many redeemed claims nobody loses one by what another user does" {
    local n vouched=$GENV_TMPDIR/vouched
    printf '#!/bin/sh\n%s\n' "$(run_hook)" >"$SCRATCH/lower"
    chmod +x "$SCRATCH/lower"
    export GENV_RUNTIME=$SCRATCH/lower
    variables "$(claim 60601)"
    "$WRAPPER" create --bundle "$BUNDLE" c1
    # What it remembers is "CLAIM UID": there are 3500 of another user's, used long ago, and 1024 of hers.
    sed s/60601/60602/ "$vouched/container.c1" >"$SCRATCH/other"
    for ((n = 0; n < 3500; n++)); do echo "$vouched/container.other-$n"; done | xargs -d '\n' -n 500 sh -c 'for f; do cat "$0" >"$f"; done' "$SCRATCH/other"
    for ((n = 0; n < 1023; n++)); do cp "$vouched/container.c1" "$vouched/container.hers-$n"; done
    find "$vouched" -name 'container.other-*' -exec touch -d '1 year ago' {} +
    find "$vouched" -name 'container.hers-*' -exec touch -d '2 days ago' {} +
    touch -d '3 days ago' "$vouched/container.hers-500"
    printf '#!/bin/sh\n%s\n' "$(run_hook c1-again)" >"$SCRATCH/lower"
    jq -nc '{process: {env: $ARGS.positional}}' --args "$(claim 60601)" >"$BUNDLE/config.json"
    "$WRAPPER" create --bundle "$BUNDLE" c1-again
    [[ $(find "$vouched" -name 'container.other-*' | wc -l) == 3500 ]]
    [[ $(find "$vouched" -name 'container.hers-*' | wc -l) == 1022 && ! -e $vouched/container.hers-500 ]]
    [[ -e $vouched/container.c1 && -e $vouched/container.c1-again ]]
}

@test "nobody enters another's environment by naming it" {
    make_env 60601 hers 2
    TEXT='belongs to another user' refused c1 GENV_ENVIRONMENT_ID=hers
    TEXT='belongs to' refused c2 GENV_ENVIRONMENT_ID=hers "$(claim 60602)"
    [[ $(genv snapshot | jq -c '.envs[] | [.eid, (.pids | length)]') == '["hers",1]' ]]
}

@test "its owner enters it: its devices, as many as are asked for, and no more" {
    make_env 60601 hers 2
    make_config sh -c 'env >/env; exec sleep 1000'
    variables GENV_ENVIRONMENT_ID=hers GENV_GPUS=1 "$(claim 60601)"
    start_container c1
    until [[ -s $BUNDLE/rootfs/env ]]; do sleep 0.05; done
    [[ $(grep -c , <(grep CUDA_VISIBLE "$BUNDLE/rootfs/env")) == 0 ]]
    [[ $(attached | xargs) == '0,hers 1,hers' ]]
    [[ $(genv snapshot | jq '.envs[0].pids | length') == 2 ]]
    TEXT='has 2 attached devices, but the container asks for 3' refused c2 GENV_ENVIRONMENT_ID=hers GENV_GPUS=3 "$(claim 60601)"
    TEXT='leave out GENV_GPU_MEMORY' refused c3 GENV_ENVIRONMENT_ID=hers GENV_GPU_MEMORY=1g "$(claim 60601)"
    # It outlives whoever it was first, and ends with the last one.
    kill "${MEMBERS[0]}"
    wait "${MEMBERS[0]}" || true
    [[ $(attached | xargs) == '0,hers 1,hers' ]]
    runtime delete -f c1
    [[ -z $(attached) ]]
}

nodes_of_gpus() {
    jq -r '.linux.devices[].path' "$BUNDLE/config.json" | grep 'nvidia[0-9]'
}

@test "who enters it may say which of its devices; nothing that is not attached, nor of an environment of its own" {
    local shown count=0
    use_nodes
    make_env 60601 other 1
    make_env 60601 hers 2 # GPU-1 and GPU-2
    make_config sh -c 'env >/env; exec sleep 1000'
    variables GENV_ENVIRONMENT_ID=hers GENV_DEVICE_UUIDS=GPU-2 GENV_GPUS=1 "$(claim 60601)"
    start_container c1
    until [[ -s $BUNDLE/rootfs/env ]]; do sleep 0.05; done
    grep -x CUDA_VISIBLE_DEVICES=GPU-2 "$BUNDLE/rootfs/env"
    run ! grep GENV_DEVICE_UUIDS "$BUNDLE/rootfs/env"
    [[ $(nodes_of_gpus) == /dev/nvidia1 ]]
    for shown in GPU-1,GPU-2 GPU-2,GPU-1 'GPU-2,GPU-2,GPU-1,'; do
        make_config sleep 1000
        variables GENV_ENVIRONMENT_ID=hers GENV_DEVICE_UUIDS="$shown" "$(claim 60601)"
        start_container "c-$((++count))"
        [[ $(nodes_of_gpus | sort | xargs) == '/dev/nvidia1 /dev/nvidia2' ]]
    done
    TEXT='device GPU-0 is not attached to environment hers, which the container joins' \
        refused c2 GENV_ENVIRONMENT_ID=hers GENV_DEVICE_UUIDS=GPU-1,GPU-0 "$(claim 60601)"
    TEXT='device all is not attached to environment hers' refused c3 GENV_ENVIRONMENT_ID=hers GENV_DEVICE_UUIDS=all "$(claim 60601)"
    TEXT='GENV_GPUS is 2, but GENV_DEVICE_UUIDS names 1' \
        refused c4 GENV_ENVIRONMENT_ID=hers GENV_DEVICE_UUIDS=GPU-1 GENV_GPUS=2 "$(claim 60601)"
    TEXT='set GENV_ENVIRONMENT_ID, or set GENV_GPUS instead' refused c5 GENV_DEVICE_UUIDS=GPU-1 "$(claim 60601)"
    TEXT='there is no environment gone, whose devices GENV_DEVICE_UUIDS names' \
        refused c6 GENV_ENVIRONMENT_ID=gone GENV_DEVICE_UUIDS=GPU-1 "$(claim 60601)"
    [[ $(attached | xargs) == '0,other 1,hers 2,hers' ]]
    # An environment that has ended comes back with as many.
    make_config sleep 1000
    variables GENV_ENVIRONMENT_ID=gone GENV_DEVICE_UUIDS=GPU-1 GENV_GPUS=1 "$(claim 60601)"
    start_container c7
    [[ $(attached | grep gone) == 3,gone ]]
}

@test "a node of its devices may have a second name; one that has its own is there once" {
    use_nodes
    make_env 0 other 1
    make_env 0 mine 1 # GPU-1, whose node is 2
    make_config sh -c 'ls /dev'
    variables GENV_ENVIRONMENT_ID=mine
    edit_config '.linux.devices += [{path: "/dev/nvidia7", type: "c", major: 195, minor: 2}, {path: "/dev/nvidia2", type: "c", major: 195, minor: 2}]'
    [[ $(run_container c1 | grep 'nvidia[0-9]' | xargs) == 'nvidia2 nvidia7' ]]
    [[ $(nodes_of_gpus | xargs) == '/dev/nvidia7 /dev/nvidia2' ]]
}

@test "the limits file counts containers" {
    mkdir "$SCRATCH/etc"
    echo '60601 devices 1' >"$SCRATCH/etc/limits.conf"
    variables GENV_GPUS=1 "$(claim 60601)"
    limited() { unshare -m sh -c 'mount -t tmpfs none /etc/opt && mkdir -p /etc/opt/u /etc/opt/w &&
        mount -t overlay -o lowerdir=/etc,upperdir=/etc/opt/u,workdir=/etc/opt/w none /etc && mkdir -p /etc/genv &&
        cp "$1" /etc/genv/limits.conf && shift && exec "$@"' sh "$SCRATCH/etc/limits.conf" "$@"; }
    limited true || skip 'may not mount over /etc'
    CONTAINERS+=(c1)
    limited "$WRAPPER" --root "$SCRATCH/run" create --bundle "$BUNDLE" c1 </dev/null >/dev/null 2>&1 3>&-
    [[ $(attached) == 0,c1 ]]
    make_config sleep 1000
    variables GENV_GPUS=1 "$(claim 60601)"
    run limited "$WRAPPER" --root "$SCRATCH/run" create --bundle "$BUNDLE" c2
    echo "$output"
    [[ $status == 1 && $output == *'would hold 2 devices'* ]]
    [[ $(attached) == 0,c1 ]]
}

@test "GENV_RUNTIME in a container's environment names nothing" {
    cat >"$SCRATCH/evil" <<END
#!/bin/sh
touch '$SCRATCH/evil was here'
END
    chmod +x "$SCRATCH/evil"
    variables GENV_GPUS=1 GENV_RUNTIME="$SCRATCH/evil" GENV_TMPDIR="$SCRATCH/elsewhere"
    start_container c1
    [[ $(attached) == 0,c1 && ! -e "$SCRATCH/evil was here" && ! -e $SCRATCH/elsewhere ]]
}

@test "what enters a container later belongs to its environment, and has its variables" {
    use_nodes
    make_config sleep 1000
    variables GENV_GPUS=1 "$(claim 60601)"
    start_container c1
    jq -n '{user: {uid: 1234, gid: 1234}, cwd: "/", env: ["PATH=/bin", "GENV_ENVIRONMENT_ID=other"],
        args: ["sh", "-c", "env; exec sleep 1000"]}' >"$SCRATCH/process.json"
    ln -s "$SCRATCH/process.json" "$SCRATCH/link"
    run -1 --separate-stderr runtime exec --process "$SCRATCH/link" c1
    [[ $stderr == *'is a symbolic link'* && -L $SCRATCH/link ]]
    runtime exec --process "$SCRATCH/process.json" --detach --pid-file "$SCRATCH/pid" c1 >"$SCRATCH/out" 2>&1 </dev/null 3>&-
    local pid
    pid=$(<"$SCRATCH/pid")
    until [[ $(<"/proc/$pid/comm") == sleep ]]; do sleep 0.05; done
    grep -Fx 'GENV_ENVIRONMENT_ID=c1' "$SCRATCH/out"
    grep -Fx 'CUDA_VISIBLE_DEVICES=GPU-0' "$SCRATCH/out"
    [[ $(stat -c %u "/proc/$pid") == 1234 ]]
    jq -n --argjson pid "$pid" '{devices: [range(4) | {uuid: "GPU-\(.)", minor: (3 - .),
        processes: (if . == 0 then [{pid: $pid, used_memory: 1000}] else [] end)}]}' >"$SCRATCH/next" &&
        mv "$SCRATCH/next" "$GENV_SIMULATOR"
    genv snapshot | jq -c .processes
    [[ $(genv snapshot | jq -r '.processes[0].eid') == c1 ]]
}
