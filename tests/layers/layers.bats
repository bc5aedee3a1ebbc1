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

@test "every object of the build uses only what stands below its folder, by whatever header" {
    command -v nm >/dev/null || skip 'nm is not installed (binutils)'
    run python3 "$GENV_SOURCE/tests/layers/layers.py" "$GENV_SOURCE" "$GENV_BUILD"
    echo "$output"
    [ "$status" -eq 0 ]
}

# Plants $2 as the object of the source file $1.
plant() {
    mkdir -p "$BATS_TEST_TMPDIR/build/src/${1%/*}"
    printf '%s\n' "$2" | "${CC:-cc}" -x c -c - -o "$BATS_TEST_TMPDIR/build/src/${1%.c}.o"
}

# Checks the tree with the objects that were planted.
link_check() {
    run python3 "$GENV_SOURCE/tests/layers/layers.py" "$BATS_TEST_TMPDIR" "$BATS_TEST_TMPDIR/build"
}

@test "a symbol from above, from beside, or from behind the public API is found" {
    command -v nm >/dev/null && command -v "${CC:-cc}" >/dev/null || skip 'nm or a compiler is not installed'
    mkdir -p "$BATS_TEST_TMPDIR/include/genv"
    echo 'int genv_open(void);' >"$BATS_TEST_TMPDIR/include/genv/genv.h"
    echo 'int genv_datum(void);' >"$BATS_TEST_TMPDIR/include/genv/types.h"
    touch "$BATS_TEST_TMPDIR/src/store/lock.c"
    plant libgenv/handle.c 'int genv_open(void) { return 0; } int handle_begin(void) { return 0; }'
    plant store/lock.c 'int lock_take(void) { return 0; }'
    plant model/env.c 'int genv_datum(void) { return 0; }'
    plant cli/main.c 'int genv_open(void); int genv_datum(void); int puts(const char *);
        int main(void) { return genv_open() + genv_datum() + puts(""); }'
    link_check
    [[ $status == 0 && -z $output ]]
    plant cli/main.c 'int lock_take(void); int main(void) { return lock_take(); }'
    link_check
    [[ $status == 1 && $output == 'src/cli/main.o: lock_take is of store: cli may use base, '* ]]
    plant cli/main.c 'int handle_begin(void); int main(void) { return handle_begin(); }'
    link_check
    [[ $status == 1 && $output == 'src/cli/main.o: handle_begin is of libgenv: cli may use '* ]]
    rm "$BATS_TEST_TMPDIR/build/src/cli/main.o"
    plant driver/driver.c 'int lock_take(void); int driver(void) { return lock_take(); }'
    link_check
    [[ $status == 1 && $output == 'src/driver/driver.o: lock_take is of store: driver may use base, model' ]]
    plant driver/driver.c 'int genv_open(void); int driver(void) { return genv_open(); }'
    link_check
    [[ $status == 1 && $output == 'src/driver/driver.o: genv_open is of api: driver may use base, model' ]]
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

@test "the public header below the library is found" {
    check store/lock.c '#include <genv/genv.h>'
    [ "$status" -eq 1 ]
    check cli/main.c '#include <genv/genv.h>'
    check store/lock.c ''
    [ "$status" -eq 0 ]
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
