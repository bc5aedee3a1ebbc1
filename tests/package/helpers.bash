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
