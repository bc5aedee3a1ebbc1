#!/usr/bin/env bats
# A device is its UUID. Here a host sees three of them, and a container with the same state directory the last one alone,
# which has the index 0 there. As root all of it goes with an inventory, as on a machine whose kernel tells of devices.

load common

A=GPU-aaaaaaaa-0000-0000-0000-000000000001
B=GPU-bbbbbbbb-0000-0000-0000-000000000002
C=GPU-cccccccc-0000-0000-0000-000000000003

setup() {
    common_setup
    unset GENV_DEVICES
    export LD_LIBRARY_PATH=$GENV_NVML${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}
    see host "$A" "$B" "$C"
    see container "$C"
    see some "$A" "$C"
    export GENV_SIMULATOR=$SCRATCH/host
    ((EUID != 0)) || have_kernel
    create_env mine
    "$GENV" devices attach --eid mine --index 2 --quiet
}

teardown() {
    common_teardown
}

# A machine $1 with the devices that follow.
see() {
    local file=$SCRATCH/$1
    shift
    jq -nc '{devices: [$ARGS.positional[] | {uuid: ., total_memory: 16000000000}]}' --args "$@" >"$file"
}

# From here on $GENV is run where the kernel tells of NVIDIA's devices: of all of the host's, in a container too, which
# has no more than the nodes of its own.
have_kernel() {
    mkdir "$SCRATCH/dev"
    cat >"$SCRATCH/genv" <<END
#!/bin/bash
[[ \$NAMESPACE ]] || NAMESPACE=own exec unshare -m "\$0" "\$@"
set -e
mount -t tmpfs none /proc/driver
mkdir -p /proc/driver/nvidia/gpus/0000:0{1,2,3}:00.0
echo 'NVRM version: NVIDIA UNIX x86_64 Kernel Module  550.163.01' >/proc/driver/nvidia/version
mount -t tmpfs none "$SCRATCH/dev"
for node in null zero full random urandom tty; do
    touch "$SCRATCH/dev/\$node"
    mount --bind "/dev/\$node" "$SCRATCH/dev/\$node"
done
for uuid in \$(jq -r '.devices[]?.uuid' "\$GENV_SIMULATOR"); do
    touch "$SCRATCH/dev/nvidia\$((\${uuid##*0} - 1))"
done
mount --rbind "$SCRATCH/dev" /dev
unset NAMESPACE
exec "$GENV_BIN" "\$@"
END
    chmod +x "$SCRATCH/genv"
    GENV=$SCRATCH/genv
}

# Runs genv on the machine $1.
on() {
    local machine=$1
    shift
    GENV_SIMULATOR=$SCRATCH/$machine "$GENV" "$@"
}

@test "whoever asks first decides for nobody else" {
    need_root
    local machine
    for machine in container host container some host; do
        [[ $(on $machine devices --format json | jq -r '.[].uuid') == "$(jq -r '.devices[].uuid' "$SCRATCH/$machine")" ]]
    done
    # And it is the inventory that answers.
    jq '.init = "driver_not_loaded"' "$SCRATCH/host" >"$SCRATCH/unloaded"
    [[ $(on unloaded devices --format json | jq -r '.[].uuid') == $A$'\n'$B$'\n'$C ]]
    run --separate-stderr on container snapshot
    [[ $(jq '.devices | length' <<<"$output") == 1 ]]
}

@test "a lock is of the device, wherever it is seen from" {
    local inside
    create_env theirs
    on container devices attach --eid theirs --index 0 --allow-over-subscription --quiet
    for inside in host container some; do
        GENV_ENVIRONMENT_ID=mine run --separate-stderr on $inside lock -n \
            env GENV_SIMULATOR="$SCRATCH/container" GENV_ENVIRONMENT_ID=theirs GENV_LOCK= "$GENV" lock -n echo both
        [[ $status == 1 && $output == '' && $stderr == *'device 0 is locked by process'* ]] || {
            echo "$inside: $output$stderr"
            return 1
        }
    done
    [[ $(ls "$GENV_TMPDIR/devices") == "$C.lock" ]]
}

@test "a device that cannot be seen is locked all the same" {
    "$GENV" devices attach --eid mine --count 3 --quiet
    create_env theirs
    "$GENV" devices attach --eid theirs --index 1 --allow-over-subscription --quiet
    GENV_ENVIRONMENT_ID=mine run --separate-stderr on container lock -n \
        env GENV_SIMULATOR="$SCRATCH/host" GENV_ENVIRONMENT_ID=theirs GENV_LOCK= "$GENV" lock -n echo both
    [[ $status == 1 && $output == '' && $stderr == *'device 1 is locked by process'* ]] || { echo "$output$stderr"; return 1; }
    GENV_ENVIRONMENT_ID=theirs run --separate-stderr on host lock -n \
        env GENV_SIMULATOR="$SCRATCH/container" GENV_ENVIRONMENT_ID=mine GENV_LOCK= "$GENV" lock -n echo both
    [[ $status == 1 && $stderr == *"device $B is locked by process"* ]] || { echo "$output$stderr"; return 1; }
}

@test "status says what is held and cannot be seen" {
    see empty
    GENV_ENVIRONMENT_ID=mine run --separate-stderr on empty status
    [[ $status == 0 && ${lines[1]} == "Attached to device $C, which is not visible here" ]] || {
        echo "$output"
        return 1
    }
    [[ $output != *Detached* ]]
    "$GENV" devices attach --eid mine --count 3 --quiet
    GENV_ENVIRONMENT_ID=mine run --separate-stderr on some status
    [[ ${lines[1]} == 'Attached to GPUs at indices 0,1' ]]
    [[ ${lines[2]} == "Attached to device $B, which is not visible here" ]]
}

@test "a device that cannot be seen is never released unawares" {
    "$GENV" devices attach --eid mine --count 3 --quiet
    for command in 'devices attach --eid mine --count 1' 'devices attach --eid mine --count 2' \
        'devices attach --eid mine --count 0'; do
        # shellcheck disable=SC2086
        run --separate-stderr on container $command
        [[ $status == 1 && $stderr == *"device $A is attached to environment "*" but not visible here: detach it first"* ]]
        [[ $("$GENV" devices find --eid mine) == 0,1,2 ]]
    done
    [[ $(on container devices attach --eid mine --index 0) == 0 ]] # attached already
    [[ $("$GENV" devices find --eid mine) == 0,1,2 ]]
    on container devices detach --eid mine --index "$A" --quiet
    [[ $("$GENV" devices find --eid mine) == 1,2 ]]
    on container devices detach --eid mine --index 0 --quiet
    [[ $("$GENV" devices find --eid mine) == 1 ]]
}

@test "a device is named by its UUID as well" {
    [[ $("$GENV" devices attach --eid mine --index "${A,,}") == 0,2 ]]
    [[ $(on some devices detach --eid mine --index "$C") == 0 ]]
    run --separate-stderr "$GENV" devices attach --eid mine --index GPU-none
    [[ $status == 1 && $stderr == *'there is no device GPU-none: this machine has devices 0 to 2' ]]
    [[ $("$GENV" devices detach --eid mine --index "$B") == 0 ]] # it is not attached
    run --separate-stderr "$GENV" devices attach --eid mine --index ''
    [[ $status == 2 && $stderr == *"is not a device: expected an index from 0 to"* ]] || { echo "$stderr"; return 1; }
    [[ $("$GENV" devices find --eid mine) == 0 ]]
}

@test "the snapshot tells devices by UUID" {
    see used "$A" "$C"
    jq -c --argjson pid "$MEMBER" '.devices[1].processes = [{pid: $pid, used_memory: 5}]' "$SCRATCH/used" >"$SCRATCH/x"
    mv "$SCRATCH/x" "$SCRATCH/used"
    run --separate-stderr on used snapshot
    [[ $(jq -r '.processes[0].usage[0] | "\(.index) \(.uuid)"' <<<"$output") == "1 $C" ]] || { echo "$output"; return 1; }
    [[ $(jq -r '.devices[1] | "\(.uuid) \(.vendor) \(.parent)"' <<<"$output") == "$C nvidia null" ]]
    "$GENV" devices attach --eid mine --count 3 --quiet
    run --separate-stderr on some snapshot
    [[ $(jq -c '.envs[0] | [.devices, .uuids]' <<<"$output") == "[[null,0,1],[\"$B\",\"$A\",\"$C\"]]" ]] || { echo "$output"; return 1; }
}

@test "what a user may hold counts what cannot be seen" {
    need_root
    printf 'root devices 2\n' >"$SCRATCH/limits.conf"
    # The limits file has a place of its own, which only a namespace of mounts can give a test.
    run --separate-stderr unshare -m bash -c "
        mkdir -p /etc/genv && mount -t tmpfs none /etc/genv && cp '$SCRATCH/limits.conf' /etc/genv/ &&
        '$GENV' devices attach --eid mine --count 2 --quiet && '$GENV' devices detach --eid mine --index 2 --quiet &&
        '$GENV' devices attach --eid mine --index 1 --quiet &&
        GENV_SIMULATOR='$SCRATCH/container' '$GENV' devices attach --eid mine --index 0"
    [[ $status == 1 && $stderr == *'root would hold 3 devices; the limit is 2'* ]] || { echo "$output$stderr"; return 1; }
}
