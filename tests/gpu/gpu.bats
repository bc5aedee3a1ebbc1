#!/usr/bin/env bats
# genv beside the machine's own nvidia-smi, CUDA and PyTorch: for machines with a GPU, skipped elsewhere.
# By hand: GENV_BIN=build/src/cli/genv bats tests/gpu/gpu.bats

bats_require_minimum_version 1.5.0

setup() {
    nvidia-smi -L >/dev/null 2>&1 || skip 'no NVIDIA driver answers here'
    unset "${!GENV_MOCK@}" GENV_DEVICES GENV_ENVIRONMENT_ID CUDA_VISIBLE_DEVICES
    GENV=$(realpath "$GENV_BIN")
    export GENV_TMPDIR=$BATS_TEST_TMPDIR/state
}

# What the machine's own nvidia-smi says of all devices.
query() {
    nvidia-smi --query-gpu="$1" --format=csv,noheader,nounits
}

@test "devices, their order, UUIDs, bus ids and names are those of nvidia-smi" {
    "$GENV" snapshot >"$BATS_TEST_TMPDIR/snapshot"
    diff <(query index,uuid,pci.bus_id,name) \
        <(jq -r '.devices[] | "\(.index), \(.uuid), \(.pci_bus_id), \(.name)"' "$BATS_TEST_TMPDIR/snapshot")
    [[ $(jq -r .driver "$BATS_TEST_TMPDIR/snapshot") == "$(query driver_version | head -n 1)" ]]
    # "[N/A]" where a device shares the machine's memory.
    diff <(query memory.total | sed 's/^\[.*/null/') \
        <(jq -r '.devices[] | if .total_memory then .total_memory / 1048576 | floor else null end' \
            "$BATS_TEST_TMPDIR/snapshot")
}

@test "genv devices lists as many as there are, free ones by their index alone" {
    [[ $("$GENV" devices --no-header --format csv | cut -d, -f1) == "$(query index)" ]]
}

@test "a command gets one device, and nvidia-smi in it shows that one alone" {
    run --separate-stderr "$GENV" run --gpus 1 -- sh -c 'echo "$CUDA_VISIBLE_DEVICES"; nvidia-smi --query-gpu=index,uuid --format=csv,noheader'
    [[ $status == 0 && ${#lines[@]} == 2 ]]
    [[ ${lines[1]} == "$(query index,uuid | grep "^${lines[0]}, ")" ]]
    run --separate-stderr "$GENV" run --gpus 1 -- nvidia-smi -L
    [[ $status == 0 && ${#lines[@]} == 1 ]]
    run --separate-stderr "$GENV" run -- nvidia-smi
    [[ $output == 'No devices were found' ]]
}

@test "the capacity is the total that nvidia-smi shows" {
    run --separate-stderr "$GENV" run --gpus 1 --gpu-memory 1gi -- \
        nvidia-smi --query-gpu=memory.total,memory.used --format=csv,noheader,nounits
    [[ $output == '1024, 0' ]]
}

@test "as many as the machine has and one more are refused" {
    run --separate-stderr "$GENV" run --gpus $(($(query index | wc -l) + 1)) -- true
    [[ $status == 1 && $stderr == *"this machine has"* ]]
}

@test "PyTorch sees the device that is attached, and its process and memory show" {
    python3 -c 'import torch; assert torch.cuda.is_available()' 2>/dev/null || skip 'no PyTorch with CUDA here'
    cat >"$BATS_TEST_TMPDIR/use.py" <<'END'
import subprocess, torch
assert torch.cuda.device_count() == 1, torch.cuda.device_count()
block = torch.zeros(256 << 20, dtype=torch.uint8, device="cuda")
torch.cuda.synchronize()
query = ["nvidia-smi", "--format=csv,noheader,nounits"]
print(subprocess.check_output(query + ["--query-compute-apps=pid,used_memory"], text=True), end="")
print(subprocess.check_output(query + ["--query-gpu=memory.used"], text=True), end="")
END
    local mode
    for mode in '' view; do
        # shellcheck disable=SC2086 # none, or one word and --
        run --separate-stderr "$GENV" run --gpus 1 -- ${mode:+"$GENV" view --} python3 "$BATS_TEST_TMPDIR/use.py"
        echo "$output" "$stderr"
        [[ $status == 0 && ${#lines[@]} == 2 ]]
        ((${lines[0]#*, } >= 256 && lines[1] == ${lines[0]#*, }))
    done
}
