#!/usr/bin/env bats
# Hundreds at once: each device given once, none left over, every loser told.

load common

setup() {
    common_setup
    export GENV_DEVICES=64
}

teardown() {
    common_teardown
}

# Runs `genv devices attach --eid eN $2…` for N up to $1, all at the same moment; ends with lines "N STATUS".
attach_together() {
    local count=$1 n pids=()
    shift
    exec 7>"$SCRATCH/gate"
    flock -x 7
    for ((n = 1; n <= count; n++)); do
        (
            exec 7<"$SCRATCH/gate"
            flock -s 7 # opens for all at once
            result=0
            "$GENV" devices attach --eid "e$n" "$@" >"$SCRATCH/out.$n" 2>"$SCRATCH/err.$n" || result=$?
            echo "$n $result" >"$SCRATCH/status.$n"
        ) 3>&- &
        pids+=($!)
    done
    sleep 1
    exec 7>&-
    wait "${pids[@]}"
    cat "$SCRATCH"/status.*
}

create_envs() {
    local n
    start_member
    for ((n = 1; n <= $1; n++)); do
        "$GENV" envs activate --eid "e$n" --uid "$EUID" --pid "$MEMBER"
    done
}

@test "200 attach to 64 devices at once" {
    create_envs 200
    attach_together 200 --count 1 >"$SCRATCH/all"
    [[ $(wc -l <"$SCRATCH/all") == 200 ]]
    [[ $(grep -c ' 0$' "$SCRATCH/all") == 64 ]]
    [[ $(grep -c ' 1$' "$SCRATCH/all") == 136 ]]
    # Each device exactly once.
    [[ $(attached | sort -n | xargs) == "$(seq 0 63 | xargs)" ]]
    # Who was told that he has a device has it, who was told that he has none has none.
    local n
    while read -r n status; do
        if ((status == 0)); then
            [[ $("$GENV" devices find --eid "e$n") == "$(<"$SCRATCH/out.$n")" ]]
        else
            [[ $(<"$SCRATCH/err.$n") == 'genv: cannot attach 1 device: 0 of 64 are available;'* ]]
            [[ $(wc -l <"$SCRATCH/err.$n") == 1 ]]
            [[ -z $("$GENV" devices find --eid "e$n") ]]
        fi
    done <"$SCRATCH/all"
}

@test "100 ask for three devices each: 21 get them, one is left" {
    create_envs 100
    attach_together 100 --count 3 >"$SCRATCH/all"
    [[ $(grep -c ' 0$' "$SCRATCH/all") == 21 ]]
    [[ $(attached | sort -n | uniq | wc -l) == 63 ]]
    [[ $(attached | wc -l) == 63 ]]
}

@test "100 ask for 3g of one device: its 16g hold five" {
    export GENV_DEVICES=1 GENV_MOCK_DEVICE_TOTAL_MEMORY=16g
    create_envs 100
    local n
    for ((n = 1; n <= 100; n++)); do "$GENV" envs config --eid "e$n" gpu-memory --gpu-memory 3g; done
    attach_together 100 --count 1 >"$SCRATCH/all"
    [[ $(grep -c ' 0$' "$SCRATCH/all") == 5 ]]
    [[ $(attached | wc -l) == 5 ]]
}

@test "configurations of one environment by 50 at once: the last one stands, none is mixed" {
    create_envs 1
    local n pids=()
    for ((n = 1; n <= 50; n++)); do
        "$GENV" envs config --eid e1 gpus --count "$n" 3>&- &
        pids+=($!)
        "$GENV" envs config --eid e1 name --name "name $n" 3>&- &
        pids+=($!)
    done
    for n in "${pids[@]}"; do wait "$n"; done
    [[ $("$GENV" envs query --eid e1 --query config.gpus) =~ ^[0-9]+$ ]]
    [[ $("$GENV" envs query --eid e1 --query config.name) =~ ^name\ [0-9]+$ ]]
}

@test "50 commands at once on a machine where the state directory is not there yet" {
    local n pids=()
    start_member
    for ((n = 1; n <= 50; n++)); do
        "$GENV" envs activate --eid "e$n" --uid "$EUID" --pid "$MEMBER" 3>&- &
        pids+=($!)
    done
    for n in "${pids[@]}"; do wait "$n"; done
    [[ $("$GENV" envs ps --no-header | wc -l) == 50 ]]
    # Whoever came second made nothing that stays.
    [[ $(ls -A "$SCRATCH") == state ]]
}
