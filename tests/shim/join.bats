#!/usr/bin/env bats
# The shims docker and podman where the engine has genv's runtime: the container joins the environment through it.
# shellcheck disable=SC2154 # set by bats and by the helpers

load helpers

setup() {
    setup_installation
    need_root
    mkdir "$PREFIX/shims-podman"
    cp "$(dirname "$GENV_BIN")/../shims-podman/podman" "$PREFIX/shims-podman"
    cp "$(dirname "$GENV_BIN")/../bin/genv-container-runtime" "$PREFIX/bin"
    PATH=$PREFIX/shims-podman:$PATH
    make_fake docker
    make_fake podman
    chmod 777 "$SCRATCH"
    # The state is where engines look for it, and docker's configuration is the test's.
    mkdir -m 1777 "$SCRATCH/var"
    mkdir -m 1777 "$SCRATCH/var/genv"
    export GENV_TMPDIR=$SCRATCH/var/genv HOME=$SCRATCH/home GENV_SIMULATOR=$SCRATCH/machine LD_LIBRARY_PATH=$GENV_NVML
    unset GENV_DEVICES XDG_CONFIG_HOME XDG_RUNTIME_DIR
    mkdir "$HOME"
    echo '{"devices": [{"uuid": "GPU-a", "minor": 3}, {"uuid": "GPU-b", "minor": 0}, {"uuid": "GPU-c", "minor": 1}]}' \
        >"$GENV_SIMULATOR"
    make_env other 1
    enter e 2 # devices 1 and 2
    daemon '{"runtimes": {"genv": {"path": "/usr/local/bin/genv-container-runtime"}}}'
    there true || skip 'nothing can be mounted here'
}

teardown() {
    remove_installation
}

daemon() {
    echo "$1" >"$SCRATCH/daemon.json"
}

# Runs a command where the state and docker's configuration are in the usual places.
there() {
    # shellcheck disable=SC2016 # for that shell
    unshare -m sh -c 'mount -t tmpfs none /etc/opt && mkdir /etc/opt/u /etc/opt/w &&
        mount -t overlay -o lowerdir=/etc,upperdir=/etc/opt/u,workdir=/etc/opt/w none /etc && mkdir -p /etc/docker &&
        cp "$0/daemon.json" /etc/docker && mount --bind "$0/var" /var/tmp && unset GENV_TMPDIR && exec "$@"' "$SCRATCH" "$@"
}

# What the words say in any case, and of the devices $1.
says() {
    local count=${1//[^,]/}
    JOINED=(--runtime=genv --env=GENV_ENVIRONMENT_ID=e --env=GENV_ACTIVATE=1 --env=GENV_ALLOW_OVER_SUBSCRIPTION=0
        --env=GENV_GPU_MEMORY= --env=GENV_DEVICE_UUIDS="$1")
    if [ "$1" ]; then
        JOINED+=(--env=GENV_ATTACH=1 "--env=GENV_GPUS=$((${#count} + 1))")
    else
        JOINED+=(--env=GENV_ATTACH=0 --env=GENV_GPUS=)
    fi
}

# `docker run WORDS… image` joins with the devices $1, and the words behind "=>".
joins() {
    local given=()
    says "$1"
    shift
    while [ "$1" != '=>' ]; do
        given+=("$1")
        shift
    done
    there docker run "${given[@]}" image
    expect_words run "${JOINED[@]}" "${@:2}" image
}

# The command line does not join: it becomes the words behind "=>".
stays() {
    local given=()
    while [ "$1" != '=>' ]; do
        given+=("$1")
        shift
    done
    there "${given[@]}"
    expect_words "${@:2}"
}

refuses() {
    local wanted=$1
    shift
    rm -f "$CALL.words"
    run --separate-stderr there "$@"
    echo "$status: $output$stderr"
    [ "$status" -eq 125 ]
    [ "${#stderr_lines[@]}" -eq 1 ]
    [[ $stderr == 'genv: '*"$wanted"* ]]
    [ ! -e "$CALL.words" ]
}

@test "docker: every way to ask for devices becomes a list of UUIDs" {
    joins '' '=>'
    joins '' -it -v '/a b:/c' -e X=1 '=>' -it -v '/a b:/c' -e X=1
    joins '' --gpus 0 '=>'
    joins GPU-b,GPU-c --gpus all '=>'
    joins GPU-b --gpus=1 --rm '=>' --rm
    joins GPU-c --gpus device=2 '=>'
    joins GPU-b,GPU-c --gpus '"device=2,gpu-b"' '=>'
    joins GPU-b,GPU-c --gpus device=2 --gpus 1 '=>'
    joins GPU-c --device nvidia.com/gpu=2 --device /dev/fuse '=>' --device /dev/fuse
    joins GPU-b,GPU-c --device=runtime.nvidia.com/gpu=all '=>'
    joins GPU-b --device /dev/nvidia0 '=>'
    joins GPU-b,GPU-c --device=/dev/nvidia1:/dev/nvidia1:rw --device /dev/nvidia0:/dev/x '=>' --device /dev/nvidia0:/dev/x
    joins GPU-b,GPU-c -e NVIDIA_VISIBLE_DEVICES=all '=>' -e NVIDIA_VISIBLE_DEVICES=all
    joins '' -e NVIDIA_VISIBLE_DEVICES=void '=>' -e NVIDIA_VISIBLE_DEVICES=void
    echo NVIDIA_VISIBLE_DEVICES=2 >vars
    joins GPU-c --env-file vars '=>' --env-file vars
    joins '' --env-file vars -e NVIDIA_VISIBLE_DEVICES=none '=>' --env-file vars -e NVIDIA_VISIBLE_DEVICES=none
    says GPU-b
    there docker --log-level error container create --gpus 1 -- image --gpus all
    expect_words --log-level error container create "${JOINED[@]}" -- image --gpus all
}

@test "docker: capabilities are told as docker tells them to NVIDIA's runtime" {
    joins GPU-b,GPU-c --gpus all,capabilities=utility '=>' --env=NVIDIA_DRIVER_CAPABILITIES=utility
    joins GPU-b --gpus '"capabilities=compute,gpu,utility",count=1' '=>' --env=NVIDIA_DRIVER_CAPABILITIES=compute,utility
    joins GPU-b --gpus capabilities=gpu '=>'
}

@test "docker: what exceeds the environment is refused with the same words" {
    refuses '--gpus device=0: device 0 is not attached to environment e, which has 1,2' docker run --gpus device=0 image
    refuses "--gpus 3: environment e has only 2 devices: run 'genv attach --count 3' first" docker run --gpus 3 image
    refuses '--device nvidia.com/gpu=0: device 0 is not attached' docker run --device nvidia.com/gpu=0 image
    refuses '--device /dev/nvidia3: device 0 is not attached' docker run --device /dev/nvidia3 image
    refuses 'NVIDIA_VISIBLE_DEVICES=0: device 0 is not attached' docker run -e NVIDIA_VISIBLE_DEVICES=0 image
    refuses 'unknown docker option --new' docker run --new x --gpus all image
    genv devices detach --eid e
    refuses "environment e has no devices: run 'genv attach' first" docker run --gpus all image
    joins '' '=>'
    GENV_ENVIRONMENT_ID=gone refuses 'there is no environment gone' docker run --gpus all image
    # It would come to life again.
    GENV_ENVIRONMENT_ID=gone stays docker run image '=>' run --env GENV_ENVIRONMENT_ID=gone image
}

@test "docker: the user's own words come later, and so win" {
    joins '' -e GENV_ENVIRONMENT_ID=mine '=>' -e GENV_ENVIRONMENT_ID=mine
    says ''
    there docker run -e GENV_GPUS=1 image
    expect_words run "${JOINED[@]:0:6}" -e GENV_GPUS=1 image
    stays docker run -e GENV_ACTIVATE=0 --gpus all image '=>' \
        run --env GENV_ENVIRONMENT_ID=e -e GENV_ACTIVATE=0 --gpus '"device=1,2"' image
    stays docker run --runtime runc image '=>' run --env GENV_ENVIRONMENT_ID=e --runtime runc image
    stays docker run --runtime genv -e GENV_GPUS=1 image '=>' run --runtime genv -e GENV_GPUS=1 image
    stays docker run --device genv.dev/gpu=e image '=>' run --env GENV_ENVIRONMENT_ID=e --device genv.dev/gpu=e image
    stays docker run --help '=>' run --env GENV_ENVIRONMENT_ID=e --help
}

@test "docker: by the daemon's configuration, and only where it is this machine's" {
    local host
    daemon '{"default-runtime": "nvidia", "runtimes": {"genv": {}, "nvidia": {}}}'
    joins GPU-b,GPU-c '=>' # an image may say "all"
    joins GPU-c -e NVIDIA_VISIBLE_DEVICES=2 '=>' -e NVIDIA_VISIBLE_DEVICES=2
    daemon '{"default-runtime": "nvidia"}'
    stays docker run image '=>' run --env GENV_ENVIRONMENT_ID=e --env NVIDIA_VISIBLE_DEVICES=1,2 image
    daemon '{"default-runtime": "genv", "runtimes": {"genv": {}}}'
    joins GPU-b --gpus 1 '=>'
    stays docker run --runtime runc image '=>' run --env GENV_ENVIRONMENT_ID=e --runtime runc image
    stays docker run -e GENV_ACTIVATE=0 image '=>' \
        run --env GENV_ENVIRONMENT_ID=e --env GENV_ACTIVATE=0 -e GENV_ACTIVATE=0 image
    for host in unix:///var/run/docker.sock unix:///run/docker.sock; do
        DOCKER_HOST=$host joins GPU-b --gpus 1 '=>'
    done
    daemon '{"runtimes": {"genv": {}}}'
    for host in tcp://127.0.0.1:2375 unix:///elsewhere.sock "unix://$HOME/.docker/desktop/docker.sock"; do
        DOCKER_HOST=$host stays docker run image '=>' run --env GENV_ENVIRONMENT_ID=e image
    done
    for host in '{}' '{"runtimes": {"nvidia": {}}}' 'no JSON' '[]'; do
        daemon "$host"
        stays docker run image '=>' run --env GENV_ENVIRONMENT_ID=e image
    done
}

@test "docker: a user's container has a claim; without root the daemon has its own configuration" {
    local words alice=(setpriv --reuid 60601 --regid 60601 --clear-groups)
    "${alice[@]}" sleep 600 3>&- &
    members+=($!)
    genv envs activate --eid hers --uid 60601 --pid "$!"
    genv devices attach --eid hers --count 0
    export GENV_ENVIRONMENT_ID=hers
    touch "$CALL".{words,env,path}
    chmod 666 "$CALL".*
    there "${alice[@]}" docker run image
    words=$(tr '\0' ' ' <"$CALL.words")
    [[ $words =~ 'GENV_CLAIM='([0-9a-f]{16})'.' ]]
    [[ $(stat -c %u "$GENV_TMPDIR/claims/${BASH_REMATCH[1]}") == 60601 ]]
    # Nor is root in an environment of hers.
    stays docker run image '=>' run --env GENV_ENVIRONMENT_ID=hers image
    daemon '{}'
    mkdir -p "$HOME/.config/docker"
    echo '{"runtimes": {"genv": {}}}' >"$HOME/.config/docker/daemon.json"
    XDG_RUNTIME_DIR=/run/own DOCKER_HOST=unix:///run/own/docker.sock there "${alice[@]}" docker run image
    words=$(tr '\0' ' ' <"$CALL.words")
    [[ $words == *--runtime=genv* && $words != *GENV_CLAIM* ]]
    there "${alice[@]}" docker run image
    [[ $(tr '\0' ' ' <"$CALL.words") != *--runtime* ]]
}

@test "podman: the runtime's path in front; not where podman only talks to a service" {
    local program=$PREFIX/bin/genv-container-runtime words
    says GPU-b,GPU-c
    there podman --log-level debug run --gpus all image
    expect_words "--runtime=$program" --log-level debug run "${JOINED[@]:1}" image
    says GPU-c
    there podman run --gpus GPU-c --device nvidia.com/gpu=2 image
    expect_words "--runtime=$program" run "${JOINED[@]:1}" image
    NVIDIA_VISIBLE_DEVICES=2 there podman run -e 'NVIDIA*' image
    expect_words "--runtime=$program" run "${JOINED[@]:1}" -e 'NVIDIA*' image
    for words in --remote '-c x' '--url unix:///run/podman.sock' '--runtime runc'; do
        # shellcheck disable=SC2086
        stays podman $words run image '=>' $words run --env GENV_ENVIRONMENT_ID=e image
    done
    CONTAINER_HOST=unix:///run/podman.sock stays podman run image '=>' run --env GENV_ENVIRONMENT_ID=e image
    sed -i '1r /dev/stdin' "$SCRATCH/real/docker" <<<'# as podman-docker is: exec /usr/bin/podman'
    there docker run --gpus device=2 image
    expect_words "--runtime=$program" run "${JOINED[@]:1}" image
    rm "$program"
    stays podman run image '=>' run --env GENV_ENVIRONMENT_ID=e image
}

@test "what the engine would not see is not joined: another state, simulated devices" {
    stays env GENV_TMPDIR=/var/tmp/genv/ docker run image '=>' run --env GENV_ENVIRONMENT_ID=e image
    stays env GENV_DEVICES=4 docker run image '=>' run --env GENV_ENVIRONMENT_ID=e image
    says ''
    there env GENV_TMPDIR=/var/tmp/genv docker run image
    expect_words run "${JOINED[@]}" image
}
