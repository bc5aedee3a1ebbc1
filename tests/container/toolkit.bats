#!/usr/bin/env bats
# NVIDIA's container toolkit between genv's runtime and runc, on the simulated driver. For `./run test --full`.

load machine

setup() {
    local folder program
    [[ ${GENV_TEST_FULL-} ]] || skip 'builds programs in a minute: ./run test --full'
    [[ $GENV_SANITIZE == none ]] || skip 'programs of others cannot load a driver with sanitizers'
    folder=$("$GENV_SOURCE/tests/fetch" toolkit) || skip "$folder"
    machine_start
    for program in nvidia-ctk nvidia-cdi-hook nvidia-container-runtime-hook nvidia-container-runtime; do
        machine tee "/usr/bin/$program" <"$folder/$program" >/dev/null
        machine chmod 755 "/usr/bin/$program"
    done
    machine mkdir -p /etc/cdi /etc/nvidia-container-runtime
    start_dockerd
}

# A container gets the devices that genv chose, not 'all' as its image says: below NVIDIA's runtime in mode $1.
try_container() {
    printf '[nvidia-container-runtime]\nmode = "%s"\n' "$1" | machine tee /etc/nvidia-container-runtime/config.toml
    run machine docker run --rm --runtime genv --network none -e GENV_GPUS=2 -e NVIDIA_VISIBLE_DEVICES=all local/bb:1 \
        sh -c 'env; ls /dev; ls /usr/lib/x86_64-linux-gnu'
    echo "$output"
    [[ $(grep '^nvidia[0-9]$' <<<"$output" | xargs) == 'nvidia2 nvidia3' ]]
    grep -xE 'CUDA_VISIBLE_DEVICES=GPU-[-0]*0,GPU-[-0]*1' <<<"$output"
    nothing_is_left
}

# The driver's library, which NVIDIA's part brings.
check_library() {
    grep -x libnvidia-ml.so.550.163.01 <<<"$output"
}

@test "NVIDIA's runtime gives the devices that genv chose, in the modes auto and jit-cdi" {
    try_container auto
    check_library
    try_container jit-cdi
    check_library
}

@test "NVIDIA's runtime gives the devices that genv chose, in the mode cdi" {
    machine nvidia-ctk --quiet cdi generate --output /etc/cdi/nvidia.yaml
    try_container cdi
    check_library
}

@test "NVIDIA's CDI specification brings the driver's libraries, without its runtime, in YAML as in JSON" {
    machine tee /etc/genv/runtime.conf <<<runc
    for format in json yaml; do
        machine nvidia-ctk --quiet cdi generate --format "$format" --output "/etc/cdi/nvidia.$format"
        machine genv cdi >"$SCRATCH/$format"
        try_container auto
        check_library
        machine rm "/etc/cdi/nvidia.$format"
    done
    cmp "$SCRATCH/json" "$SCRATCH/yaml"
}

@test "NVIDIA's hook asks for the devices that genv chose, in the mode legacy" {
    machine tee /usr/bin/nvidia-container-cli <<'END' # cannot be had here; it would change the container
#!/bin/sh
echo "$@" >/tmp/asked
END
    machine chmod 755 /usr/bin/nvidia-container-cli
    try_container legacy
    machine cat /tmp/asked | tee "$SCRATCH/asked"
    grep -E -- '--device=GPU-[-0]*0,GPU-[-0]*1 ' "$SCRATCH/asked"
}

@test "the reference library of CDI, which NVIDIA's toolkit has inside, accepts what genv cdi writes" {
    run machine sh -c 'genv envs activate --eid mine --pid $$ &&
        genv devices attach --eid mine --count 2 && GENV_ENVIRONMENT_ID=mine genv cdi --output /etc/cdi/genv.json &&
        nvidia-ctk cdi list --spec-dir /etc/cdi'
    echo "$output"
    grep -x genv.dev/gpu=all <<<"$output"
    grep -x genv.dev/gpu=mine <<<"$output"
    [[ $output != *error* ]]
    machine cat /etc/cdi/genv.json | sed 's/createRuntime/create/' >"$SCRATCH/broken" # no hook is called so
    ! machine cat /etc/cdi/genv.json | cmp -s - "$SCRATCH/broken" || return 1
    machine tee /etc/cdi/genv.json <"$SCRATCH/broken" >/dev/null
    run machine nvidia-ctk cdi list --spec-dir /etc/cdi
    echo "$output"
    [[ $output == *'/etc/cdi/genv.json: '*invalid* && $output != *gpu=mine* ]]
}
