#!/usr/bin/env bats
# A number of a device leads to the device that it names, in every program and mode, in the environments on each subset
# of four devices: "13" is on 1 and 3.
load programs

NUMBERS=$GENV_SOURCE/tests/view/numbers.py
SUBSETS=(0 1 2 3 01 02 03 12 13 23 012 013 023 123 0123)

setup_file() {
    local subset number pairs=() driver
    if [[ $GENV_SANITIZE == none ]]; then fetch_programs; fi
    make_folders
    cp "$NUMBERS" "$WORLD"
    declare -gA PIDS=()
    for subset in "${SUBSETS[@]}"; do
        for ((number = 0; number < 4; number++)); do
            [[ $subset == *$number* ]] || continue
            start_process "$subset.$number" alice ''
            pairs+=("$subset.$number=${PIDS[$subset.$number]}")
        done
    done
    for driver in "${DRIVERS[@]}"; do
        mkdir "$WORLD/${driver%%.*}"
        "$NUMBERS" world "$WORLD/${driver%%.*}" "$driver" "${pairs[@]}"
    done
    start_process none alice ''
    "$GENV_BIN" envs activate --eid none --uid "$(stat -c %u "/proc/${PIDS[none]}")" --pid "${PIDS[none]}"
    export LD_LIBRARY_PATH=$SIMULATOR GENV_SIMULATOR=$WORLD/550/world.json
    for subset in "${SUBSETS[@]}"; do
        for ((number = 0; number < 4; number++)); do
            [[ $subset == *$number* ]] || continue
            "$GENV_BIN" envs activate --eid "$subset" --uid "$(stat -c %u "/proc/${PIDS[$subset.$number]}")" \
                --pid "${PIDS[$subset.$number]}"
            "$GENV_BIN" devices attach --eid "$subset" --index "$number" --allow-over-subscription >/dev/null
        done
    done
    unset LD_LIBRARY_PATH GENV_SIMULATOR
}

teardown_file() {
    remove_world
}

# The words of a mode in WORDS; those that take a number are given it as $2.
words_of() {
    # shellcheck disable=SC2054 # the commas are nvidia-smi's
    case $1 in
    table) WORDS=() ;;
    list) WORDS=(-L) ;;
    query) WORDS=(-q) ;;
    query_gpu) WORDS=(--query-gpu=index,uuid --format=csv,noheader) ;;
    query_count) WORDS=(--query-gpu=index,uuid,count --format=csv,noheader) ;;
    dmon) WORDS=(dmon -c 1) ;;
    dmon_memory) WORDS=(dmon -c 1 -s m) ;;
    pmon) WORDS=(pmon -c 1) ;;
    topo) WORDS=(topo -m) ;;
    topo_near) WORDS=(topo -n 4) ;;
    pci) WORDS=(pci) ;;
    encodersessions) WORDS=(encodersessions) ;;
    compute_policy) WORDS=(compute-policy -l) ;;
    esac
    if [[ ${2-} ]]; then WORDS+=(-i "$2"); fi
}

# What nvidia-smi prints in environment $1, words_of() behind. encodersessions goes on until nobody reads it any more: a
# head of two lines and a device's session are enough.
look() {
    local lines=1000
    words_of "${@:2}"
    if [[ $2 == encodersessions ]]; then lines=3; fi
    "${AS[@]}" nvidia-smi "${WORDS[@]}" </dev/null 2>&1 | head -n "$lines" >"$WORLD/$DRIVER/$2@$1${3+@$3}" || true
}

look_with_nvidia_smi() {
    local subset number mode modes=(pmon encodersessions topo_near compute_policy)
    DRIVER=$1
    need "$DRIVER"
    if [[ $DRIVER != 535 ]]; then modes+=(pci); fi # it has none
    for subset in "${SUBSETS[@]}"; do
        be "$subset" "$DRIVER" world
        for mode in table list query query_gpu query_count dmon dmon_memory pmon topo; do
            look "$subset" "$mode"
        done
        for ((number = 0; number < 4; number++)); do
            [[ $subset == *$number* ]] || continue
            for mode in table query query_gpu query_count dmon "${modes[@]}"; do
                look "$subset" "$mode" "$number"
            done
        done
    done
    run "$NUMBERS" check "$WORLD/$DRIVER"
    rm -f "$WORLD/$DRIVER"/*@*
    echo "$output"
    ((status == 0))
}

@test 'nvidia-smi 535 calls each device by its number' {
    look_with_nvidia_smi 535
}

@test 'nvidia-smi 550 calls each device by its number' {
    look_with_nvidia_smi 550
}

@test 'nvidia-smi 555 calls each device by its number' {
    look_with_nvidia_smi 555
}

@test 'nvidia-smi has no device for the number of one that is not attached' {
    local driver subset number mode
    for driver in "${DRIVERS[@]%%.*}"; do
        need "$driver"
        for subset in 12 13 2 023; do
            be "$subset" "$driver" world
            for ((number = 0; number < 4; number++)); do
                [[ $subset != *$number* ]] || continue
                for mode in table query query_gpu dmon pmon topo_near; do
                    words_of "$mode" "$number"
                    run "${AS[@]}" nvidia-smi "${WORDS[@]}" </dev/null
                    echo "$driver, $subset, $mode -i $number: $status $output"
                    [[ $output == 'No devices were found'* ]]
                done
            done
        done
    done
}

@test 'Python programs call each device by its number, and by no other one' {
    local subset python devices
    need python
    be 0 550 world
    need_python_of_ours
    python=$(program python)/bin
    for subset in "${SUBSETS[@]}"; do
        be "$subset" 550 world
        devices=$(sed 's/./&,/g;s/,$//' <<<"$subset")
        AS+=(env "CUDA_VISIBLE_DEVICES=$devices")
        "${AS[@]}" "${VIEW[@]}" "$python/python" "$WORLD/numbers.py" ask >"$WORLD/550/ask@$subset"
        # As programs do that know CUDA's numbers alone.
        "${AS[@]}" env GENV_VISIBLE_DEVICES=index "${VIEW[@]}" "$python/python" "$WORLD/numbers.py" ask \
            >>"$WORLD/550/ask@$subset"
        "${AS[@]}" env GENV_VISIBLE_DEVICES=index "${VIEW[@]}" "$python/nvitop" --once --ascii -ov \
            >"$WORLD/550/nvitop_index@$subset"
        "${AS[@]}" "${VIEW[@]}" "$python/gpustat" --json >"$WORLD/550/gpustat@$subset"
        "${AS[@]}" "${VIEW[@]}" "$python/nvitop" --once --ascii >"$WORLD/550/nvitop@$subset"
        "${AS[@]}" "${VIEW[@]}" "$python/nvitop" --once --ascii -ov >"$WORLD/550/nvitop_visible@$subset"
    done
    run "$NUMBERS" check "$WORLD/550"
    rm -f "$WORLD/550"/*@*
    echo "$output"
    ((status == 0))
}
