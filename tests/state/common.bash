# What the tests of the state directory share: a private one with simulated devices, members that live until the end,
# and looks at the records that do not go through genv.
# shellcheck shell=bash

load ../size

common_setup() {
    bats_require_minimum_version 1.5.0
    unset GENV_ENVIRONMENT_ID GENV_LOCK GENV_MOCK_DEVICE_COUNT GENV_MOCK_DEVICE_TOTAL_MEMORY
    GENV=$GENV_BIN
    # Where other users get at it too, whatever the permissions above $BATS_TEST_TMPDIR are.
    SCRATCH=$(mktemp -d /tmp/genv-test.XXXXXX)
    chmod 755 "$SCRATCH"
    export GENV_TMPDIR=$SCRATCH/state GENV_DEVICES=4
    ENVS=$GENV_TMPDIR/envs
    MEMBERS=()
    MOUNTS=()
}

common_teardown() {
    local i
    for ((i = ${#MEMBERS[@]} - 1; i >= 0; i--)); do
        kill -KILL "${MEMBERS[i]}" 2>/dev/null || true
        wait "${MEMBERS[i]}" 2>/dev/null || true
    done
    for ((i = ${#MOUNTS[@]} - 1; i >= 0; i--)); do
        umount "${MOUNTS[i]}"
    done
    rm -rf "$SCRATCH"
}

need_root() {
    ((EUID == 0)) || skip 'needs root, to act as several users'
}

# The two users of the tests need no entry in passwd(5).
ALICE=(setpriv --reuid 60601 --regid 60601 --clear-groups)
BOB=(setpriv --reuid 60602 --regid 60602 --clear-groups)
as_alice() { "${ALICE[@]}" "$@"; }
as_bob() { "${BOB[@]}" "$@"; }

# Starts a process that lives until the end of the test, of "alice", "bob" or oneself; its PID is in MEMBER.
start_member() {
    local as=()
    case ${1-} in
    alice) as=("${ALICE[@]}") ;;
    bob) as=("${BOB[@]}") ;;
    esac
    "${as[@]}" sleep 1000 3>&- &
    MEMBER=$!
    MEMBERS+=("$MEMBER")
    # Not before it is sleep(1), of the right user: so is it registered.
    until [[ $(<"/proc/$MEMBER/comm") == sleep ]]; do sleep 0.01; done
}

# Creates environment $1 of $2 ("alice", "bob" or oneself) with a member of its own.
create_env() {
    start_member "${2-}"
    "$GENV" envs activate --eid "$1" --uid "$(stat -c %u "/proc/$MEMBER")" --pid "$MEMBER"
}

# Every record decodes, whoever looks.
check_records() {
    local record
    for record in "$ENVS"/*.json; do
        [[ -e $record ]] || continue
        jq -e .version "$record" >/dev/null || {
            echo "does not decode: $record"
            return 1
        }
    done
}

# The devices that are attached to anything, a line for each attachment.
attached() {
    "$GENV" devices ps --format csv --no-header | awk -F, '$2 != "" {print $1}'
}
