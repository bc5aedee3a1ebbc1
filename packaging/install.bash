#!/usr/bin/env bash
# install.bash STAGE PREFIX: moves what `meson install` left in STAGE into place, makes the state directory of a
# system-wide installation, and says what to do next. With PREFIX alone it only checks that this is possible.
set -euo pipefail
prefix=${*: -1}
. "$(dirname "${BASH_SOURCE[0]}")/layout.bash"
check_prefix
if (($# == 1)); then
    exit
fi
stage=$1$prefix
umask 022

# Everything outside $root is a link into it or a system file, and may only replace such a file.
list_around() {
    (cd "$stage" && find . -path ./lib/genv -prune -o ! -type d -print0)
}

check_around() {
    local file there
    while IFS= read -r -d '' file; do
        there=$prefix${file#.}
        if [[ -L $stage/$file && -L $there ]]; then
            [[ $(readlink "$there") == *lib/genv/* ]] || fail "$there belongs to another program: move it away"
        elif [[ -L $stage/$file && -e $there ]]; then
            fail "$there belongs to another program: move it away"
        fi
    done < <(list_around)
}

# Replaces the old folder with the new one; the old one stays complete until then.
place_root() {
    mkdir -p "$prefix/lib"
    new=$(mktemp -d "$prefix/lib/.genv.XXXXXX")
    # shellcheck disable=SC2154 # set just before
    trap '[[ -e $root || ! -e $new/old ]] || mv -T "$new/old" "$root"; rm -rf "$new"' EXIT
    cp -R "$stage/lib/genv" "$new/genv"
    if [[ -e $root || -L $root ]]; then
        mv -T "$root" "$new/old"
    fi
    mv -T "$new/genv" "$root"
}

place_around() {
    local file
    while IFS= read -r -d '' file; do
        mkdir -p "$prefix/${file%/*}"
        if [[ -L $stage/$file ]]; then
            ln -sfT "$(readlink "$stage/$file")" "$prefix/$file"
        else
            cp --remove-destination "$stage/$file" "$prefix/$file"
        fi
    done < <(list_around)
}

# A dangling link is for a file that this version does not have.
remove_stale_links() {
    local link
    while IFS= read -r -d '' link; do
        [[ -e $link ]] || rm "$link"
    done < <(list_links)
}

# Makes the directory $1 in a sticky one of root's, where anyone may have created it first: a directory is given to root,
# with the environments in it, and anything else is removed.
take_directory() {
    if [[ -L $1 || ! -d $1 ]]; then
        rm -f "$1" || return
        mkdir -m 700 "$1" 2>/dev/null
    fi
    # Once it is root's, nobody can put anything else in its place.
    chown -h 0:0 "$1" && [[ ! -L $1 && -d $1 ]] && chmod 1777 "$1"
}

# Root makes the state directory, so that no user owns it, or takes it over from the user who made it first.
make_state_directory() {
    local lock=$state/genv.lock
    take_directory "$state" && take_directory "$state/envs" && take_directory "$state/devices" || return
    if [[ -L $lock || ! -f $lock || $(stat -c '%u %h' "$lock") != '0 1' ]]; then
        rm -rf "$lock" && (umask 0 && set -C && : >"$lock") || return
    fi
    chmod 666 "$lock"
}

if ! is_for_the_system; then
    rm -f "${system_files[@]/#/$stage/}"
    find "$stage/lib" -type d -empty -delete
fi
if is_older_layout; then
    remove_older_layout
fi
check_around
place_root
place_around
remove_stale_links
if is_for_the_system; then
    ldconfig
    make_state_directory || echo "cannot make $state; run 'genv doctor' to see why" >&2
fi

binary=$prefix/bin/genv
echo
if [[ $(command -v genv) == "$binary" ]]; then
    binary=genv
    path=
else
    path="export PATH=\"$prefix/bin:\$PATH\""$'\n    '
fi
cat <<MESSAGE
Installed: $("$binary" --version), in $root. To set up your shell, add this to ~/.bashrc or ~/.zshrc:

    ${path}eval "\$(genv shell --init)"

or this to ~/.config/fish/config.fish:

    ${path:+fish_add_path "$prefix/bin"
    }genv shell --init fish | source

Then open a new shell and run: genv activate --gpus 1
MESSAGE
