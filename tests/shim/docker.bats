#!/usr/bin/env bats
# The docker shim translates the GPUs that containers are to get, and passes on all else.
# shellcheck disable=SC2154 # set by bats and by the helpers

load helpers

setup() {
    setup_installation
    make_fake docker
    make_env other 1
    enter e 2 # devices 1 and 2
    ENV=(--env GENV_ENVIRONMENT_ID=e)
}

teardown() {
    remove_installation
}

# Refused: nothing is started, status 125, one line on standard error that has $1.
refuses() {
    local wanted=$1
    shift
    rm -f "$CALL.words"
    run --separate-stderr docker "$@"
    echo "$status: $stderr"
    [ "$status" -eq 125 ]
    [ -z "$output" ]
    [ "${#stderr_lines[@]}" -eq 1 ]
    [[ $stderr == 'genv: '*"$wanted"* ]]
    [ ! -e "$CALL.words" ]
}

# `docker run $1… image` becomes `docker run --env … $2… image`: the words before and after "=>".
becomes() {
    local given=() wanted=()
    while [ "$1" != '=>' ]; do
        given+=("$1")
        shift
    done
    wanted=("${@:2}")
    docker run "${given[@]}" image
    expect_words run "${ENV[@]}" "${wanted[@]}" image
}

@test "commands other than run and create pass untouched" {
    docker
    [ ! -s "$CALL.words" ]
    local words
    for words in 'ps --gpus all' 'exec -it x run --gpus all' 'container ls' 'container' 'compose run --gpus all' \
        'buildx run' '--version' '-v' '-H x' '--bogus run --gpus all image' 'container --x run --gpus all i' \
        '-Z run --gpus all image' 'image run' '__complete run --gpus all i'; do
        # shellcheck disable=SC2086
        docker $words
        # shellcheck disable=SC2086
        expect_words $words
    done
}

@test "run, create and their long forms, behind docker's own options" {
    local words
    for words in run create 'container run' 'container create' '-H tcp://x:1 run' '-Htcp://x run' '--host=x create' \
        '--context run run' '-c run run' '-D -l error run' '-Dl error run' '--tls --tlscacert run run' \
        '--config a --tlsverify --tlscert=b --tlskey run container run' '--log-level run run' '-- run' '-D=true run'; do
        # shellcheck disable=SC2086
        docker $words --gpus all image
        # shellcheck disable=SC2086
        expect_words $words "${ENV[@]}" --gpus '"device=1,2"' image
    done
}

@test "without GPUs, only the variable is added" {
    docker run
    expect_words run "${ENV[@]}"
    docker run image --gpus all
    expect_words run "${ENV[@]}" image --gpus all
    docker run -it --rm -v '/a b:/c d' -e X= -e 'Y="q"' --name "it's" image sh -c 'echo "$1"' '' $'two\nlines'
    expect_words run "${ENV[@]}" -it --rm -v '/a b:/c d' -e X= -e 'Y="q"' --name "it's" image sh -c 'echo "$1"' '' \
        $'two\nlines'
    docker run --help
    expect_words run "${ENV[@]}" --help
}

@test "a variable of that name of the user's own comes later, and so wins" {
    docker run -e GENV_ENVIRONMENT_ID=mine image
    expect_words run "${ENV[@]}" -e GENV_ENVIRONMENT_ID=mine image
}

@test "--gpus: all, a number" {
    becomes --gpus all '=>' --gpus '"device=1,2"'
    becomes --gpus=all '=>' '--gpus="device=1,2"'
    becomes --gpus 1 '=>' --gpus '"device=1"'
    becomes --gpus=2 '=>' '--gpus="device=1,2"'
    becomes --gpus -1 '=>' --gpus '"device=1,2"'
    becomes --gpus count=2 '=>' --gpus '"device=1,2"'
    becomes --gpus=count=all '=>' '--gpus="device=1,2"'
    becomes --gpus device=all '=>' --gpus '"device=1,2"'
    becomes --gpus 0 '=>' --gpus 0
    becomes --gpus '"all"' '=>' --gpus '"device=1,2"'
    becomes --gpus 1 --gpus 1 '=>' --gpus '"device=1"' --gpus '"device=1"'
}

@test "--gpus: capabilities, options and the driver stay" {
    becomes --gpus all,capabilities=utility '=>' --gpus '"device=1,2",capabilities=utility'
    becomes --gpus 'all,"capabilities=compute,utility"' '=>' --gpus '"device=1,2","capabilities=compute,utility"'
    becomes --gpus '"capabilities=compute,utility",count=2' '=>' --gpus '"device=1,2","capabilities=compute,utility"'
    becomes --gpus capabilities=compute '=>' --gpus '"device=1",capabilities=compute'
    becomes --gpus driver=nvidia,count=1 '=>' --gpus '"device=1",driver=nvidia'
    becomes --gpus 'all,"options=""a=b"",c=d"' '=>' --gpus '"device=1,2","options=""a=b"",c=d"'
}

@test "--gpus: devices that are attached stay as they are written" {
    local uuid
    uuid=$(genv devices --format json | jq -r '.[2].uuid')
    becomes --gpus device=1 '=>' --gpus device=1
    becomes --gpus '"device=1"' '=>' --gpus '"device=1"'
    becomes --gpus '"device=2,1"' '=>' --gpus '"device=2,1"'
    becomes '--gpus="device=1,2",capabilities=utility' '=>' '--gpus="device=1,2",capabilities=utility'
    becomes --gpus "device=$uuid" '=>' --gpus "device=$uuid"
    becomes --gpus "\"device=1,${uuid,,}\"" '=>' --gpus "\"device=1,${uuid,,}\""
}

@test "--gpus: what is not attached is refused" {
    local other
    other=$(genv devices --format json | jq -r '.[0].uuid')
    refuses "--gpus device=0: device 0 is not attached to environment e, which has 1,2" run --gpus device=0 image
    refuses "device 3 is not attached" run --gpus '"device=1,3"' image
    refuses "device $other is not attached" run "--gpus=\"device=1,$other\"" image
    refuses "device ${other:0:12} is not attached" run --gpus "device=${other:0:12}" image
    refuses "device 01 is not attached" run --gpus device=01 image
    refuses "device  is not attached" run --gpus device= image
    refuses "'1:0' is not the index or UUID of a whole device" run --gpus device=1:0 image
    refuses "'MIG-x' is not the index or UUID of a whole device" create --gpus device=MIG-x image
    refuses "'none' is not the index or UUID of a whole device" run --gpus device=none image
    refuses "'all' is not the index or UUID of a whole device" run --gpus '"device=all,1"' image
    refuses 'device 0 is not attached' container run -it --gpus all --gpus device=0 image
}

@test "--gpus: more than attached is refused, with both numbers" {
    refuses "--gpus 3: environment e has only 2 devices: run 'genv attach --count 3' first" run --gpus 3 image
    refuses 'environment e has only 2 devices' run --gpus count=4,capabilities=utility image
    refuses "expected a number or 'all'" run --gpus 99999999999999999999 image
    genv devices detach --eid e --index 2
    refuses "environment e has only 1 device: run 'genv attach --count 2'" run --gpus 2 image
}

@test "--gpus: what genv can't make out is refused" {
    refuses "'x' is not a count" run --gpus x image
    refuses "'' is not a count" run --gpus '' image
    refuses "'1.5' is not a count" run --gpus 1.5 image
    refuses 'the value has unmatched quotes' run --gpus '"device=1' image
    refuses 'the value has unmatched quotes' run --gpus 'device="1"' image
    refuses 'the value has unmatched quotes' run --gpus '"device=1"x' image
    refuses 'the value must be a single line' run --gpus $'\nall' image
    refuses 'the value must be a single line' run --gpus $'"device=1"\nall' image
    refuses "with both kinds of quotes" run --gpus device=1,2 image
    refuses "with both kinds of quotes" run --gpus all,count=1 image
    refuses "with both kinds of quotes" run --gpus device=1,device=2 image
    refuses "genv supports only driver=nvidia" run --gpus driver=cdi,device=nvidia.com/gpu=all image
    refuses "unknown field 'colour=red'" run --gpus all,colour=red image
    refuses 'device=1?[31m' run --gpus $'device=1\e[31m' image
}

@test "detached: refused, with what to do; 0 needs none" {
    genv devices detach --eid e
    refuses "--gpus all: environment e has no devices: run 'genv attach' first" run --gpus all image
    refuses 'environment e has no devices' run --gpus 1 image
    refuses 'environment e has no devices' run --gpus device=0 image
    refuses 'environment e has no devices' run --device nvidia.com/gpu=all image
    becomes --gpus 0 '=>' --gpus 0
    becomes -it '=>' -it
}

@test "an environment that has ended, or is another user's, has no GPUs to give" {
    GENV_ENVIRONMENT_ID=gone refuses 'there is no environment gone: run ' run --gpus all image
    GENV_ENVIRONMENT_ID=gone docker run image
    expect_words run --env GENV_ENVIRONMENT_ID=gone image
    GENV_ENVIRONMENT_ID='a b' refuses 'GENV_ENVIRONMENT_ID' run --gpus all image
    need_root
    run --separate-stderr setpriv --reuid 60601 --regid 60601 --clear-groups docker run --gpus all image
    [ "$status" -eq 125 ]
    [[ $stderr == "genv: environment e belongs to another user"* ]]
}

@test "the devices are those attached now" {
    becomes --gpus all '=>' --gpus '"device=1,2"'
    genv devices attach --eid e --index 3
    genv devices detach --eid e --index 1
    becomes --gpus all '=>' --gpus '"device=2,3"'
}

@test "options that take a value do not hide GPUs, nor does the image" {
    becomes -it -v /a:/b --name run --gpus all '=>' -it -v /a:/b --name run --gpus '"device=1,2"'
    becomes -itv /a:/b --gpus all '=>' -itv /a:/b --gpus '"device=1,2"'
    becomes -p80:80 -eX=y -d=true --rm=false --gpus all '=>' -p80:80 -eX=y -d=true --rm=false --gpus '"device=1,2"'
    becomes --name --gpus --gpus all '=>' --name --gpus --gpus '"device=1,2"'
    becomes -e --gpus -e '=>' -e --gpus -e
    becomes --net host --dns-opt x --gpus all '=>' --net host --dns-opt x --gpus '"device=1,2"'
    docker run --rm --gpus=1 image --gpus all --device nvidia.com/gpu=all
    expect_words run "${ENV[@]}" --rm '--gpus="device=1"' image --gpus all --device nvidia.com/gpu=all
    docker run --gpus 1 -- image --gpus all
    expect_words run "${ENV[@]}" --gpus '"device=1"' -- image --gpus all
    docker run -- --gpus all
    expect_words run "${ENV[@]}" -- --gpus all
    docker run --gpus
    expect_words run "${ENV[@]}" --gpus
    docker run - --gpus all
    expect_words run "${ENV[@]}" - --gpus all
}

@test "an unknown option before GPUs is refused, since there is no telling where the image is" {
    refuses "unknown docker option --new, so genv cannot tell whether --gpus is its value" \
        run --new value --gpus all image
    refuses 'option --new' run --new --gpus=all image
    refuses 'option -Z' run -Z --gpus all image
    refuses 'option -itZ' run -itZ x image --gpus all
    refuses 'whether --device is its value' run --new x --device nvidia.com/gpu=all image
    becomes --new=value --gpus all '=>' --new=value --gpus '"device=1,2"'
    becomes --gpus all --new value '=>' --gpus '"device=1,2"' --new value
    becomes --new value --device /dev/x '=>' --new value --device /dev/x
}

@test "--device: CDI names of GPUs" {
    local uuid
    uuid=$(genv devices --format json | jq -r '.[1].uuid')
    becomes --device nvidia.com/gpu=all '=>' --device nvidia.com/gpu=1 --device nvidia.com/gpu=2
    becomes --device=nvidia.com/gpu=all '=>' --device=nvidia.com/gpu=1 --device=nvidia.com/gpu=2
    becomes --device=runtime.nvidia.com/gpu=all '=>' --device=runtime.nvidia.com/gpu=1 \
        --device=runtime.nvidia.com/gpu=2
    becomes --device nvidia.com/gpu=2 '=>' --device nvidia.com/gpu=2
    becomes --device "nvidia.com/gpu=$uuid" '=>' --device "nvidia.com/gpu=$uuid"
    refuses '--device nvidia.com/gpu=0: device 0 is not attached' run --device nvidia.com/gpu=0 image
    refuses 'device 3 is not attached' create --device nvidia.com/gpu=1 --device=nvidia.com/gpu=3 image
    refuses "'1:0' is not the index or UUID of a whole device" run --device nvidia.com/gpu=1:0 image
    refuses 'genv supports only whole devices' run --device management.nvidia.com/gpu=all image
    refuses 'genv supports only whole devices' run --device nvidia.com/mig=all image
    becomes --device /dev/fuse '=>' --device /dev/fuse
    becomes --device amd.com/gpu=all '=>' --device amd.com/gpu=all
    becomes --device notnvidia.com/gpu=all '=>' --device notnvidia.com/gpu=all
    becomes --device nvidia.com/imex-channel=0 '=>' --device nvidia.com/imex-channel=0
    becomes --device /dev/nvidia.com/gpu=0 '=>' --device /dev/nvidia.com/gpu=0
}

@test "genv's own runtime is left alone" {
    local words
    for words in '--runtime genv --gpus all' '--runtime=genv --gpus 7' '--gpus 9 --runtime runc --runtime=genv'; do
        # shellcheck disable=SC2086
        docker run $words image
        # shellcheck disable=SC2086
        expect_words run $words image
    done
    becomes --runtime runc --gpus all '=>' --runtime runc --gpus '"device=1,2"'
    becomes --runtime genv --runtime runc --gpus all '=>' --runtime genv --runtime runc --gpus '"device=1,2"'
}

@test "bypassed, or without an environment, everything passes untouched" {
    GENV_BYPASS=1 docker run --gpus all image
    expect_words run --gpus all image
    unset GENV_ENVIRONMENT_ID
    docker run --gpus device=0 image
    expect_words run --gpus device=0 image
}

@test "status, signals and streams are docker's" {
    FAKE_STATUS=42 run docker run --gpus all image
    [ "$status" -eq 42 ]
    printf '#!/bin/bash\necho $$ >"%s"\ncat\nkill -TERM $$\n' "$SCRATCH/pid" >"$SCRATCH/real/docker"
    run bash -c 'echo in | docker run -i --gpus all image'
    [ "$status" -eq 143 ]
    [[ $output == in* ]]
    printf '#!/bin/bash\necho $$ >"%s"\nexec sleep 600 3>&-\n' "$SCRATCH/pid" >"$SCRATCH/real/docker"
    rm "$SCRATCH/pid"
    docker run --gpus all image 3>&- &
    local pid=$!
    members+=("$pid")
    until [ -s "$SCRATCH/pid" ]; do sleep 0.01; done
    [ "$(cat "$SCRATCH/pid")" = "$pid" ]
    kill "$pid"
    local died=0
    wait "$pid" || died=$?
    [ "$died" -eq 143 ]
    # Nothing of the state stays open, even where it was read.
    printf '#!/bin/bash\nls /proc/self/fd | tr "\\n" " "\n' >"$SCRATCH/real/docker"
    [ "$(docker run --gpus all image 3>&- 4>&-)" = "$(bash "$SCRATCH/real/docker" 3>&- 4>&-)" ]
}

@test "not found, and not executable" {
    run -127 env PATH="$SHIMS" docker run --gpus all image
    [ "$output" = 'genv: docker: command not found' ]
    chmod -x "$SCRATCH/real/docker"
    run -126 env PATH="$SHIMS:$SCRATCH/real" docker run --gpus all image
    [ "$output" = "genv: $SCRATCH/real/docker: Permission denied" ]
}

@test "no other variable changes" {
    docker run --gpus all image
    diff <(env -0 | tr '\0' '\n' | grep -v '^_=\|^SHLVL=' | sort) \
        <(tr '\0' '\n' <"$CALL.env" | grep -v '^_=\|^SHLVL=' | sort)
}

@test "genv run has the shim" {
    PATH=$PREFIX/bin:$SCRATCH/real:/usr/bin:/bin genv run --gpus 1 -- docker run --gpus all image 'a b'
    [ "$(tr '\0' '|' <"$CALL.words" | sed 's/ID=[0-9]*/ID=N/')" = \
        'run|--env|GENV_ENVIRONMENT_ID=N|--gpus|"device=3"|image|a b|' ]
}
