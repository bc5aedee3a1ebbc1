#!/usr/bin/env bats
# Real NVML programs on the simulated machine: bare, they show all of it, which proves the simulator; in environments
# they show through the view what is the environment's, and nothing else.
load programs

setup_file() {
    ls /dev/nvidia* >"$BATS_FILE_TMPDIR/nodes" 2>/dev/null || true
    if [[ $GENV_SANITIZE == none ]]; then fetch_programs; fi
    make_world
}

teardown_file() {
    local node
    remove_world
    # nvidia-smi makes nodes, as root.
    for node in /dev/nvidia*; do
        [[ ! -e $node ]] || grep -qxF "$node" "$BATS_FILE_TMPDIR/nodes" || rm -f "$node"
    done
}

teardown() {
    local viewer
    for viewer in bare a b c; do
        be "$viewer" 550 world
        stop_nvtop
    done
}

@test 'nvidia-smi 535 shows all of a machine' {
    need 535
    look_with_nvidia_smi bare 535
}

@test 'nvidia-smi 550 shows all of a machine' {
    need 550
    look_with_nvidia_smi bare 550
}

@test 'nvidia-smi 555 shows all of a machine' {
    need 555
    look_with_nvidia_smi bare 555
}

@test 'nvidia-ml-py shows all of a machine' {
    need python
    look_with_python bare ask python "$WORLD/programs.py" ask
}

@test 'gpustat shows all of a machine' {
    need python
    look_with_python bare gpustat gpustat --json
}

@test 'nvitop shows all of a machine' {
    need python
    look_with_python bare nvitop nvitop --once --ascii
}

@test 'nvtop shows all of a machine' {
    need nvtop
    look_with_nvtop bare
}

# Programs choose by which functions there are. One that a driver lacks must not seem to be there.
@test 'nvitop finds no function that the driver lacks' {
    need python
    be a 550 world
    need_python_of_ours
    run --separate-stderr "${AS[@]}" env -C "$WORLD/alice" LOGLEVEL=DEBUG "${VIEW[@]}" "$(program python)/bin/nvitop" --once --ascii
    echo "$stderr"
    [[ $status == 0 && $stderr == *'Failed to find symbol `nvmlDeviceGetTemperatureV`'* && $stderr != *Traceback* ]]
}

@test 'Python programs and nvtop show an environment its own on a driver of years ago' {
    local SIMULATOR=$GENV_NVML/r470
    need python
    in_environments look_with_python gpustat gpustat --json
    in_environments look_with_python nvitop nvitop --once --ascii
    need nvtop
    in_environments look_with_nvtop
}

# In every environment: whole devices of one user's, and a device that two users share.
in_environments() {
    local viewer failures=0
    for viewer in a b c; do
        "$1" "$viewer" "${@:2}" || failures=$((failures + 1))
    done
    return "$failures"
}

@test 'nvidia-smi 535 shows an environment its own' {
    need 535
    in_environments look_with_nvidia_smi 535
}

@test 'nvidia-smi 550 shows an environment its own' {
    need 550
    in_environments look_with_nvidia_smi 550
}

@test 'nvidia-smi 555 shows an environment its own' {
    need 555
    in_environments look_with_nvidia_smi 555
}

@test 'nvidia-smi shows a capacity on a device without memory of its own' {
    need 550
    look_with_nvidia_smi b 550 unified
    look_with_nvidia_smi c 550 unified
}

# The private table of later drivers is known by what it does.
@test 'nvidia-smi shows an environment its own on drivers later than any seen' {
    need 555
    in_environments look_with_nvidia_smi 555 later
}

@test 'nvidia-ml-py shows an environment its own' {
    need python
    in_environments look_with_python ask python "$WORLD/programs.py" ask
}

@test 'gpustat shows an environment its own' {
    need python
    in_environments look_with_python gpustat gpustat --json
}

@test 'nvitop shows an environment its own' {
    need python
    in_environments look_with_python nvitop nvitop --once --ascii
}

@test 'nvtop shows an environment its own' {
    need nvtop
    in_environments look_with_nvtop
}

# A device that somebody else has lost, or that is forbidden to us, leaves ours as they are.
@test 'nvidia-smi shows an environment its own while others lose a device' {
    local driver
    for driver in "${DRIVERS[@]%%.*}"; do
        need "$driver"
        look_with_nvidia_smi a "$driver" other-lost
        look_with_nvidia_smi b "$driver" other-lost
        look_with_nvidia_smi a "$driver" other-forbidden
    done
}

# As on a machine that has no other devices: nvidia-smi gives up, whoever asks.
@test 'nvidia-smi in an environment with a lost device does as it does on a machine with one' {
    local driver mode like
    for driver in "${DRIVERS[@]%%.*}"; do
        need "$driver"
        for mode in table list query query_gpu query_apps pmon dmon topo; do
            words_of "$mode"
            like='like-own-lost'
            [[ $mode == list || $mode == query ]] || like+=-by-number # what they say has a number
            expect_like a own-lost "$like" "$driver" nvidia-smi "${WORDS[@]}"
        done
    done
}

@test 'a lost device of an environment does not hide its others from gpustat' {
    need python
    be a 550 own-lost
    need_python_of_ours
    run --separate-stderr "${AS[@]}" "${VIEW[@]}" "$(program python)/bin/gpustat" --json
    echo "$output $stderr"
    [[ $(jq -c '[.gpus[0] | .index, .["memory.used"], .["memory.total"]]' <<<"$output") == '[0,1024,16384]' ]]
    [[ $(jq '.gpus[0].processes[].pid' <<<"$output") == "$(jq '.processes[0].pid' "$WORLD/550/truth-a.json")" ]]
    [[ $(jq '.gpus | length' <<<"$output") == 2 ]]
}

@test 'nvidia-smi finds no devices where none are attached, as on a machine without any' {
    local driver mode
    for driver in "${DRIVERS[@]%%.*}"; do
        need "$driver"
        for mode in "${NVIDIA_SMI_MODES[@]}"; do
            words_of "$mode"
            expect_like d world none "$driver" nvidia-smi "${WORDS[@]}"
        done
        [[ $(print_of d world "$driver" nvidia-smi) == *'No devices were found'* ]]
    done
}

@test 'Python programs and nvtop find no devices where none are attached' {
    need python
    be d 550 world
    need_python_of_ours
    local python
    python=$(program python)/bin
    run print_of d world 550 "$python/python" "$WORLD/programs.py" ask
    [[ ${lines[0]} == '{"count": 0, "devices": [], "processes": [], "reachable": []}' ]]
    expect_like d world none 550 "$python/gpustat" --json
    expect_like d world none 550 "$python/nvitop" --once --ascii
    need nvtop
    # nvtop 3.0 writes behind an array of no devices, bare too (valgrind tells): it may abort instead of saying it.
    run print_of d world 550 "$(program nvtop)/nvtop"
    echo "$output"
    [[ $output == 'No GPU to monitor.'*'status 0' || $output == *'status 134' ]]
    [[ $output != *'Device 0'* ]]
}

# Runs the real nvidia-smi on the view itself, as $1 on the machine $2 of driver $3, with the variables behind.
look_past_the_shim() {
    be "$1" "$3" "$2"
    run "${AS[@]}" env "LD_LIBRARY_PATH=$BUILT/view:$SIMULATOR" "${@:4}" "$(program "$3")/nvidia-smi"
}

@test 'nobody sees an environment that is not his, or is over' {
    local driver
    ((EUID == 0)) || skip 'needs root, to act as several users'
    for driver in "${DRIVERS[@]%%.*}"; do
        need "$driver"
        look_past_the_shim c world "$driver" GENV_ENVIRONMENT_ID=a
        [[ $output == *'No devices were found'* ]]
        look_past_the_shim a world "$driver" GENV_ENVIRONMENT_ID=over
        [[ $output == *'No devices were found'* ]]
    done
}

# Some run until they are stopped.
INSISTENT=(
    '-i 0' '-i 3' '-i GPU-5c1a6f3e-0000-4000-8000-000000000000' '-i 00000000:10:00.0' '-q -i 3' '-x -q -i 0' '-L -i 0'
    '--query-gpu=uuid --format=csv -i 0' '--query-compute-apps=pid,gpu_uuid --format=csv -i 0'
    '--query-accounted-apps=pid,gpu_uuid,max_memory_usage --format=csv' '-q -d ACCOUNTING,PIDS,UTILIZATION'
    'pmon -c 1 -i 0' 'dmon -c 1 -i 2,3' 'dmon -c 1 -s pucvmet' 'encodersessions' 'fbcsessions' 'vgpu' 'mig -lgi'
    'topo -p2p r' 'topo -m -i 0,3' 'topo -c 0' 'topo -n 5 -i 1' 'nvlink -s' 'compute-policy -l' 'drain -q' 'clocks' '-B'
    'conf-compute -f'
)

# Ways to ask for more than what the modes show; nothing of others may appear, whatever the answer is.
@test 'nvidia-smi shows nothing of others to those who insist' {
    local driver arguments failures=0
    for driver in "${DRIVERS[@]%%.*}"; do
        need "$driver"
        be b "$driver" world
        for arguments in "${INSISTENT[@]}"; do
            # shellcheck disable=SC2086 # words
            run "${AS[@]}" timeout 2 nvidia-smi $arguments </dev/null
            echo "status $status: $arguments"
            judge b "$driver" nothing || failures=$((failures + 1))
        done
    done
    ((failures == 0))
}

uuid() {
    jq -r ".devices[$1].uuid" "$WORLD/550/world.json"
}

@test 'nvidia-smi in an environment finds a device by its UUID and its index in every mode that takes one' {
    local driver arguments
    for driver in "${DRIVERS[@]%%.*}"; do
        need "$driver"
        be a "$driver" world
        for arguments in '--query-gpu=uuid --format=csv,noheader' '-q' 'pmon -c 1' 'dmon -c 1'; do
            # shellcheck disable=SC2086 # words
            run "${AS[@]}" nvidia-smi $arguments -i "$(uuid 2)" </dev/null
            echo "status $status: $arguments: $output"
            [[ $status == 0 && $output =~ $(uuid 2)|' 2 ' ]]
            # shellcheck disable=SC2086 # words
            run "${AS[@]}" nvidia-smi $arguments -i 2 </dev/null
            echo "status $status: $arguments -i 2: $output"
            [[ $status == 0 && $output =~ $(uuid 2)|' 2 ' ]]
        done
    done
}

# A driver whose private table is not known, or is not what its version makes expect.
@test 'nvidia-smi shows no processes of others where the private table is a strange one' {
    local driver machine
    for driver in "${DRIVERS[@]%%.*}"; do
        need "$driver"
        for machine in strange-table strange-driver strange-entries; do
            look_past_the_shim a "$machine" "$driver"
            echo "status $status: $machine $driver"
            judge a "$driver" nothing
        done
    done
}
