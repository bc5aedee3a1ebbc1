#!/usr/bin/env bats
# containerd by itself, and as Kubernetes uses it, with genv's runtime. For `./run test --full`.

load machine

setup() {
    [[ ${GENV_TEST_FULL-} ]] || skip 'takes engines of 150 MB: ./run test --full'
    machine_start same # a pod gets a share of the processors, so their controller must be there
    make_archive
}

# The image as an archive: one layer, and what docker would say of it. It sleeps if it is told nothing, as a pod's first
# container does.
make_archive() {
    local archive=$SCRATCH/archive layer
    mkdir "$archive"
    tar -C "$ROOM/image" -cf "$archive/layer.tar" .
    layer=$(sha256sum <"$archive/layer.tar")
    jq -n --arg layer "sha256:${layer%% *}" '{architecture: "amd64", os: "linux", rootfs: {type: "layers", diff_ids: [$layer]},
        config: {Env: ["PATH=/bin"], Cmd: ["sleep", "100000"]}}' >"$archive/config.json"
    echo '[{"Config": "config.json", "RepoTags": ["docker.io/local/bb:1"], "Layers": ["layer.tar"]}]' >"$archive/manifest.json"
}

# The daemon: start_containerd CONFIGURATION [PROGRAM].
start_containerd() {
    machine mkdir -p /etc/containerd
    machine tee /etc/containerd/config.toml <<<"$1"
    machine "${2-containerd}" </dev/null >"$SCRATCH/log" 2>&1 &
    local daemon=$!
    until machine ctr version >/dev/null 2>&1; do
        kill -0 "$daemon" || { cat "$SCRATCH/log" && return 1; }
        sleep 0.1
    done
    tar -C "$SCRATCH/archive" -c . | machine ctr -n "${NAMESPACE-default}" images import -
}

@test "containerd: ctr's containers get devices, and give them back" {
    local ctr=(machine ctr run --runc-binary /usr/local/bin/genv-container-runtime --cgroup "$CGROUP/c")
    start_containerd 'version = 2'
    "${ctr[@]}" --rm --env GENV_GPUS=2 docker.io/local/bb:1 one env | tee "$SCRATCH/out"
    grep -E '^CUDA_VISIBLE_DEVICES=GPU-.*,GPU-' "$SCRATCH/out"
    nothing_is_left
    run "${ctr[@]}" --rm --env GENV_GPUS=5 docker.io/local/bb:1 two true
    echo "$output"
    [[ $status != 0 && $output == *'genv: cannot attach 5 devices'* ]]
    nothing_is_left
    "${ctr[@]}" -d --env GENV_GPUS=1 docker.io/local/bb:1 three sleep 1000
    [[ $(attached) == 0,three ]]
    machine ctr task exec --exec-id e three env | grep GENV_ENVIRONMENT_ID=three
    machine ctr task kill -s KILL three
    until machine ctr task delete three; do sleep 0.1; done
    nothing_is_left
}

install_kubernetes() {
    local folder program
    folder=$("$GENV_SOURCE/tests/fetch" kubernetes) || skip "$folder"
    machine mkdir /kubernetes
    for program in crictl containerd containerd-shim-runc-v2; do
        machine tee "/kubernetes/$program" <"$folder/$program" >/dev/null
    done
    machine chmod -R 755 /kubernetes
    printf '%s\n' 'runtime-endpoint: unix:///run/containerd/containerd.sock' 'timeout: 60' | machine tee /etc/crictl.yaml
}

# A pod with container $1, which asks for $2 devices, as the kubelet asks for it.
pod() {
    machine mkdir -p /pod
    jq -n --arg cgroup "$CGROUP" '{metadata: {name: "train", namespace: "default", uid: "1", attempt: 1},
        linux: {cgroup_parent: $cgroup, security_context: {namespace_options: {network: 2}}}}' | machine tee /pod/pod.json
    jq -n --arg name "$1" --arg gpus "$2" '{metadata: {name: $name}, image: {image: "docker.io/local/bb:1"},
        command: ["sleep", "100000"], envs: [{key: "GENV_GPUS", value: $gpus}], linux: {}}' | machine tee /pod/container.json
}

crictl() {
    machine /kubernetes/crictl "$@"
}

# The pod's first container gets nothing, the container what it asks for.
try_pod() {
    local sandbox container
    pod train 2
    sandbox=$(crictl runp --runtime genv /pod/pod.json)
    nothing_is_left
    container=$(crictl create "$sandbox" /pod/container.json /pod/pod.json)
    crictl start "$container"
    [[ $(attached | xargs) == "0,$container 1,$container" ]]
    crictl exec --sync "$container" env | grep -E '^CUDA_VISIBLE_DEVICES=GPU-.*0,GPU-.*1$'
    pod more 3
    run crictl start "$(crictl create "$sandbox" /pod/container.json /pod/pod.json)"
    echo "$output"
    [[ $status != 0 && $output == *'genv: cannot attach 3 devices'* ]]
    crictl stop --timeout 0 "$container"
    nothing_is_left
    crictl stopp "$sandbox"
    crictl rmp "$sandbox"
}

# The tests add to what is documented: an image that is here for a pod's first container, in place of one that would be
# downloaded, and no priorities, which root cannot give in every virtual machine.

@test "Kubernetes: a pod of containerd 1, by the documented configuration" {
    install_kubernetes
    NAMESPACE=k8s.io
    start_containerd "$(example toml 1)
[plugins.\"io.containerd.grpc.v1.cri\"]
  sandbox_image = \"docker.io/local/bb:1\"
  restrict_oom_score_adj = true"
    try_pod
}

@test "Kubernetes: a pod of containerd 2, by the documented configuration" {
    install_kubernetes
    machine mv /kubernetes/containerd-shim-runc-v2 /usr/local/bin
    NAMESPACE=k8s.io
    start_containerd "$(example toml 2)
[plugins.\"io.containerd.cri.v1.images\".pinned_images]
  sandbox = \"docker.io/local/bb:1\"
[plugins.\"io.containerd.cri.v1.runtime\"]
  restrict_oom_score_adj = true" /kubernetes/containerd
    try_pod
}
