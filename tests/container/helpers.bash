# What the tests of containers share: an installation and a state of their own, a bundle whose image is busybox and what
# genv's programs need, and real OCI runtimes that run it.
# shellcheck shell=bash disable=SC2034,SC2154 # used by the tests, and set by bats

load ../size

bats_require_minimum_version 1.5.0

# The root of all tests of a file: programs and an image, made once. A blank in every path, as some have.
container_setup_file() {
    local program
    ((EUID == 0)) || return 0
    ROOM=$(mktemp -d "/tmp/genv container.XXXXXX")
    export ROOM
    chmod 755 "$ROOM"
    PREFIX=$ROOM/lib/genv
    mkdir -p "$PREFIX"/{bin,shims,shims-podman,view,libexec,without-glibc/bin} "$ROOM/image"/{bin,dev,proc,sys,tmp}
    cp "$GENV_BIN" "$PREFIX/bin/genv"
    cp -L "$(dirname "$GENV_BIN")"/../bin/* "$PREFIX/bin"
    cp -L "$(dirname "$GENV_BIN")"/../shims/* "$PREFIX/shims"
    cp -L "$(dirname "$GENV_BIN")"/../shims-podman/* "$PREFIX/shims-podman"
    cp "$GENV_SOURCE/src/container/without-glibc" "$PREFIX/without-glibc/bin/genv"
    cp -L "$(dirname "$GENV_BIN")/../libexec/genv-driver" "$PREFIX/libexec"
    cp -L "$(dirname "$GENV_BIN")/../view/libnvidia-ml.so.1" "$PREFIX/view"
    BUSYBOX=$("$GENV_SOURCE/tests/fetch" busybox) || BUSYBOX=
    [[ $BUSYBOX ]] || return 0
    cp "$BUSYBOX/busybox" "$ROOM/image/bin"
    for program in sh cat env ls sleep mknod touch id true grep chmod; do ln -s busybox "$ROOM/image/bin/$program"; done
}

container_teardown_file() {
    [[ ! ${ROOM-} ]] || rm -rf "$ROOM"
}

# An image of its own for a test, state of its own, a bundle in $BUNDLE.
container_setup() {
    ((EUID == 0)) || skip 'needs root, as engines do'
    [[ -e $ROOM/image/bin/busybox ]] || skip 'busybox-static cannot be fetched'
    unset "${!GENV_ENVIRONMENT@}" "${!GENV_MOCK@}" GENV_GPUS GENV_GPU_MEMORY GENV_LOCK GENV_CONTAINER
    PREFIX=$ROOM/lib/genv
    WRAPPER=$PREFIX/bin/genv-container-runtime
    SCRATCH=$(mktemp -d "$ROOM/test.XXXXXX")
    chmod 755 "$SCRATCH"
    export GENV_TMPDIR=$SCRATCH/state GENV_DEVICES=4 PATH=$PREFIX/bin:$PATH
    BUNDLE=$SCRATCH/bundle
    mkdir "$BUNDLE"
    mkdir -m 1777 "$GENV_TMPDIR" # as an installation makes it
    cp -a "$ROOM/image" "$BUNDLE/rootfs"
    CONTAINERS=() MEMBERS=() CONFIGS=0
}

container_teardown() {
    local id pid
    [[ ${SCRATCH-} ]] || return 0
    for id in "${CONTAINERS[@]}"; do runtime delete -f "$id" >/dev/null 2>&1 || true; done
    for pid in "${MEMBERS[@]}"; do
        kill "$pid" 2>/dev/null || true
        wait "$pid" 2>/dev/null || true
    done
    cd / && rm -rf "$SCRATCH"
}

# The lower runtime $1, runc or crun, for the rest of the test.
use_lower() {
    local folder
    folder=$("$GENV_SOURCE/tests/fetch" "$1") || skip "$folder"
    LOWER=$folder/$1
    if [[ $1 == crun ]]; then
        # It refuses to work where both versions of cgroups are mounted: there the second one is hidden from it.
        cat >"$SCRATCH/crun" <<END
#!/bin/bash
export LD_LIBRARY_PATH='$folder'
[[ ! -d /sys/fs/cgroup/unified ]] || exec unshare -m sh -c 'umount /sys/fs/cgroup/unified; exec "\$0" "\$@"' '$LOWER' "\$@"
exec '$LOWER' "\$@"
END
        chmod +x "$SCRATCH/crun"
        LOWER=$SCRATCH/crun
    fi
    export GENV_RUNTIME=$LOWER
    make_config
    "$LOWER" --root "$SCRATCH/plain" run --bundle "$BUNDLE" "plain-$$" </dev/null >"$SCRATCH/plain.out" 2>&1 ||
        skip "$1 starts no containers here: $(tail -n 1 "$SCRATCH/plain.out")"
}

# shellcheck disable=SC2120 # the tests give words
# What a lower runtime that creates no container, a shell script, does of its part for container $1, c1: with it
# `create` succeeds.
run_hook() {
    # shellcheck disable=SC2016 # $$ is the script's
    printf 'echo "{\\"pid\\": $$, \\"bundle\\": \\"%s\\"}" | "%s" --hook createRuntime "%s" || exit 1\n' "$BUNDLE" "$WRAPPER" "${1-c1}"
}

runtime() {
    "$WRAPPER" --root "$SCRATCH/run" "$@"
}

# shellcheck disable=SC2120 # the tests give words
# The bundle's config.json: runs the words given, with the variables that are given by `variables` before.
make_config() {
    local cgroup=/${SCRATCH##*.}-$((++CONFIGS)) # other tests run beside this one
    (cd "$BUNDLE" && rm -f config.json && "$LOWER" spec)
    edit_config --arg cgroup "$cgroup" '.linux.cgroupsPath = $cgroup | .process.terminal = false | .root.readonly = false | .process.args = $ARGS.positional |
        .process.capabilities[] += ["CAP_MKNOD"] | .linux.namespaces -= [{type: "network"}]' --args -- "${@:-true}"
}

edit_config() {
    jq "$@" <"$BUNDLE/config.json" >"$SCRATCH/config" && mv "$SCRATCH/config" "$BUNDLE/config.json"
}

variables() {
    edit_config '.process.env += $ARGS.positional' --args -- "$@"
}

# Creates and starts a container $1 that lives until the test ends.
start_container() {
    CONTAINERS+=("$1")
    runtime create --bundle "$BUNDLE" "$1" </dev/null >"$SCRATCH/$1.out" 2>"$SCRATCH/$1.err" 3>&- || return
    runtime start "$1"
}

# The output of container $1, which runs to its end.
run_container() {
    runtime run --bundle "$BUNDLE" "$1" </dev/null 3>&-
}

# A process that lives until the test ends, of user $1, in an environment $2 with $3 devices.
make_env() {
    setpriv --reuid "$1" --regid "$1" --clear-groups sleep 1000 3>&- &
    MEMBERS+=("$!")
    until [[ $(<"/proc/$!/comm") == sleep ]]; do sleep 0.01; done
    genv envs activate --eid "$2" --uid "$1" --pid "$!"
    (($3 == 0)) || genv devices attach --eid "$2" --count "$3" >/dev/null
}

# Which environments have devices, as INDEX,ENVIRONMENT.
attached() {
    genv devices ps --format csv --no-header | cut -d, -f1,2 | grep -v ',$' || true
}

# Real device numbers without a GPU: the simulated NVML's devices have those of /dev/nvidiaN.
use_nodes() {
    unset GENV_DEVICES
    export GENV_SIMULATOR=$SCRATCH/world.json
    export LD_LIBRARY_PATH=$GENV_NVML${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}
    jq -n '{devices: [range(4) | {uuid: "GPU-\(.)", minor: (3 - .)}]}' >"$GENV_SIMULATOR"
}

# The image gets what programs of this machine need: the dynamic linker and the libraries.
use_libraries() {
    local file
    while read -r file; do
        mkdir -p "$BUNDLE/rootfs$(dirname "$file")"
        cp -L "$file" "$BUNDLE/rootfs$file"
    done < <(ldd "$PREFIX/bin/genv" "$PREFIX/shims/nvidia-smi" "$PREFIX/libexec/genv-driver" | grep -o '/[^ :]*\.so[^ ]*' | sort -u)
}

# Runs the text $1 in a shell with an /etc that it may change.
with_etc() {
    export WRAPPER SCRATCH BUNDLE
    unshare -m bash -c 'mount -t tmpfs none /etc/opt && mkdir /etc/opt/u /etc/opt/w &&
        mount -t overlay -o lowerdir=/etc,upperdir=/etc/opt/u,workdir=/etc/opt/w none /etc || exit 77
        eval "$0"' "$1"
}
