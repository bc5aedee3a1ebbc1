#!/usr/bin/env bats
# Many hosts at once: bounded processes and memory, none lost, and nothing left behind when it is interrupted.

load hosts

setup_file() {
    hosts_setup || return 0
    local i
    for i in 1 2 3 4; do
        hosts_start "host$i" 2
    done
    hosts_start stuck 2
    printf '#!/bin/sh\nexec sleep 1000\n' >"$HOSTS/program"
    hosts_program stuck "$HOSTS/program"
    hosts_fake hole full
    hosts_fake silent silent
}

teardown_file() {
    hosts_teardown
}

setup() {
    hosts_check
}

# $1 names, comma-separated, for the hosts given behind it, in turn.
names() {
    local count=$1 hosts=("${@:2}") i
    for ((i = 0; i < count; i++)); do
        echo "n$i.${hosts[i % ${#hosts[@]}]}"
    done | paste -sd, -
}

# Alice's processes "ssh …" but for shared connections that wait, a line each. What runs on the hosts, which are this
# machine, is not meant: a genv that hangs there, and the shell that waits for it, stay.
calls() {
    ps -o pid=,args= --user "$ALICE" | grep -E '^ *[0-9]+ (ssh|sh|python3) ' | grep -v ' -c echo genv-session ' || true
}

# Runs genv as Alice in the background, with these arguments; its PID is in $pid, and in $job that of what to wait for.
start_genv() {
    rm -f "$HOSTS/home/$ALICE/pid"
    as_alice bash -c 'echo $$ >pid && exec genv "$@"' - "$@" >"$HOSTS/out" 2>"$HOSTS/err" 3>&- &
    job=$!
    hosts_wait_for '[[ -s $HOSTS/home/$ALICE/pid ]]'
    pid=$(<"$HOSTS/home/$ALICE/pid")
}

# Looks at process $pid until it ends: $peak is how many children it had at once, $memory the KiB it held at most.
watch() {
    local children now
    peak=0 memory=0
    while hosts_lives "$pid"; do
        children=$(hosts_count_children)
        ((children <= peak)) || peak=$children
        now=$(sed -n 's/^VmHWM:[[:space:]]*\([0-9]*\).*/\1/p' "/proc/$pid/status" 2>/dev/null || true)
        [[ -z $now ]] || memory=$now
        sleep 0.02
    done
}

hosts_count_children() {
    ps -o pid= --ppid "$pid" | wc -l
}

# The csv that as many names in turn are to give.
expect_lines() {
    diff <(tr , '\n' <<<"$1" | sed 's/$/,2,2/') "$2"
}

@test "hundreds of names for 4 machines: all are served in their order, by at most 32 processes in little memory" {
    local count list status=0
    count=$(size 120 500)
    list=$(names "$count" host1 host2 host3 host4)
    # Connections of tests before.
    hosts_end_processes "$ALICE"
    rm -rf "$HOSTS/run/$ALICE/genv-ssh"
    start_genv remote -H "$list" -t 300 devices --format csv --no-header --no-summary
    watch
    wait "$job" || status=$?
    cat "$HOSTS/err"
    [[ $status == 0 && ! -s $HOSTS/err ]]
    expect_lines "$list" "$HOSTS/out"
    echo "# $count hosts: at most $peak processes at once, $memory KiB" >&3
    ((peak > 1 && peak <= 32))
    # Text of all answers together is more than that.
    [[ $GENV_SANITIZE != none ]] || ((memory > 0 && memory < 16384))
    # So many connections are not kept.
    [[ -z $(find "$HOSTS/run/$ALICE/genv-ssh" -type s) ]]
}

@test "one sshd turns away some of the many that come at once: none is lost" {
    local list
    hosts_start crowded 2
    list=$(names 60 crowded)
    run --separate-stderr as_alice genv remote -H "$list" -t 120 devices --format csv --no-header --no-summary
    echo "$stderr"
    [[ $status == 0 && -z $stderr ]]
    expect_lines "$list" - <<<"$output"
    echo "# turned away: $(grep -c '^drop connection' "$HOSTS/crowded/log")" >&3
}

# ssh goes through a program that hangs up on the first $1 calls, or on those after the first $2.
hang_up_first() {
    echo "${2-0} $1" >"$HOSTS/home/$ALICE/left"
    chown "$ALICE:" "$HOSTS/home/$ALICE/left"
    cat >"$HOSTS/fussy" <<'END'
#!/usr/bin/env python3
import array, fcntl, os, socket, sys

with open(os.path.expanduser("~/left"), "r+") as file:
    fcntl.flock(file, fcntl.LOCK_EX)
    served, left = map(int, file.read().split())
    file.seek(0)
    file.truncate()
    file.write(f"{max(served - 1, 0)} {left if served else max(left - 1, 0)}\n")
if left > 0 and not served:
    ours, theirs = socket.socketpair()
    theirs.close()
else:
    ours = socket.create_connection((sys.argv[1], int(sys.argv[2])))
stdout = socket.socket(fileno=1)
stdout.sendmsg([b"\0"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [ours.fileno()]))])
END
    chmod 755 "$HOSTS/fussy"
    cat >>"$HOSTS/ssh_config" <<END
Host fussy.*
    ProxyCommand $HOSTS/fussy %h %p
    ProxyUseFdpass yes
Host fussy.host2
    ControlPath none
END
}

@test "a host that hangs up is called again, four times" {
    hang_up_first 4
    run --separate-stderr as_alice genv remote -H fussy.host1 -t 60 devices --format csv --no-header --no-summary
    echo "$stderr"
    [[ $status == 0 && $output == fussy.host1,2,2 && -z $stderr ]]
    as_alice ssh -F "$HOSTS/run/$ALICE/genv-ssh/config" -O exit fussy.host1
    hang_up_first 100
    run --separate-stderr as_alice genv remote -H fussy.host1 -t 60 devices
    echo "$stderr"
    [[ $status == 1 && ${stderr_lines[0]} == 'genv: fussy.host1: the host closed the connection before '* ]]
    [[ $(<"$HOSTS/home/$ALICE/left") == '0 95' ]]
}

@test "a session is begun again where its connection is turned away, four times" {
    hang_up_first 4 1
    run --separate-stderr as_alice genv remote -H fussy.host2 -t 60 run --gpus 1 -- sh -c 'echo "$CUDA_VISIBLE_DEVICES"; cat' <<<input
    echo "$output $stderr"
    [[ $status == 0 && $output == $'0\ninput' && -z $stderr ]]
    [[ $(<"$HOSTS/home/$ALICE/left") == '0 0' ]]
    hang_up_first 100 1
    run --separate-stderr as_alice genv remote -H fussy.host2 -t 60 run --gpus 1 -- true
    echo "$stderr"
    [[ $status == 1 && ${stderr_lines[0]} == 'genv: fussy.host2: the host closed the connection before '* ]]
    [[ $(<"$HOSTS/home/$ALICE/left") == '0 95' ]]
}

@test "SIGINT, SIGTERM and SIGHUP end every child, and genv by that signal" {
    local signal number
    for signal in INT TERM HUP; do
        number=$(kill -l "$signal")
        # A shell starts a job in the background with SIGINT ignored.
        as_alice python3 -c 'import os, signal, sys
signal.signal(signal.SIGINT, signal.SIG_DFL)
open("pid", "w").write(str(os.getpid()))
os.execvp(sys.argv[1], sys.argv[1:])' genv remote -H "hole,silent,$(names 20 stuck)" -t 300 devices >/dev/null 2>&1 3>&- &
        job=$!
        hosts_wait_for '(($(calls | wc -l) >= 22))'
        pid=$(<"$HOSTS/home/$ALICE/pid")
        status=0
        kill -s "$signal" "$pid"
        wait "$job" || status=$?
        # By a signal, or what a shell says of one.
        [[ $status == $((128 + number)) ]] || { echo "$signal: $status"; return 1; }
        calls
        [[ -z $(calls) ]]
    done
}

@test "a signal that was ignored when genv began stays ignored" {
    start_genv remote -H host1 devices
    wait "$job"
    as_alice bash -c 'trap "" HUP; echo $$ >pid; exec genv remote -H stuck,host1 -t 3 devices --format csv --no-header --no-summary' \
        >"$HOSTS/out" 2>"$HOSTS/err" 3>&- &
    job=$!
    hosts_wait_for '[[ $(calls) == *stuck* ]]'
    kill -HUP "$(<"$HOSTS/home/$ALICE/pid")"
    wait "$job"
    [[ $(<"$HOSTS/out") == host1,2,2 && $(<"$HOSTS/err") == 'genv: stuck: no response within 3 seconds'* ]]
}

@test "children end with a genv that is killed" {
    start_genv remote -H "hole,silent,$(names 10 stuck)" -t 300 devices
    hosts_wait_for '(($(calls | wc -l) >= 12))'
    kill -KILL "$pid"
    wait "$job" || true
    hosts_wait_for '[[ -z $(calls) ]]'
}

@test "what ssh starts to reach a host ends, too, with the time limit" {
    cat >>"$HOSTS/ssh_config" <<END
Host proxied
    ProxyCommand sh -c "trap '' TERM HUP; while :; do sleep 0.1; done"
END
    run --separate-stderr as_alice genv remote -H proxied,host1 -t 1 devices --format csv --no-header --no-summary
    [[ $status == 0 && $output == host1,2,2 && $stderr == 'genv: proxied: no response within 1 second'* ]]
    hosts_wait_for '[[ -z $(calls) ]]'
}

@test "few descriptors: fewer at once, none lost" {
    local limit list
    list=$(names 40 host1 host2)
    for limit in 20 32 64; do
        run --separate-stderr as_alice bash -c 'ulimit -n "$1"; shift; exec genv remote "$@"' - "$limit" \
            -H "$list" -t 120 devices --format csv --no-header --no-summary
        echo "$limit: $status $stderr"
        [[ $status == 0 && -z $stderr ]]
        expect_lines "$list" - <<<"$output"
    done
}

@test "few processes: fewer at once, none lost" {
    local list limit dead
    list=$(names 40 host1 host2)
    hosts_end_processes "$ALICE"
    dead=$(ps -o pid= --user "$ALICE" | wc -l) # until somebody has waited for them they count
    # There they count as Bob's.
    cp "$HOSTS/$BOB.keys" "$HOSTS/bob.aside"
    cat "$HOSTS/$ALICE.keys" >>"$HOSTS/$BOB.keys"
    for limit in 10 40; do
        run --separate-stderr as_alice bash -c 'ulimit -u "$1"; shift; exec genv remote "$@"' - "$((limit + dead))" \
            -H "$list" -l "$BOB" -t 120 devices --format csv --no-header --no-summary
        echo "$limit: $status $stderr"
        [[ $status == 0 && -z $stderr ]]
        expect_lines "$list" - <<<"$output"
    done
    # Most of those that the limit allows are taken: fork(2) fails on the way.
    run --separate-stderr as_alice bash -c '
        for ((i = 0; i < 92; i++)); do
            sleep 1000 <&- >&- 2>&- &
        done
        ulimit -u "$1"
        shift
        genv remote "$@"
        status=$?
        kill $(jobs -p)
        exit $status' - "$((96 + dead))" -H "$list" -l "$BOB" -t 120 devices --format csv --no-header --no-summary
    echo "$status $stderr"
    mv "$HOSTS/bob.aside" "$HOSTS/$BOB.keys"
    [[ $status == 0 && -z $stderr ]]
    expect_lines "$list" - <<<"$output"
}

@test "the connections that stay hold nothing of the caller's" {
    as_alice ssh -F "$HOSTS/run/$ALICE/genv-ssh/config" -O exit host2 || true
    as_alice bash -c 'exec 9>lock; flock 9; genv remote -H host2 devices </dev/null >/dev/null; : still held'
    [[ -n $(find "$HOSTS/run/$ALICE/genv-ssh" -type s) ]]
    as_alice flock -n lock true
    # The end of a pipe is seen at once, and what is on standard input is left to others.
    run --separate-stderr as_alice bash -c 'genv remote -H host2,host3 devices --no-summary --no-header | cat >/dev/null; cat' <<<input
    [[ $status == 0 && $output == input ]]
}
