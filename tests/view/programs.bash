# What the tests of real programs share: the programs, the simulated machine, and who looks at it.
# shellcheck shell=bash
# shellcheck disable=SC2034 # used by the tests

bats_require_minimum_version 1.5.0

SIMULATOR=$GENV_NVML
BUILT=$(dirname "$GENV_BIN")/..
CHECK=$GENV_SOURCE/tests/view/programs.py

DRIVERS=(535.261.03 550.163.01 555.58.02)
NVIDIA_SMI_MODES=(table list query xml query_gpu query_apps pmon pmon_memory dmon dmon_memory topo)

# The words of nvidia-smi for a mode, in WORDS.
words_of() {
    # shellcheck disable=SC2054 # the commas are nvidia-smi's
    case $1 in
    table) WORDS=() ;;
    list) WORDS=(-L) ;;
    query) WORDS=(-q) ;;
    xml) WORDS=(-x -q) ;;
    query_gpu) WORDS=(--query-gpu=index,uuid,memory.total,memory.used,memory.free,utilization.gpu --format=csv) ;;
    query_apps) WORDS=(--query-compute-apps=pid,process_name,used_memory,gpu_uuid --format=csv) ;;
    pmon) WORDS=(pmon -c 1) ;;
    pmon_memory) WORDS=(pmon -c 1 -s m) ;;
    dmon) WORDS=(dmon -c 1) ;;
    dmon_memory) WORDS=(dmon -c 1 -s m) ;;
    topo) WORDS=(topo -m) ;;
    esac
}

# ---- The programs, which are other people's.

# $BATS_FILE_TMPDIR/WHAT says where each is, or WHAT.missing why it is not.
fetch_programs() {
    local what
    for what in "${DRIVERS[@]%%.*}" nvtop python; do
        if ! "$GENV_SOURCE/tests/fetch" "$what" >"$BATS_FILE_TMPDIR/$what" 3>&-; then
            mv "$BATS_FILE_TMPDIR/$what" "$BATS_FILE_TMPDIR/$what.missing"
        fi
    done
}

# The folder of a program.
program() {
    cat "$BATS_FILE_TMPDIR/$1"
}

# Skips the test unless the program, that of a driver such as 550, nvtop or python, is there.
need() {
    [[ $GENV_SANITIZE == none ]] || skip "a sanitized library can't be loaded into other people's programs"
    [[ ! -e $BATS_FILE_TMPDIR/$1.missing ]] || skip "$(<"$BATS_FILE_TMPDIR/$1.missing")"
}

# The two users; without root there is one.
ALICE=()
BOB=()
if ((EUID == 0)); then
    ALICE=(setpriv --reuid 60601 --regid 60601 --clear-groups)
    BOB=(setpriv --reuid 60602 --regid 60602 --clear-groups)
fi

# ---- The machine: four devices, processes of two users (of one, without root), three environments and a detached one.

# Starts a process of the user $2 in the background, with GENV_ENVIRONMENT_ID=$3 unless that is empty: PIDS[$1].
start_process() {
    local as=("${ALICE[@]}")
    if [[ $2 == bob ]]; then as=("${BOB[@]}"); fi
    if [[ $3 ]]; then as+=(env "GENV_ENVIRONMENT_ID=$3"); fi
    "${as[@]}" sleep 1000 >/dev/null 2>&1 </dev/null 3>&- &
    PIDS[$1]=$!
    echo "${PIDS[$1]}" >>"$WORLD/pids"
    until [[ $(<"/proc/${PIDS[$1]}/comm") == sleep ]]; do sleep 0.01; done
}

# Environment $1 with PIDS[$1] as a member, the capacity $2 unless empty, attached to the devices behind.
make_environment() {
    local eid=$1 capacity=$2 index
    "$GENV_BIN" envs activate --eid "$eid" --uid "$(stat -c %u "/proc/${PIDS[$eid]}")" --pid "${PIDS[$eid]}"
    [[ -z $capacity ]] || "$GENV_BIN" envs config --eid "$eid" gpu-memory --gpu-memory "$capacity"
    for index in "${@:3}"; do
        "$GENV_BIN" devices attach --eid "$eid" --index "$index" >/dev/null
    done
}

# The folder of a machine, in WORLD, where other users get at it too, and its state directory.
make_folders() {
    WORLD=$(mktemp -d /tmp/genv-test.XXXXXX)
    export WORLD GENV_TMPDIR=$WORLD/state
    mkdir "$WORLD/alice" "$WORLD/bob"
    chmod 755 "$WORLD"
    # What other users run must not be below a folder such as /root.
    cp "$CHECK" "$WORLD"
    if ((EUID == 0)); then
        chown 60601 "$WORLD/alice"
        chown 60602 "$WORLD/bob"
    fi
    unset "${!GENV_ENVIRONMENT@}" "${!CUDA_@}" GENV_DEVICES GENV_BYPASS GENV_VIEW_LIBRARY
}

make_world() {
    local driver eid pairs=()
    declare -gA PIDS=()
    make_folders
    start_process a alice ''
    start_process a-child alice a
    start_process b alice ''
    start_process c bob ''
    start_process stranger bob ''
    # A single user would be telling the truth.
    if ((EUID == 0)); then start_process liar bob a; else start_process liar bob nothing; fi
    for eid in "${!PIDS[@]}"; do pairs+=("$eid=${PIDS[$eid]}"); done
    for driver in "${DRIVERS[@]}"; do
        mkdir "$WORLD/${driver%%.*}"
        "$CHECK" world "$WORLD/${driver%%.*}" "$driver" "${pairs[@]}"
    done

    start_process d alice ''
    export LD_LIBRARY_PATH=$SIMULATOR GENV_SIMULATOR=$WORLD/550/idle.json
    make_environment a '' 0 2
    make_environment b 4gi 1
    make_environment c 4gi 1
    make_environment d ''
    unset LD_LIBRARY_PATH GENV_SIMULATOR
}

remove_world() {
    local pid
    while read -r pid; do
        kill -KILL "$pid" 2>/dev/null || true
    done <"$WORLD/pids"
    rm -rf "$WORLD"
}

# ---- Looks.

# Prepares a look by $1: "bare" is the administrator, without an environment; others are in the environment of that
# name. $2 is the driver, $3 the machine's file. AS runs a command as that one; nvidia-smi is then the driver's, in an
# environment behind the shim; VIEW shows other programs the environment.
be() {
    local user=() home=$WORLD/alice path
    path=$(program "$2"):$PATH
    VIEW=("$GENV_BIN" view --)
    case $1 in
    bare) VIEW=() ;;
    c) user=("${BOB[@]}") home=$WORLD/bob ;;
    *) user=("${ALICE[@]}") ;;
    esac
    if [[ $1 != bare ]]; then path=$BUILT/shims:$path; fi
    AS=("${user[@]}" env "PATH=$path" "HOME=$home" USER=genv-test LOGNAME=genv-test LC_ALL=C.UTF-8 TERM=screen
        "GENV_SIMULATOR=$WORLD/$2/$3.json" "LD_LIBRARY_PATH=$SIMULATOR" "TMUX_TMPDIR=$home")
    if [[ $1 != bare ]]; then AS+=("GENV_ENVIRONMENT_ID=$1"); fi
    AS+=(timeout 60)
}

# Compares what the program printed, $output, with what is right for $1; says what was looked at.
judge() {
    local viewer=$1 driver=$2 mode=$3
    if "$CHECK" check "$mode" "$WORLD/$driver/truth-$viewer.json" <<<"$output"; then
        echo "right: $mode on $driver, $viewer"
    else
        echo "WRONG: $mode on $driver, $viewer"
        return 1
    fi
}

# What nvidia-smi of driver $2 shows to $1 in each mode, and its status; of the machine $3.
look_with_nvidia_smi() {
    local viewer=$1 driver=$2 mode failures=0
    be "$viewer" "$driver" "${3-world}"
    for mode in "${NVIDIA_SMI_MODES[@]}"; do
        words_of "$mode"
        run "${AS[@]}" nvidia-smi "${WORDS[@]}" </dev/null
        ((status == 0)) || { echo "status $status: $mode on $driver, $viewer" && failures=$((failures + 1)); }
        judge "$viewer" "$driver" "$mode" || failures=$((failures + 1))
    done
    return "$failures"
}

# What a Python program, the words from $3 on, shows to $1.
look_with_python() {
    local viewer=$1 mode=$2
    be "$viewer" 550 world
    need_python_of_ours
    run --separate-stderr "${AS[@]}" "${VIEW[@]}" "$(program python)/bin/$3" "${@:4}" </dev/null
    ((status == 0)) || { echo "status $status: $mode, $viewer: $output $stderr" && return 1; }
    judge "$viewer" 550 "$mode"
}

need_python_of_ours() {
    "${AS[@]}" "$(program python)/bin/python" -c '' 2>/dev/null || skip "Python is out of another user's reach here"
}

# nvtop draws on a terminal: looked at until it is right, and then once more, so that nothing may come later either.
look_with_nvtop() {
    local viewer=$1 i right=1
    be "$viewer" 550 world
    start_nvtop
    for ((i = 0; i < 40 && right != 0; i++)); do
        sleep 0.25
        output=$(capture_nvtop)
        right=0
        judge "$viewer" 550 nvtop >/dev/null || right=1
    done
    sleep 1.5
    output=$(capture_nvtop)
    stop_nvtop
    judge "$viewer" 550 nvtop
}

start_nvtop() {
    "${AS[@]}" tmux -L genv-test -f /dev/null new-session -d -x 180 -y 50 \
        "${VIEW[*]} $(program nvtop)/nvtop -C -p" 3>&-
}

capture_nvtop() {
    "${AS[@]}" tmux -L genv-test capture-pane -p 2>&1
}

stop_nvtop() {
    "${AS[@]}" tmux -L genv-test kill-server 2>/dev/null || true
}

# What the words print to $1 on the machine $2, with the status, without what differs each time.
print_of() {
    local viewer=$1 machine=$2 driver=$3
    be "$viewer" "$driver" "$machine"
    shift 3
    if [[ $1 == nvidia-smi ]]; then VIEW=(); fi
    run "${AS[@]}" "${VIEW[@]}" "$@" </dev/null
    grep -Ev '[0-9]{2}:[0-9]{2}:[0-9]{2} 20[0-9]{2}|"query_time"|^\[ (CPU|MEM):' <<<"$output" || true
    echo "status $status"
}

# The words print the same in environment $1 on machine $2 as on the bare machine $3; driver $4.
expect_like() {
    local viewer=$1 machine=$2 like=$3 driver=$4 seen wanted
    shift 4
    seen=$(print_of "$viewer" "$machine" "$driver" "$@")
    wanted=$(print_of bare "$like" "$driver" "$@")
    [[ $seen == "$wanted" ]] || {
        echo "WRONG: $* as $viewer on $machine, compared with $like:"
        diff <(echo "$wanted") <(echo "$seen")
        return 1
    }
}
