#!/usr/bin/env bats
# nvidia-smi of simulated devices is genv's own.
# shellcheck disable=SC2154 # set by bats and by the helpers

load helpers

setup() {
    setup_installation
}

teardown() {
    remove_installation
}

uuid() {
    genv devices --format json | jq -r ".[$1].uuid"
}

@test "detached: the real one's words, stream and status" {
    enter e 0
    run --separate-stderr nvidia-smi
    [ "$status" -eq 6 ]
    [ "$output" = 'No devices were found' ]
    [ -z "$stderr" ]
    run --separate-stderr nvidia-smi --query-gpu=index --format=csv
    [ "$status" -eq 6 ]
    [ "$output" = 'No devices were found' ]
    run --separate-stderr nvidia-smi -L
    [ "$status" -eq 0 ]
    [ "$output" = 'No devices found.' ]
}

@test "the table has the devices of the environment and no others" {
    make_env other 1
    enter e 2
    run nvidia-smi
    [ "$status" -eq 0 ]
    [[ $output == *'environment e '* ]]
    [ "$(grep -c 'Simulated GPU ' <<<"$output")" -eq 2 ]
    [[ $output == *'|   1 | Simulated GPU '*'0MiB / 16384MiB |'* ]]
    [[ $output == *'|   2 | Simulated GPU '* ]]
    [[ $output == *'No running processes found'* ]]
    # A table: all lines are of one length.
    [ "$(awk 'NF { print length }' <<<"$output" | sort -u | wc -l)" -eq 1 ]
}

@test "the capacity is the total" {
    make_env e 0
    genv envs config --eid e gpu-memory --gpu-memory 4gi
    genv devices attach --eid e --count 1
    export GENV_ENVIRONMENT_ID=e
    run nvidia-smi
    [[ $output == *'0MiB / 4096MiB |'* ]]
    run nvidia-smi --query-gpu=memory.total,memory.free,memory.used --format=csv,noheader,nounits
    [ "$output" = '4096, 4096, 0' ]
}

@test "-L lists them" {
    make_env other 2
    enter e 1
    run nvidia-smi -L
    [ "$status" -eq 0 ]
    [ "$output" = "GPU 2: Simulated GPU (UUID: $(uuid 2))" ]
    [ "$(nvidia-smi --list-gpus)" = "$output" ]
}

@test "--query-gpu, with header and units or without" {
    enter e 2
    run nvidia-smi --query-gpu=index,uuid,memory.total,utilization.gpu,temperature.gpu,count --format=csv
    [ "$status" -eq 0 ]
    diff - <(echo "$output") <<END
index, uuid, memory.total [MiB], utilization.gpu [%], temperature.gpu, count
0, $(uuid 0), 16384 MiB, 0 %, [N/A], 2
1, $(uuid 1), 16384 MiB, 0 %, [N/A], 2
END
    run nvidia-smi '--query-gpu=gpu_name, pci.bus_id,driver_version' --format=csv,noheader
    [ "${lines[0]}" = 'Simulated GPU, 00000000:01:00.0, simulated' ]
    run nvidia-smi --format=noheader,nounits,csv --query-gpu=memory.total,utilization.gpu
    [ "$output" = $'16384, 0\n16384, 0' ]
}

@test "what it can't do it says in a line" {
    enter e 2
    local words
    for words in -q pmon --id=0 --query-gpu=index --format=csv '--query-gpu=index --format=xml' \
        '--query-gpu=index --format=noheader' '-L --query-gpu=index --format=csv'; do
        # shellcheck disable=SC2086
        run --separate-stderr nvidia-smi $words
        [ "$status" -eq 2 ]
        [ -z "$output" ]
        [ "${#stderr_lines[@]}" -eq 1 ]
        [[ $stderr == "genv: nvidia-smi for simulated devices does not support"* ]]
    done
    run --separate-stderr nvidia-smi --query-gpu=index,fan.speed --format=csv
    [ "$status" -eq 2 ]
    [ "$stderr" = "genv: nvidia-smi for simulated devices has no field 'fan.speed'" ]
    run --separate-stderr nvidia-smi --query-gpu= --format=csv
    [ "$status" -eq 2 ]
    GENV_DEVICES=x run --separate-stderr nvidia-smi
    [ "$status" -eq 1 ]
    [[ $stderr == "genv: GENV_DEVICES is 'x'"* ]]
}

@test "output that can't be written is an error" {
    enter e 1
    [ -e /dev/full ] || skip 'there is no /dev/full'
    run --separate-stderr bash -c 'nvidia-smi >/dev/full'
    [ "$status" -eq 1 ]
    [[ $stderr == "genv: cannot write to standard output"* ]]
}

@test "simulated devices win over a real nvidia-smi" {
    make_fake nvidia-smi
    enter e 1
    run nvidia-smi -L
    [[ $output == 'GPU 0: Simulated'* ]]
    [ ! -e "$CALL.words" ]
    unset GENV_DEVICES
    GENV_MOCK_DEVICE_COUNT=4 run nvidia-smi -L
    [[ $output == 'GPU 0: Simulated'* ]]
    [ ! -e "$CALL.words" ]
    GENV_DEVICES='' nvidia-smi -L
    expect_words -L
}

@test "an environment that has ended, or is another user's, sees nothing" {
    enter e 1
    GENV_ENVIRONMENT_ID=gone run nvidia-smi
    [ "$status" -eq 6 ]
    [ "$output" = 'No devices were found' ]
    need_root
    run setpriv --reuid 60601 --regid 60601 --clear-groups nvidia-smi
    [ "$status" -eq 6 ]
    [ "$output" = 'No devices were found' ]
}
