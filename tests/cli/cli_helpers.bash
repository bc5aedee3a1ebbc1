# What the tests of the command line share: a state of their own, and processes to register in it.
# shellcheck disable=SC2034,SC2154 # used by the tests, and set by bats

bats_require_minimum_version 1.5.0

setup() {
    unset "${!GENV_ENVIRONMENT@}" "${!CUDA_@}" GENV_GPUS GENV_GPU_MEMORY GENV_LOCK GENV_VISIBLE_DEVICES NO_COLOR
    export GENV_TMPDIR=$BATS_TEST_TMPDIR/state GENV_DEVICES=4 HOME=$BATS_TEST_TMPDIR/home LC_ALL=C TZ=UTC
    PATH=$(dirname "$GENV_BIN"):$PATH
    mkdir -p "$HOME" "$BATS_TEST_TMPDIR/project"
    cd "$BATS_TEST_TMPDIR/project" || return
    members=()
}

teardown() {
    local pid
    for pid in "${members[@]}"; do
        kill "$pid" 2>/dev/null || true
        wait "$pid" 2>/dev/null || true
    done
}

# Starts a process that can be a member of an environment; its PID is in $member.
start_member() {
    sleep 600 3>&- &
    member=$!
    members+=("$member")
}

# Makes the environment $1, named $2 if given, with a process of its own.
make_env() {
    start_member
    genv envs activate --eid "$1" --pid "$member"
    [ -z "${2-}" ] || genv envs config --eid "$1" name --name "$2"
}

# Runs the command line behind it and compares all that it says: its status with $1, its output with $2.
expect() {
    local wanted_status=$1 wanted=$2
    local check=()
    shift 2
    [ "$wanted_status" -ne 127 ] || check=(-127) # bats warns of one that nobody expects
    run "${check[@]}" --separate-stderr "$@"
    if [ "$status" -ne "$wanted_status" ] || [ "$output" != "$wanted" ]; then
        printf '%q ' "$@"
        printf '\nstatus %s, not %s; standard error:\n%s\n' "$status" "$wanted_status" "$stderr"
        diff <(printf '%s\n' "$wanted") <(printf '%s\n' "$output")
        return 1
    fi
}

# A command line that is not understood: status 2, nothing on standard output, and one line on standard error that
# contains $1 and says how to get help.
expect_usage_error() {
    local wanted=$1
    shift
    expect 2 '' "$@"
    printf '%s\n' "$stderr"
    [ "${#stderr_lines[@]}" -eq 1 ]
    [[ $stderr == 'genv: '*"$wanted"*"(try 'genv "*"--help')" ]]
}

# A command that does not exist, named $1: status 2, and one line that says where the list of commands is (genv help $2).
expect_unknown_command() {
    local name=$1 list=$2
    shift 2
    expect 2 '' "$@"
    [ "$stderr" = "genv: unknown command '$name': see 'genv help${list:+ $list}'" ]
}

# A command that is refused: status 1, nothing on standard output, and one line that contains $1.
expect_refusal() {
    local wanted=$1
    shift
    expect 1 '' "$@"
    printf '%s\n' "$stderr"
    [ "${#stderr_lines[@]}" -eq 1 ]
    [[ $stderr == 'genv: '*"$wanted"* ]]
}
