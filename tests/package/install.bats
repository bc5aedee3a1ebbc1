#!/usr/bin/env bats
# What `meson install` leaves is complete, can be moved, and works there.

load helpers

setup_file() {
    export PREFIX=$BATS_FILE_TMPDIR/moved
    export ROOT=$PREFIX/lib/genv
    stage "$PREFIX"
    PKG_CONFIG_PATH=$(dirname "$(find "$PREFIX" -name genv.pc -type l)")
    export PKG_CONFIG_PATH
    export GENV_DEVICES=2
}

setup() {
    export GENV_TMPDIR=$BATS_TEST_TMPDIR/state
    cd "$BATS_TEST_TMPDIR" || return
    unset LD_LIBRARY_PATH
}

@test "genv says its version" {
    run "$PREFIX/bin/genv" --version
    echo "$output"
    [ "$status" -eq 0 ]
    [[ $output == *"$(meson introspect "$GENV_BUILD" --projectinfo | jq -r .version)"* ]]
}

@test "genv root is the folder of its own, through whichever link" {
    ln -s "$PREFIX/bin/genv" "$BATS_TEST_TMPDIR/genv"
    for genv in "$PREFIX/bin/genv" "$ROOT/bin/genv" "$BATS_TEST_TMPDIR/genv"; do
        run "$genv" root
        echo "$output"
        [ "$output" = "$ROOT" ]
    done
}

@test "around the folder there are links into it, relative and whole, and the system's files" {
    (cd "$PREFIX" && find . -path ./lib/genv -prune -o ! -type d ! -type l -print | sort) >files
    diff files - <<'END'
./lib/systemd/system/genv-enforce.service
./lib/systemd/system/genv-monitor.service
./lib/systemd/system/var-tmp-genv.mount
./lib/tmpfiles.d/genv.conf
END
    find "$PREFIX" -path "$ROOT" -prune -o -type l -printf '%l\n' | tee links
    [ "$(wc -l <links)" -ge 30 ]
    run ! grep -v -E '^(\.\./)+lib/genv/' links
    [ -z "$(find "$PREFIX" -xtype l)" ]
    for link in bin/genv include/genv share/man/man1/genv.1; do [ -L "$PREFIX/$link" ]; done
}

@test "rm -rf of genv root leaves nothing but links that lead nowhere, and the system's files" {
    cp -a "$PREFIX" copy
    local root
    root=$(copy/bin/genv root)
    rm -rf "$root"
    (cd copy && find . ! -type d ! -xtype l | sort) >left
    diff left - <<'END'
./lib/systemd/system/genv-enforce.service
./lib/systemd/system/genv-monitor.service
./lib/systemd/system/var-tmp-genv.mount
./lib/tmpfiles.d/genv.conf
END
}

@test "the folder works alone, copied to a place with a blank in its name" {
    local copy="$BATS_TEST_TMPDIR/a copy"
    cp -a "$ROOT" "$copy"
    run "$copy/bin/genv" root
    [ "$output" = "$copy" ]
    [ "$("$copy/bin/genv" run -- sh -c 'command -v nvidia-smi')" = "$copy/shims/nvidia-smi" ]
    "$copy/bin/genv" doctor | grep -F "installation: version" | grep -F "in $copy"
    "$copy/bin/genv" run --gpus 1 -- "$copy/shims/nvidia-smi" -L | grep -F 'GPU 0'
    "$copy/bin/genv" top --once
    [ -e "$copy/share/man/man1/genv-attach.1" ]
    [[ $("$copy/bin/genv" shell --init bash) == *"'$copy/completions'"* ]]
    [ -f "$copy/completions/genv.bash" ]
}

@test "doctor knows the launcher of a virtualenv, whatever its path" {
    local venv=$BATS_TEST_TMPDIR/bin/genv-v package
    package=$venv/lib/python3.11/site-packages/genv
    mkdir -p "$package" "$venv/bin"
    cp -a "$ROOT" "$package/_root"
    printf '#!/bin/sh\nexec "%s" "$@"\n' "$package/_root/bin/genv" >"$venv/bin/genv"
    chmod +x "$venv/bin/genv"
    run env PATH="$venv/bin:$PATH" genv doctor
    echo "$output"
    grep '^ok .*installation: version' <<<"$output"
}

@test "the shell code of the moved installation activates and attaches" {
    run env PATH="$PREFIX/bin:$PATH" bash --norc -c '
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
    echo '{"devices": [{"uuid": "GPU-a"}]}' >"$BATS_TEST_TMPDIR/world.json"
    # By the link, and by the file in the folder alone.
    for folder in "$PKG_CONFIG_PATH" "$(dirname "$(find "$ROOT" -name genv.pc -type f)")"; do
        # shellcheck disable=SC2046
        PKG_CONFIG_PATH=$folder cc -Wall -Werror -o "$BATS_TEST_TMPDIR/program" "$BATS_TEST_TMPDIR/program.c" \
            $(PKG_CONFIG_PATH=$folder pkg-config --cflags --libs genv)
        run env LD_LIBRARY_PATH="$(PKG_CONFIG_PATH=$folder pkg-config --variable=libdir genv)" "$BATS_TEST_TMPDIR/program"
        echo "$output"
        [ "$output" = '2 devices' ]
        # It finds the program that asks the driver, whichever way it was found itself.
        run env -u GENV_DEVICES GENV_SIMULATOR="$BATS_TEST_TMPDIR/world.json" \
            LD_LIBRARY_PATH="$(PKG_CONFIG_PATH=$folder pkg-config --variable=libdir genv):$GENV_NVML" \
            "$BATS_TEST_TMPDIR/program"
        echo "$output"
        [ "$output" = '1 devices' ]
    done
}

@test "nothing in it points back to the build or the source" {
    run grep -rlF -e "$GENV_BUILD" -e "$GENV_SOURCE" "$PREFIX"
    echo "$output"
    [ "$status" -eq 1 ]
}

@test "every command has a man page, and completions for three shells are there" {
    [ -e "$(find "$PREFIX/share/man" -name 'genv.1*')" ]
    for command in activate attach config deactivate detach devices doctor envs home lock run shell snapshot status view; do
        find "$PREFIX/share/man" -name "genv-$command.1*" | grep . || { echo "no genv-$command.1"; return 1; }
    done
    [ -f "$PREFIX/share/bash-completion/completions/genv" ]
    [ -f "$PREFIX/share/zsh/site-functions/_genv" ]
    [ -f "$PREFIX/share/fish/vendor_completions.d/genv.fish" ]
    [ -f "$PREFIX/share/bash-completion/completions/genv-docker" ]
    [ -f "$PREFIX/share/zsh/site-functions/_genv-docker" ]
    [ -f "$PREFIX/share/fish/vendor_completions.d/genv-docker.fish" ]
    grep -F 'run|create' "$PREFIX"/share/man/man1/genv-docker.1 # the program's, which includes the command's
}

@test "tmpfiles.d gets its entry" {
    grep -q '^d /var/tmp/genv .*1777 root root' "$PREFIX/lib/tmpfiles.d/genv.conf"
}

@test "the state can have a file system of its own, which is bounded and nobody's" {
    local unit=$PREFIX/lib/systemd/system/var-tmp-genv.mount option
    grep -qx 'Where=/var/tmp/genv' "$unit" # which is what the unit's name says
    for option in mode=1777 nosuid nodev 'size=[0-9]*M' 'nr_inodes=[0-9]*'; do
        grep -qE "^Options=(.*,)?$option(,|\$)" "$unit"
    done
    if command -v systemd-analyze >/dev/null; then
        systemd-analyze verify "$unit"
    fi
}

@test "the units name the genv of the prefix, and do not start without it" {
    for unit in "$PREFIX"/lib/systemd/system/genv-*.service; do
        grep '^ExecStart=/usr/local/bin/genv ' "$unit"
        grep '^ConditionFileIsExecutable=/usr/local/bin/genv$' "$unit"
    done
}

# Prints where `meson install` would put things, with the options given.
destinations() {
    rm -rf "$BATS_TEST_TMPDIR/build"
    CC=gcc meson setup "$BATS_TEST_TMPDIR/build" "$GENV_SOURCE" -Dtests=false "$@" >"$BATS_TEST_TMPDIR/log" || {
        cat "$BATS_TEST_TMPDIR/log"
        return 1
    }
    meson introspect "$BATS_TEST_TMPDIR/build" --install-plan |
        jq -r '.[][].destination' | sed 's/{[a-z]*}/X/; s/{libdir_shared}/X/'
}

@test "with another prefix there is nothing for systemd" {
    run ! grep -E 'systemd|tmpfiles' <<<"$(destinations --prefix "$BATS_TEST_TMPDIR/prefix")"
    destinations --prefix /usr | grep -E -c 'systemd|tmpfiles' | grep -x 4
}

@test "a folder outside of the prefix is refused in words" {
    run destinations --prefix "$BATS_TEST_TMPDIR/prefix" --libdir /elsewhere
    [ "$status" -ne 0 ]
    [[ $output == *'libdir has to be inside the prefix: /elsewhere'* ]]
}
