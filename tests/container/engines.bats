#!/usr/bin/env bats
# Whole engines: dockerd, podman, and podman without root, with genv's runtime below them. For `./run test --full`.

load helpers

setup_file() {
    [[ ${GENV_TEST_FULL-} ]] || return 0
    container_setup_file
}
teardown_file() { container_teardown_file; }

setup() {
    [[ ${GENV_TEST_FULL-} ]] || skip 'takes engines of 80 MB: ./run test --full'
    container_setup
    ENGINES=$("$GENV_SOURCE/tests/fetch" engines) || skip "$ENGINES"
    ENGINES+=/root
    PATH=$ENGINES/usr/sbin:$ENGINES/usr/bin:$PATH
    chmod 755 "$ROOM" "$SCRATCH"
    # Engines start runtimes with few variables: what is the test's is in a program of its own.
    cat >"$SCRATCH/genv-container-runtime" <<END
#!/bin/sh
export GENV_TMPDIR='$GENV_TMPDIR' GENV_DEVICES=4 GENV_RUNTIME='$ENGINES/usr/sbin/runc'
[ ! -e '$SCRATCH/world.json' ] || export GENV_SIMULATOR='$SCRATCH/world.json' LD_LIBRARY_PATH='$GENV_NVML'
[ ! -e '$SCRATCH/world.json' ] || unset GENV_DEVICES
exec '$WRAPPER' "\$@"
END
    chmod 755 "$SCRATCH/genv-container-runtime"
    DAEMON=
}

teardown() {
    stop_dockerd
    [[ ! ${SHORT-} ]] || clean_up
    container_teardown
}

# What engines leave: rootless podman's process that keeps its namespaces, mounts, files of subordinate users.
clean_up() {
    local file mount
    while read -r file; do kill "$(<"$file")" 2>/dev/null || true; done < <(find "$SHORT" /tmp/podman-run-60601 -name pause.pid 2>/dev/null)
    while read -r mount; do umount -l "$mount" 2>/dev/null || true; done < <(awk -v folder="$SHORT/" 'index($2, folder) == 1 { print $2 }' \
        /proc/self/mounts | sort -r)
    cd / && rm -rf "$SHORT"
}

# docker's socket has a short path: the name of a test's folder would be too long.
start_dockerd() {
    SHORT=$(mktemp -d /tmp/gd.XXXXXX)
    export DOCKER_HOST=unix://$SHORT/docker.sock
    dockerd --data-root "$SHORT/data" --exec-root "$SHORT/exec" --pidfile "$SHORT/pid" -H "$DOCKER_HOST" --iptables=false \
        --ip6tables=false --ip-masq=false --bridge=none --storage-driver="${STORAGE-overlay2}" \
        --exec-opt native.cgroupdriver=cgroupfs --add-runtime "genv=$SCRATCH/genv-container-runtime" "$@" \
        >"$SHORT/log" 2>&1 </dev/null 3>&- &
    DAEMON=$!
    wait_for_dockerd
}

wait_for_dockerd() {
    until docker version >/dev/null 2>&1; do
        kill -0 "$DAEMON" 2>/dev/null || {
            skip "dockerd does not run here: $(tail -n 1 "$SHORT/log")"
        }
        sleep 0.1
    done
}

stop_dockerd() {
    [[ $DAEMON ]] || return 0
    docker ps -aq | xargs -r docker rm -f >/dev/null 2>&1 || true
    kill "$DAEMON" 2>/dev/null || true
    wait "$DAEMON" 2>/dev/null || true
    DAEMON=
}

import() {
    tar -C "$ROOM/image" -c . | docker import - local/bb:1 >/dev/null
}

@test "docker: run, exec, restart, stop, an error in docker's own words" {
    start_dockerd
    import
    docker run --rm --runtime genv --network none -e GENV_GPUS=2 local/bb:1 sh -c 'env; ls /dev/genv' | tee "$SCRATCH/out"
    grep -E '^CUDA_VISIBLE_DEVICES=GPU-.*,GPU-' "$SCRATCH/out"
    run docker run --rm --runtime genv --network none -e GENV_GPUS=5 local/bb:1 true
    echo "$output"
    [[ $status == 125 && $output == *'genv: cannot attach 5 devices'* && ${#lines[@]} -le 2 ]]
    local id
    id=$(docker run -d --name one --runtime genv --network none -e GENV_GPUS=1 local/bb:1 sleep 1000)
    [[ $(attached) == "0,$id" ]]
    [[ $(docker exec one env) == *"GENV_ENVIRONMENT_ID=$id"* ]]
    docker restart -t 0 one
    [[ $(attached) == "0,$id" ]]
    docker stop -t 0 one
    [[ -z $(attached) && -z $(ls "$GENV_TMPDIR/envs") ]]
    docker start one
    [[ $(attached) == "0,$id" ]]
    docker rm -f one
    [[ -z $(attached) && -z $(ls "$GENV_TMPDIR/envs") ]]
}

@test "docker: a denied device gives EPERM, an allowed one is there" {
    use_nodes
    start_dockerd
    import
    # shellcheck disable=SC2016
    docker run --rm --runtime genv --network none -e GENV_GPUS=1 local/bb:1 sh -c 'for n in 0 1 2 3; do
        mknod /dev/try c 195 $n; echo "node $n: $(cat /dev/try 2>&1)"; rm -f /dev/try; done' | tee "$SCRATCH/out"
    [[ $(grep -c 'node [012]: .*Operation not permitted' "$SCRATCH/out") == 3 ]]
    grep 'node 3: .*No such device or address' "$SCRATCH/out"
}

@test "docker: genv-docker's container is the user's; as the default runtime, others stay as they are" {
    start_dockerd --default-runtime genv
    import
    chmod 666 "$SHORT/docker.sock"
    chmod 755 "$SHORT"
    local id
    id=$(setpriv --reuid 60601 --regid 60601 --clear-groups env DOCKER_CONFIG=/nonexistent genv-docker run -d --network none --gpus 2 local/bb:1 sleep 1000)
    [[ $(genv snapshot | jq -c '.envs[] | [.eid, .uid, .devices]') == "[\"$id\",60601,[0,1]]" ]]
    docker run --rm --network none local/bb:1 env | tee "$SCRATCH/out"
    run ! grep -E 'GENV|CUDA' "$SCRATCH/out"
}

@test "docker: containers live through kill -9 of the daemon, and keep their devices" {
    start_dockerd --live-restore
    import
    local id
    id=$(docker run -d --runtime genv --network none -e GENV_GPUS=2 local/bb:1 sleep 1000)
    kill -KILL "$DAEMON" "$(<"$SHORT/exec/containerd/containerd.pid")"
    wait "$DAEMON" 2>/dev/null || true
    [[ $(attached | xargs) == "0,$id 1,$id" ]]
    local short=$SHORT
    rm -f "$SHORT/pid" "$SHORT/exec/containerd/containerd.pid"
    dockerd --data-root "$short/data" --exec-root "$short/exec" --pidfile "$short/pid" -H "$DOCKER_HOST" --iptables=false \
        --ip6tables=false --ip-masq=false --bridge=none --storage-driver="${STORAGE-overlay2}" --live-restore \
        --exec-opt native.cgroupdriver=cgroupfs --add-runtime "genv=$SCRATCH/genv-container-runtime" \
        >>"$short/log" 2>&1 </dev/null 3>&- &
    DAEMON=$!
    wait_for_dockerd
    [[ $(attached | xargs) == "0,$id 1,$id" ]]
    docker rm -f "$id"
    [[ -z $(attached) ]]
}

# podman with files of its own below $1, storage driver $2.
setup_podman() {
    mkdir -p "$1"
    cat >"$1/containers.conf" <<END
[containers]
seccomp_profile="$ENGINES/usr/share/containers/seccomp.json"
${3-}
[engine]
cgroup_manager="cgroupfs"
runtime="runc"
events_logger="file"
conmon_path=["$ENGINES/usr/bin/conmon"]
[engine.runtimes]
runc=["$ENGINES/usr/sbin/runc"]
genv=["$SCRATCH/genv-container-runtime"]
END
    cat >"$1/storage.conf" <<END
[storage]
driver="$2"
graphroot="$1/graph"
runroot="$1/run"
END
    echo '{"default":[{"type":"insecureAcceptAnything"}]}' >"$1/policy.json"
    PODMAN=(env LD_LIBRARY_PATH="$ENGINES/usr/lib/x86_64-linux-gnu" CONTAINERS_CONF="$1/containers.conf"
        CONTAINERS_STORAGE_CONF="$1/storage.conf")
}

@test "podman: run, exec, restart, stop" {
    SHORT=$(mktemp -d /tmp/gp.XXXXXX)
    setup_podman "$SHORT" overlay 'default_ulimits=["nofile=1024:1024","nproc=4096:4096"]'
    tar -C "$ROOM/image" -c . | "${PODMAN[@]}" podman import --signature-policy "$SHORT/policy.json" - local/bb:1
    "${PODMAN[@]}" podman --runtime genv run --rm --network none -e GENV_GPUS=2 local/bb:1 env | tee "$SCRATCH/out"
    grep -E '^CUDA_VISIBLE_DEVICES=GPU-.*,GPU-' "$SCRATCH/out"
    run "${PODMAN[@]}" podman --runtime genv run --rm --network none -e GENV_GPUS=5 local/bb:1 true
    [[ $status != 0 && $output == *'cannot attach 5 devices'* ]]
    local id
    id=$("${PODMAN[@]}" podman --runtime genv run -d --name c --network none -e GENV_GPUS=1 local/bb:1 sleep 1000 3>&-)
    [[ $(attached) == "0,$id" ]]
    [[ $("${PODMAN[@]}" podman exec c env) == *"GENV_ENVIRONMENT_ID=$id"* ]]
    "${PODMAN[@]}" podman restart -t 0 c 3>&-
    [[ $(attached) == "0,$id" ]]
    "${PODMAN[@]}" podman rm -f -t 0 c
    [[ -z $(attached) && -z $(ls "$GENV_TMPDIR/envs") ]]
}

@test "podman: devices by CDI, without the runtime" {
    SHORT=$(mktemp -d /tmp/gc.XXXXXX)
    use_nodes
    setup_podman "$SHORT" overlay 'default_ulimits=["nofile=1024:1024","nproc=4096:4096"]'
    tar -C "$ROOM/image" -c . | "${PODMAN[@]}" podman import --signature-policy "$SHORT/policy.json" - local/bb:1
    make_env 0 mine 1
    cat >"$SCRATCH/session" <<'END'
for n in 0 1 2 3; do # podman looks for the nodes here, too
    mknod -m 666 "/dev/nvidia$n" c 195 "$n" 2>/dev/null && made+=("/dev/nvidia$n")
done
mkdir -p /etc/cdi
GENV_ENVIRONMENT_ID=mine genv cdi --output /etc/cdi/genv.json
"$@" --device genv.dev/gpu=mine local/bb:1 sh -c 'env; for n in 0 1 2 3; do cat /dev/nvidia$n; done' >out 2>&1
genv devices detach --eid mine --quiet
"$@" --device genv.dev/gpu=mine local/bb:1 true >refused 2>&1
((${#made[@]} == 0)) || rm -f "${made[@]}"
END
    cd "$SHORT"
    with_etc "$(declare -p PODMAN); set -- \"\${PODMAN[@]}\" podman run --rm --network none; . '$SCRATCH/session'" || true
    cat out refused
    grep -Fx CUDA_VISIBLE_DEVICES=GPU-0 out
    [[ $(grep -c 'No such device or address' out) == 1 ]]
    grep 'is no longer attached to environment mine' refused
}

@test "podman without root: the container's environment is its user's" {
    SHORT=$(mktemp -d /tmp/gr.XXXXXX)
    mkdir "$SHORT/home" "$SHORT/runtime" "$SHORT/bin"
    chmod 755 "$SHORT"
    tar -C "$ROOM/image" -cf "$SHORT/image.tar" .
    setup_podman "$SHORT/home" vfs
    chown -R 60601:60601 "$SHORT"/{home,runtime} "$SHORT"
    cp "$ENGINES"/usr/bin/new[ug]idmap "$SHORT/bin"
    chmod 4755 "$SHORT"/bin/new?idmap
    chmod 700 "$SHORT/runtime"
    cat >"$SHORT/session" <<END
mount -t tmpfs none /etc/opt && mkdir /etc/opt/u /etc/opt/w &&
    mount -t overlay -o lowerdir=/etc,upperdir=/etc/opt/u,workdir=/etc/opt/w none /etc || exit 77
echo 'alicex:x:60601:60601::$SHORT/home:/bin/sh' >>/etc/passwd
echo alicex:200000:65536 | tee -a /etc/subuid >>/etc/subgid
mkdir -p /etc/genv && echo 'alicex devices 3' >/etc/genv/limits.conf
cd '$SHORT'
exec setpriv --reuid 60601 --regid 60601 --clear-groups env -i HOME='$SHORT/home' USER=alicex XDG_RUNTIME_DIR='$SHORT/runtime' \
    PATH='$SHORT/bin:$PATH' "\$@"
END
    unshare -m bash "$SHORT/session" "${PODMAN[@]}" podman import --signature-policy "$SHORT/home/policy.json" image.tar local/bb:1 ||
        skip 'podman without root does not run here'
    # shellcheck disable=SC2016
    unshare -m bash "$SHORT/session" "${PODMAN[@]}" sh -c '
        podman --runtime genv run -d --name c --network none -e GENV_GPUS=2 local/bb:1 sleep 1000 >id
        podman exec c env >env
        genv=$1; GENV_TMPDIR=$2 "$genv" snapshot >snapshot
        podman --runtime genv run --rm --network none -e GENV_GPUS=2 local/bb:1 true 2>refused
        podman rm -f -t 0 c; podman unshare rm -rf home/graph home/run' sh "$PREFIX/bin/genv" "$GENV_TMPDIR" >/dev/null 2>"$SCRATCH/err" 3>&- || true
    cat "$SHORT"/refused
    [[ $(jq -c '.envs[] | [.uid, .devices]' "$SHORT/snapshot") == '[60601,[0,1]]' ]]
    grep -E '^CUDA_VISIBLE_DEVICES=GPU-.*,GPU-' "$SHORT/env"
    grep 'alicex would hold 4 devices' "$SHORT/refused"
    [[ -z $(attached) ]]
}
