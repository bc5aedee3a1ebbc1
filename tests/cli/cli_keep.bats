#!/usr/bin/env bats
# genv envs keep and variables: what an editor holds its environment with.
# shellcheck disable=SC2154 # set by bats and by the helpers

load cli_helpers

# keep ARGUMENT...: starts 'genv envs keep' as an editor does; its PID is in $keeper, its answer in $answer.
keep() {
    mkfifo answer
    setsid genv envs keep "$@" >answer 2>complaint 3>&- &
    keeper=$!
    members+=("$keeper")
    answer=$(cat answer) # which ends only where the keeper lets go of its output
    rm answer
}

pids() {
    genv envs query --eid "$1" --query pids
}

# Waits until the command behind it succeeds.
wait_for() {
    until "$@"; do sleep 0.05; done
}

is_gone() {
    [ -z "$(genv envs query --eid "$1" --query eid)" ]
}

end() {
    kill "$1"
    wait "$1" || true
}

@test "keep: a new environment of the process, with the saved configuration" {
    start_member
    mkdir .genv
    echo 2 >.genv/gpus
    keep --pid "$member" --name $'a, "b" <i>'
    [ "$answer" = "$member" ]
    [ "$(cat complaint)" = "genv: loaded gpus 2 from $PWD/.genv" ]
    expect 0 "$member $keeper" pids "$member"
    expect 0 '0,1' genv devices find --eid "$member"
    expect 0 'a, "b" <i>' genv envs config --eid "$member" name
}

@test "keep: a default name gives way to a saved one" {
    start_member
    keep --pid "$member" --default-name 'a b'
    expect 0 'a b' genv envs config --eid "$member" name
    mkdir .genv
    echo saved >.genv/name
    start_member
    keep --pid "$member" --default-name 'a b'
    expect 0 saved genv envs config --eid "$member" name
}

@test "keep: too few devices leave it detached, with the reason" {
    start_member
    make_env other
    genv devices attach --eid other --count 3
    keep --pid "$member" --gpus 2
    [ "$answer" = "$member" ]
    grep -q 'cannot attach 2 devices' complaint
    expect 0 '' genv devices find --eid "$member"
    expect 0 2 genv envs config --eid "$member" gpus
}

@test "keep: the environment outlives the process for as long as is said, and no longer" {
    start_member
    keep --pid "$member" --gpus 1 --linger 3
    end "$member"
    expect 0 "$answer" genv envs query --eid "$answer" --query eid
    expect 0 0 genv devices find --eid "$answer"
    wait_for is_gone "$answer"
    wait "$keeper"
}

@test "keep: a process that takes over keeps devices, and the first keeper leaves at once" {
    start_member
    keep --pid "$member" --gpus 1 --linger 600
    local first=$keeper old=$member eid=$answer
    start_member
    end "$old"
    keep --eid "$eid" --pid "$member" --no-load --no-attach --linger 600
    [ "$answer" = "$eid" ]
    wait "$first"
    expect 0 0 genv devices find --eid "$eid"
    genv envs deactivate --pid "$member"
    genv envs deactivate --pid "$keeper"
    is_gone "$eid"
    end "$member"
    wait "$keeper" # nothing is left to linger for
}

@test "keep: another process that entered meanwhile is enough" {
    start_member
    keep --pid "$member" --linger 600
    local process=$member
    start_member
    genv envs activate --eid "$answer" --pid "$member"
    end "$process"
    wait "$keeper"
    expect 0 "$member" pids "$answer"
}

@test "keep: killed, it frees what only it held" {
    start_member
    keep --pid "$member" --gpus 1 --linger 600
    end "$member"
    expect 0 0 genv devices find --eid "$answer"
    kill -KILL "$keeper"
    wait "$keeper" || true
    expect 0 '' genv devices find --eid "$answer"
}

@test "keep: a process that is not there, and other users' environments" {
    start_member
    local process=$member
    end "$process"
    expect_refusal "cannot watch process $process" genv envs keep --pid "$process"
    expect_usage_error 'missing option: --pid PID' genv envs keep
    expect 0 '' genv envs query --query eid
}

@test "keep: what cannot answer holds nothing" {
    start_member
    expect_refusal 'cannot write to standard output' bash -c "genv envs keep --pid $member --gpus 2 >/dev/full"
    expect 0 '' genv envs query --query eid

    # Nobody reads the answer.
    expect_refusal 'cannot write to standard output' python3 -c '
import os, signal, sys
reader, writer = os.pipe()
os.close(reader)
os.dup2(writer, 1)
signal.signal(signal.SIGPIPE, signal.SIG_DFL)
os.execvp("genv", sys.argv[1:])' genv envs keep --pid "$member" --gpus 2
    expect 0 '' genv envs query --query eid

    # A process that was in it before stays.
    keep --pid "$member" --gpus 1
    local first=$keeper
    expect_refusal 'cannot write to standard output' bash -c "genv envs keep --pid $member --eid $answer --join >/dev/full"
    expect 0 "$member $first" pids "$answer"
    expect 0 0 genv devices find --eid "$answer"
}

@test "keep: where programs are to be isolated, nothing is begun that is not" {
    start_member
    mkdir .genv
    echo yes >.genv/isolate
    expect_refusal "cannot isolate process $member, which is running already: use --no-isolate" genv envs keep --pid "$member"
    expect 0 '' genv envs query --query eid
    keep --pid "$member" --no-isolate
    [ "$answer" = "$member" ]
    local eid=$answer
    start_member
    keep --pid "$member" --eid "$eid" --join # which has begun
    [ "$answer" = "$eid" ]
}

@test "keep: joining creates nothing" {
    start_member
    expect_refusal 'there is no environment none' genv envs keep --pid "$member" --eid none --join
    expect 0 '' genv envs query --query eid
    expect_usage_error '--join needs --eid' genv envs keep --pid "$member" --join
    make_env e
    start_member
    keep --pid "$member" --eid e --join
    [ "$answer" = e ]
    [[ $(pids e) == *" $member $keeper" ]]
}

@test "variables: those of a program that genv run starts" {
    make_env e $'a, "b" <i>'
    genv envs config --eid e gpus --count 2
    genv devices attach --eid e --count 2
    # shellcheck disable=SC2016 # for jq
    expect 0 "$(genv run --name $'a, "b" <i>' --gpus 2 -o env | sed 's/^GENV_ENVIRONMENT_ID=.*/GENV_ENVIRONMENT_ID=e/
            s/^CUDA_VISIBLE_DEVICES=.*/CUDA_VISIBLE_DEVICES=0,1/' | grep -E '^(GENV_(ENVIRONMENT|GPU|SHELL)|CUDA|PATH=)' | sort)" \
        bash -c 'genv envs variables --eid e | jq -r '\''to_entries[] | select(.value) | "\(.key)=\(.value)"'\'' | sort'
    expect 0 null bash -c 'genv envs variables --eid e | jq -c .GENV_GPU_MEMORY'
    expect_refusal 'there is no environment none' genv envs variables --eid none
}
