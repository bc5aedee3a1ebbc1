#!/usr/bin/env bats
# kill -9 and failing system calls at every point of a change: the old record or the new one, and nothing in between.

load common

setup() {
    common_setup
    command -v strace >/dev/null || skip 'needs strace'
    strace -qq -o /dev/null true || skip 'may not trace processes here'
    export ASAN_OPTIONS=detect_leaks=0 # the leak sanitizer can't trace who is traced
}

teardown() {
    common_teardown
}

# Prints "NAME K" for each system call of a command from its first look at the state directory on: the K-th of NAME.
system_calls() {
    strace -qq -o "$SCRATCH/trace" "$@" >/dev/null 2>&1 || true
    awk -F'(' -v state="$GENV_TMPDIR" '
        /^[a-z0-9_]+\(/ {
            count[$1]++
            if (index($0, state)) seen = 1
            if (seen && $1 !~ /^exit/) print $1, count[$1]
        }' "$SCRATCH/trace"
}

# The state as others see it: which devices have which environment.
view() {
    "$GENV" devices ps --format csv --no-header | cut -d, -f1,2
}

# Runs a change ("${CHANGE[@]}"), killed at each of its system calls in turn, from the state that reset makes.
# Whatever happens, what others see is what was before or what a full run gives.
kill_everywhere() {
    local before after now name k points=0
    reset
    before=$(view)
    "${CHANGE[@]}"
    after=$(view)
    [[ $before != "$after" ]]
    reset
    system_calls "${CHANGE[@]}" >"$SCRATCH/calls"
    while read -r name k; do
        reset
        strace -qq -o /dev/null -e inject="$name:signal=KILL:when=$k" "${CHANGE[@]}" >/dev/null 2>&1 && continue
        check_records
        now=$(view 2>"$SCRATCH/stderr")
        [[ ! -s $SCRATCH/stderr ]] || { cat "$SCRATCH/stderr"; return 1; }
        [[ $now == "$before" || $now == "$after" ]] || { echo "at $name $k: $now"; return 1; }
        # No lock is stuck, and the next change leaves no rubbish.
        "$GENV" envs config --eid keeper name --name "at $name $k"
        [[ -z $(find "$GENV_TMPDIR/envs" -name '.*' -type f) ]]
        points=$((points + 1))
    done <"$SCRATCH/calls"
    echo "# killed at $points system calls" >&3
    ((points > 20))
}

@test "killed at each system call of an attach" {
    create_env keeper
    create_env victim
    "$GENV" devices attach --eid keeper --index 3
    reset() { "$GENV" devices detach --eid victim --quiet; }
    CHANGE=("$GENV" devices attach --eid victim --count 2)
    kill_everywhere
}

@test "killed at each system call of a detach" {
    create_env keeper
    create_env victim
    reset() { "$GENV" devices attach --eid victim --count 2 >/dev/null; }
    CHANGE=("$GENV" devices detach --eid victim)
    kill_everywhere
}

@test "killed at each system call of the deactivation that ends an environment" {
    create_env keeper
    start_member
    local pid=$MEMBER
    reset() {
        "$GENV" envs activate --eid victim --uid "$EUID" --pid "$pid"
        "$GENV" devices attach --eid victim --count 1 >/dev/null
    }
    CHANGE=("$GENV" envs deactivate --pid "$pid")
    kill_everywhere
}

@test "killed at each system call of a first activation, which makes the state directory" {
    start_member
    local pid=$MEMBER name k points=0
    CHANGE=("$GENV" envs activate --eid first --uid "$EUID" --pid "$pid")
    system_calls "${CHANGE[@]}" >"$SCRATCH/calls"
    while read -r name k; do
        rm -rf "$GENV_TMPDIR"
        strace -qq -o /dev/null -e inject="$name:signal=KILL:when=$k" "${CHANGE[@]}" >/dev/null 2>&1 && continue
        check_records
        "${CHANGE[@]}"
        [[ $("$GENV" envs find --pid "$pid") == first ]]
        [[ $(stat -c %a "$GENV_TMPDIR" "$GENV_TMPDIR/envs" "$GENV_TMPDIR/genv.lock" | xargs) == '1777 1777 666' ]]
        points=$((points + 1))
    done <"$SCRATCH/calls"
    echo "# killed at $points system calls" >&3
    ((points > 20))
}

@test "a failing system call of an attach is told in one line, and changes nothing" {
    create_env keeper
    create_env victim
    "$GENV" devices attach --eid keeper --index 3
    local before error name k points=0
    before=$(view)
    CHANGE=("$GENV" devices attach --eid victim --count 2)
    system_calls "${CHANGE[@]}" >"$SCRATCH/calls"
    "$GENV" devices detach --eid victim --quiet
    while read -r name k; do
        case $name in
        write | renameat* | fchmod | getrandom) error=ENOSPC ;;
        openat) error=EMFILE ;;
        flock) error=ENOLCK ;;
        *) continue ;;
        esac
        "$GENV" devices detach --eid victim --quiet
        if strace -qq -o /dev/null -e inject="$name:error=$error:when=$k" "${CHANGE[@]}" >"$SCRATCH/stdout" \
            2>"$SCRATCH/stderr"; then
            continue # it can do without: reading a lock's holder, exchanging instead of renaming
        fi
        points=$((points + 1))
        [[ $(grep -vc '^genv: warning: ' "$SCRATCH/stderr") == 1 ]] || { echo "at $name $k:"; cat "$SCRATCH/stderr"; return 1; }
        check_records
        # A write that fails on standard output comes after the commit.
        [[ $name == write || $(view) == "$before" ]] || { echo "at $name $k:"; view; return 1; }
    done <"$SCRATCH/calls"
    echo "# failed at $points system calls" >&3
    ((points > 5))
}

@test "kill -9 at random moments of changes that never stop" {
    local i rounds round pid running
    rounds=$(size 20 200)
    create_env keeper
    for i in 1 2 3; do create_env "busy$i"; done
    for ((round = 0; round < rounds; round++)); do
        for i in 1 2 3; do
            # shellcheck disable=SC2016
            bash -c 'while :; do "$0" devices attach --eid "$1" --count 1; "$0" devices detach --eid "$1"; done' \
                "$GENV" "busy$i" >/dev/null 2>&1 3>&- &
            pid[i]=$!
        done
        sleep "0.0$((RANDOM % 9))"
        for i in 1 2 3; do
            # The loop and the genv that it runs at this moment.
            kill -STOP "${pid[i]}"
            mapfile -t running < <(pgrep -P "${pid[i]}")
            kill -KILL "${pid[i]}" "${running[@]}" 2>/dev/null || true
            wait "${pid[i]}" 2>/dev/null || true
        done
        check_records
        "$GENV" envs config --eid keeper name --name "round $round"
        [[ $(attached | sort | uniq -d) == '' ]]
    done
    for i in 1 2 3; do "$GENV" devices detach --eid "busy$i" --quiet; done
    [[ $(attached) == '' ]]
    [[ -z $(find "$ENVS" -name '.*' -type f) ]]
}

@test "a full disk loses nothing and is told in one line" {
    need_root
    mkdir "$GENV_TMPDIR"
    mount -t tmpfs -o size=64k,mode=1777 tmpfs "$GENV_TMPDIR" || skip 'may not mount a small file system'
    MOUNTS+=("$GENV_TMPDIR")
    create_env keeper
    create_env victim
    "$GENV" devices attach --eid victim --count 1
    local before
    before=$(view)
    dd if=/dev/zero of="$GENV_TMPDIR/filler" bs=1k count=200 2>/dev/null || true
    run --separate-stderr "$GENV" devices attach --eid victim --count 2
    [[ $status == 1 && ${#stderr_lines[@]} == 1 && $stderr == *'No space left on device'* ]]
    run --separate-stderr "$GENV" envs activate --eid new --uid "$EUID" --pid "$MEMBER"
    [[ $status == 1 && ${#stderr_lines[@]} == 1 ]]
    check_records
    [[ $(view) == "$before" ]]
    rm "$GENV_TMPDIR/filler"
    [[ $("$GENV" devices attach --eid victim --count 2) == 0,1 ]]
}

@test "a read-only file system: looking works, changing is refused in one line" {
    need_root
    mkdir "$GENV_TMPDIR"
    mount -t tmpfs -o size=1m,mode=1777 tmpfs "$GENV_TMPDIR" || skip 'may not mount a file system'
    MOUNTS+=("$GENV_TMPDIR")
    create_env victim
    "$GENV" devices attach --eid victim --count 1
    mount -o remount,ro "$GENV_TMPDIR"
    [[ $("$GENV" devices find --eid victim) == 0 ]]
    run --separate-stderr "$GENV" devices detach --eid victim
    [[ $status == 1 && ${#stderr_lines[@]} == 1 && $stderr == *'Read-only file system'* ]]
    [[ $("$GENV" devices find --eid victim) == 0 ]]
}
