# What the tests of the shims share: an installation of their own, programs that tell how they were called, and an
# environment to be in.
# shellcheck disable=SC2034,SC2154 # used by the tests, and set by bats

bats_require_minimum_version 1.5.0

# A blank in every path, as some have.
setup_installation() {
    unset "${!GENV_ENVIRONMENT@}" "${!GENV_MOCK@}" "${!CUDA_@}" "${!DOCKER_@}" GENV_GPUS GENV_GPU_MEMORY GENV_LOCK
    unset GENV_VISIBLE_DEVICES GENV_BYPASS LD_LIBRARY_PATH
    export LC_ALL=C
    SCRATCH=$(mktemp -d "${TMPDIR:-/tmp}/genv shim.XXXXXX")
    chmod 755 "$SCRATCH"
    export GENV_TMPDIR=$SCRATCH/state GENV_DEVICES=4
    PREFIX=$SCRATCH/prefix
    SHIMS=$PREFIX/shims
    VIEW=$PREFIX/view
    mkdir -p "$PREFIX/bin" "$SHIMS" "$VIEW" "$SCRATCH/real" "$SCRATCH/work"
    cp "$GENV_BIN" "$PREFIX/bin/genv"
    cp "$(dirname "$GENV_BIN")"/../shims/{nvidia-smi,docker} "$SHIMS"
    mkdir "$PREFIX/libexec"
    cp "$(dirname "$GENV_BIN")/../libexec/genv-driver" "$PREFIX/libexec"
    touch "$VIEW/libnvidia-ml.so.1"
    PLAIN_PATH=$PATH
    export PATH=$SHIMS:$PREFIX/bin:$SCRATCH/real:$PATH
    cd "$SCRATCH/work" || return
    members=()
}

remove_installation() {
    local pid
    for pid in "${members[@]}"; do
        kill "$pid" 2>/dev/null || true
        wait "$pid" 2>/dev/null || true
    done
    cd / && rm -rf "$SCRATCH"
}

# A program $1 (by default in the folder of the real ones) that writes its words, one after another with a NUL behind
# each, and its variables to files called as $CALL says, and exits with $FAKE_STATUS.
make_fake() {
    local file=$1
    [[ $file == */* ]] || file=$SCRATCH/real/$file
    cat >"$file" <<'END'
#!/bin/bash
printf '%s\0' "$@" >"$CALL.words"
[ $# -gt 0 ] || : >"$CALL.words"
env -0 >"$CALL.env"
echo "$0" >"$CALL.path"
exit "${FAKE_STATUS-0}"
END
    chmod +x "$file"
    export CALL=$SCRATCH/call
}

# Fails unless the program was last called with the words given.
expect_words() {
    diff <(printf '%s\0' "$@" | tr '\0' '\n') <(tr '\0' '\n' <"$CALL.words")
    cmp <(printf '%s\0' "$@") "$CALL.words"
}

# What the program had in its variable $1.
variable() {
    grep -z "^$1=" "$CALL.env" | tr -d '\0' | sed "1s/^$1=//"
}

# A process that keeps an environment $1 alive, attached to $2 devices, with the options behind.
make_env() {
    sleep 600 3>&- &
    members+=($!)
    genv envs activate --eid "$1" --pid "$!"
    (($2 == 0)) || genv devices attach --eid "$1" --count "$2" "${@:3}"
}

# The same, and the test is in it.
enter() {
    make_env "$@" >/dev/null
    export GENV_ENVIRONMENT_ID=$1
}

need_root() {
    ((EUID == 0)) || skip 'needs root, to act as several users'
}
