#!/usr/bin/env bats
# Two users want the last device at the same moment: one gets it, never both, never none.
# shellcheck disable=SC2154 # set by bats

load hosts

setup_file() {
    hosts_setup || return 0
    hosts_start one 1
    hosts_start two 1
}

teardown_file() {
    hosts_teardown
}

setup() {
    hosts_check
    bats_require_minimum_version 1.5.0
    cd "$BATS_TEST_TMPDIR" || return
    mkfifo alice.in bob.in
}

# What the records say, without genv: how many attachments there are on host $1.
attachments() {
    cat "$HOSTS/$1"/state/envs/*.json 2>/dev/null | jq -s 'map(.attachments | length) | add // 0'
}

# Each runs a command that says where it is and lives until its input ends.
start() {
    local user=$1 status=0
    : >"$user.out"
    rm -f "$user.status"
    {
        "as_$user" genv remote -H "$2" run --gpus 1 -- sh -c 'hostname; exec cat' <"$user.in" >"$user.out" 2>"$user.err" ||
            status=$?
        echo "$status" >"$user.status"
    } 3>&- &
}

# Has a device, or has been refused.
is_decided() {
    [[ -s $1.out || -s $1.status ]]
}

race() {
    start alice "$1"
    start bob "$1"
    exec 4>alice.in 5>bob.in
    hosts_wait_for 'is_decided alice && is_decided bob' || show
}

finish() {
    exec 4>&- 5>&-
    hosts_wait_for '[[ -s alice.status && -s bob.status ]]'
    wait
}

show() {
    echo "round $round"
    head alice.{out,err,status} bob.{out,err,status}
    return 1
}

@test "the last device goes to one of two users, in every round" {
    local rounds round winner loser alice=0
    rounds=$(size 20 100)
    for ((round = 0; round < rounds; round++)); do
        race one
        [[ $(attachments one) == 1 ]] || show
        winner=alice loser=bob
        [[ -s alice.out ]] || winner=bob loser=alice
        [[ $(<$winner.out) == one && ! -s $loser.out && $(<$loser.status) == 1 ]] || show
        [[ $(<$loser.err) == 'genv: Cannot find a host with enough available resources'* ]] || show
        [[ $winner == bob ]] || ((alice += 1))
        finish
        [[ $(<$winner.status) == 0 && $(attachments one) == 0 ]] || show
    done
    echo "# alice had it $alice times, bob $((rounds - alice)) times" >&3
}

@test "where there are two devices on two hosts each gets one, in every round" {
    local rounds round
    rounds=$(size 8 20)
    for ((round = 0; round < rounds; round++)); do
        race one,two
        [[ $(attachments one) == 1 && $(attachments two) == 1 ]] || show
        [[ $(sort alice.out bob.out) == $'one\ntwo' ]] || show
        finish
        [[ $(<alice.status) == 0 && $(<bob.status) == 0 ]] || show
    done
}
