#!/usr/bin/env bash
# What `genv remote devices` costs beside the same ssh with `true`, all hosts at once: real sshds on this machine.
# remote.bash GENV
set -euo pipefail

GENV_BIN=$(readlink -f "$1")
HOSTS_COUNT=8
ROUNDS=15

# What hosts.bash takes from bats.
bats_require_minimum_version() { :; }
load() { :; }

. "$(dirname "${BASH_SOURCE[0]}")/../tests/remote/hosts.bash"

# Runs "$@" as Alice and adds its milliseconds to the array $1.
measure() {
    local -n times=$1
    local begin=$EPOCHREALTIME
    as_alice "${@:2}" >/dev/null
    times+=($(((${EPOCHREALTIME/./} - ${begin/./}) / 10)))
}

# The median of its arguments, which are hundredths of milliseconds, in milliseconds.
median() {
    printf '%s\n' "$@" | sort -n | awk '{ all[NR] = $1 } END { printf "%.2f", all[int((NR + 1) / 2)] / 100 }'
}

# The code that runs ssh to all hosts $1 at once, with the configuration $2.
ssh_code() {
    cat <<'END'
for host in $1; do
    ssh -F "$2" -o BatchMode=yes "$host" true </dev/null &
done
wait
END
}

end_masters() {
    local host
    for host in $names; do
        as_alice ssh -F "$config" -O exit "$host" 2>/dev/null || true
    done
}

row() {
    awk -v what="$1" -v ssh="$2" -v genv="$3" -v limit="$4" 'BEGIN {
        ratio = genv / ssh
        printf "%-44s %-14s %.2f x ssh     %-14s %s\n", what, genv " ms", ratio, limit " x ssh", ratio <= limit ? "ok" : "over"
    }'
}

names=
if ! hosts_setup; then
    echo "genv remote: not measured: it $HOSTS_MISSING"
    exit 0
fi
trap hosts_teardown EXIT
for ((i = 1; i <= HOSTS_COUNT; i++)); do
    hosts_start "node-$i"
    names+=" node-$i"
done
list=${names# }
list=${list// /,}
config=$HOSTS/run/$ALICE/genv-ssh/config
as_alice genv remote -H "$list" devices >/dev/null # makes the configuration
ssh_plain=() genv_plain=() ssh_shared=() genv_shared=()

for ((round = 0; round < ROUNDS; round++)); do
    end_masters
    measure ssh_plain bash -c "$(ssh_code)" bash "$names" "$config"
    end_masters
    measure genv_plain genv remote -H "$list" devices
    measure ssh_shared bash -c "$(ssh_code)" bash "$names" "$config"
    measure genv_shared genv remote -H "$list" devices
done
row "$HOSTS_COUNT hosts: genv remote devices" "$(median "${ssh_plain[@]}")" "$(median "${genv_plain[@]}")" 1.2
row "  over connections that are open" "$(median "${ssh_shared[@]}")" "$(median "${genv_shared[@]}")" 1.2
