#!/usr/bin/env bats
# The names that the view exports: NVML's, all of them, and no other.

setup() {
    bats_require_minimum_version 1.5.0
    VIEW=$GENV_BUILD/src/view/libnvidia-ml.so.1
}

exported() {
    nm -D --defined-only "$VIEW" | awk '{print $3}' | LC_ALL=C sort
}

@test "what is exported is what entries.def lists" {
    diff <(sed '/^#/d; s/ .*//' "$GENV_SOURCE/src/view/entries.def" | LC_ALL=C sort) <(exported)
}

@test "nothing but NVML is exported" {
    run -1 bash -c "nm -D --defined-only '$VIEW' | grep -v ' T nvml'"
}

@test "what a library of NVIDIA's exports, the view exports too" {
    libraries=$(find "$GENV_TEST_CACHE" -name libnvidia-ml.so.1 2>/dev/null; ldconfig -p 2>/dev/null |
        awk '/libnvidia-ml\.so\.1/ {print $NF}')
    [[ -n $libraries ]] || skip 'no libnvidia-ml.so.1 of NVIDIA'"'"'s is here'
    for library in $libraries; do
        missing=$(comm -23 <(nm -D --defined-only "$library" | awk '$3 ~ /^nvml/ {print $3}' | LC_ALL=C sort) <(exported))
        echo "$library: $missing"
        [[ -z $missing ]]
    done
}

@test "what NVIDIA's header declares is in the list" {
    header=$("$GENV_SOURCE/tests/fetch" nvml) || skip "$header"
    declared=$(grep -oE 'DECLDIR +nvml\w+' "$header/nvml.h" | awk '{print $2}' | LC_ALL=C sort -u)
    (($(wc -l <<<"$declared") >= 435))
    missing=$(comm -23 - <(exported) <<<"$declared")
    echo "$missing"
    [[ -z $missing ]]
}

@test "the simulator's functions are in the list" {
    missing=$(comm -23 <(nm -D --defined-only "$GENV_NVML/libnvidia-ml.so.1" |
        awk '$3 ~ /^nvml/ {print $3}' | LC_ALL=C sort) <(exported))
    echo "$missing"
    [[ -z $missing ]]
}

@test "it is what programs look for, and needs no library of genv's" {
    readelf -d "$VIEW" >"$BATS_TEST_TMPDIR/dynamic"
    grep -q 'SONAME.*\[libnvidia-ml\.so\.1\]' "$BATS_TEST_TMPDIR/dynamic"
    run -1 grep -E 'NEEDED.*(genv|libnvidia)' "$BATS_TEST_TMPDIR/dynamic"
    run -1 grep -E 'R(UN)?PATH' "$BATS_TEST_TMPDIR/dynamic"
}

@test "when it is loaded nothing runs but the look which functions there are" {
    [[ $GENV_SANITIZE == none ]] || skip 'sanitizers run code of theirs'
    # One entry each is what every library has from the compiler.
    size=$(readelf -d "$VIEW" | awk '/INIT_ARRAYSZ/ {print $3}')
    ((size <= 16))
}
