#!/usr/bin/env bats
# The tree keeps to its layers, and the checker finds what does not.

setup() {
    mkdir -p "$BATS_TEST_TMPDIR/src/store" "$BATS_TEST_TMPDIR/src/cli"
}

# Plants $2 as the source file $1 and checks the tree.
check() {
    printf '%s\n' "$2" >"$BATS_TEST_TMPDIR/src/$1"
    run python3 "$GENV_SOURCE/tests/layers/layers.py" "$BATS_TEST_TMPDIR"
}

@test "every folder of src/ uses only what stands below it" {
    run python3 "$GENV_SOURCE/tests/layers/layers.py" "$GENV_SOURCE"
    echo "$output"
    [ "$status" -eq 0 ]
}

@test "the layers are those of src/meson.build, in its order" {
    built=$(sed -n "s/^subdir('\(.*\)')$/\1/p" "$GENV_SOURCE/src/meson.build")
    known=$(sed -n 's/^    "\([a-z]*\)": \[.*/\1/p' "$GENV_SOURCE/tests/layers/layers.py")
    [ "$built" = "$known" ]
}

@test "a proper file passes" {
    check store/lock.c '#include "store/lock.h"
#include "base/error.h"
#include <genv/types.h>
/* printf() is for others */ static const char *text = "exit(1)";'
    [ "$status" -eq 0 ]
}

@test "an include from above is found" {
    check store/lock.c '#include "libgenv/handle.h"'
    [ "$status" -eq 1 ]
    [[ $output == 'src/store/lock.c:1: "libgenv/handle.h": store may use base, model' ]]
}

@test "an include from beside is found" {
    check store/lock.c '#  include "driver/driver.h"'
    [ "$status" -eq 1 ]
}

@test "the command line reaching behind the public API is found" {
    check cli/main.c '#include "store/lock.h"'
    [ "$status" -eq 1 ]
}

@test "an include without its layer, or in angle brackets, is found" {
    check store/lock.c '#include "lock.h"'
    [ "$status" -eq 1 ]
    check store/lock.c '#include <base/error.h>'
    [ "$status" -eq 1 ]
}

@test "a library that prints or exits is found" {
    check store/lock.c 'void f(void) { printf("x"); }'
    [ "$status" -eq 1 ]
    check store/lock.c 'void f(void) { exit(1); }'
    [ "$status" -eq 1 ]
    check store/lock.c 'void f(void) { fputs("x", stderr); }'
    [ "$status" -eq 1 ]
    check cli/main.c 'int main(void) { exit(1); }'
    check store/lock.c ''
    [ "$status" -eq 0 ]
}

@test "a folder that is no layer is found" {
    mkdir "$BATS_TEST_TMPDIR/src/helpers"
    check helpers/x.c ''
    [ "$status" -eq 1 ]
}
