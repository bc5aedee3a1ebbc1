#!/usr/bin/env bats
# genv in a container: it shows the container's environment, and nothing can be changed from there.

load helpers

setup_file() { container_setup_file; }
teardown_file() { container_teardown_file; }

setup() {
    container_setup
    [[ $GENV_SANITIZE == none ]] || skip 'what is sanitized needs more than the image has'
    use_lower runc
    use_libraries
}

teardown() { container_teardown; }

# The image gets the program $1 with its libraries, at the path $2.
add_program() {
    local file
    mkdir -p "$BUNDLE/rootfs$(dirname "$2")"
    cp -L "$1" "$BUNDLE/rootfs$2"
    while read -r file; do
        mkdir -p "$BUNDLE/rootfs$(dirname "$file")"
        cp -L "$file" "$BUNDLE/rootfs$file"
    done < <(ldd "$1" | grep -o '/[^ :]*\.so[^ ]*' | sort -u)
}

# The driver's library in the image, as NVIDIA's runtime mounts it; it sees the devices given.
add_driver() {
    add_program "$GENV_NVML/libnvidia-ml.so.1" /nvml/libnvidia-ml.so.1
    jq -n '{devices: [$ARGS.positional[] | {uuid: .}]}' --args -- "$@" >"$BUNDLE/rootfs/world.json"
    DRIVER=(LD_LIBRARY_PATH=/nvml GENV_SIMULATOR=/world.json)
}

# Runs a command in a container $1 with two devices.
inside() {
    make_config sh -c "$1"
    variables GENV_GPUS=2 GENV_ENVIRONMENT_NAME=training "${@:2}"
    run_container c1
}

@test "status, envs and devices tell of the container's environment alone" {
    use_nodes
    add_driver GPU-1 GPU-2
    make_env 0 other 1
    run inside 'genv status; genv envs --format csv --no-header; genv devices --format csv --no-header' "${DRIVER[@]}"
    echo "$output"
    [[ $status == 0 && $output == *'Environment is active (c1)'* && $output == *'Name: training'* ]]
    [[ $output == *'Attached to GPUs at indices 0,1'* ]] # as the driver counts them there
    [[ $output == *'0,c1,training,'* && $output == *'1,c1,training,'* ]]
    [[ $output != *other* ]]
}

@test "of a container that was created and then started, only what stays is a member there" {
    make_config sh -c 'genv envs --format csv --no-header; echo end; sleep 1000'
    variables GENV_GPUS=1
    start_container c1
    until grep -qx end "$SCRATCH/c1.out"; do sleep 0.05; done
    cat "$SCRATCH/c1.out"
    first=$(runtime state c1 | jq .pid)
    jq -c '[.processes[].pid]' "$BUNDLE/genv/inside/state/envs/c1.json"
    [[ $(jq -c '[.processes[].pid]' "$BUNDLE/genv/inside/state/envs/c1.json") == "[$first]" ]]
    # One that joins sees who else is in it.
    make_env 0 mine 1
    make_config sleep 1000
    variables GENV_ENVIRONMENT_ID=mine
    start_container c2
    [[ $(jq '.processes | length' "$BUNDLE/genv/inside/state/envs/mine.json") == 2 ]]
}

@test "nothing can be changed from inside, and the refusal says where it can" {
    local command
    for command in 'genv attach --count 1' 'genv config gpus 1' 'genv detach' 'genv run --gpus 1 true'; do
        run --separate-stderr inside "$command; echo status \$?"
        echo "$command: $output $stderr"
        [[ $output == *'status 1' && $stderr == *'inside a container'* ]]
    done
    [[ -z $(attached) ]]
}

@test "genv lock keeps host and container apart" {
    make_config sh -c 'genv lock sh -c "echo locked; sleep 1000"'
    variables GENV_GPUS=1
    start_container c1
    until grep -q locked "$SCRATCH/c1.out"; do sleep 0.05; done
    run --separate-stderr env GENV_ENVIRONMENT_ID=c1 genv lock -n true
    echo "$stderr"
    [[ $status == 1 && $stderr == *'device 0 is locked by'* ]]
    runtime delete -f c1
    run inside 'genv lock echo locked' GENV_MOUNT_DEVICE_LOCKS=0
    echo "$output"
    [[ $status != 0 && $output == *"cannot be locked inside this container"* ]]
}

@test "the locks are read-only there, and not there at all where a user could put another file in their place" {
    local lock=$GENV_TMPDIR/devices/GPU-0.lock
    use_nodes
    run inside 'chmod 0 /dev/genv/state/devices/*.lock; genv lock sh -c "echo locked"; grep " /dev/genv/" /proc/mounts'
    echo "$output"
    [[ $output == *'Read-only file system'* && $output == *locked* ]]
    [[ $(grep -c '\.lock .* ro,nosuid,nodev,noexec' <<<"$output") == 2 && $(stat -c %a "$lock") == 666 ]]
    for change in "chown 60601 '$lock'" "chown 0 '$lock'; ln '$lock' '$GENV_TMPDIR/other'" \
        "rm '$GENV_TMPDIR/other'; chown 60601 '$GENV_TMPDIR/devices'" "chown 0 '$GENV_TMPDIR/devices'; chmod -t '$GENV_TMPDIR'"; do
        eval "$change"
        run inside 'genv lock sh -c "echo locked"; ls /dev/genv/state/devices'
        echo "$change: $output"
        [[ $output == *"device "*"cannot be locked inside this container"* && $output != *GPU-0.lock* ]]
    done
    chmod +t "$GENV_TMPDIR"
    [[ $(inside 'genv lock sh -c "echo locked"') == locked ]]
}

@test "without shims, PATH stays as it is" {
    local path
    path=$(inside 'command -v genv; echo PATH=$PATH' GENV_MOUNT_SHIMS=0)
    [[ $path == PATH=/*bin && $path != *genv* ]]
}

@test "in an image that cannot run genv, it says why; what else is there stays" {
    local path word='genv: cannot run in this image, which has no glibc: use an image with glibc, or run genv on the host'
    rm -rf "$BUNDLE"/rootfs/lib*
    run --separate-stderr inside 'genv status; echo $?; genv; echo $?; command -v genv nvidia-smi'
    [[ $output == $'126\n126\n/dev/genv/root/bin/genv' && $stderr == "$word"$'\n'"$word" ]]
    # musl is no more than busybox alone.
    folder=$("$GENV_SOURCE/tests/fetch" musl) || skip "$folder"
    mkdir "$BUNDLE/rootfs/lib"
    cp "$folder/libc.so" "$BUNDLE/rootfs/lib/ld-musl-x86_64.so.1"
    run inside '/lib/ld-musl-x86_64.so.1; genv status'
    [[ $output == 'musl libc'*"$word" ]]
    # What enters the container finds it too.
    make_config sleep 1000
    variables GENV_GPUS=1
    start_container c2
    run runtime exec --env PATH=/bin c2 sh -c 'genv status'
    [[ $status == 127 ]] # it takes the variable that is given
    jq -n '{user: {uid: 0, gid: 0}, cwd: "/", env: ["PATH=/bin"], args: ["sh", "-c", "genv status"]}' >"$SCRATCH/process.json"
    run runtime exec --process "$SCRATCH/process.json" c2
    [[ $status == 126 && $output == "$word" ]]
}

@test "of an installation without that word, PATH stays as it is" {
    local path
    rm -rf "$BUNDLE"/rootfs/lib*
    mkdir "$SCRATCH/part"
    cp -a "$PREFIX/bin" "$SCRATCH/part"
    path=$(WRAPPER=$SCRATCH/part/bin/genv-container-runtime inside 'command -v genv; echo PATH=$PATH')
    [[ $path == PATH=/*bin && $path != *genv* ]]
}

@test "nvidia-smi in a container shows its devices only" {
    local folder
    folder=$("$GENV_SOURCE/tests/fetch" 550) || skip "$folder"
    use_nodes
    add_driver GPU-0 GPU-1 GPU-2 GPU-3
    add_program "$folder/nvidia-smi" /usr/bin/nvidia-smi
    make_env 0 other 1
    run inside 'command -v nvidia-smi; nvidia-smi -L' "${DRIVER[@]}"
    echo "$output"
    [[ $output == */dev/genv/root/shims/nvidia-smi* ]]
    [[ $output == *GPU-1* && $output == *GPU-2* && $output != *GPU-0* && $output != *GPU-3* ]]
}
