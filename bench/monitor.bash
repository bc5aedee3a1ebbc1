#!/usr/bin/env bash
# What a scrape of `genv monitor` costs: 8 simulated devices, 100 environments. monitor.bash GENV
set -euo pipefail

GENV=$(readlink -f "$1")
ROUNDS=200

command -v curl >/dev/null || {
    echo 'genv monitor: not measured: curl is not installed'
    exit 0
}
folder=$(mktemp -d)
export GENV_TMPDIR=$folder/state GENV_DEVICES=8
sleep 1000 &
member=$!
monitor=

finish() {
    kill "$member" ${monitor:+"$monitor"} 2>/dev/null || true
    wait
    rm -rf "$folder"
}
trap finish EXIT

for ((i = 0; i < 100; i++)); do
    "$GENV" envs activate --eid "bench-$i" --pid "$member"
    "$GENV" envs config --eid "bench-$i" gpu-memory --gpu-memory 1g
    "$GENV" devices attach --eid "bench-$i" --count 1 >/dev/null
done
"$GENV" monitor --port 0 --interval 3600 --config-dir "$folder/metrics" >"$folder/out" &
monitor=$!
until grep -q ^Serving "$folder/out"; do sleep 0.05; done
url=$(sed -n 's#^Serving .* \(http://.*/metrics\)$#\1#p' "$folder/out")
until curl -sf "$url" >"$folder/first"; do sleep 0.05; done

# One connection, as Prometheus keeps one.
ms=$(python3 - "$url" "$ROUNDS" <<'END'
import http.client, statistics, sys, time, urllib.parse

url, rounds = urllib.parse.urlsplit(sys.argv[1]), int(sys.argv[2])
connection = http.client.HTTPConnection(url.hostname, url.port)
times = []
for _ in range(rounds):
    begin = time.perf_counter()
    connection.request("GET", url.path)
    answer = connection.getresponse()
    text = answer.read()
    times.append(time.perf_counter() - begin)
    assert answer.status == 200 and text.count(b"genv_environment_idle_seconds{") == 100, answer.status
print(f"{statistics.median(times) * 1000:.2f}")
END
)
kib=$(sed -n 's/^VmHWM:[^0-9]*\([0-9]*\).*/\1/p' "/proc/$monitor/status")

row() {
    printf '%-44s %-14s %-15s %-14s %s\n' "$1" "$2" '' "$3" "$4"
}
row 'scrape: 8 devices, 100 environments' "$ms ms" '2 ms' "$(awk "BEGIN { print $ms <= 2 ? \"ok\" : \"over\" }")"
row '  resident' "$kib KiB" '8192 KiB' "$( ((kib <= 8192)) && echo ok || echo over)"
