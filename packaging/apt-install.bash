#!/usr/bin/env bash
# apt-install.bash PACKAGE...: installs Debian packages, as root, without starting or enabling any service that they
# bring.
set -euo pipefail

POLICY=/usr/sbin/policy-rc.d # see invoke-rc.d(8): 101 forbids; one that is there is the administrator's word

# What is started at boot: systemd's links and those of init scripts.
enabled() {
    find /etc/systemd/system /etc/rc[S2-5].d -type l ! -path '*/rc?.d/K*' 2>/dev/null | sort
}

disable() {
    local link=$1 name=${1##*/}
    case $link in
    /etc/rc*) update-rc.d "${name:3}" disable ;;
    *) [[ ! -e $link && ! -L $link ]] || deb-systemd-helper disable "$name" || rm -f "$link" ;;
    esac
}

before=$(mktemp)
trap 'rm -f "$before"' EXIT
enabled >"$before"
if [[ ! -e $POLICY ]]; then
    trap 'rm -f "$before" "$POLICY"' EXIT
    (umask 022 && printf '#!/bin/sh\nexit 101\n' >"$POLICY" && chmod 755 "$POLICY")
fi
DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends "$@" </dev/null
comm -13 "$before" <(enabled) | while IFS= read -r link; do
    disable "$link"
done >/dev/null 2>&1
