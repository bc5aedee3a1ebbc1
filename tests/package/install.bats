#!/usr/bin/env bats
# What `meson install` leaves is complete, can be moved, and works there.

setup_file() {
    export ROOT=$BATS_FILE_TMPDIR/moved
    meson install -C "$GENV_BUILD" --no-rebuild --quiet --destdir "$BATS_FILE_TMPDIR/staging"
    prefix=$(meson introspect "$GENV_BUILD" --buildoptions |
        python3 -c 'import json, sys; print(next(o["value"] for o in json.load(sys.stdin) if o["name"] == "prefix"))')
    "$GENV_SOURCE/packaging/after-install.bash" "$BATS_FILE_TMPDIR/staging$prefix"
    mv "$BATS_FILE_TMPDIR/staging$prefix" "$ROOT"
    rm -r "$BATS_FILE_TMPDIR/staging"
    PKG_CONFIG_PATH=$(dirname "$(find "$ROOT" -name genv.pc)")
    export PKG_CONFIG_PATH
    export GENV_DEVICES=2
}

setup() {
    export GENV_TMPDIR=$BATS_TEST_TMPDIR/state
    unset LD_LIBRARY_PATH
}

@test "genv says its version" {
    run "$ROOT/bin/genv" --version
    echo "$output"
    [ "$status" -eq 0 ]
    [[ $output == *"$(meson introspect "$GENV_BUILD" --projectinfo | jq -r .version)"* ]]
}

@test "genv root is where the installation was moved to" {
    run "$ROOT/bin/genv" root
    echo "$output"
    [ "$output" = "$ROOT" ]
}

@test "genv root is the same through a link" {
    ln -s "$ROOT/bin/genv" "$BATS_TEST_TMPDIR/genv"
    run "$BATS_TEST_TMPDIR/genv" root
    [ "$output" = "$ROOT" ]
}

@test "the shell code of the moved installation activates and attaches" {
    run env PATH="$ROOT/bin:$PATH" bash --norc -c '
        eval "$(genv shell --init bash)" && genv activate --gpus 1 && echo "$CUDA_VISIBLE_DEVICES" && genv deactivate'
    echo "$output"
    [ "$status" -eq 0 ]
    [[ $output == *0* ]]
}

@test "a C program builds against it with pkg-config and runs" {
    cat >"$BATS_TEST_TMPDIR/program.c" <<'END'
#include <genv/genv.h>
#include <stdio.h>
int main(void)
{
    struct genv *g;
    struct genv_snapshot *snapshot;
    if (genv_open(NULL, &g, NULL) < 0 || genv_snapshot_take(g, GENV_DEPTH_DEVICES, &snapshot, NULL) < 0)
        return 1;
    printf("%zu devices\n", snapshot->device_count);
    genv_snapshot_free(snapshot);
    genv_close(g);
    return 0;
}
END
    # shellcheck disable=SC2046
    cc -Wall -Werror -o "$BATS_TEST_TMPDIR/program" "$BATS_TEST_TMPDIR/program.c" \
        $(pkg-config --cflags --libs genv)
    run env LD_LIBRARY_PATH="$(pkg-config --variable=libdir genv)" "$BATS_TEST_TMPDIR/program"
    echo "$output"
    [ "$output" = '2 devices' ]
}

@test "nothing in it points back to the build or the source" {
    run grep -rlF -e "$GENV_BUILD" -e "$GENV_SOURCE" "$ROOT"
    echo "$output"
    [ "$status" -eq 1 ]
}

@test "every command has a man page, and completions for three shells are there" {
    [ -e "$(find "$ROOT/share/man" -name 'genv.1*')" ]
    for command in activate attach config deactivate detach devices doctor envs home lock run shell snapshot status view; do
        find "$ROOT/share/man" -name "genv-$command.1*" | grep . || { echo "no genv-$command.1"; return 1; }
    done
    [ -f "$ROOT/share/bash-completion/completions/genv" ]
    [ -f "$ROOT/share/zsh/site-functions/_genv" ]
    [ -f "$ROOT/share/fish/vendor_completions.d/genv.fish" ]
}

@test "tmpfiles.d gets its entry" {
    grep -q '^d /var/tmp/genv .*1777 root root' "$ROOT/lib/tmpfiles.d/genv.conf"
}
