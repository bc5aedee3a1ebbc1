#!/usr/bin/env bats
# ./run install and ./run uninstall, as root, as a user, and as root in a user's checkout.
# shellcheck disable=SC2154 # set by bats

load helpers

USER_ID=60601
AS_USER=(setpriv --reuid "$USER_ID" --regid "$USER_ID" --clear-groups)

setup_file() {
    WORLD=$(mktemp -d /tmp/genv-package.XXXXXX)
    export WORLD
    chmod 755 "$WORLD"
    stage "$WORLD/stage"
}

teardown_file() {
    rm -rf "$WORLD"
}

# A checkout, in which to be, of whoever runs this, a folder for the rest, and a home.
setup() {
    unset LD_LIBRARY_PATH
    SCRATCH=$(mktemp -d "$WORLD/test.XXXXXX")
    chmod 755 "$SCRATCH"
    make_tools "$SCRATCH/tools" "$WORLD/stage"
    make_checkout "$SCRATCH/checkout"
    cd "$SCRATCH/checkout" || return
    export HOME=$SCRATCH/home GENV_TMPDIR=$SCRATCH/state GENV_DEVICES=2
    mkdir "$HOME"
}

teardown() {
    cd /
    rm -rf "$SCRATCH"
}

need_root() {
    ((EUID == 0)) || skip 'this needs root'
    "${AS_USER[@]}" true || skip 'root cannot become another user here'
}

give_to_user() {
    chown -hR "$USER_ID:$USER_ID" "$@"
}

# Runs the script on standard input, as root, where /usr/local, /var/tmp and /etc are its own: none of it stays.
in_own_system() {
    need_root
    unshare --mount true 2>/dev/null || skip 'root cannot have mounts of its own here'
    cat >"$SCRATCH/script"
    cat >"$SCRATCH/system" <<'SYSTEM'
set -euo pipefail
cp -a /etc "$SCRATCH/etc" 2>/dev/null || true # a lock in it may be gone by now
mount --bind "$SCRATCH/etc" /etc
mount -t tmpfs none /usr/local
mount -t tmpfs -o mode=1777 none /var/tmp
mkdir -p /usr/local/{bin,include,lib,sbin,share/man}
unset GENV_TMPDIR GENV_DEVICES
PATH=$PATH:/usr/local/bin
. "$SCRATCH/script"
SYSTEM
    export SCRATCH USER_ID
    run --separate-stderr unshare --mount bash "$SCRATCH/system"
    echo "status $status"
    echo "$output"
    echo "$stderr"
    [ "$status" -eq 0 ]
}

@test "every verb answers --help, and does nothing" {
    for verb in build demo test matrix bench install uninstall wheel; do
        for option in --help -h; do
            run --separate-stderr ./run "$verb" "$option"
            echo "$verb $option: $output $stderr"
            [ "$status" -eq 0 ]
            [[ $output == "Usage: ./run $verb"*$'\n    '[a-z]* ]]
        done
    done
    run ./run install --prefix "$SCRATCH/x" --help
    [ "$status" -eq 0 ]
    [ ! -e build ]
    [ ! -e "$SCRATCH/x" ]
}

@test "an unknown word is refused before anything is done" {
    for words in 'build --fast' 'demo x' 'bench -x' 'install --frefix /x' 'install /x' 'install --prefix' \
        'install --prefix a b' 'install --prefix=' 'uninstall --all' 'uninstall --prefix a b'; do
        # shellcheck disable=SC2086 # words
        run --separate-stderr ./run $words
        echo "$words: $status $output $stderr"
        [ "$status" -eq 2 ]
        [ -z "$output" ]
        [[ $stderr == "run: ${words%% *}: "*"; see ./run ${words%% *} --help" ]]
        [ ! -e build ]
    done
}

@test "install and uninstall, in a folder that is relative and has a blank" {
    ./run install --prefix '../a prefix/.'
    prefix="$SCRATCH/a prefix"
    [ "$("$prefix/bin/genv" root)" = "$prefix/lib/genv" ]
    [ -z "$(find "$prefix" -xtype l)" ]
    [ ! -e "$prefix/lib/systemd" ]
    run ./run uninstall --prefix "$prefix"
    echo "$output"
    [ "$status" -eq 0 ]
    [ ! -e "$prefix" ]
    run ./run uninstall --prefix "$prefix"
    [ "$status" -eq 1 ]
    [ "$output" = "genv: no genv is installed in $prefix" ]
}

@test "install says what to add to the start-up files, and that works" {
    ./run install --prefix "$SCRATCH/x" | tee words
    sed -n '/bashrc/,/^or/s/^    //p' words >rc
    [ "$(wc -l <rc)" -eq 2 ]
    run env -i HOME="$HOME" PATH=/usr/bin:/bin GENV_DEVICES=2 GENV_TMPDIR="$SCRATCH/state" bash --rcfile rc -i -c 'genv activate --gpus 1 && genv root'
    echo "$output"
    [[ $output == *"$SCRATCH/x/lib/genv" ]]
    PATH=$SCRATCH/x/bin:$PATH ./run install --prefix "$SCRATCH/x" | sed -n '/bashrc/,/^or/s/^    //p' >rc
    [ "$(cat rc)" = 'eval "$(genv shell --init)"' ]
}

@test "other files stay, and an upgrade removes what the new version does not have" {
    prefix=$SCRATCH/x
    mkdir -p "$prefix/bin" "$prefix/lib"
    touch "$prefix/bin/other" "$prefix/lib/libother.so"
    ln -s ../lib/other "$prefix/bin/link"
    ./run install --prefix "$prefix"
    touch "$prefix/lib/genv/share/man/man1/genv-old.1"
    ln -s ../../../lib/genv/share/man/man1/genv-old.1 "$prefix/share/man/man1/genv-old.1"
    tree "$prefix" >before
    ./run install --prefix "$prefix"
    tree "$prefix" >after
    run diff before after
    echo "$output"
    [ "${#lines[@]}" -eq 4 ]
    [[ $output == *genv-old.1*genv-old.1* ]]
    ./run uninstall --prefix "$prefix"
    tree "$prefix"
    [ "$(tree "$prefix")" = $'. \n./bin \n./bin/link ../lib/other\n./bin/other \n./lib \n./lib/libother.so ' ]
}

@test "uninstall finds the links of an installation whose folder was deleted" {
    ./run install --prefix "$SCRATCH/x"
    rm -rf "$("$SCRATCH/x/bin/genv" root)"
    ./run uninstall --prefix "$SCRATCH/x"
    [ ! -e "$SCRATCH/x" ]
}

@test "uninstall finds the links of meson's own choice of folders" {
    cp -a "$WORLD/stage" "$SCRATCH/x"
    ./run uninstall --prefix "$SCRATCH/x"
    [ "$(cd "$SCRATCH/x" && find . -type f | sort | paste -s -d ' ')" = \
        './lib/systemd/system/genv-enforce.service ./lib/systemd/system/genv-monitor.service ./lib/systemd/system/var-tmp-genv.mount ./lib/tmpfiles.d/genv.conf' ]
    [ -z "$(find "$SCRATCH/x" -type l)" ]
}

# An installation from before genv had a folder to itself.
make_older_layout() {
    local file
    for file in bin/genv include/genv/genv.h lib/libgenv.so.0.1.0 lib/pkgconfig/genv.pc libexec/genv/genv-top \
        libexec/genv/shims/docker share/man/man1/genv.1 share/man/man1/genv-top.1 share/zsh/site-functions/_genv \
        share/bash-completion/completions/genv share/fish/vendor_completions.d/genv.fish; do
        mkdir -p "$1/$(dirname "$file")"
        touch "$1/$file"
    done
    ln -s libgenv.so.0.1.0 "$1/lib/libgenv.so.0"
    ln -s libgenv.so.0 "$1/lib/libgenv.so"
}

@test "an older layout is removed, and replaced" {
    make_older_layout "$SCRATCH/x"
    run ./run uninstall --prefix "$SCRATCH/x"
    echo "$output"
    [[ $output == *"Removed an older genv, whose files were spread over $SCRATCH/x"* ]]
    [ ! -e "$SCRATCH/x" ]
    ./run install --prefix "$SCRATCH/x"
    (cd "$SCRATCH/x" && find . ! -type d | sort) >new
    make_older_layout "$SCRATCH/y"
    ./run install --prefix "$SCRATCH/y"
    diff new <(cd "$SCRATCH/y" && find . ! -type d | sort)
}

@test "what is another program's is in the way, and said before building" {
    prefix=$SCRATCH/x
    mkdir -p "$prefix/bin" "$prefix/lib/genv"
    run --separate-stderr ./run install --prefix "$prefix"
    [ "$status" -eq 1 ]
    [ "$stderr" = "genv: $prefix/lib/genv is not an installation of genv: move it away" ]
    rmdir "$prefix/lib/genv"
    touch "$prefix/bin/genv"
    run --separate-stderr ./run install --prefix "$prefix"
    [ "$status" -eq 1 ]
    [ "$stderr" = "genv: $prefix/bin/genv is another program: move it away, or use another --prefix DIR" ]
    [ ! -e build ]
    rm "$prefix/bin/genv"
    mkdir -p "$prefix/include/genv"
    run --separate-stderr ./run install --prefix "$prefix"
    [ "$status" -eq 1 ]
    [[ $stderr == *"$prefix/include/genv belongs to another program: move it away" ]]
    [ ! -e "$prefix/lib/genv" ]
}

@test "a user installs in ~/.local, and not where that is not theirs" {
    need_root
    give_to_user . "$HOME"
    "${AS_USER[@]}" ./run install
    [ "$("${AS_USER[@]}" "$HOME/.local/bin/genv" root)" = "$HOME/.local/lib/genv" ]
    [ ! -e "$HOME/.local/lib/systemd" ]
    [ ! -e "$HOME/.local/lib/tmpfiles.d" ]
    [ -z "$(find . "$HOME" ! -user "$USER_ID")" ]
    mkdir -m 755 "$SCRATCH/roots"
    run "${AS_USER[@]}" ./run install --prefix "$SCRATCH/roots/x"
    [ "$status" -eq 1 ]
    [[ $output == *"$SCRATCH/roots/x/bin cannot be written: run this as root, or use --prefix DIR"* ]]
    # Where it is instead.
    run "${AS_USER[@]}" env PATH="$HOME/.local/bin:$PATH" ./run uninstall --prefix "$HOME/x"
    [ "$output" = "genv: genv is installed in $HOME/.local/lib/genv, not in $HOME/x: use --prefix $HOME/.local" ]
    "${AS_USER[@]}" ./run uninstall
    [ ! -e "$HOME/.local" ]
}

@test "root builds in a user's checkout as the user, and leaves nothing of root's in it" {
    need_root
    give_to_user .
    ./run install --prefix "$SCRATCH/x"
    [ "$(sort -u build/built-by)" = "$USER_ID" ]
    [ -z "$(find . ! -user "$USER_ID")" ]
    [ -z "$(find "$SCRATCH/x" ! -user 0)" ]
    "${AS_USER[@]}" ./run build
}

@test "root hands over what an earlier root has left in build/, and a user is told of it" {
    need_root
    give_to_user .
    mkdir build
    touch build/.ninja_log
    run "${AS_USER[@]}" ./run build
    [ "$status" -eq 1 ]
    [[ $output == *"run: build belongs to another user: remove the folder with 'sudo rm -r $PWD/build'" ]]
    ./run build
    [ -z "$(find . ! -user "$USER_ID")" ]
    "${AS_USER[@]}" ./run build
}

@test "root builds as root where the checkout is root's, or out of its owner's reach" {
    need_root
    ./run build
    [ "$(cat build/built-by)" = 0 ]
    mkdir -m 700 "$SCRATCH/private"
    mv "$SCRATCH/checkout" "$SCRATCH/private/checkout"
    cd "$SCRATCH/private/checkout"
    rm -r build
    give_to_user .
    ./run build
    [ "$(cat build/built-by)" = 0 ]
}

@test "a checkout that was moved or copied is set up anew" {
    ./run build
    mv "$SCRATCH/checkout" "$SCRATCH/moved"
    cd "$SCRATCH/moved"
    run ./run build
    echo "$output"
    [ "$status" -eq 0 ]
    [[ $output == *"Setting up build/ again: it was made for $SCRATCH/checkout, before this checkout was moved or copied"* ]]
    run ./run build
    [[ $output != *again:* ]]
    cp -r "$SCRATCH/moved" "$SCRATCH/copied"
    cd "$SCRATCH/copied"
    ./run install --prefix "$SCRATCH/x" | grep "again: it was made for $SCRATCH/moved"
}

@test "the same with the folder of a real Meson" {
    CC=gcc PATH=${PATH#*:} meson setup build-real "$GENV_SOURCE" -Dtests=false >log
    ./run build
    cp build-real/meson-info/meson-info.json build/meson-info/meson-info.json
    ./run build | grep "again: it was made for $GENV_SOURCE,"
}

@test "root's installation in /usr/local, and what uninstall leaves of it" {
    in_own_system <<'END'
find /usr/local | sort >"$SCRATCH/before"
./run install >/dev/null
[ "$(genv root)" = /usr/local/lib/genv ]
[ "$(stat -c '%u %a' /var/tmp/genv /var/tmp/genv/envs | sort -u)" = '0 1777' ]
ldconfig -p | grep /usr/local/lib/.*libgenv.so.1 >/dev/null
[ -f /usr/local/lib/systemd/system/genv-enforce.service ]
[ -f /usr/local/lib/tmpfiles.d/genv.conf ]
mkdir -p /etc/systemd/system/multi-user.target.wants
ln -s /usr/local/lib/systemd/system/genv-enforce.service /etc/systemd/system/multi-user.target.wants
./run uninstall
find /usr/local | sort | diff "$SCRATCH/before" -
[ -z "$(ls -A /var/tmp)" ]
! ldconfig -p | grep genv || exit 1
END
    [[ $output == *'Removed /var/tmp/genv'* ]]
    [[ $output == *'Removed /usr/local/lib/systemd/system/genv-monitor.service'* ]]
    [[ $output == *'genv-enforce.service is still enabled; to disable it: rm /etc/systemd/system/multi-user.target.wants/genv-enforce.service; systemctl daemon-reload'* ]]
}

@test "the state directory stays while an environment lives in it" {
    in_own_system <<'END'
./run install >/dev/null
setpriv --reuid "$USER_ID" --regid "$USER_ID" --clear-groups sleep 300 &
member=$!
trap 'kill $member' EXIT
until [ "$(stat -c %u "/proc/$member")" = "$USER_ID" ]; do sleep 0.01; done
genv envs activate --eid alice --uid "$USER_ID" --pid "$member"
./run uninstall
[ -f /var/tmp/genv/envs/alice.json ]
[ ! -e /usr/local/bin/genv ]
./run install >/dev/null
rm -rf "$(genv root)"
./run uninstall
[ -f /var/tmp/genv/envs/alice.json ]
./run install >/dev/null
trap - EXIT
kill "$member"
wait "$member" || true
./run uninstall
[ ! -e /var/tmp/genv ]
END
    [[ $output == *'Kept /var/tmp/genv: it has live environments: alice of '*'. When it is no longer needed, remove it with: rm -r /var/tmp/genv'* ]]
    [[ $output == *'Kept /var/tmp/genv: it has environments, and there is no genv to tell whether they are alive.'* ]]
}

@test "a state directory that is not root's stays" {
    in_own_system <<'END'
./run install >/dev/null
chown "$USER_ID" /var/tmp/genv
./run uninstall
[ -d /var/tmp/genv ]
END
}

@test "whoever made the state directory first, it becomes root's, and environments in it stay" {
    in_own_system <<'END'
check() {
    ./run install >"$SCRATCH/output" 2>&1
    ! grep 'cannot make' "$SCRATCH/output" || exit 1
    [ "$(stat -c '%u %g %a %F' /var/tmp/genv{,/envs,/devices} | sort -u)" = '0 0 1777 directory' ]
    [ "$(stat -c '%u %g %a %h' /var/tmp/genv/genv.lock)" = '0 0 666 1' ]
}
as_user() {
    setpriv --reuid "$USER_ID" --regid "$USER_ID" --clear-groups "$@"
}
mkdir -m 755 "$SCRATCH/precious"
echo secret >"$SCRATCH/precious/file"
chmod 600 "$SCRATCH/precious/file"
# As genv makes it for a user without an installation of root's.
as_user mkdir -m 755 /var/tmp/genv /var/tmp/genv/envs
as_user touch /var/tmp/genv/envs/alice.json /var/tmp/genv/genv.lock
check
[ "$(stat -c %u /var/tmp/genv/envs/alice.json)" = "$USER_ID" ]
# Links, files and folders, to have root change or follow what is elsewhere.
rm -rf /var/tmp/genv
as_user ln -s "$SCRATCH/precious" /var/tmp/genv
check
rm -rf /var/tmp/genv
as_user touch /var/tmp/genv
check
rm -rf /var/tmp/genv
as_user mkdir -m 777 /var/tmp/genv /var/tmp/genv/genv.lock
as_user touch /var/tmp/genv/genv.lock/file /var/tmp/genv/devices
as_user ln -s "$SCRATCH/precious" /var/tmp/genv/envs
check
rm /var/tmp/genv/genv.lock
as_user ln -s "$SCRATCH/precious/file" /var/tmp/genv/genv.lock
check
rm /var/tmp/genv/genv.lock
echo secret >/var/tmp/secret
ln /var/tmp/secret /var/tmp/genv/genv.lock
check
[ "$(stat -c '%u %a' "$SCRATCH/precious" "$SCRATCH/precious/file" /var/tmp/secret | xargs)" = '0 755 0 600 0 644' ]
[ "$(cat "$SCRATCH/precious/file" /var/tmp/secret | sort -u)" = secret ]
END
}
