# What the tests of the installation share.
# shellcheck shell=bash disable=SC2034,SC2154 # used by the tests, and set by bats

bats_require_minimum_version 1.5.0

# Puts what `meson install` makes of this build into $1, without its prefix.
stage() {
    local prefix
    prefix=$(meson introspect "$GENV_BUILD" --buildoptions |
        python3 -c 'import json, sys; print(next(o["value"] for o in json.load(sys.stdin) if o["name"] == "prefix"))')
    meson install -C "$GENV_BUILD" --no-rebuild --quiet --destdir "$1.staging"
    mkdir -p "${1%/*}"
    mv "$1.staging$prefix" "$1"
    rm -r "$1.staging"
}

# A checkout of its own in $1: the scripts are real, and meson and ninja are the stand-ins of make_tools.
make_checkout() {
    mkdir -p "$1"
    cp -r "$GENV_SOURCE/run" "$GENV_SOURCE/packaging" "$1"
}

# Stand-ins in $1 for meson and ninja, which leave files as the real ones do, and install the stage in $2: building takes
# minutes. The ninja fails in a checkout that was moved.
make_tools() {
    mkdir -p "$1"
    cat >"$1/meson" <<'TOOL'
#!/usr/bin/env bash
set -eu
case $1 in
setup)
    mkdir -p "$2/meson-info" "$2/meson-logs"
    printf '{"directories": {"source": "%s", "build": "%s"}}\n' "$PWD" "$PWD/$2" >"$2/meson-info/meson-info.json"
    echo "$PWD" >"$2/build.ninja"
    echo /usr/local >"$2/prefix"
    ;;
configure) echo "$4" >"$2/prefix" ;;
install)
    [[ $2 == -C && $6 == --destdir ]]
    prefix=$(cat "$3/prefix")
    mkdir -p "$7$prefix"
    cp -R "$STAND_IN_STAGE/." "$7$prefix"
    [[ $prefix == /usr/local ]] || rm -r "$7$prefix/lib/systemd" "$7$prefix/lib/tmpfiles.d"
    echo "$prefix" >"$3/meson-logs/install-log.txt"
    ;;
esac
TOOL
    cat >"$1/ninja" <<'TOOL'
#!/usr/bin/env bash
set -eu
[[ $(cat "$2/build.ninja") == "$PWD" ]] || { echo 'ninja: error: rebuilding build.ninja failed' >&2; exit 1; }
id -u >>"$2/built-by"
TOOL
    chmod +x "$1/meson" "$1/ninja"
    export STAND_IN_STAGE=$2
    PATH=$1:$PATH
}

# What is there, links with what they say.
tree() {
    (cd "$1" && find . -printf '%p %l\n' | sort)
}
