#!/usr/bin/env bash
# What ./run install does behind `meson install` in the folder $1: it makes the state directory of a system-wide
# one, and says what to do next.
set -euo pipefail
prefix=$1

# Root makes the state directory, so that it is no user's: by tmpfiles.d where that is in force, else by hand.
make_state_directory() {
    local state=/var/tmp/genv
    if command -v systemd-tmpfiles >/dev/null; then
        systemd-tmpfiles --create "$prefix/lib/tmpfiles.d/genv.conf"
        return
    fi
    (umask 0 && mkdir -m 1777 "$state" "$state/envs" "$state/devices" && : >"$state/genv.lock")
}

if ((EUID == 0)) && [[ $prefix == /usr || $prefix == /usr/local ]]; then
    ldconfig
    [[ -d /var/tmp/genv ]] || make_state_directory || echo "could not make /var/tmp/genv; 'genv doctor' says what is in the way" >&2
fi

binary=$prefix/bin/genv
echo
if [[ $(command -v genv) == "$binary" ]]; then
    binary=genv
    path=
else
    path="export PATH=\"$prefix/bin:\$PATH\""$'\n    '
fi
cat <<END
Installed: $("$binary" --version). To have it in every shell, add to ~/.bashrc (or ~/.zshrc)

    ${path}eval "\$(genv shell --init)"

or to ~/.config/fish/config.fish

    ${path:+fish_add_path "$prefix/bin"
    }genv shell --init fish | source

then open a new shell and say: genv activate --gpus 1
END
