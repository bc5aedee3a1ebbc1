#!/usr/bin/env bats
# What the shell function gets: with --shell=KIND:PID a command prints code, its words included. Here the code is run
# by functions that say what they were told, in place of those that `genv shell --init` defines.
# shellcheck disable=SC2154 # set by bats and by the helpers

load cli_helpers

# Runs genv as the function of a bash with the PID $member would, and shows what that bash would do.
protocol() {
    local code status_=0
    code=$(genv "--shell=bash:$member" "$@") || status_=$?
    (
        # shellcheck disable=SC2317
        __genv_enter() { printf 'enter prompt=%s\n' "$1"; printf '  %s\n' "${@:2}"; }
        # shellcheck disable=SC2317
        __genv_update() { printf 'update\n'; printf '  %s\n' "$@"; }
        # shellcheck disable=SC2317
        __genv_leave() { printf 'leave\n'; }
        # shellcheck disable=SC2317
        __genv_watch() { :; } # tests/shell says what it looks at
        eval "$code"
    )
    return "$status_"
}

# Activates for a process of its own.
activate() {
    start_member
    protocol activate "$@" >/dev/null
    export GENV_ENVIRONMENT_ID=${member}
}

@test "who calls" {
    local wrong
    for wrong in '' bash bash: :1 ksh:1 bash:0 bash:-1 bash:x bash:1x; do
        expect_usage_error "--shell: expected KIND:PID with KIND bash, zsh or fish, not '$wrong'" genv "--shell=$wrong" status
    done
    expect_usage_error "unknown option '--shell'" genv status --shell=bash:1
}

@test "activate, detached" {
    start_member
    expect 0 "enter prompt=prompt
  GENV_ENVIRONMENT_ID=$member
  GENV_SHELL=1
  GENV_ENVIRONMENT_NAME
  GENV_GPUS
  GENV_GPU_MEMORY
  CUDA_VISIBLE_DEVICES=-1
  CUDA_DEVICE_ORDER=PCI_BUS_ID" protocol activate
    expect 0 "$member,$member" genv envs query --query eid pids
}

@test "activate with everything" {
    start_member
    expect 0 "enter prompt=
  GENV_ENVIRONMENT_ID=my.env
  GENV_SHELL=1
  GENV_ENVIRONMENT_NAME=it's \$(date)
  GENV_GPUS=2
  GENV_GPU_MEMORY=4g
  CUDA_VISIBLE_DEVICES=0,1
  CUDA_DEVICE_ORDER=PCI_BUS_ID" \
        protocol activate --id my.env --name "it's \$(date)" --gpus 2 --gpu-memory 4g --no-prompt
}

@test "activate --no-attach" {
    start_member
    run protocol activate --gpus 2 --no-attach
    [ "$status" -eq 0 ]
    [[ $output == *'GENV_GPUS=2'*'CUDA_VISIBLE_DEVICES=-1'* ]]
}

@test "activate loads the saved configuration, options win field by field" {
    mkdir .genv
    echo 1 >.genv/gpus
    echo saved >.genv/name
    start_member
    run protocol activate --name given
    [ "$status" -eq 0 ]
    [[ $output == *'GENV_ENVIRONMENT_NAME=given'*'GENV_GPUS=1'*'CUDA_VISIBLE_DEVICES=0'* ]]
    start_member
    run protocol activate --no-load
    [ "$status" -eq 0 ]
    [[ $output == *'  GENV_ENVIRONMENT_NAME'$'\n''  GENV_GPUS'$'\n'*'CUDA_VISIBLE_DEVICES=-1'* ]]
}

@test "activate with a saved file that is wrong creates nothing" {
    mkdir .genv
    echo -2 >.genv/gpus
    start_member
    expect_refusal ".genv/gpus: '-2' is not a device count" protocol activate
    [[ $stderr == *': fix it, or use --no-load' ]]
    expect 0 '' genv envs query --query eid
    expect 0 '' genv envs find --pid "$member"
}

@test "activate that can't attach: active, detached, status 1" {
    start_member
    expect 1 "enter prompt=prompt
  GENV_ENVIRONMENT_ID=$member
  GENV_SHELL=1
  GENV_ENVIRONMENT_NAME
  GENV_GPUS=5
  GENV_GPU_MEMORY
  CUDA_VISIBLE_DEVICES=-1
  CUDA_DEVICE_ORDER=PCI_BUS_ID" protocol activate --gpus 5
    [ "$stderr" = 'genv: cannot attach 5 devices: this machine has 4' ]
    expect 0 "$member" genv envs query --query eid
}

@test "activate in an active shell is refused" {
    activate
    expect_refusal "this shell is already in environment $member: run 'genv deactivate' first" protocol activate
}

@test "activate where an environment has ended, or is another shell's" {
    GENV_ENVIRONMENT_ID=gone
    activate
    make_env other
    start_member
    run env GENV_ENVIRONMENT_ID=other genv "--shell=bash:$member" activate
    [ "$status" -eq 0 ]
    [[ $output == "__genv_enter prompt 'GENV_ENVIRONMENT_ID=$member'"* ]]
}

@test "activate --id of one that lives: its configuration and attachments come along, nothing is loaded" {
    make_env first 'x y'
    genv envs config --eid first gpus --count 3
    genv devices attach --eid first --index 2
    mkdir .genv
    echo saved >.genv/name
    echo 7g >.genv/gpu-memory
    start_member
    expect 0 "enter prompt=prompt
  GENV_ENVIRONMENT_ID=first
  GENV_SHELL=1
  GENV_ENVIRONMENT_NAME=x y
  GENV_GPUS=3
  GENV_GPU_MEMORY
  CUDA_VISIBLE_DEVICES=2
  CUDA_DEVICE_ORDER=PCI_BUS_ID" protocol activate --id first
    start_member
    run protocol activate --id first --gpus 2
    [[ $output == *'GENV_GPUS=2'*'CUDA_VISIBLE_DEVICES=0,2'* ]]
    [ "$(genv envs query --query pids | wc -w)" -eq 3 ]
}

@test "activate NAME, --id NAME: joins the live environment of that name" {
    make_env first 'x y'
    genv devices attach --eid first --index 2
    make_env second plain
    mkdir .genv
    echo 7g >.genv/gpu-memory
    start_member
    run protocol activate 'x y'
    [[ $output == *'GENV_ENVIRONMENT_ID=first'*'  GENV_GPU_MEMORY'$'\n'*'CUDA_VISIBLE_DEVICES=2'* ]]
    start_member
    run protocol activate --id plain
    [[ $output == *'GENV_ENVIRONMENT_ID=second'* ]]
    start_member
    run protocol activate second
    [[ $output == *'GENV_ENVIRONMENT_ID=second'* ]]
    expect_refusal "none of your environments has the name or ID 'none': create one with" protocol activate none
    make_env third plain
    expect_refusal "2 environments are named 'plain': choose one by its ID: second, third" protocol activate plain
    expect_refusal "2 environments are named 'plain': " protocol activate --id plain
    expect_usage_error '--id and a name cannot be used together' genv "--shell=bash:$member" activate --id first second
    expect 0 'first
second
third' genv envs query --query eid
}

@test "activate --id of a number that is no environment" {
    start_member
    expect_refusal 'no environment has the ID 4711; a new ID cannot be a number' protocol activate --id 4711
    expect 0 '' genv envs query --query eid
}

@test "activate --id with a capacity for which there is no room: nothing changes, and the shell stays outside" {
    make_env first
    make_env second
    genv envs config --eid first gpu-memory --gpu-memory 10g
    genv envs config --eid second gpu-memory --gpu-memory 6g
    genv devices attach --eid first --index 0
    genv devices attach --eid second --index 0
    start_member
    expect_refusal 'cannot raise the memory capacity on device 0 to 12g' \
        protocol activate --id first --name new --gpu-memory 12g
    expect 0 '' genv envs find --pid "$member"
    expect 0 'gpu-memory: 10g' genv envs config --eid first
}

@test "activate: devices by UUID" {
    start_member
    export GENV_VISIBLE_DEVICES=uuid
    run protocol activate --gpus 1
    [[ $output == *"CUDA_VISIBLE_DEVICES=$(genv devices --format json | jq -r '.[0].uuid')"* ]]
}

@test "deactivate ends the environment" {
    activate --gpus 2
    expect 0 leave protocol deactivate
    expect 0 '' genv envs query --query eid
}

@test "deactivate cleans up after an environment that has ended" {
    start_member
    GENV_ENVIRONMENT_ID=gone expect 0 leave protocol deactivate
    GENV_ENVIRONMENT_ID=../x expect 0 leave protocol deactivate
    expect_refusal 'no environment is active in this shell' protocol deactivate
}

@test "status, attach --refresh and config --refresh bring the variables up to date" {
    activate --name mine
    genv devices attach --eid "$member" --index 3
    genv envs config --eid "$member" gpu-memory --gpu-memory 1g
    local update="update
  GENV_ENVIRONMENT_ID=$member
  GENV_SHELL=1
  GENV_ENVIRONMENT_NAME=mine
  GENV_GPUS
  GENV_GPU_MEMORY=1g
  CUDA_VISIBLE_DEVICES=3
  CUDA_DEVICE_ORDER=PCI_BUS_ID"
    expect 0 "$update" protocol attach --refresh
    expect 0 "$update" protocol config --refresh
    expect 0 "$update" protocol config --quiet
    expect 0 "$update
Environment is active ($member)
Attached to GPUs at indices 3

Configuration
   Name: mine
   GPU memory capacity: 1g" protocol status
    expect 0 "$update
mine" protocol config name
}

@test "attach, detach and config update the shell, and say what they say" {
    activate
    run protocol attach --count 2
    [[ $output == 'update'*'CUDA_VISIBLE_DEVICES=0,1'*'Attached to GPUs at indices 0,1' ]]
    run protocol detach --index 0
    [[ $output == 'update'*'CUDA_VISIBLE_DEVICES=1'*'Attached to GPUs at indices 1' ]]
    run protocol config gpus 3
    [[ $output == 'update'*'GENV_GPUS=3'*'PCI_BUS_ID' ]]
    run protocol config --clear
    [[ $output == 'update'*$'GENV_GPUS\n'*'PCI_BUS_ID' ]]
}

@test "a failed attach updates the shell as well" {
    activate --gpus 2
    run --separate-stderr protocol attach --count 5
    [ "$status" -eq 1 ]
    [[ $output == 'update'*'CUDA_VISIBLE_DEVICES=-1'*'PCI_BUS_ID' ]]
    [ "$stderr" = 'genv: cannot attach 5 devices: this machine has 4' ]
}

@test "status without an environment, or with one that has ended" {
    start_member
    expect 0 'Environment is not active' protocol status
    GENV_ENVIRONMENT_ID=gone expect 0 'Environment is not active' protocol status
    [[ $stderr == *'there is no environment gone: run '* ]]
}

@test "help and usage errors" {
    start_member
    expect 0 "$(genv attach --help)" protocol attach --help
    expect 0 "$(genv)" protocol
    expect_usage_error '--count' protocol attach --count x
}

@test "shell: set up; --init is shown, --deinit is done" {
    start_member
    expect 0 'genv is set up in this shell (bash).' protocol shell
    expect 0 "$(genv shell --init bash)" protocol shell --init
    expect 0 "$(genv shell --init zsh)" protocol shell --init zsh
    expect 0 "$(genv shell --deinit bash)" genv "--shell=bash:$member" shell --deinit
}

@test "doctor knows that the shell is set up" {
    start_member
    run protocol doctor
    [[ $output == *$'\nok       shell: bash is set up' ]]
}
