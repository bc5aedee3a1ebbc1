#!/usr/bin/env bats
# The shims docker and podman: the ways to a GPU beside --gpus, what compose files ask for, and whose daemon it is.
# shellcheck disable=SC2154 # set by bats and by the helpers

load helpers

setup() {
    setup_installation
    mkdir "$PREFIX/shims-podman"
    cp "$(dirname "$GENV_BIN")/../shims-podman/podman" "$PREFIX/shims-podman"
    PATH=$PREFIX/shims-podman:$PATH
    make_fake docker
    make_fake podman
    # Nodes are numbered by the driver, and not as the devices are.
    unset GENV_DEVICES
    export GENV_SIMULATOR=$SCRATCH/machine LD_LIBRARY_PATH=$GENV_NVML HOME=$SCRATCH/home
    mkdir "$HOME"
    echo '{"devices": [{"uuid": "GPU-a", "minor": 3}, {"uuid": "GPU-b", "minor": 0}, {"uuid": "GPU-c", "minor": 1}]}' \
        >"$GENV_SIMULATOR"
    make_env other 1
    enter e 2 # devices 1 and 2
    ENV=(--env GENV_ENVIRONMENT_ID=e)
}

teardown() {
    remove_installation
}

# Refused by the command line behind it: nothing is started, status 125, one line on standard error that has $1.
refuses() {
    local wanted=$1
    shift
    rm -f "$CALL.words"
    run --separate-stderr "$@"
    echo "$status: $output$stderr"
    [ "$status" -eq 125 ]
    [ -z "$output" ]
    [ "${#stderr_lines[@]}" -eq 1 ]
    [[ $stderr == 'genv: '*"$wanted"* ]]
    [ ! -e "$CALL.words" ]
}

# `docker run $1… image` becomes `docker run --env … $2… image`: the words before and after "=>".
becomes() {
    local given=()
    while [ "$1" != '=>' ]; do
        given+=("$1")
        shift
    done
    docker run "${given[@]}" image
    expect_words run "${ENV[@]}" "${@:2}" image
}

@test "NVIDIA_VISIBLE_DEVICES: the environment's devices" {
    becomes -e NVIDIA_VISIBLE_DEVICES=all '=>' -e NVIDIA_VISIBLE_DEVICES=1,2
    becomes --runtime=nvidia -e NVIDIA_VISIBLE_DEVICES=all '=>' --runtime=nvidia -e NVIDIA_VISIBLE_DEVICES=1,2
    becomes -ite NVIDIA_VISIBLE_DEVICES=all '=>' -ite NVIDIA_VISIBLE_DEVICES=1,2
    becomes -eNVIDIA_VISIBLE_DEVICES=all '=>' -eNVIDIA_VISIBLE_DEVICES=1,2
    becomes -e=NVIDIA_VISIBLE_DEVICES=all '=>' -e=NVIDIA_VISIBLE_DEVICES=1,2
    becomes --env NVIDIA_VISIBLE_DEVICES=all '=>' --env NVIDIA_VISIBLE_DEVICES=1,2
    becomes --env=NVIDIA_VISIBLE_DEVICES=2 '=>' --env=NVIDIA_VISIBLE_DEVICES=2
    becomes -e NVIDIA_VISIBLE_DEVICES=2,GPU-b '=>' -e NVIDIA_VISIBLE_DEVICES=2,GPU-b
    becomes -e NVIDIA_VISIBLE_DEVICES= '=>' -e NVIDIA_VISIBLE_DEVICES=
    becomes -e NVIDIA_VISIBLE_DEVICES=none '=>' -e NVIDIA_VISIBLE_DEVICES=none
    becomes -e NVIDIA_VISIBLE_DEVICES=void '=>' -e NVIDIA_VISIBLE_DEVICES=void
    becomes -e NVIDIA_VISIBLE_DEVICES '=>' -e NVIDIA_VISIBLE_DEVICES # it is not set
    NVIDIA_VISIBLE_DEVICES=all becomes -e NVIDIA_VISIBLE_DEVICES '=>' -e NVIDIA_VISIBLE_DEVICES=1,2
    becomes -e NVIDIA_VISIBLE_DEVICES_X=all '=>' -e NVIDIA_VISIBLE_DEVICES_X=all
    refuses 'NVIDIA_VISIBLE_DEVICES=0: device 0 is not attached to environment e, which has 1,2' \
        docker run --runtime nvidia -e NVIDIA_VISIBLE_DEVICES=0 image
    refuses 'device GPU-a is not attached' docker create --env=NVIDIA_VISIBLE_DEVICES=1,GPU-a image
    refuses "'1:0' is not the index or UUID of a whole device" docker run -e NVIDIA_VISIBLE_DEVICES=1:0 image
    refuses "so genv cannot tell whether -e is its value" docker run --new x -e NVIDIA_VISIBLE_DEVICES=all image
    genv devices detach --eid e
    refuses "environment e has no devices: run 'genv attach' first" docker run -e NVIDIA_VISIBLE_DEVICES=all image
}

@test "NVIDIA's runtime takes what an image says, unless the environment's devices are named" {
    docker run --runtime=nvidia -it image
    expect_words run "${ENV[@]}" --env NVIDIA_VISIBLE_DEVICES=1,2 --runtime=nvidia -it image
    docker container run --runtime nvidia-cdi image -e NVIDIA_VISIBLE_DEVICES=all
    expect_words container run "${ENV[@]}" --env NVIDIA_VISIBLE_DEVICES=1,2 --runtime nvidia-cdi image \
        -e NVIDIA_VISIBLE_DEVICES=all
    becomes --runtime nvidia --runtime runc '=>' --runtime nvidia --runtime runc
    genv devices detach --eid e
    docker run --runtime nvidia image
    expect_words run "${ENV[@]}" --env NVIDIA_VISIBLE_DEVICES=void --runtime nvidia image
}

@test "NVIDIA_VISIBLE_DEVICES in a file" {
    printf '# comment\nX=1\n  NVIDIA_VISIBLE_DEVICES=all\r\n' >vars
    printf 'NVIDIA_VISIBLE_DEVICES=0\n' >others
    ln -s vars link
    local file
    for file in vars link; do
        docker run --env-file "$file" image
        expect_words run "${ENV[@]}" --env NVIDIA_VISIBLE_DEVICES=1,2 --env-file "$file" image
    done
    docker run --env-file others --env-file vars image
    expect_words run "${ENV[@]}" --env NVIDIA_VISIBLE_DEVICES=1,2 --env-file others --env-file vars image
    becomes --env-file others -e NVIDIA_VISIBLE_DEVICES=1 '=>' --env-file others -e NVIDIA_VISIBLE_DEVICES=1
    becomes --env-file none '=>' --env-file none
    refuses '--env-file others: NVIDIA_VISIBLE_DEVICES=0: device 0 is not attached' docker run --env-file others image
}

@test "--device: the nodes of GPUs, by the driver's numbers" {
    becomes --device /dev/nvidia0 '=>' --device /dev/nvidia0
    becomes --device=/dev/nvidia1:/dev/nvidia0:rw '=>' --device=/dev/nvidia1:/dev/nvidia0:rw
    becomes --device /dev/nvidiactl --device /dev/nvidia-uvm '=>' --device /dev/nvidiactl --device /dev/nvidia-uvm
    becomes --device /dev/null:/dev/nvidia3 '=>' --device /dev/null:/dev/nvidia3
    refuses '--device /dev/nvidia3: device 0 is not attached to environment e, which has 1,2' \
        docker run --device /dev/nvidia0 --device /dev/nvidia3 image
    refuses '--device /dev/nvidia7:/dev/nvidia0: cannot tell which device this node belongs to' \
        docker run --device=/dev/nvidia7:/dev/nvidia0 image
    refuses '--device /dev: this gives access to all devices' docker run --device /dev image
    refuses '--device //dev/.:/x: this gives access to all devices' docker run --device //dev/.:/x image
    genv devices detach --eid e
    refuses 'environment e has no devices' docker run --device /dev/nvidia0 image
}

# A docker whose compose says the model on standard input for `config`, and writes the words of that to $CALL.config.
make_compose() {
    cat >"$SCRATCH/model"
    cat >"$SCRATCH/real/docker" <<END
#!/bin/bash
if [[ " \$* " == *' config --format=json'* ]]; then
    printf '%s\n' "\$*" >"\$CALL.config"
    exec cat "$SCRATCH/model"
fi
printf '%s\0' "\$@" >"\$CALL.words"
END
}

@test "compose: what the services ask for passes if the environment has it" {
    make_compose <<'END'
{"services": {
    "a": {"deploy": {"resources": {"reservations": {"devices": [
        {"driver": "nvidia", "device_ids": ["1", "GPU-c"], "capabilities": ["gpu"]},
        {"device_ids": ["1,2"], "capabilities": ["gpu"]},
        {"driver": "cdi", "device_ids": ["nvidia.com/gpu=2"]},
        {"driver": "amd", "count": -1}]}}}},
    "b": {"runtime": "nvidia", "environment": {"NVIDIA_VISIBLE_DEVICES": "1"},
        "devices": [{"source": "/dev/nvidia0", "target": "/dev/nvidia0"}, "/dev/nvidia1:/dev/x", "/dev/fuse", "nvidia.com/gpu=1"]},
    "c": {"gpus": [{"device_ids": ["2"]}], "environment": {"NVIDIA_VISIBLE_DEVICES": null}},
    "d": {"image": "x", "environment": {"NVIDIA_VISIBLE_DEVICES": "void"}, "runtime": "runc"}}}
END
    local words
    for words in up 'up -d --scale a=2 -t 5' 'create --pull always' 'run --rm a --gpus all' 'watch a'; do
        # shellcheck disable=SC2086
        docker -l error compose -f x.yaml --profile p $words
        # shellcheck disable=SC2086
        expect_words -l error compose -f x.yaml --profile p $words
    done
    [ "$(<"$CALL.config")" = '-l error compose -f x.yaml --profile p config --format=json a' ]
    docker compose up -d a b
    [ "$(<"$CALL.config")" = 'compose config --format=json a b' ]
    docker compose run -T --name x a command --new b
    [ "$(<"$CALL.config")" = 'compose config --format=json a' ]
    docker compose scale a=2
    [ "$(<"$CALL.config")" = 'compose config --format=json a' ]
    docker compose up --new a
    expect_words compose up --new a
    [ "$(<"$CALL.config")" = 'compose --profile=* config --format=json' ]
    rm "$CALL.config"
    for words in ps down 'exec a nvidia-smi' 'config' '--help' '-f - config' '--new up'; do
        # shellcheck disable=SC2086
        docker compose $words
        # shellcheck disable=SC2086
        expect_words compose $words
    done
    [ ! -e "$CALL.config" ]
}

@test "compose: what it has not is refused, with the words for the file" {
    local part
    while IFS='|' read -r part wanted; do
        make_compose <<<'{"services": {"train": '"$part"'}}'
        refuses "service 'train' asks for more devices than the environment has: $wanted" docker compose up
    done <<'END'
{"gpus": [{"count": -1}]}|this is a request for all devices: device GPU-a is not attached to environment e, which has 1,2; in the compose file, use device_ids: ['${CUDA_VISIBLE_DEVICES}']
{"gpus": [{"driver": "nvidia"}]}|this is a request for all devices
{"deploy": {"resources": {"reservations": {"devices": [{"count": 1, "capabilities": ["gpu"]}]}}}}|device 0 is not attached
{"deploy": {"resources": {"reservations": {"devices": [{"device_ids": ["1", "0"]}]}}}}|device 0 is
{"gpus": [{"device_ids": ["nvidia.com/gpu=all"]}]}|this is a request for all devices
{"runtime": "nvidia"}|this is a request for all devices: device GPU-a is not attached to environment e, which has 1,2; in the compose file, use NVIDIA_VISIBLE_DEVICES: ${CUDA_VISIBLE_DEVICES}
{"environment": {"NVIDIA_VISIBLE_DEVICES": "0"}}|NVIDIA_VISIBLE_DEVICES=0: device 0 is not attached
{"environment": {"NVIDIA_VISIBLE_DEVICES": "all"}}|this is a request for all devices
{"devices": ["/dev/nvidia3:/dev/nvidia0"]}|/dev/nvidia3: device 0 is not attached
{"devices": [{"source": "nvidia.com/gpu=0"}]}|--device nvidia.com/gpu=0: device 0 is not attached
{"devices": [{"source": "/dev"}]}|/dev: this gives access to all devices
END
    local file fd
    for file in - /dev/stdin /dev/fd/0 /proc/self/fd/0; do
        refuses 'compose file on standard input' docker compose -f "$file" up
        COMPOSE_FILE=$file refuses 'compose file on standard input' docker compose up
    done
    COMPOSE_FILE=a.yaml:- refuses 'compose file on standard input' docker compose up
    COMPOSE_PATH_SEPARATOR=, COMPOSE_FILE=a.yaml,- refuses 'compose file on standard input' docker compose up
    for file in --file --env-file; do
        exec {fd}< <(echo x)
        refuses "cannot check /dev/fd/$fd, which can be read only once: use a regular file" \
            docker compose "$file" "/dev/fd/$fd" up
        [ "$(cat <&"$fd")" = x ]
        exec {fd}<&-
    done
    refuses "unknown docker compose option --new" docker compose run --new x -e NVIDIA_VISIBLE_DEVICES=all a
    genv devices detach --eid e
    make_compose <<<'{"services": {"train": {"gpus": [{"device_ids": ["1"]}]}}}'
    refuses "environment e has no devices: run 'genv attach' first" docker compose up
    make_compose <<<'{"services": {"db": {"image": "postgres"}}}'
    docker compose up
    expect_words compose up
}

@test "compose: who has all GPUs may ask for all" {
    make_compose <<<'{"services": {"a": {"gpus": [{"count": -1}], "runtime": "nvidia"}, "b": {"gpus": [{"count": 2}]}}}'
    genv devices detach --eid other
    genv devices attach --eid e --count 3
    docker compose up
    expect_words compose up
}

@test "compose run -e NVIDIA_VISIBLE_DEVICES" {
    make_compose <<<'{}'
    docker compose run -e NVIDIA_VISIBLE_DEVICES=all --env=X=1 a -e NVIDIA_VISIBLE_DEVICES=all
    expect_words compose run -e NVIDIA_VISIBLE_DEVICES=1,2 --env=X=1 a -e NVIDIA_VISIBLE_DEVICES=all
    refuses 'device 0 is not attached' docker compose run -e NVIDIA_VISIBLE_DEVICES=0 a
}

@test "compose: where its files cannot be told, docker says why, and that is said" {
    printf '#!/bin/bash\necho broken >&2\nexit 15\n' >"$SCRATCH/real/docker"
    run --separate-stderr docker compose up
    [ "$status" -eq 15 ]
    [ "$stderr" = "genv: warning: cannot tell which devices the services ask for: 'docker compose config' failed
broken" ]
    make_compose <<<'no JSON'
    refuses "unexpected output from 'docker compose config'" docker compose up
}

@test "compose itself: its model, services behind profiles, and every option" {
    local real folder name
    real=$(PATH=$PLAIN_PATH type -P docker) || skip 'docker is not installed'
    folder=$("$GENV_SOURCE/tests/fetch" compose 3>&-) || skip "$folder"
    mkdir -p "$HOME/.docker/cli-plugins"
    ln -s "$folder/docker-compose" "$HOME/.docker/cli-plugins/docker-compose"
    rm "$SCRATCH/real/docker"
    cat >compose.yaml <<'END'
services:
  plain:
    image: x
  one:
    image: x
    depends_on: [plain]
    deploy: {resources: {reservations: {devices: [{driver: nvidia, device_ids: ["${CUDA_VISIBLE_DEVICES}"], capabilities: [gpu]}]}}}
  all:
    image: x
    profiles: [late]
    gpus: all
  file:
    image: x
    profiles: [late]
    runtime: nvidia
    env_file: [vars]
END
    echo NVIDIA_VISIBLE_DEVICES=0 >vars
    ln -s "$real" "$SCRATCH/real/docker"
    export CUDA_VISIBLE_DEVICES=1,2 DOCKER_HOST=unix://$SCRATCH/nobody
    # What passes comes as far as the daemon, which is not there.
    run --separate-stderr docker compose up
    [[ $status -ne 125 && $stderr == *"$SCRATCH/nobody"* ]]
    for name in all file; do
        refuses "service '$name' asks for more" docker compose run --rm "$name" nvidia-smi
        refuses "service '$name' asks for more" docker compose up plain "$name"
    done
    refuses "service 'all' asks for more" docker compose --profile late up
    CUDA_VISIBLE_DEVICES=0 refuses "service 'one' asks for more" docker compose create
}

@test "compose's own options are those that the shim knows" {
    local real folder command option count=0
    real=$(PATH=$PLAIN_PATH type -P docker) || skip 'docker is not installed'
    folder=$("$GENV_SOURCE/tests/fetch" compose 3>&-) || skip "$folder"
    mkdir -p "$HOME/.docker/cli-plugins"
    ln -s "$folder/docker-compose" "$HOME/.docker/cli-plugins/docker-compose"
    make_compose <<<'{}'
    for command in run up create; do
        while read -r option; do
            # shellcheck disable=SC2086
            docker compose $command $option service
            [ "$(<"$CALL.config")" = 'compose config --format=json service' ] || { echo "$command $option"; return 1; }
            count=$((count + 1))
        done < <("$real" compose "$command" --help | words_of_options)
    done
    while read -r option; do
        # shellcheck disable=SC2086
        docker compose $option up
        [ "$(<"$CALL.config")" = "compose $option config --format=json" ] || { echo "$option"; return 1; }
        count=$((count + 1))
    done < <("$real" compose --help | words_of_options)
    echo "$count options"
    [ "$count" -gt 50 ]
}

# Each option of the help on standard input, with a value where it takes one: "--name value".
words_of_options() {
    sed -nE 's/^ +(-[A-Za-z], )?(--[A-Za-z0-9-]+)( [A-Za-z0-9<[][^ ]*)?(  .*)?$/\2\3/p;
        s/^ +(-[A-Za-z]), --[A-Za-z0-9-]+( [A-Za-z0-9<[][^ ]*)?(  .*)?$/\1\2/p' | sed 's/ .*/ value/'
}

@test "podman: the same, in its own words" {
    podman run --device nvidia.com/gpu=all image
    expect_words run "${ENV[@]}" --device nvidia.com/gpu=1 --device nvidia.com/gpu=2 image
    podman --log-level error container create --gpus all -v a:b image --gpus all
    expect_words --log-level error container create "${ENV[@]}" --gpus 1,2 -v a:b image --gpus all
    podman run --gpus=2 --tz local --replace image
    expect_words run "${ENV[@]}" --gpus=2 --tz local --replace image
    podman --runtime /usr/bin/nvidia-container-runtime run image
    expect_words --runtime /usr/bin/nvidia-container-runtime run "${ENV[@]}" --env NVIDIA_VISIBLE_DEVICES=1,2 image
    podman --runtime /opt/genv-container-runtime run --gpus all image
    expect_words --runtime /opt/genv-container-runtime run --gpus all image
    podman ps --gpus all
    expect_words ps --gpus all
    podman compose up
    expect_words compose up
    refuses '--gpus 0: device 0 is not attached' podman run --gpus 0 image
    refuses 'device 0 is not attached' podman run --device nvidia.com/gpu=0 image
    refuses 'device 0 is not attached' podman run --device /dev/nvidia3 image
    refuses 'NVIDIA_VISIBLE_DEVICES=0: device 0 is not attached' podman run -e NVIDIA_VISIBLE_DEVICES=0 image
    refuses 'NVIDIA_VISIBLE_DEVICES=0: device 0 is not attached' podman run --env-merge NVIDIA_VISIBLE_DEVICES=0 image
    GENV_BYPASS=1 podman run --gpus all image
    expect_words run --gpus all image
}

@test "podman: what it takes from the caller's variables" {
    local given
    podman run -e 'NVIDIA*' image # it is not set
    expect_words run "${ENV[@]}" -e 'NVIDIA*' image
    podman run --env-host image
    expect_words run "${ENV[@]}" --env-host image
    export NVIDIA_VISIBLE_DEVICES=all
    for given in 'NVIDIA*' '*' 'NVIDIA_VISIBLE_DEVICES*'; do
        podman run -e "$given" image
        expect_words run "${ENV[@]}" -e "$given" --env NVIDIA_VISIBLE_DEVICES=1,2 image
    done
    podman run -ite 'NVIDIA*' --env='N*' image
    expect_words run "${ENV[@]}" -ite 'NVIDIA*' --env NVIDIA_VISIBLE_DEVICES=1,2 '--env=N*' \
        --env NVIDIA_VISIBLE_DEVICES=1,2 image
    for given in 'X*' 'NVIDIA*=all' 'NVIDIA_VISIBLE_DEVICES_*'; do
        podman run -e "$given" image
        expect_words run "${ENV[@]}" -e "$given" image
    done
    echo 'NVIDIA*' >vars
    podman run --env-file vars image
    expect_words run "${ENV[@]}" --env NVIDIA_VISIBLE_DEVICES=1,2 --env-file vars image
    podman run --env-host image
    expect_words run "${ENV[@]}" --env NVIDIA_VISIBLE_DEVICES=1,2 --env-host image
    podman run --env-host=true -e NVIDIA_VISIBLE_DEVICES=1 image
    expect_words run "${ENV[@]}" --env-host=true -e NVIDIA_VISIBLE_DEVICES=1 image
    podman run --env-host=false image
    expect_words run "${ENV[@]}" --env-host=false image
    docker run -e 'NVIDIA*' image # to docker that is a name
    expect_words run "${ENV[@]}" -e 'NVIDIA*' image
    export NVIDIA_VISIBLE_DEVICES=0
    refuses 'NVIDIA_VISIBLE_DEVICES=0: device 0 is not attached' podman run -e 'NVIDIA*' image
    refuses '--env-host: NVIDIA_VISIBLE_DEVICES=0: device 0 is not attached' podman run --env-host image
}

@test "every option of podman is known, with its value" {
    local folder option words count=0
    folder=$("$GENV_SOURCE/tests/fetch" podman 3>&-) || skip "$folder"
    podman_itself() { LD_LIBRARY_PATH=$folder "$folder/podman" "$@"; }
    podman_itself --version || skip 'this podman does not run here'
    while read -r option; do
        [[ $option != --gpus* && $option != '--device '* ]] || continue
        # shellcheck disable=SC2086
        podman run $option --device nvidia.com/gpu=all image
        # shellcheck disable=SC2086
        expect_words run "${ENV[@]}" $option --device nvidia.com/gpu=1 --device nvidia.com/gpu=2 image
        count=$((count + 1))
    done < <({ podman_itself run --help; podman_itself create --help; } | words_of_options | sort -u)
    while read -r option; do
        # shellcheck disable=SC2086
        podman $option run --gpus all image
        # shellcheck disable=SC2086
        expect_words $option run "${ENV[@]}" --gpus 1,2 image
        count=$((count + 1))
    done < <(podman_itself --help | sed -n '/^Options:/,$p' | words_of_options)
    echo "$count options"
    [ "$count" -gt 150 ]
}

@test "the shim of podman is in PATH where there is a podman" {
    ln -s ../shims/docker ../shims/nvidia-smi "$PREFIX/shims-podman"
    # shellcheck disable=SC2016 # for that shell
    local where='echo "${PATH%%:*}"'
    PATH=$PREFIX/bin:$SCRATCH/real:/usr/bin:/bin run genv run sh -c "$where"
    [ "$output" = "$PREFIX/shims-podman" ]
    rm "$SCRATCH/real/podman"
    PATH=$PREFIX/bin:$SCRATCH/real run genv run /bin/sh -c "$where"
    [ "$output" = "$PREFIX/shims" ]
}

# Whether the command line says that it is about another machine, with the address $1.
elsewhere() {
    local wanted=$1
    shift
    run --separate-stderr "$@"
    echo "$wanted: $stderr"
    [ "$status" -eq 0 ]
    [ "$stderr" = "genv: warning: ${*: -5:1} starts containers on another machine$wanted, where device numbers do not refer to the devices of environment e" ]
}

@test "another machine's daemon: one line, where GPUs are asked for" {
    local host folder=$HOME/.docker/contexts/meta/0123
    mkdir -p "$folder"
    echo '{"Name": "gpu2", "Endpoints": {"docker": {"Host": "ssh://paul@gpu2"}}}' >"$folder/meta.json"
    for host in ssh://paul@gpu2 tcp://10.0.0.1:2375 gpu2:2375 'http://[2001:db8::1]:2375'; do
        DOCKER_HOST=$host elsewhere " ($host)" docker run --gpus all image
        run --separate-stderr docker -H "$host" run --gpus all image
        [[ $stderr == *"another machine ($host)"* ]]
    done
    DOCKER_CONTEXT=gpu2 elsewhere ' (ssh://paul@gpu2)' docker run --gpus all image
    DOCKER_CONTEXT=gpu2 DOCKER_HOST=unix:///x run --separate-stderr docker run --gpus all image
    [ -z "$stderr" ]
    run --separate-stderr docker --context gpu2 run --gpus all image
    [[ $stderr == *'another machine (ssh://paul@gpu2)'* ]]
    echo '{"currentContext": "gpu2"}' >"$HOME/.docker/config.json"
    elsewhere ' (ssh://paul@gpu2)' docker run --gpus all image
    DOCKER_CONTEXT=default run --separate-stderr docker run --gpus all image
    [ -z "$stderr" ]
    run --separate-stderr docker run image
    [ -z "$stderr" ]
    rm "$HOME/.docker/config.json"
    for host in unix:///run/docker.sock tcp://localhost:2375 tcp://127.0.0.1:2375 "tcp://$(hostname):2375" fd://; do
        DOCKER_HOST=$host run --separate-stderr docker run --gpus all image
        [ -z "$stderr" ]
    done
    CONTAINER_HOST=ssh://paul@gpu2/run/podman.sock elsewhere ' (ssh://paul@gpu2/run/podman.sock)' podman run --gpus all image
    run --separate-stderr podman --remote run --gpus all image
    [ "$stderr" = 'genv: warning: podman starts containers on another machine, where device numbers do not refer to the devices of environment e' ]
    CONTAINER_CONNECTION=gpu2 elsewhere '' podman run --gpus all image
    run --separate-stderr podman --connection gpu2 run --gpus all image
    [[ $stderr == *'podman starts containers on another machine,'* ]]
    CONTAINER_HOST=ssh://gpu2 run --separate-stderr podman --url unix:///run/podman.sock run --gpus all image
    [ -z "$stderr" ]
}

@test "what leads to this machine by another name is not another machine's" {
    local host options
    for host in 0.0.0.0 '[::]' '[::1]' '[::ffff:127.0.0.1]' '[0:0:0:0:0:0:0:1]'; do
        run --separate-stderr docker -H "tcp://$host:2375" run --gpus all image
        [ -z "$stderr" ] || { echo "$host: $stderr"; return 1; }
        DOCKER_HOST=ssh://me@$host run --separate-stderr docker run --gpus all image
        [ -z "$stderr" ] || { echo "$host: $stderr"; return 1; }
    done
    for host in '[::ffff:10.0.0.1]' '[::2]'; do
        DOCKER_HOST=ssh://me@$host elsewhere " (ssh://me@$host)" docker run --gpus all image
    done
    mkdir -p "$HOME/.config/containers"
    cat >"$HOME/.config/containers/podman-connections.json" <<'END'
{"Connection": {"Default": "far", "Connections": {
    "near": {"URI": "unix:///run/podman.sock"}, "far": {"URI": "ssh://paul@gpu2/run/podman.sock"}}}}
END
    unset XDG_CONFIG_HOME
    for options in --remote=false --remote=0 '--connection near' '-c near' '-c default' '--context default' \
        '--remote --connection near'; do
        # shellcheck disable=SC2086
        run --separate-stderr podman $options run --gpus all image
        [ -z "$stderr" ] || { echo "$options: $stderr"; return 1; }
    done
    CONTAINER_HOST=ssh://gpu2 run --separate-stderr podman --remote=false run --gpus all image
    [ -z "$stderr" ]
    CONTAINER_CONNECTION=near run --separate-stderr podman run --gpus all image
    [ -z "$stderr" ]
    for options in --remote --remote=true '-c far' '--connection far' '--remote=false --connection far'; do
        # shellcheck disable=SC2086
        run --separate-stderr podman $options run --gpus all image
        [[ $stderr == *'podman starts containers on another machine (ssh://paul@gpu2/run/podman.sock),'* ]] ||
            { echo "$options: $stderr"; return 1; }
    done
    run --separate-stderr podman -c unknown run --gpus all image
    [[ $stderr == *'podman starts containers on another machine,'* ]]
}

@test "each engine goes by its own variables, not by the other's" {
    mkdir "$HOME/.docker"
    echo '{"currentContext": "gpu2"}' >"$HOME/.docker/config.json"
    mkdir -p "$HOME/.docker/contexts/meta/0123"
    echo '{"Name": "gpu2", "Endpoints": {"docker": {"Host": "ssh://paul@gpu2"}}}' \
        >"$HOME/.docker/contexts/meta/0123/meta.json"
    DOCKER_HOST=ssh://paul@gpu2 DOCKER_CONTEXT=gpu2 run --separate-stderr podman run --gpus all image
    [ "$status" -eq 0 ]
    [ -z "$stderr" ]
    rm -r "$HOME/.docker"
    CONTAINER_HOST=ssh://paul@gpu2 CONTAINER_CONNECTION=gpu2 run --separate-stderr docker run --gpus all image
    [ "$status" -eq 0 ]
    [ -z "$stderr" ]
}
