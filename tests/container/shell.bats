#!/usr/bin/env bats
# docker and podman in an activated shell: their containers join its environment, as those of genv-docker --eid do. For
# `./run test --full`.

load machine

setup() {
    [[ ${GENV_TEST_FULL-} ]] || skip 'takes engines of 150 MB: ./run test --full'
    machine_start
}

UUID=GPU-00000000-0000-0000-0000-00000000000

# An environment $1 of user $2 with $3 devices, and a process there: $SHELL_PID.
start_shell() {
    SHELL_PID=$(machine setpriv --reuid "$2" --regid "$2" --clear-groups sh -c 'sleep 1000 >/dev/null 2>&1 & echo $!')
    machine genv envs activate --eid "$1" --uid "$2" --pid "$SHELL_PID"
    (($3 == 0)) || machine genv devices attach --eid "$1" --count "$3"
    EID=$1 USER_ID=$2
}

# Runs a command as in that environment's shell.
shell() {
    machine setpriv --reuid "$USER_ID" --regid "$USER_ID" --clear-groups env HOME=/home/alicex USER=alicex \
        XDG_RUNTIME_DIR=/run/user-60601 GENV_ENVIRONMENT_ID="$EID" \
        PATH=/usr/local/lib/genv/shims-podman:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin "$@"
}

# dockerd with genv's runtime, for all users, and its image; environment e with devices 1 and 2 (nodes 2 and 1).
start_docker_shell() {
    start_dockerd
    machine chmod 666 /run/docker.sock
    start_shell other 60602 1
    start_shell e 60601 2
}

# Fails unless the container, started by the words given, has the devices of environment e that $1 names, by the driver's
# numbers of their nodes and by their UUIDs' last digits: "2:1 1:2".
gets() {
    local wanted=$1 node uuids='' nodes=
    shift
    for node in $wanted; do
        nodes+=" ${node%:*}"
        uuids+=,$UUID${node#*:}
    done
    run shell "$@" local/bb:1 sh -c "$TRY_NODES; env; ls /dev"
    echo "$*: $output"
    [[ $status == 0 ]]
    for node in 0 1 2 3; do
        if [[ " $nodes " == *" $node "* ]]; then
            grep "node $node: .*No such device or address" <<<"$output"
            grep -x "nvidia$node" <<<"$output"
        else
            grep "node $node: .*Operation not permitted" <<<"$output"
            [[ $'\n'$output$'\n' != *$'\n'"nvidia$node"$'\n'* ]]
        fi
    done
    grep -x GENV_ENVIRONMENT_ID=e <<<"$output"
    uuids=${uuids#,}
    grep -x "CUDA_VISIBLE_DEVICES=${uuids:--1}" <<<"$output"
}

@test "docker: a container has those of the environment's devices that it asks for, and no others" {
    start_docker_shell
    gets '' docker run --rm --network none
    gets '' docker run --rm --network none --gpus 0
    gets '2:1 1:2' docker run --rm --network none --gpus all
    gets '2:1' docker run --rm --network none --gpus 1
    gets '1:2' docker run --rm --network none --gpus device=2
    gets '1:2' docker run --rm --network none -e NVIDIA_VISIBLE_DEVICES="${UUID}2"
    gets '2:1' docker run --rm --network none --device /dev/nvidia2
    run shell docker run --rm --network none --device /dev/nvidia2:/dev/nvidia7 local/bb:1 ls /dev
    grep -x nvidia7 <<<"$output"
    run shell docker run --rm --network none --gpus '"device=1","capabilities=utility"' local/bb:1 env
    grep -x NVIDIA_DRIVER_CAPABILITIES=utility <<<"$output"
    run shell docker run --rm --network none --gpus device=0 local/bb:1 true
    [[ $status == 125 && $output == 'genv: --gpus device=0: device 0 is not attached to environment e, which has 1,2' ]]
    run shell docker run --rm --network none -v /dev/nvidia3:/dev/x local/bb:1 true
    [[ $status != 0 && $output == *'/dev/nvidia3 would give the container devices that are not attached to environment e'* ]]
}

# The environment of each of the processes that the driver sees on device 1, "[\"e\",\"e\"]", where @$1 is used by the PIDs.
users_of_device() {
    jq -n '{devices: [range(4) | {uuid: "GPU-00000000-0000-0000-0000-00000000000\(.)", minor: (3 - .),
        processes: (if . == 1 then [$ARGS.positional[] | {pid: tonumber, used_memory: 1000}] else [] end)}]}' --args -- "$@" |
        machine sh -c 'cat >/etc/next && mv /etc/next /etc/genv-simulator.json'
    machine genv snapshot | jq -c '[.processes[].eid]'
}

# The process there that runs the command line $1, with a blank behind each word.
pid_of() {
    # shellcheck disable=SC2016 # expanded there
    machine sh -c 'for p in /proc/[0-9]*; do [ "$(tr "\0" " " <"$p/cmdline")" = "$0" ] && echo "${p#/proc/}"; done; true' "$1" 2>/dev/null
}

@test "docker: root's processes in it, and those of docker exec, are the environment's; it outlives the shell" {
    local id first entered
    start_docker_shell
    id=$(shell docker run -d --network none --gpus all local/bb:1 sleep 1000)
    first=$(machine docker inspect -f '{{.State.Pid}}' "$id")
    shell docker exec -d "$id" sleep 2000
    until entered=$(pid_of 'sleep 2000 ') && [[ $entered ]]; do sleep 0.05; done
    [[ $(machine stat -c %u "/proc/$first" "/proc/$entered" | xargs) == '0 0' ]]
    [[ $(users_of_device "$first" "$entered") == '["e","e"]' ]]
    run machine genv enforce --dry-run --interval 0 --non-env-processes
    echo "$output"
    [[ $output != *"$first"* && $output != *"$entered"* ]]
    [[ $(shell docker exec "$id" env) == *"CUDA_VISIBLE_DEVICES=${UUID}1,${UUID}2"* ]]
    # The shell ends, and the container keeps what it has until it ends too.
    machine sh -c "kill $SHELL_PID"
    until [[ $(machine genv snapshot | jq -c '.envs[] | select(.eid == "e") | .pids | map(if type == "object" then .pid else . end)') == "[$first]" ]]; do
        sleep 0.05
    done
    [[ $(attached | grep ,e | xargs) == '1,e 2,e' ]]
    machine docker rm -f "$id"
    [[ -z $(attached | grep ,e) ]]
}

@test "docker: a container that is started again when the environment has ended is a new one of that name" {
    local id
    start_docker_shell
    id=$(shell docker create --network none --gpus all local/bb:1 sleep 1000)
    machine sh -c "kill $SHELL_PID"
    machine docker start "$id"
    [[ $(attached | grep ,e | xargs) == '1,e 2,e' ]]
    [[ $(machine genv snapshot | jq '.envs[] | select(.eid == "e").uid') == 60601 ]]
    # It joins again while the environment lives.
    machine docker restart -t 0 "$id"
    [[ $(attached | grep ,e | wc -l) == 2 ]]
}

@test "docker: two users, each in their own environment" {
    local mine
    start_docker_shell
    mine=$(shell docker run -d --network none --gpus all local/bb:1 sleep 1000)
    EID=other USER_ID=60602
    shell docker run -d --network none --gpus all local/bb:1 sleep 1000
    [[ $(machine genv snapshot | jq -c '[.envs[] | [.eid, .uid, .devices, (.pids | length)]] | sort') == \
        '[["e",60601,[1,2],2],["other",60602,[0],2]]' ]]
    # Who names another's environment is not in it.
    EID=e run shell docker run --rm --network none --gpus all local/bb:1 true
    [[ $status == 125 && $output == *'environment e belongs to another user'* ]]
    machine docker rm -f "$mine"
}

@test "docker: genv status and nvidia-smi in the container; the lock is the environment's" {
    local file
    start_docker_shell
    [[ $GENV_SANITIZE == none ]] || skip 'what is sanitized needs more than the image has'
    mkdir "$SCRATCH/image"
    while read -r file; do
        mkdir -p "$SCRATCH/image$(dirname "$file")"
        cp -L "$file" "$SCRATCH/image$file"
    done < <(ldd "$ROOM/lib/genv/bin/genv" | grep -o '/[^ :]*\.so[^ ]*' | sort -u)
    cp -a "$ROOM/image/." "$SCRATCH/image"
    tar -C "$SCRATCH/image" -c . | machine docker import - local/glibc:1
    run shell docker run --rm --network none --gpus 1 local/glibc:1 sh -c 'genv status; genv lock echo locked'
    echo "$output"
    [[ $output == *'Environment is active (e)'* && $output == *locked* ]]
    run shell docker run --rm --network none --gpus 1 local/bb:1 genv status
    [[ $status == 126 && $output == 'genv: cannot run in this image, which has no glibc'* ]]
}

# What container $1 was given by whatever started it: its configuration without names and files of its own.
given() {
    local config
    config=$(machine sh -c "cat /run/docker/containerd/daemon/*/moby/$1/config.json")
    jq <<<"$config" -S '{
        env: (.process.env | map(select(test("^(HOSTNAME|GENV_ATTACH)=") | not)) | sort),
        nodes: (.linux.devices | map([.path, .major, .minor])), rules: .linux.resources.devices,
        mounts: (.mounts | map([.destination, .options, .source] | select(.[0] | test("^/etc/") | not))),
        hooks: .hooks, annotations: (.annotations | with_entries(select(.key | startswith("dev.genv"))))
    }' | sed "s/$1/ID/g"'; s/^ *"[0-9]*"$/"PID"/'
}

@test "docker: however it is asked for, the shim's container is given what that of genv-docker --eid is" {
    local asked same one two count=0
    start_docker_shell
    while IFS='|' read -r asked same; do
        eval "one=\$(shell docker run -d --network none $asked local/bb:1 sleep 1000)"
        eval "two=\$(shell genv-docker run -d --network none --eid e $same local/bb:1 sleep 1000)"
        echo "$asked | $same"
        diff <(given "$one") <(given "$two")
        [[ $(given "$one") == *'"GENV_ENVIRONMENT_ID=e"'* ]]
        machine docker rm -f "$one" "$two" >/dev/null
        count=$((count + 1))
    done <<END
|--no-attach
--gpus 0|--no-attach
--gpus all|
--gpus=all|--gpus 2
--gpus -1|
--gpus count=all|
--gpus device=all|
--gpus '"all"'|
--gpus 1|--gpus 1
--gpus=2|--gpus=2
--gpus count=1|--gpus 1
--gpus driver=nvidia,count=1|--gpus 1
--gpus device=1|-e GENV_DEVICE_UUIDS=${UUID}1
--gpus '"device=2,1"'|
--gpus device=${UUID}2|-e GENV_DEVICE_UUIDS=${UUID}2
--gpus '"device=${UUID,,}2"'|-e GENV_DEVICE_UUIDS=${UUID}2
--gpus all,capabilities=utility|-e NVIDIA_DRIVER_CAPABILITIES=utility
--gpus '"capabilities=compute,utility",count=1'|--gpus 1 -e NVIDIA_DRIVER_CAPABILITIES=compute,utility
--gpus device=1 --gpus device=2|
--gpus 1 --device nvidia.com/gpu=2|
--device nvidia.com/gpu=all|
--device=nvidia.com/gpu=2|-e GENV_DEVICE_UUIDS=${UUID}2
--device nvidia.com/gpu=${UUID}1 --device nvidia.com/gpu=2|
--device runtime.nvidia.com/gpu=1|--gpus 1
-e NVIDIA_VISIBLE_DEVICES=all|
-e NVIDIA_VISIBLE_DEVICES=2|-e GENV_DEVICE_UUIDS=${UUID}2
-e NVIDIA_VISIBLE_DEVICES=none|--no-attach
-e NVIDIA_VISIBLE_DEVICES=|--no-attach
--device /dev/nvidia2|--gpus 1
--device /dev/nvidia1:/dev/nvidia1:rw|-e GENV_DEVICE_UUIDS=${UUID}2
--device /dev/fuse --gpus 1|--device /dev/fuse --gpus 1
-e GENV_GPUS=1|--gpus 1
END
    [[ $count == 32 ]]
}

@test "docker: a daemon without genv's runtime, another runtime, and a state elsewhere: as before" {
    start_docker_shell
    run shell docker run --rm --runtime runc --network none local/bb:1 env
    [[ $output == *GENV_ENVIRONMENT_ID=e* && $output != *CUDA_VISIBLE_DEVICES* ]]
    run shell docker run --rm --network none -e GENV_ACTIVATE=0 local/bb:1 env
    [[ $output == *GENV_ENVIRONMENT_ID=e* && $output != *CUDA_VISIBLE_DEVICES* ]]
    run shell env GENV_TMPDIR=/var/tmp/other docker run --rm --network none local/bb:1 env
    [[ $output == *GENV_ENVIRONMENT_ID=e* && $output != *CUDA_VISIBLE_DEVICES* ]]
    run shell docker run --rm --runtime genv --network none -e GENV_GPUS=1 local/bb:1 env
    [[ $output != *GENV_ENVIRONMENT_ID=e* && $output == *"CUDA_VISIBLE_DEVICES=${UUID}3"* ]]
    machine genv docker uninstall
    run shell docker run --rm --network none local/bb:1 env
    [[ $output == *GENV_ENVIRONMENT_ID=e* && $output != *CUDA_VISIBLE_DEVICES* ]]
    # It has ended, and is not brought to life again.
    machine genv docker install
    machine sh -c "kill $SHELL_PID"
    until ! machine genv snapshot | jq -e '.envs[] | select(.eid == "e")' >/dev/null; do sleep 0.05; done
    run shell docker run --rm --network none local/bb:1 env
    [[ $output == *GENV_ENVIRONMENT_ID=e* && $output != *CUDA_VISIBLE_DEVICES* ]]
    run shell docker run --rm --network none --gpus all local/bb:1 env
    echo "$output"
    [[ $status == 125 && $output == *'environment e has ended'* ]]
}

@test "docker: with genv's as the default runtime, and as root" {
    start_dockerd '' --default
    start_shell other 60602 1
    start_shell e 0 2
    gets '' docker run --rm --network none
    gets '1:2' docker run --rm --network none --gpus device=2
}

setup_podman() {
    machine mkdir -p /etc/containers
    machine tee /etc/containers/containers.conf <<END
[containers]
${1-}
[engine]
cgroup_manager="cgroupfs"
events_logger="file"
runtime="runc"
END
    echo '{"default": [{"type": "insecureAcceptAnything"}]}' | machine tee /etc/containers/policy.json
}

@test "podman: the same, with nothing to set up; what it does later needs no option" {
    local id first
    setup_podman 'default_ulimits=["nofile=1024:1024","nproc=4096:4096"]
pids_limit=0'
    tar -C "$ROOM/image" -c . | machine podman import - local/bb:1
    start_shell other 60602 1
    start_shell e 0 2
    local options=(--rm --cap-add MKNOD --cgroup-parent "$CGROUP" --network none)
    gets '' podman run "${options[@]}"
    gets '2:1 1:2' podman run "${options[@]}" -e NVIDIA_VISIBLE_DEVICES=all
    gets '2:1' podman run "${options[@]}" --device nvidia.com/gpu=1
    gets '1:2' podman run "${options[@]}" --device /dev/nvidia1
    gets '2:1 1:2' podman run "${options[@]}" --gpus all
    id=$(shell podman run -d --cgroup-parent "$CGROUP" --network none --gpus all local/bb:1 sleep 1000)
    first=$(machine podman inspect -f '{{.State.Pid}}' "$id")
    [[ $(users_of_device "$first") == '["e"]' ]]
    [[ $(machine podman exec "$id" env) == *"CUDA_VISIBLE_DEVICES=${UUID}1,${UUID}2"* ]]
    machine sh -c "kill $SHELL_PID"
    users_of_device # none any more
    machine podman restart -t 0 "$id"
    [[ $(attached | grep ,e | xargs) == '1,e 2,e' ]]
    machine podman rm -f -t 0 "$id"
    [[ -z $(attached | grep ,e) ]]
}

@test "podman without root: the container is in its user's environment" {
    local id first store=(--storage-driver vfs)
    setup_podman
    start_shell other 60602 1
    start_shell e 60601 2
    tar -C "$ROOM/image" -c . | shell podman "${store[@]}" import - local/bb:1 || skip 'podman without root does not run here'
    run shell podman "${store[@]}" run --rm --network none local/bb:1 sh -c 'env; ls /dev'
    [[ $output == *GENV_ENVIRONMENT_ID=e* && $output == *CUDA_VISIBLE_DEVICES=* && $output != *nvidia* ]]
    run shell podman "${store[@]}" run --rm --network none --gpus all local/bb:1 sh -c 'env; ls /dev'
    [[ $output == *"CUDA_VISIBLE_DEVICES=${UUID}1,${UUID}2"* && $output == *nvidia1*nvidia2* ]]
    run shell podman "${store[@]}" run --rm --network none --device /dev/nvidia2 local/bb:1 sh -c 'env; ls /dev'
    echo "$output"
    [[ $output == *"CUDA_VISIBLE_DEVICES=${UUID}1"* && $output == *nvidia2* && $output != *nvidia1* ]]
    id=$(shell podman "${store[@]}" run -d --network none --gpus all local/bb:1 sleep 1000)
    first=$(shell podman "${store[@]}" inspect -f '{{.State.Pid}}' "$id")
    [[ $(users_of_device "$first") == '["e"]' ]]
    machine sh -c "kill $SHELL_PID"
    [[ $(attached | grep ,e | xargs) == '1,e 2,e' ]]
    shell podman "${store[@]}" rm -f -t 0 "$id"
    [[ -z $(attached | grep ,e) ]]
}

@test "docker that is podman: its runtime is named as podman has it" {
    setup_podman 'default_ulimits=["nofile=1024:1024","nproc=4096:4096"]
pids_limit=0'
    tar -C "$ROOM/image" -c . | machine podman import - local/bb:1
    printf '#!/bin/sh\nexec /usr/bin/podman "$@"\n' | machine tee /usr/local/bin/docker
    machine chmod 755 /usr/local/bin/docker
    start_shell e 0 1
    run shell docker run --rm --cgroup-parent "$CGROUP" --network none --gpus all local/bb:1 env
    echo "$output"
    [[ $output == *"CUDA_VISIBLE_DEVICES=${UUID}0"* ]]
}
