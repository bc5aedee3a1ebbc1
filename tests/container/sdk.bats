#!/usr/bin/env bats
# genv.sdk in a container: it works as the command does there. The image has this machine's Python.

load helpers

setup_file() { container_setup_file; }
teardown_file() { container_teardown_file; }

setup() {
    container_setup
    [[ $GENV_SANITIZE == none ]] || skip 'what is sanitized needs more than the image has'
    [[ -e $GENV_BUILD/python/genv/_genv.abi3.so ]] || skip 'the headers of Python are not installed'
    use_lower runc
    use_libraries
    use_nodes
}

teardown() { container_teardown; }

# Runs the program $1 in a container with two devices, as `inside` does; the variables behind it are given.
inside_python() {
    make_config python3 -c "$1"
    variables GENV_GPUS=2 GENV_GPU_MEMORY=4g GENV_ENVIRONMENT_NAME=training "PYTHONPATH=$GENV_BUILD/python" \
        PYTHONDONTWRITEBYTECODE=1 PATH=/usr/bin:/bin "${@:2}"
    edit_config '.mounts += [$ARGS.positional[] | capture("(?<source>[^ ]+) (?<destination>.+)") |
        . + {type: "bind", options: ["rbind", "ro"]}]' --args -- \
        "/usr /usr" "/usr/lib /lib" "$(readlink -f /lib64) /lib64" "$GENV_SOURCE $GENV_SOURCE" "$GENV_BUILD $GENV_BUILD"
    run_container c1
}

@test "what is active, configured and attached" {
    make_env 0 other 1
    run --separate-stderr inside_python '
import genv, os
before = dict(os.environ)
print(genv.sdk.active(), genv.sdk.eid())
print(genv.sdk.configuration())
print(genv.sdk.refresh_configuration())
print(genv.sdk.attached(), genv.sdk.refresh_attached(), before == dict(os.environ))
print([env.eid for env in genv.sdk.envs()])
'
    echo "$output $stderr"
    [[ ${lines[0]} == 'True c1' ]]
    [[ ${lines[1]} == "Config(name='training', gpu_memory='4g', gpus=2)" && ${lines[2]} == "${lines[1]}" ]]
    [[ ${lines[3]} == "[1, 2] [1, 2] True" ]] # as the host counts
    [[ ${lines[4]} == "['c1']" ]]
}

@test "with a driver, devices have the indices that they have there" {
    make_env 0 other 1
    mkdir "$BUNDLE/rootfs/nvml"
    cp -L "$GENV_NVML/libnvidia-ml.so.1" "$BUNDLE/rootfs/nvml"
    echo '{"devices": [{"uuid": "GPU-1"}, {"uuid": "GPU-2"}]}' >"$BUNDLE/rootfs/world.json"
    run inside_python 'import genv; print(genv.sdk.attached(), genv.sdk.refresh_attached(), len(genv.sdk.devices()))' \
        LD_LIBRARY_PATH=/nvml GENV_SIMULATOR=/world.json
    echo "$output"
    [[ $output == '[0, 1] [0, 1] 2' ]]
}

@test "nothing can be changed, and the refusal says where it can" {
    run inside_python '
import genv
for change in (genv.sdk.attach, genv.sdk.detach, lambda: genv.sdk.configure(genv.Env.Config(gpus=1)),
               genv.sdk.load_configuration, genv.sdk.activate().__enter__):
    try:
        change()
    except genv.Error as error:
        print(error)
'
    echo "$output"
    [[ ${#lines[@]} == 5 && ${lines[4]} == 'Already running in an active environment '* ]]
    [[ $(grep -c 'cannot change the environment of a container from inside it' <<<"$output") == 4 ]]
}

@test "lock keeps host and container apart, and does not wait for itself" {
    CONTAINERS+=(c1)
    inside_python 'import genv, time
with genv.sdk.lock(), genv.sdk.lock():
    print("locked", flush=True)
    time.sleep(1000)' >"$SCRATCH/c1.out" 2>&1 &
    until grep -q locked "$SCRATCH/c1.out"; do sleep 0.05; done
    run --separate-stderr env GENV_ENVIRONMENT_ID=c1 genv lock -n true
    echo "$stderr"
    [[ $status == 1 && $stderr == *'is locked by'* ]]
    runtime delete -f c1
    wait
    run inside_python 'import genv
with genv.sdk.lock():
    pass' GENV_MOUNT_DEVICE_LOCKS=0
    echo "$output"
    [[ $status != 0 && $output == *"cannot be locked inside this container"* ]]
}
