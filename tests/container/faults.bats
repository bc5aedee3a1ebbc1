#!/usr/bin/env bats
# What was wrong in the Python genv's runtime, a test each, and images that mean harm.

load helpers

setup_file() { container_setup_file; }
teardown_file() { container_teardown_file; }

setup() {
    container_setup
    use_lower runc
}

teardown() { container_teardown; }

@test "--no-attach and --no-activate start the container" {
    make_config env
    variables GENV_GPUS=2 GENV_ATTACH=0
    run_container c1 | tee "$SCRATCH/out"
    grep -Fx CUDA_VISIBLE_DEVICES=-1 "$SCRATCH/out"
    grep -Fx NVIDIA_VISIBLE_DEVICES=void "$SCRATCH/out"
    make_config env
    variables GENV_GPUS=2 GENV_ACTIVATE=0
    run_container c2 | tee "$SCRATCH/out"
    grep -Fx GENV_GPUS=2 "$SCRATCH/out"
    run ! grep GENV_CONTAINER "$SCRATCH/out"
}

@test "an image without PATH, and one without any variable of its own" {
    use_libraries
    make_config /bin/env
    edit_config '.process.env = ["GENV_GPUS=1"]'
    run_container c1 | grep -Fx 'PATH=/dev/genv/root/shims:/dev/genv/root/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'
}

@test "a root path that is relative, and one that is not" {
    make_config true
    variables GENV_GPUS=1
    run_container c1
    edit_config --arg root "$BUNDLE/rootfs" '.root.path = $root'
    (cd / && run_container c2)
}

@test "too few devices: one line, nothing registered; more than the machine has, over-subscribed or not" {
    make_env 0 other 3
    make_config true
    variables GENV_GPUS=2
    run --separate-stderr runtime run --bundle "$BUNDLE" c1
    echo "$stderr"
    [[ $status == 1 && ${#stderr_lines[@]} == 1 && $stderr == *available* ]]
    variables GENV_GPUS=5 GENV_ALLOW_OVER_SUBSCRIPTION=1
    run --separate-stderr runtime run --bundle "$BUNDLE" c2
    echo "$stderr"
    [[ $status == 1 && ${#stderr_lines[@]} == 1 ]]
    [[ $(ls "$GENV_TMPDIR/envs") == other.json ]]
    make_config true
    variables GENV_GPUS=2 GENV_ALLOW_OVER_SUBSCRIPTION=1
    run_container c3
}

@test "nothing is written into the image, and a read-only root is fine" {
    make_config sh -c 'touch /x && exit 3; ls /dev/genv/state'
    edit_config '.root.readonly = true'
    variables GENV_GPUS=1
    find "$BUNDLE/rootfs" | sort >"$SCRATCH/before"
    [[ $(run_container c1 2>/dev/null | xargs) == 'devices envs' ]]
    diff "$SCRATCH/before" <(find "$BUNDLE/rootfs" | sort)
}

@test "links in the image lead nowhere on the host" {
    local link
    mkdir "$SCRATCH/host"
    for link in opt var lib64 dev/genv; do
        rm -rf "$BUNDLE/rootfs/$link"
        ln -s "$SCRATCH/host" "$BUNDLE/rootfs/$link"
    done
    make_config ls /dev/genv/state
    variables GENV_GPUS=1
    [[ $(run_container c1 | xargs) == 'devices envs' ]]
    [[ -z $(find "$SCRATCH/host" -mindepth 1) ]]
}

@test "devices are decided before any hook runs: NVIDIA's runtime below reads them at create" {
    cat >"$SCRATCH/nvidia-container-runtime" <<END
#!/bin/bash
[[ " \$* " != *" create "* ]] || jq -r '.process.env[]' '$BUNDLE/config.json' | grep NVIDIA >'$SCRATCH/seen'
exec '$LOWER' "\$@"
END
    chmod +x "$SCRATCH/nvidia-container-runtime"
    make_config sleep 1000
    variables NVIDIA_VISIBLE_DEVICES=all NVIDIA_MIG_MONITOR_DEVICES=all NVIDIA_MIG_CONFIG_DEVICES=all NVIDIA_IMEX_CHANNELS=0 \
        NVIDIA_DRIVER_CAPABILITIES=all GENV_GPUS=1
    GENV_RUNTIME=$SCRATCH/nvidia-container-runtime start_container c1
    cat "$SCRATCH/seen"
    [[ $(sort "$SCRATCH/seen" | xargs) == 'NVIDIA_DRIVER_CAPABILITIES=all NVIDIA_VISIBLE_DEVICES=GPU-'* && $(wc -l <"$SCRATCH/seen") == 2 ]]
}

@test "a lower runtime that runs no hooks leaves no container whose devices others would get" {
    local words
    CONTAINERS+=(c1)
    cat >"$SCRATCH/lower" <<END
#!/bin/bash
jq 'del(.hooks)' '$BUNDLE/config.json' >'$SCRATCH/new' && cat '$SCRATCH/new' >'$BUNDLE/config.json'
exec '$LOWER' "\$@"
END
    chmod +x "$SCRATCH/lower"
    for words in create 'run --detach' 'run -d'; do
        make_config sleep 1000
        variables GENV_GPUS=1
        status=0
        # shellcheck disable=SC2086
        GENV_RUNTIME=$SCRATCH/lower runtime $words --bundle "$BUNDLE" c1 </dev/null >/dev/null 2>"$SCRATCH/err" 3>&- || status=$?
        cat "$SCRATCH/err"
        [[ $status == 1 && $(<"$SCRATCH/err") == 'genv: the OCI runtime '*' did not run the createRuntime hook '*', and the container was deleted: '* ]]
        run ! "$LOWER" --root "$SCRATCH/run" state c1
        [[ -z $(attached) && -z $(ls "$GENV_TMPDIR/envs") ]]
    done
    # In the foreground the runtime itself holds the devices.
    make_config sleep 1000
    variables GENV_GPUS=1
    GENV_RUNTIME=$SCRATCH/lower runtime run --bundle "$BUNDLE" c1 </dev/null >/dev/null 2>&1 3>&- &
    MEMBERS+=("$!")
    until [[ $("$LOWER" --root "$SCRATCH/run" state c1 2>/dev/null | jq -r .status) == running ]]; do sleep 0.05; done
    [[ $(attached) == 0,c1 ]]
    runtime delete -f c1
    until [[ -z $(attached) ]]; do sleep 0.05; done
}

@test "a runtime keeps the sockets that a service manager passes" {
    cat >"$SCRATCH/lower" <<END
#!/bin/sh
[ "\$LISTEN_PID" != \$\$ ] || echo mine >'$SCRATCH/sockets'
$(run_hook)
END
    chmod +x "$SCRATCH/lower"
    make_config true
    variables GENV_GPUS=1
    GENV_RUNTIME=$SCRATCH/lower bash -c 'export LISTEN_FDS=1 LISTEN_PID=$$; exec "$@"' sh "$WRAPPER" create --bundle "$BUNDLE" c1
    [[ $(<"$SCRATCH/sockets") == mine ]]
}

@test "in a user namespace the records are the user's who runs the engine" {
    unshare --user --map-root-user true 2>/dev/null || skip 'may not make user namespaces'
    make_config sleep 1000
    variables GENV_GPUS=1
    cat >"$SCRATCH/lower" <<'END'
#!/bin/sh
exec sleep 1000
END
    chmod +x "$SCRATCH/lower"
    chown -R 60601:60601 "$BUNDLE"
    chmod 755 "$BUNDLE"
    GENV_RUNTIME=$SCRATCH/lower setpriv --reuid 60601 --regid 60601 --clear-groups unshare --user --map-root-user \
        "$WRAPPER" create --bundle "$BUNDLE" c1 3>&- &
    MEMBERS+=("$!")
    until [[ -e $GENV_TMPDIR/envs/c1.json ]]; do
        kill -0 "$!"
        sleep 0.05
    done
    [[ $(stat -c %u "$GENV_TMPDIR/envs/c1.json") == 60601 ]]
    [[ $(genv snapshot | jq '.envs[0].uid') == 60601 ]]
}

@test "the state is where the engine's own GENV_TMPDIR says" {
    make_config sleep 1000
    variables GENV_GPUS=1 GENV_TMPDIR=/elsewhere
    start_container c1
    [[ -e $GENV_TMPDIR/envs/c1.json ]]
    runtime delete -f c1
    [[ ! -e $GENV_TMPDIR/envs/c1.json ]]
}

@test "the same identifier again is a new environment, also where the old one lives on" {
    make_config sleep 1000
    variables GENV_GPUS=2
    start_container c1
    make_env 0 c1 0
    runtime delete -f c1
    [[ $(attached | xargs) == '0,c1 1,c1' ]] # what was registered besides keeps it
    make_config sleep 1000
    variables GENV_ENVIRONMENT_NAME=again
    start_container c1
    [[ $(attached | xargs) == '0,c1 1,c1' ]]
    [[ $(genv snapshot | jq -c '.envs[] | select(.name == "again") | [.eid, .devices]') == '["c1-2",[]]' ]]
}

@test "a value is all that is behind the first equals sign" {
    make_config sleep 1000
    variables 'GENV_ENVIRONMENT_NAME=a=b=c'
    start_container c1
    [[ $(genv snapshot | jq -r '.envs[0].name') == 'a=b=c' ]]
}

@test "devices from elsewhere, docker's own --gpus or --device, are refused unless they are the environment's" {
    use_nodes
    make_config ls /dev
    variables GENV_GPUS=1
    edit_config '.linux.devices = [{path: "/dev/nvidia0", type: "c", major: 195, minor: 0}] |
        .linux.resources.devices += [{allow: true, type: "c", major: 195, minor: 0, access: "rwm"}]'
    run --separate-stderr runtime run --bundle "$BUNDLE" c1
    echo "$stderr"
    [[ $status == 1 && ${#stderr_lines[@]} == 1 && $stderr == *'not attached to environment c1'* ]]
    make_config sh -c 'ls -l /dev/nvidia3'
    variables GENV_GPUS=1
    edit_config '.linux.devices = [{path: "/dev/nvidia3", type: "c", major: 195, minor: 3}] |
        .linux.resources.devices += [{allow: true, type: "c", major: 195, minor: 3, access: "rwm"}]'
    run_container c2
}

@test "a privileged container has no other GPUs either" {
    use_nodes
    # shellcheck disable=SC2016
    make_config sh -c 'ls /dev; for n in 0 1 2 3; do
        echo "node $n: $(mknod /dev/try c 195 $n 2>&1; cat /dev/try 2>&1)"; rm -f /dev/try; done'
    variables GENV_GPUS=1
    edit_config '.linux.devices = [range(4) | {path: "/dev/nvidia\(.)", type: "c", major: 195, minor: .}] |
        .linux.resources.devices = [{allow: true, access: "rwm"}]'
    run_container c1 >"$SCRATCH/out"
    cat "$SCRATCH/out"
    [[ $(grep '^nvidia[0-9]' "$SCRATCH/out") == nvidia3 ]]
    [[ $(grep -c 'node [012]: .*Operation not permitted' "$SCRATCH/out") == 3 ]]
    grep 'node 3: .*No such device or address' "$SCRATCH/out"
}

@test "a node that is mounted is a device too, and without root so is a folder of them" {
    use_nodes
    mkdir "$SCRATCH/dev"
    mknod "$SCRATCH/dev/nvidia0" c 195 0 || skip 'may not make nodes'
    mknod "$SCRATCH/dev/nvidia3" c 195 3
    for source in dev/nvidia0 dev; do
        make_config true
        variables GENV_GPUS=1
        edit_config --arg source "$SCRATCH/$source" '.mounts += [{destination: "/mnt", type: "bind", source: $source, options: ["bind"]}]'
        [[ $source == dev ]] || run --separate-stderr runtime run --bundle "$BUNDLE" c1
        if [[ $source == dev ]]; then
            unshare --user --map-root-user true 2>/dev/null || skip 'may not make user namespaces'
            chown -R 60601:60601 "$BUNDLE"
            run --separate-stderr setpriv --reuid 60601 --regid 60601 --clear-groups unshare --user --map-root-user \
                "$WRAPPER" create --bundle "$BUNDLE" c1
        fi
        echo "$source: $stderr"
        [[ $status == 1 && $stderr == *"$SCRATCH/$source would give the container devices that are not attached to environment c1"* ]]
        [[ -z $(attached) ]]
    done
    chown -R 0:0 "$BUNDLE"
    make_config true
    variables GENV_GPUS=1
    edit_config '.mounts += [{destination: "/var/run/nvidia-container-devices/all", type: "bind", source: "/dev/null", options: ["bind"]}]'
    run --separate-stderr runtime run --bundle "$BUNDLE" c1
    [[ $status == 1 && $stderr == *'nvidia-container-devices/all would give'* ]]
    make_config true
    variables GENV_GPUS=1
    edit_config --arg source "$SCRATCH/dev/nvidia3" '.mounts += [{destination: "/mnt", type: "bind", source: $source, options: ["bind"]}]'
    run_container c2
}

# The driver's capabilities have major numbers, which the kernel chose, and which this machine has for nothing else.
with_capabilities() {
    printf '%s\n' 'Character devices:' '  1 mem' '195 nvidia' '487 nvidia-caps' '488 nvidia-caps-imex-channels' '' \
        'Block devices:' '489 nvidia-caps-of-blocks' >"$SCRATCH/devices"
    unshare -m sh -c 'mount --bind "$0" /proc/devices && exec "$@"' "$SCRATCH/devices" "$@"
}

@test "capabilities of MIG and IMEX are devices too: as a node, by a rule, by mounts" {
    local edit source
    with_capabilities true || skip 'may not mount over /proc/devices'
    use_nodes
    mkdir -p "$SCRATCH"/dev/nvidia-caps{,-imex-channels}
    mknod "$SCRATCH/dev/nvidia-caps/nvidia-cap12" c 487 12 || skip 'may not make nodes'
    mknod "$SCRATCH/dev/nvidia-caps-imex-channels/channel0" c 488 0
    for edit in '.linux.devices = [{path: "/dev/nvidia-caps/nvidia-cap12", type: "c", major: 487, minor: 12}]' \
        '.linux.devices = [{path: "/dev/x", type: "c", major: 488}]' \
        '.linux.resources.devices += [{allow: true, type: "c", major: 487, minor: 12, access: "r"}]' \
        '.linux.resources.devices += [{allow: true, type: "c", major: 488, access: "rw"}]' \
        '.linux.resources.devices += [{allow: true, type: "c", minor: 255, access: "rw"}]' \
        '.mounts += [{destination: "/mnt", type: "bind", source: "\($dev)/nvidia-caps/nvidia-cap12", options: ["bind"]}]' \
        '.mounts += [{destination: "/mnt", type: "bind", source: "\($dev)/nvidia-caps-imex-channels/channel0", options: ["bind"]}]'; do
        make_config true
        variables GENV_GPUS=1
        edit_config --arg dev "$SCRATCH/dev" "$edit"
        run --separate-stderr with_capabilities "$WRAPPER" --root "$SCRATCH/run" run --bundle "$BUNDLE" c1 </dev/null
        echo "$edit: $status $stderr"
        [[ $status == 1 && $stderr == *'would give the container devices that are not attached'* && -z $(attached) ]]
    done
    # A block device of the same number is something else.
    make_config sh -c 'env; ls /dev'
    variables GENV_GPUS=1 NVIDIA_IMEX_CHANNELS=0
    edit_config '.linux.devices = [{path: "/dev/block", type: "b", major: 487, minor: 0}, {path: "/dev/other", type: "c", major: 489, minor: 0}]'
    with_capabilities "$WRAPPER" --root "$SCRATCH/run" run --bundle "$BUNDLE" c1 </dev/null | tee "$SCRATCH/out"
    grep -Fx block "$SCRATCH/out"
    grep -Fx other "$SCRATCH/out"
    run ! grep IMEX "$SCRATCH/out"
    # Without a device cgroup a folder of them is refused as well.
    unshare --user --map-root-user true 2>/dev/null || skip 'may not make user namespaces'
    for source in dev/nvidia-caps dev/nvidia-caps-imex-channels dev .; do
        make_config true
        variables GENV_GPUS=1
        edit_config --arg source "$SCRATCH/$source" '.mounts += [{destination: "/mnt", type: "bind", source: $source, options: ["bind"]}]'
        chown -R 60601:60601 "$BUNDLE"
        run --separate-stderr with_capabilities setpriv --reuid 60601 --regid 60601 --clear-groups unshare --user --map-root-user \
            "$WRAPPER" create --bundle "$BUNDLE" c1
        echo "$source: $stderr"
        [[ $status == 1 && $stderr == *"$SCRATCH/$source would give the container devices that are not attached"* ]]
    done
}

@test "annotations that ask for GPUs by names of CDI are refused unless they are the container's own" {
    local names
    use_nodes
    for names in nvidia.com/gpu=all nvidia.com/gpu=0 vendor.com/nic=1,nvidia.com/gpu=GPU-1 nvidia.com/gpu=GPU-0,nvidia.com/gpu=GPU-00 \
        nvidia.com/mig=0:1 k8s.device-plugin.nvidia.com/gpu=GPU-2 management.nvidia.com/x=all amd.com/gpu=0 intel.com/gpu=x genv.dev/gpu=all \
        nvidia.com/gpu= nvidia.com/gpu; do
        make_config true
        variables GENV_GPUS=1
        edit_config --arg names "$names" '.annotations = {"cdi.k8s.io/plugin_x": $names}'
        run --separate-stderr runtime run --bundle "$BUNDLE" c1 </dev/null
        echo "$names: $status $stderr"
        [[ $status == 1 && $stderr == *'cdi.k8s.io/plugin_x would give the container devices that are not attached to environment c1'* && -z $(attached) ]]
    done
    for names in nvidia.com/gpu=GPU-0 vendor.com/nic=GPU-1,nvidia.com/gpu=GPU-0 ''; do
        make_config true
        variables GENV_GPUS=1
        edit_config --arg names "$names" '.annotations = {"cdi.k8s.io/plugin_x": $names, "other": "nvidia.com/gpu=all"}'
        run_container c1
    done
}

@test "a privileged container has no capabilities of MIG either" {
    with_capabilities true || skip 'may not mount over /proc/devices'
    use_nodes
    # shellcheck disable=SC2016
    make_config sh -c 'ls /dev; for n in 487 488 489; do
        echo "node $n: $(mknod /dev/try c $n 12 2>&1; cat /dev/try 2>&1)"; rm -f /dev/try; done'
    variables GENV_GPUS=1
    edit_config '.linux.devices = [{path: "/dev/nvidia-caps/nvidia-cap12", type: "c", major: 487, minor: 12}] |
        .linux.resources.devices = [{allow: true, access: "rwm"}]'
    with_capabilities "$WRAPPER" --root "$SCRATCH/run" run --bundle "$BUNDLE" c1 </dev/null >"$SCRATCH/out"
    cat "$SCRATCH/out"
    run ! grep -F nvidia-caps "$SCRATCH/out"
    [[ $(grep -c 'node 48[78]: .*Operation not permitted' "$SCRATCH/out") == 2 ]]
    grep 'node 489: .*No such device or address' "$SCRATCH/out"
}

@test "a rule of all kinds is for everything, whatever its numbers are, and no wildcard behind one opens a GPU" {
    use_nodes
    # shellcheck disable=SC2016
    make_config sh -c 'for n in 0 1 2 3; do
        echo "node $n: $(mknod /dev/try c 195 $n 2>&1; cat /dev/try 2>&1)"; rm -f /dev/try; done'
    variables GENV_GPUS=1
    cp "$BUNDLE/config.json" "$SCRATCH/config.json"
    edit_config '.linux.resources.devices += [{allow: true, type: "a", major: 1, minor: 3, access: "r"}]'
    run_container c1 >"$SCRATCH/out"
    cat "$SCRATCH/out"
    [[ $(grep -c 'node [012]: .*Operation not permitted' "$SCRATCH/out") == 3 ]]
    grep 'node 3: .*No such device or address' "$SCRATCH/out"
    cp "$SCRATCH/config.json" "$BUNDLE/config.json"
    edit_config '.linux.resources.devices = [{allow: true, access: "rwm"}, {allow: false, access: "rwm"},
        {allow: true, type: "c", major: 195, access: "rwm"}]'
    run --separate-stderr runtime run --bundle "$BUNDLE" c2
    echo "$stderr"
    [[ $status == 1 && $stderr == *'not attached to environment c2'* ]]
}

@test "an absurd image: 100,000 variables, names of all kinds, a config of other types" {
    local broken
    make_config true
    edit_config '.process.env = [range(100000) | "V\(.)=\(.)"] + ["", "=", "GENV_GPUS=1", "PATH=/bin", "GENV_GPUS", "PATH"]'
    "$WRAPPER" --root "$SCRATCH/run" create --bundle "$BUNDLE" c1 </dev/null >/dev/null 2>"$SCRATCH/err" 3>&- || cat "$SCRATCH/err"
    CONTAINERS+=(c1)
    runtime delete -f c1
    [[ -z $(attached) && -z $(ls "$GENV_TMPDIR/envs") ]]
    for broken in '.process.env[0] = 5' '.mounts = {}' '.hooks = []' '.linux = "x"' '.linux.resources.devices = 1' '.linux.devices = [1, null]' \
        '.annotations = 5' '.root = []' '.process = [.process]' '.process.env = {}' '.hooks.createRuntime = "x"'; do
        make_config true
        variables GENV_GPUS=1
        edit_config "$broken"
        run --separate-stderr runtime run --bundle "$BUNDLE" broken
        echo "$broken: $status $stderr"
        ((status <= 1))
        [[ -z $(attached) ]]
    done
}
