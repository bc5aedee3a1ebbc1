#!/usr/bin/env bats
# Whole engines with genv's runtime below them: docker, compose, podman, and podman without root, of this machine's release
# or of the one that GENV_TEST_ENGINES names. For `./run test --full`.

load machine

setup() {
    [[ ${GENV_TEST_FULL-} ]] || skip 'takes engines of 150 MB: ./run test --full'
    machine_start
}

@test "docker: run, exec, restart, stop, an error in docker's own words" {
    local id
    start_dockerd
    machine docker run --rm --runtime genv --network none -e GENV_GPUS=2 local/bb:1 sh -c 'env; ls /dev/genv' | tee "$SCRATCH/out"
    grep -E '^CUDA_VISIBLE_DEVICES=GPU-.*,GPU-' "$SCRATCH/out"
    run machine docker run --rm --runtime genv --network none -e GENV_GPUS=5 local/bb:1 true
    echo "$output"
    [[ $status == 125 && $output == *'genv: cannot attach 5 devices'* && ${#lines[@]} -le 2 ]]
    id=$(machine docker run -d --name one --runtime genv --network none -e GENV_GPUS=1 local/bb:1 sleep 1000)
    [[ $(attached) == "0,$id" ]]
    [[ $(machine docker exec one env) == *"GENV_ENVIRONMENT_ID=$id"* ]]
    machine docker restart -t 0 one
    [[ $(attached) == "0,$id" ]]
    machine docker stop -t 0 one
    nothing_is_left
    machine docker start one
    [[ $(attached) == "0,$id" ]]
    machine docker rm -f one
    nothing_is_left
}

@test "docker: a denied device gives EPERM, an allowed one is there" {
    start_dockerd
    machine docker run --rm --runtime genv --network none -e GENV_GPUS=1 local/bb:1 sh -c "$TRY_NODES" | tee "$SCRATCH/out"
    [[ $(grep -c 'node [012]: .*Operation not permitted' "$SCRATCH/out") == 3 ]]
    grep 'node 3: .*No such device or address' "$SCRATCH/out"
}

@test "docker: genv-docker's container is the user's; as the default runtime, others stay as they are" {
    local id
    start_dockerd '' --default
    machine chmod 666 /run/docker.sock
    id=$(machine setpriv --reuid 60601 --regid 60601 --clear-groups env HOME=/home/alicex genv-docker run -d --network none \
        --gpus 2 local/bb:1 sleep 1000)
    [[ $(machine genv snapshot | jq -c '.envs[] | [.eid, .uid, .devices]') == "[\"$id\",60601,[0,1]]" ]]
    machine docker run --rm --network none local/bb:1 env | tee "$SCRATCH/out"
    run ! grep -E 'GENV|CUDA' "$SCRATCH/out"
}

@test "docker: a reload makes the runtime known once it is installed, and a restart forgets it" {
    start_dockerd
    run machine genv docker uninstall
    [[ $output == *restart* ]]
    # shellcheck disable=SC2016 # expanded there
    machine sh -c 'kill "$(cat /run/docker.pid)"'
    wait "$DOCKERD" || true
    run_dockerd
    run machine docker run --rm --runtime genv --network none local/bb:1 true
    echo "$output"
    [[ $status == 125 ]]
    machine genv docker install
    # shellcheck disable=SC2016 # expanded there
    machine sh -c 'kill -HUP "$(cat /run/docker.pid)"'
    until machine docker run --rm --runtime genv --network none local/bb:1 true; do sleep 0.1; done
}

@test "docker: a container that its restart policy starts again has devices, and so have exec and a changed container" {
    local id first pid
    start_dockerd
    id=$(machine docker run -d --restart always --runtime genv --network none -e GENV_GPUS=1 local/bb:1 sleep 1000)
    first=$(machine docker inspect -f '{{.State.Pid}}' "$id")
    machine sh -c "kill -KILL $first"
    until pid=$(machine docker inspect -f '{{.State.Pid}}' "$id") && [[ $pid != 0 && $pid != "$first" ]]; do sleep 0.1; done
    [[ $(attached) == "0,$id" ]]
    machine docker update --cpu-shares 512 "$id"
    machine docker exec "$id" sh -c "$TRY_NODES" | tee "$SCRATCH/out"
    [[ $(grep -c 'node [012]: .*Operation not permitted' "$SCRATCH/out") == 3 ]]
    grep 'node 3: .*No such device or address' "$SCRATCH/out"
}

@test "docker: of twelve containers at once, as many run as there are devices" {
    local i started=() refused=0
    start_dockerd
    for i in {1..12}; do
        machine docker run -d --runtime genv --network none -e GENV_GPUS=1 local/bb:1 sleep 1000 >"$SCRATCH/out.$i" 2>&1 &
        started+=("$!")
    done
    for i in "${started[@]}"; do wait "$i" || ((++refused)); done
    [[ $refused == 8 && $(grep -l 'genv: cannot attach 1 device: 0 of 4 are available' "$SCRATCH"/out.* | wc -l) == 8 ]]
    [[ $(attached | cut -d , -f 2 | sort -u | wc -l) == 4 ]]
    machine sh -c 'docker rm -f $(docker ps -aq)'
    nothing_is_left
}

@test "docker: containers live through kill -9 of the daemon, and keep their devices" {
    local id
    start_dockerd '"live-restore": true'
    id=$(machine docker run -d --runtime genv --network none -e GENV_GPUS=2 local/bb:1 sleep 1000)
    # shellcheck disable=SC2016 # expanded there
    machine sh -c 'kill -KILL "$(cat /run/docker.pid)" "$(cat /run/docker/containerd/containerd.pid)"'
    [[ $(attached | xargs) == "0,$id 1,$id" ]]
    machine rm -f /run/docker.pid /run/docker/containerd/containerd.pid
    run_dockerd
    [[ $(attached | xargs) == "0,$id 1,$id" ]]
    machine docker rm -f "$id"
    nothing_is_left
}

@test "docker: devices by CDI, without the runtime" {
    start_dockerd
    [[ $(machine docker version --format '{{.Server.Version}}') != 20.* ]] || skip 'docker 20.10 has no CDI'
    try_cdi docker run --rm --network none
}

# The $1st documented project, with what a test needs besides.
start_project() {
    start_dockerd
    machine mkdir /project
    example yaml "$1" | machine tee /project/docker-compose.yml
    machine tee /project/more.yml
}

compose() {
    machine docker-compose --project-directory /project -f /project/docker-compose.yml -f /project/more.yml "$@"
}

@test "compose: a service gets its devices; one that does not is refused, and down leaves nothing" {
    start_project 1 <<'END'
services:
  train:
    network_mode: none
    command: sleep 1000
  more:
    image: local/bb:1
    runtime: genv
    network_mode: none
    environment:
      GENV_GPUS: "3"
    command: sleep 1000
END
    compose up -d train
    [[ $(machine genv snapshot | jq -c '.envs[] | [.name, .devices]') == '["training",[0,1]]' ]]
    run compose up -d
    echo "$output"
    [[ $status != 0 && $output == *'genv: cannot attach 3 devices'* ]]
    [[ $(machine genv snapshot | jq -c '[.envs[].name]') == '["training"]' ]]
    compose down -t 0
    nothing_is_left
}

@test "compose: devices by CDI" {
    start_project 3 <<'END'
services:
  train:
    network_mode: none
    command: env
END
    [[ $(machine docker version --format '{{.Server.Version}}') != 20.* ]] || skip 'docker 20.10 has no CDI'
    start_env EID
    run compose up
    echo "$output"
    [[ $output == *CUDA_VISIBLE_DEVICES=GPU-*-000000000000* ]]
}

# What cannot be set on each machine that runs tests.
WITHOUT_LIMITS='default_ulimits=["nofile=1024:1024","nproc=4096:4096"]
pids_limit=0'

# podman as it is set up for a machine without systemd, and genv's runtime as the documentation adds it. $1: more of
# [containers].
setup_podman() {
    machine mkdir -p /etc/containers
    machine tee /etc/containers/containers.conf <<END
[containers]
${1-}
[engine]
cgroup_manager="cgroupfs"
events_logger="file"
runtime="runc"
[engine.runtimes]
genv=["/usr/local/bin/genv-container-runtime"]
END
    echo '{"default": [{"type": "insecureAcceptAnything"}]}' | machine tee /etc/containers/policy.json
}

@test "podman: run, exec, restart, stop" {
    local id
    setup_podman "$WITHOUT_LIMITS"
    tar -C "$ROOM/image" -c . | machine podman import - local/bb:1
    machine podman --runtime genv run --rm --cgroup-parent "$CGROUP" --network none -e GENV_GPUS=2 local/bb:1 env |
        tee "$SCRATCH/out"
    grep -E '^CUDA_VISIBLE_DEVICES=GPU-.*,GPU-' "$SCRATCH/out"
    machine podman --runtime /usr/local/bin/genv-container-runtime run --rm --cgroup-parent "$CGROUP" --network none \
        -e GENV_GPUS=1 local/bb:1 env | grep CUDA_VISIBLE_DEVICES=GPU-
    machine env GENV_DOCKER=podman genv-docker run --rm --cgroup-parent "$CGROUP" --network none --gpus 2 --name-env two \
        local/bb:1 env | grep GENV_ENVIRONMENT_NAME=two
    nothing_is_left
    run machine podman --runtime genv run --rm --cgroup-parent "$CGROUP" --network none -e GENV_GPUS=5 local/bb:1 true
    [[ $status != 0 && $output == *'cannot attach 5 devices'* ]]
    id=$(machine podman --runtime genv run -d --name c --cgroup-parent "$CGROUP" --network none -e GENV_GPUS=1 local/bb:1 \
        sleep 1000)
    [[ $(attached) == "0,$id" ]]
    [[ $(machine podman exec c env) == *"GENV_ENVIRONMENT_ID=$id"* ]]
    machine podman restart -t 0 c
    [[ $(attached) == "0,$id" ]]
    machine podman rm -f -t 0 c
    nothing_is_left
}

@test "podman: with crun below genv" {
    setup_podman "$WITHOUT_LIMITS"
    machine test -e /sys/fs/cgroup/cgroup.controllers || skip 'crun refuses a machine with both versions of cgroups'
    machine tee /etc/genv/runtime.conf <<<crun
    tar -C "$ROOM/image" -c . | machine podman import - local/bb:1
    machine podman --runtime genv run --rm --cap-add MKNOD --cgroup-parent "$CGROUP" --network none -e GENV_GPUS=1 local/bb:1 \
        sh -c "$TRY_NODES" | tee "$SCRATCH/out"
    [[ $(grep -c 'node [012]: .*Operation not permitted' "$SCRATCH/out") == 3 ]]
    grep 'node 3: .*No such device or address' "$SCRATCH/out"
    nothing_is_left
}

@test "podman: devices by CDI, without the runtime" {
    setup_podman "$WITHOUT_LIMITS"
    tar -C "$ROOM/image" -c . | machine podman import - local/bb:1
    try_cdi podman run --rm --cap-add MKNOD --cgroup-parent "$CGROUP" --network none
}

# An environment $1 with a device, and what describes it.
start_env() {
    local pid
    pid=$(machine sh -c 'sleep 1000 >/dev/null 2>&1 & echo $!')
    machine genv envs activate --eid "$1" --uid 0 --pid "$pid"
    machine genv devices attach --eid "$1" --count 1
    machine mkdir -p /etc/cdi
    machine env GENV_ENVIRONMENT_ID="$1" genv cdi --output /etc/cdi/genv.json
}

# Containers that the words given start get the devices of an environment, until it has lost one.
try_cdi() {
    start_env mine
    run machine "$@" --device genv.dev/gpu=mine local/bb:1 sh -c "env; $TRY_NODES; ls /dev"
    echo "$output"
    [[ $output == *CUDA_VISIBLE_DEVICES=GPU-*-000000000000* && $(grep -c '^nvidia[0-9]$' <<<"$output") == 1 ]]
    [[ $(grep -c 'node [012]: .*Operation not permitted' <<<"$output") == 3 ]]
    [[ $output == *'node 3: '*'No such device or address'* ]]
    machine genv devices detach --eid mine --quiet
    run machine "$@" --device genv.dev/gpu=mine local/bb:1 true
    echo "$output"
    [[ $status != 0 && $output == *'is no longer attached to environment mine'* ]]
}

@test "podman without root: the container's environment is its user's" {
    local alice=(machine setpriv --reuid 60601 --regid 60601 --clear-groups env HOME=/home/alicex USER=alicex
        XDG_RUNTIME_DIR=/run/user-60601)
    setup_podman
    echo 'alicex devices 3' | machine tee /etc/genv/limits.conf
    tar -C "$ROOM/image" -c . | "${alice[@]}" podman --storage-driver vfs import - local/bb:1 ||
        skip 'podman without root does not run here'
    "${alice[@]}" podman --storage-driver vfs --runtime genv run -d --name c --network none -e GENV_GPUS=2 local/bb:1 sleep 1000
    [[ $(machine genv snapshot | jq -c '.envs[] | [.uid, .devices]') == '[60601,[0,1]]' ]]
    "${alice[@]}" podman --storage-driver vfs exec c env | grep -E '^CUDA_VISIBLE_DEVICES=GPU-.*,GPU-'
    run "${alice[@]}" podman --storage-driver vfs --runtime genv run --rm --network none -e GENV_GPUS=2 local/bb:1 true
    echo "$output"
    [[ $status != 0 && $output == *'alicex would hold 4 devices'* ]]
    "${alice[@]}" podman --storage-driver vfs rm -f -t 0 c
    [[ -z $(attached) ]]
}
