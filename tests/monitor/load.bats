#!/usr/bin/env bats
# What a thousand bad connections, garbage, and a day of scrapes do to genv monitor.
# shellcheck disable=SC2154 # set by bats

load monitor

setup() {
    monitor_setup
    ulimit -n 4096 2>/dev/null || skip 'a thousand connections need more descriptors than are allowed here'
}

teardown() { monitor_teardown; }

# What the monitor has in memory of its own, in KiB.
resident() { awk '/^RssAnon/ { print $2 }' "/proc/$MONITOR/status"; }

# Scrapes while a thousand connections do $1.
bother() {
    python3 "$GENV_SOURCE/tests/monitor/load.py" "$URL/" "$1" 1000 30 >"$SCRATCH/load" 2>&1 || {
        cat "$SCRATCH/load"
        return 1
    }
    echo "# $(<"$SCRATCH/load")" >&3
}

@test "a thousand slow, half-open, endless or senseless connections do not stop scrapes" {
    start_monitor --interval 1
    metrics >/dev/null
    before=$(resident)
    for kind in open half drip unread endless garbage bodies; do bother "$kind"; done
    # Never more descriptors than connections are allowed, and all of them are given back.
    until_so '[[ $(ls "/proc/$MONITOR/fd" | wc -l) -lt 20 ]]'
    echo "# $before KiB of its own before, $(resident) KiB after" >&3
    [[ $GENV_SANITIZE != none || $(resident) -lt $((before + 4096)) ]] # sanitizers keep what is freed
    stop_monitor TERM
}

@test "two crowds at once do not stop scrapes either" {
    start_monitor --interval 1
    python3 "$GENV_SOURCE/tests/monitor/load.py" "$URL/" half 500 100000 >/dev/null 2>&1 3>&- &
    STARTED+=($!)
    bother drip
    kill -0 "$MONITOR"
}

@test "connections that are held open never take all descriptors" {
    start_monitor --interval 1
    python3 - "${URL##*:}" "$MONITOR" <<'END'
import os, socket, sys, urllib.request
port, pid = sys.argv[1:]
held = [socket.create_connection(('127.0.0.1', int(port))) for _ in range(300)]
for one in held:
    one.setblocking(False)
    try:
        one.send(b'GET / HTTP/1.1\r\n')
    except OSError:
        pass
urllib.request.urlopen(f'http://127.0.0.1:{port}/metrics', timeout=30).read()
count = len(os.listdir(f'/proc/{pid}/fd'))
print(count)
sys.exit(count > 64 + 16)
END
}

@test "the oldest connections make room, whatever the HTTP library's version" {
    [[ $GENV_SANITIZE == none ]] || skip 'a sanitized library cannot be preloaded'
    export LD_PRELOAD=$GENV_BUILD/tests/monitor/libone_place.so
    start_monitor --interval 1
    unset LD_PRELOAD
    python3 - "${URL##*:}" <<'END'
import socket, sys, urllib.request
port = int(sys.argv[1])
held = [socket.create_connection(('127.0.0.1', port)) for _ in range(100)]
for one in held:
    one.send(b'GET')
urllib.request.urlopen(f'http://127.0.0.1:{port}/metrics', timeout=30).read()

def is_open(one):
    one.setblocking(False)
    try:
        return one.recv(1) != b''
    except BlockingIOError:
        return True
    except OSError:
        return False

still = [n for n, one in enumerate(held) if is_open(one)]
print(still)
# The time limit would have ended those that came first, up to the most that there may be.
assert 0 not in still and 60 in still and 99 in still
END
}

@test "a crowd takes no place from one whose request is on its way" {
    start_monitor --interval 1
    python3 - "${URL##*:}" <<'END'
import socket, sys
port = int(sys.argv[1])
one = socket.create_connection(('127.0.0.1', port))
crowd = [socket.create_connection(('127.0.0.1', port)) for _ in range(100)]
for each in crowd:
    each.send(b'GET')
while crowd.pop(0).recv(1) != b'':  # until the first of them made room
    pass
one.sendall(b'GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n')
assert one.recv(100).startswith(b'HTTP/1.1 200')
END
}

@test "requests that are no HTTP are refused or dropped, one by one" {
    start_monitor
    python3 - "${URL##*:}" <<'END'
import os, random, socket, sys, urllib.request
port = int(sys.argv[1])
chance = random.Random(1)
pieces = [b'GET ', b'HEAD ', b'/metrics', b'/', b' HTTP/1.1', b' HTTP/1.0', b' HTTP/9.9', b'\r\n', b'\n', b'\r', b'Host: ', b'localhost',
          b'Content-Length: ', b'-1', b'99999999999999999999', b'Transfer-Encoding: chunked', b'\0', b'\xff' * 9, b'A' * 5000, b': ', b' ',
          b'Accept: ', b';q=', b'%00', b'../', b'?', b'Expect: 100-continue', b'Connection: keep-alive', b'Range: bytes=0-1']
for _ in range(2000):
    request = b''.join(chance.choice(pieces) for _ in range(chance.randrange(1, 25))) + chance.choice([b'', b'\r\n\r\n'])
    with socket.create_connection(('127.0.0.1', port)) as one:
        one.settimeout(0.02)  # some are half a request, and get no answer
        try:
            one.sendall(request)
            one.shutdown(socket.SHUT_WR)
            answer = one.recv(65536)
        except OSError:
            continue
        assert answer == b'' or answer.startswith(b'HTTP/1.'), (request, answer)
assert b'genv_host_up 1' in urllib.request.urlopen(f'http://127.0.0.1:{port}/metrics', timeout=30).read()
END
    stop_monitor TERM
}

@test "a day of scrapes, on a machine that changes, takes no more memory than an hour of them" {
    [[ $GENV_SANITIZE == none ]] || skip 'sanitizers keep what is freed'
    start_monitor --interval 0.1
    python3 - "$URL" "$MONITOR" "$GENV_SIMULATOR" <<'END'
import json, os, sys, urllib.request
url, pid, machine = sys.argv[1:]

def own_kib():
    return int(next(line for line in open(f'/proc/{pid}/status') if line.startswith('RssAnon')).split()[1])

def move(step):
    world = {'devices': [{'uuid': f'GPU-{n}', 'utilization': (step + n) % 101,
                          'processes': [{'pid': 1 + step % 7, 'used_memory': (step % 50) << 20}]} for n in range(8)]}
    with open(machine + '.new', 'w') as file:
        json.dump(world, file)
    os.rename(machine + '.new', machine)

used = []
for step in range(8640):  # one each ten seconds
    if step % 20 == 0:
        move(step)
    urllib.request.urlopen(url + '/metrics', timeout=30).read()
    if step % 10 == 0:
        for path in ('/', '/api/v1/overview', '/api/v1/history', '/nothing'):
            try:
                urllib.request.urlopen(url + path, timeout=30).read()
            except urllib.error.HTTPError:
                pass
    if step % 360 == 359:
        used.append(own_kib())
print('# KiB of its own, hour by hour:', *used)
sys.exit(used[-1] > used[0] + 512)
END
}

@test "eight devices and a hundred environments are served from little memory" {
    [[ $GENV_SANITIZE == none ]] || skip 'sanitizers take memory of their own'
    world '{"devices": [{"uuid": "GPU-0"}, {"uuid": "GPU-1"}, {"uuid": "GPU-2"}, {"uuid": "GPU-3"},
        {"uuid": "GPU-4"}, {"uuid": "GPU-5"}, {"uuid": "GPU-6"}, {"uuid": "GPU-7"}]}'
    sleep 1000 3>&- &
    STARTED+=($!)
    for ((i = 0; i < 100; i++)); do
        "$GENV" envs activate --eid "env-$i" --uid "$(id -u)" --pid "${STARTED[-1]}"
        "$GENV" envs config --eid "env-$i" gpu-memory --gpu-memory 1gi
        "$GENV" devices attach --eid "env-$i" --count 1 >/dev/null
    done
    start_monitor --interval 1
    expect_lines 'genv_environments_total 100' 'genv_environment_memory_held_bytes{eid="env-99"} 1073741824'
    for ((i = 0; i < 100; i++)); do metrics >/dev/null; done
    curl -s "$URL/api/v1/overview" "$URL/api/v1/history" "$URL/api/v1/snapshot" >/dev/null
    echo "# resident: $(awk '/^VmRSS/ { print $2 }' "/proc/$MONITOR/status") KiB" >&3
    [[ $(awk '/^VmRSS/ { print $2 }' "/proc/$MONITOR/status") -le 8192 ]]
}
