#!/usr/bin/env bats
# CUDA counts by PCI address what it can open. Where that is not how the driver counts, it is told UUIDs.
# shellcheck disable=SC2154 # set by bats and by the helpers

load cli_helpers
eval "common_$(declare -f setup)"
eval "common_$(declare -f teardown)"

setup() {
    common_setup
    cgroups=()
    unset GENV_DEVICES GENV_VISIBLE_DEVICES
    export GENV_SIMULATOR=$BATS_TEST_TMPDIR/world.json LD_LIBRARY_PATH=$GENV_NVML
    DEVICES='{"devices": [{"uuid": "GPU-a", "minor": 2}, {"uuid": "GPU-b", "minor": 0}, {"uuid": "GPU-c", "minor": 1}]}'
    echo "$DEVICES" >"$GENV_SIMULATOR"
}

# What a command sees that gets $1 devices.
sees() { genv run --gpus "$1" -- printenv CUDA_VISIBLE_DEVICES; }

@test "an order of the driver's own" {
    expect 0 0,1 sees 2
    jq '.devices[0].bus_id = "00000000:FF:00.0"' <<<"$DEVICES" >"$GENV_SIMULATOR"
    rm -rf "$GENV_TMPDIR"
    expect 0 GPU-a,GPU-b sees 2
    # People go on by number, and so do shells.
    make_env mine
    expect 0 0,1 genv devices attach --eid mine --count 2
    run genv "--shell=bash:$member" activate --id mine
    [[ $output == *"'CUDA_VISIBLE_DEVICES=GPU-a,GPU-b' 'CUDA_DEVICE_ORDER=PCI_BUS_ID'"* ]]
}

# Runs the shell code $1 where /dev has a node for each device, and nothing else that matters.
with_nodes() {
    # shellcheck disable=SC2016 # for that shell
    unshare -m bash -c 'mount -t tmpfs none /dev && mknod -m 666 /dev/null c 1 3 &&
        for minor in 0 1 2; do mknod -m 666 "/dev/nvidia$minor" c 195 "$minor" || exit; done; eval "$1"' - "$1"
}

need_nodes() {
    ((EUID == 0)) || skip 'needs root, to make nodes'
    with_nodes : 2>/dev/null || skip 'no node can be made here'
}

@test "a node that others may not open" {
    need_nodes
    export -f sees
    expect 0 0,1 with_nodes 'sees 2'
    GENV_TMPDIR=$(mktemp -d) # where the other user can reach it
    chmod 1777 "$GENV_TMPDIR"
    cp "$GENV_SIMULATOR" "$GENV_TMPDIR/world.json"
    GENV_SIMULATOR=$GENV_TMPDIR/world.json
    expect 0 0,1 with_nodes 'setpriv --reuid 60601 --clear-groups bash -c "sees 2"'
    expect 0 GPU-a,GPU-b with_nodes 'chmod 600 /dev/nvidia1; setpriv --reuid 60601 --clear-groups bash -c "sees 2"'
    rm -r "$GENV_TMPDIR"
}

@test "a node that a cgroup withholds" {
    need_nodes
    local cgroup=/sys/fs/cgroup/devices/genv-test-$$
    mkdir "$cgroup" 2>/dev/null || skip 'no cgroup for devices can be made here'
    cgroups+=("$cgroup")
    # Others' GPU is 0: the second one is CUDA's first.
    echo 'c 195:2 rwm' >"$cgroup/devices.deny"
    sees_in_cgroup() {
        # shellcheck disable=SC2016 # for that shell
        with_nodes 'echo $$ >'"$cgroup"'/cgroup.procs; genv run --gpus 3 -- printenv CUDA_VISIBLE_DEVICES'
    }
    expect 0 GPU-a,GPU-b,GPU-c sees_in_cgroup
    echo 'c 195:2 rwm' >"$cgroup/devices.allow"
    expect 0 0,1,2 sees_in_cgroup
}

teardown() {
    local cgroup
    for cgroup in "${cgroups[@]}"; do
        rmdir "$cgroup"
    done
    common_teardown
}
