#!/usr/bin/env bats
# A device without memory of its own (GB10, Jetson), which uses the machine's.
# shellcheck disable=SC2154 # set by bats and by the helpers

load cli_helpers

# A machine of these devices, as JSON.
machine() {
    unset GENV_DEVICES
    export GENV_SIMULATOR=$BATS_TEST_TMPDIR/world LD_LIBRARY_PATH=$GENV_NVML
    printf '{"devices": [%s]}' "$1" >"$GENV_SIMULATOR"
}

# The environment $1 with the capacity $2.
make_env_with() {
    make_env "$1"
    genv envs config --eid "$1" gpu-memory --gpu-memory "$2"
}

@test "a capacity is a part of the machine's memory" {
    local total
    start_member
    machine '{"uuid": "GPU-a", "name": "NVIDIA GB10", "unified_memory": true, "processes": [{"pid": '"$member"', "used_memory": "1gi"}]}'
    total=$(awk '/^MemTotal:/ {printf "%.0f", $2 * 1024}' /proc/meminfo)
    make_env_with one 1gi
    expect 0 0 genv devices attach --eid one --count 1
    make_env_with two "$((total - 536870912))b"
    run ! genv devices attach --eid two --count 1
    make_env_with three "$((total - 1073741824))b"
    expect 0 0 genv devices attach --eid three --count 1
    make_env_with four "$((2 * total))b"
    run -1 --separate-stderr genv devices attach --eid four --count 1
    [[ $stderr == *'the largest device has '* ]]
    run -0 genv snapshot
    [ "$(jq -c '[.devices[0] | .total_memory, .used_memory, .unified_memory]' <<<"$output")" = "[$total,1073741824,true]" ]
    # Also from the inventory.
    [ "$(genv devices --format json | jq -c '[.[0] | .total_memory, .unified_memory]')" = "[$total,true]" ]
    run genv doctor
    [[ $output == *"device 0 shares the machine's memory"* ]]
}

@test "a device that does not tell is not one of unified memory" {
    machine '{"uuid": "GPU-a", "handle": "gpu_is_lost"}, {"uuid": "GPU-b", "unified_memory": true, "mig": true}, {"uuid": "GPU-c",
        "results": {"nvmlDeviceGetMemoryInfo": "unknown", "nvmlDeviceGetMemoryInfo_v2": "unknown"}}'
    [ "$(genv devices --format json | jq -c 'map([.total_memory, .unified_memory])')" = '[[null,false],[null,false],[null,false]]' ]
    make_env_with one 1gi
    run -1 --separate-stderr genv devices attach --eid one --count 1
    [ "$stderr" = 'genv: cannot attach 1 device with 1gi: no device reports its memory size' ]
}

@test "a list of processes that one may not read is no list that is not there" {
    machine '{"uuid": "GPU-a", "results": {"nvmlDeviceGetComputeRunningProcesses_v3": "no_permission"}}'
    run genv doctor
    [[ $output == *'nvml 550.163.01: 1 devices'* && $output != *'does not report processes'* ]]
}
