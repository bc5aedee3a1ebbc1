#!/usr/bin/env bats
# The Python package genv-gpu: a wheel that holds all of genv, in a virtualenv.

bats_require_minimum_version 1.5.0

setup_file() {
    "$GENV_SOURCE/tests/fetch" wheel-tools >"$BATS_FILE_TMPDIR/reason" || return 0
    "$GENV_SOURCE/packaging/wheel.bash" "$BATS_FILE_TMPDIR" >"$BATS_FILE_TMPDIR/log" 2>&1 || return 0
    python=/usr/bin/python3
    [ -x "$python" ] || python=python3
    "$python" -m venv "$BATS_FILE_TMPDIR/venv"
    "$BATS_FILE_TMPDIR/venv/bin/pip" install -q --no-index --disable-pip-version-check "$BATS_FILE_TMPDIR"/genv_gpu-*.whl
}

setup() {
    venv=$BATS_FILE_TMPDIR/venv
    [ -e "$BATS_FILE_TMPDIR/log" ] || skip "$(cat "$BATS_FILE_TMPDIR/reason")"
    [ -x "$venv/bin/genv" ] || { cat "$BATS_FILE_TMPDIR/log" && false; }
    export PATH=$venv/bin:$PATH GENV_TMPDIR=$BATS_TEST_TMPDIR/state GENV_DEVICES=4
    unset GENV_BIN
}

@test "the wheel is for CPython 3.9 and all later ones, and says which glibc it needs" {
    cd "$BATS_FILE_TMPDIR"
    ls genv_gpu-*
    compgen -G 'genv_gpu-*-cp39-abi3-manylinux_2_*.whl'
}

@test "the command, and the SDK, are there" {
    run -0 genv devices
    [ "${#lines[@]}" -eq 5 ]
    run -0 python -c 'import genv
with genv.sdk.lock():
    print("main")'
    [ "$output" = main ]
    run -0 genv run --gpus 1 -- python -c 'import genv; print(genv.sdk.attached(), genv.sdk.devices()[0].eids)'
    [[ $output == "[0] ['"*"']" ]]
    run -0 python -m genv run --gpus 2 -- sh -c 'echo $CUDA_VISIBLE_DEVICES'
    [ "$output" = 0,1 ]
}

@test "everything else is there" {
    root=$(genv root)
    for file in view/libnvidia-ml.so.1 lib/libgenv.so.1 libexec/genv-{driver,monitor,top} \
        shims/{docker,nvidia-smi} shims-podman/{docker,nvidia-smi,podman} completions/genv.bash include/genv/genv.h; do
        [ -e "$root/$file" ] || { echo "$file is missing" && false; }
    done
    [ -x "$root/without-glibc/bin/genv" ]
    [ -x "$venv/bin/genv-docker" ]
    [ -x "$venv/bin/genv-container-runtime" ]
    [ -e "$venv/share/man/man1/genv-activate.1" ]
    run -0 genv top --once
    run -0 genv monitor --help
    [ -z "$(ldd "$root"/libexec/genv-* "$root"/lib/*.so.1 "$root"/view/*.so.1 | grep 'not found')" ]
}

@test "a shell is set up from the virtualenv" {
    run -0 bash --norc -c 'eval "$(genv shell --init bash)"; genv activate --gpus 1; type -P nvidia-smi; echo $CUDA_VISIBLE_DEVICES'
    [[ $output == *"$(genv root)/shims"*"/nvidia-smi"*0 ]]
}

@test "doctor finds nothing wrong with the installation" {
    run genv doctor
    [[ $output == *'ok       installation'* ]]
}

@test "doctor tells of the Python genv in the same virtualenv, and an import warns" {
    cp -a "$venv" "$BATS_TEST_TMPDIR/both"
    packages=$(dirname "$(dirname "$("$BATS_TEST_TMPDIR/both/bin/genv" root)")")
    mkdir "$packages/genv-1.4.3.dist-info"
    export PATH=$BATS_TEST_TMPDIR/both/bin:/usr/bin:/bin
    run -1 genv doctor
    [[ $output == *"error    Python package: another package named genv is installed in $packages; run 'pip uninstall genv "* ]]
    run -0 --separate-stderr python -c 'import genv'
    [[ $stderr == *"another package named genv is installed in $packages"* ]]
    rmdir "$packages/genv-1.4.3.dist-info"
    run genv doctor
    [[ $output != *'another package'* ]]
}

@test "it can be moved" {
    cp -a "$venv" "$BATS_TEST_TMPDIR/moved"
    run -0 env PATH="$BATS_TEST_TMPDIR/moved/bin:/usr/bin:/bin" genv root
    [[ $output == "$BATS_TEST_TMPDIR/moved/lib/"*"/genv/_root" ]]
}

@test "uninstalling leaves nothing" {
    cp -a "$venv" "$BATS_TEST_TMPDIR/copy"
    "$BATS_TEST_TMPDIR/copy/bin/python" -m pip uninstall -q -y genv-gpu
    run -0 find "$BATS_TEST_TMPDIR/copy" -name '*genv*'
    [ -z "$output" ]
}
