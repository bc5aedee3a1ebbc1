#!/usr/bin/env bash
# What genv's runtime adds to the start of a container: runc alone, genv's runtime for a container that does not ask for
# genv, and for one with a device, in turns. container.bash BUILD
set -euo pipefail

ROUNDS=60
SOURCE=$(dirname "$(dirname "$(readlink -f "$0")")")
build=$(readlink -f "$1")

cannot() {
    echo "containers: not measured: $*"
    exit 0
}
((EUID == 0)) || cannot 'needs root'
runc=$("$SOURCE/tests/fetch" runc) || cannot "$runc"
busybox=$("$SOURCE/tests/fetch" busybox) || cannot "$busybox"
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
export GENV_TMPDIR=$folder/state GENV_DEVICES=8 GENV_RUNTIME=$runc/runc

for name in plain asking; do
    mkdir -p "$folder/$name/rootfs/"{bin,proc,dev,sys}
    cp "$busybox/busybox" "$folder/$name/rootfs/bin/true"
    (cd "$folder/$name" && "$GENV_RUNTIME" spec)
    jq --arg name "$name" '.process.terminal = false | .process.args = ["true"] | .linux.namespaces -= [{type: "network"}] |
        .process.env += (if $name == "asking" then ["GENV_GPUS=1"] else [] end)' "$folder/$name/config.json" >"$folder/config"
    mv "$folder/config" "$folder/$name/config.json"
done
start() {
    "$1" --root "$folder/run" run --bundle "$folder/$2" "bench-$$" </dev/null
}
start "$GENV_RUNTIME" plain 2>"$folder/err" || cannot "runc starts no containers here: $(tail -n 1 "$folder/err")"

# All in turns, since machines are noisy; in milliseconds.
median() {
    sort -n "$1" | awk '{ value[NR] = $1 } END { print value[int((NR + 1) / 2)] }'
}
for ((round = 0; round < ROUNDS; round++)); do
    for what in runc:plain genv:plain genv:asking; do
        program=$GENV_RUNTIME
        [[ $what == runc:* ]] || program=$build/src/container/genv-container-runtime
        begin=${EPOCHREALTIME/./}
        start "$program" "${what#*:}"
        echo "$(((${EPOCHREALTIME/./} - begin)))" >>"$folder/$what"
    done
done
row() {
    printf '%-44s %-14s %-15s %-14s %s\n' "$1" "$2" "$3" "${4-}" "${5-}"
}
alone=$(median "$folder/runc:plain")
ms() { awk "BEGIN { printf \"%.2f ms\", $1 / 1000 }"; }
row 'runc run' "$(ms "$alone")" 1
for what in genv:plain genv:asking; do
    took=$(median "$folder/$what")
    name="  through genv, asking for nothing"
    [[ $what == genv:plain ]] || name="  through genv, with a device"
    row "$name" "$(ms "$took")" "$(awk "BEGIN { printf \"%.2f x runc\", $took / $alone }")" '+ 10 ms' \
        "$( ((took - alone <= 10000)) && echo ok || echo over)"
done
