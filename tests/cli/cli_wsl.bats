#!/usr/bin/env bats
# WSL2: the driver's files are in /usr/lib/wsl/lib alone, where no linker looks, and there are neither a kernel module
# nor nodes of devices but /dev/dxg; NVML tells no minor numbers and no processes.
# shellcheck disable=SC2154 # set by bats and by the helpers

load cli_helpers

# Runs a script in such a machine, with the words behind as its own. Its mounts are of its own.
in_wsl() {
    local script=$1
    shift
    ((EUID == 0)) || skip 'needs root, to mount'
    [[ ! -e /proc/driver/nvidia ]] || skip 'this machine has a driver of its own'
    mkdir -p "$BATS_TEST_TMPDIR/lib/wsl/lib" "$BATS_TEST_TMPDIR/dev"
    cp "$GENV_NVML/libnvidia-ml.so.1" "$BATS_TEST_TMPDIR/lib/wsl/lib"
    cat >"$BATS_TEST_TMPDIR/world" <<'END'
{"driver_version": "581.57", "devices": [{"uuid": "GPU-a", "name": "NVIDIA GeForce RTX 4090", "minor": -1, "used_memory": "3gi",
  "results": {"nvmlDeviceGetComputeRunningProcesses_v3": "not_supported", "nvmlDeviceGetGraphicsRunningProcesses_v3": "not_supported",
    "nvmlDeviceGetMPSComputeRunningProcesses_v3": "not_supported"}}]}
END
    # shellcheck disable=SC2016
    run --separate-stderr unshare --mount --propagation private bash -c '
        folder=$1; shift
        mount -t overlay -o "lowerdir=$folder/lib:/usr/lib" none /usr/lib || exit 77
        mount -t tmpfs none "$folder/dev" || exit 77
        for node in null zero full random urandom tty; do
            touch "$folder/dev/$node" && mount --bind "/dev/$node" "$folder/dev/$node" || exit 77
        done
        touch "$folder/dev/dxg"; ln -s /proc/self/fd "$folder/dev/fd"
        mount --rbind "$folder/dev" /dev || exit 77
        "$@"' bash "$BATS_TEST_TMPDIR" env -u GENV_DEVICES -u LD_LIBRARY_PATH GENV_SIMULATOR="$BATS_TEST_TMPDIR/world" \
        bash -c "$script" bash "$@"
    [[ $status != 77 ]] || skip "nothing can be mounted over here: $stderr"
    echo "$output"
    echo "$stderr"
}

@test "WSL2: devices are found, attached, kept and shown" {
    in_wsl 'genv run --gpus 1 --gpu-memory 4g -- sh -c "genv status; genv attach; echo \$CUDA_VISIBLE_DEVICES"
        genv snapshot | jq -c "[.driver, (.devices[0] | .name, .used_memory), (.processes | length)]"
        ls "$GENV_TMPDIR"'
    ((status == 0))
    [[ $output == *'Attached to GPUs at indices 0'*$'\n0\n'* ]]
    [[ $output == *'["581.57","NVIDIA GeForce RTX 4090",3221225472,0]'* ]]
    [[ $output == *inventory-* ]]
}

@test "WSL2: doctor says what cannot be known there" {
    in_wsl 'genv doctor || true'
    [[ $output == *'nvml 581.57: 1 devices'* ]]
    [[ $output == *'warning  driver: the driver does not report processes on device 0 (as in WSL2): who uses it cannot be shown or enforced'* ]]
}

@test "WSL2: the view shows the environment" {
    [[ $GENV_SANITIZE == none ]] || skip "a sanitized library can't be loaded into other people's programs"
    local python
    python=$("$GENV_SOURCE/tests/fetch" python) || skip "$python"
    in_wsl 'genv run --gpus 1 --gpu-memory 4g -- genv view -- "$1/bin/gpustat" --json' "$python"
    ((status == 0))
    [ "$(jq -c '[.gpus[0] | .uuid, .["memory.total"], .["memory.used"]]' <<<"$output")" = '["GPU-a",3814,3072]' ]
}

@test "WSL2 without a driver: it is Windows that lacks it" {
    in_wsl 'mount -t tmpfs none /usr/lib/wsl/lib; genv devices'
    ((status == 1))
    [[ $stderr == *'Windows has no NVIDIA driver: install it there'* ]]
}
