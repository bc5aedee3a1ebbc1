#!/usr/bin/env bats
# genv remote as its users see it: what it lists, which host it picks, what it refuses.
# shellcheck disable=SC2154 # set by bats

load hosts

setup_file() {
    hosts_setup || return 0
    hosts_start gpu-server-1 1
    hosts_start gpu-server-2 2
    printf '%s\n' '# where the GPUs are' '' gpu-server-1 "$ALICE@gpu-server-2 # two" gpu-server-2 >"$HOSTS/hostfile"
    chmod 644 "$HOSTS/hostfile"
}

teardown_file() {
    hosts_teardown
}

setup() {
    hosts_check
    bats_require_minimum_version 1.5.0
    members=()
}

teardown() {
    local pid
    for pid in "${members[@]}"; do
        kill "$pid" 2>/dev/null || true
        wait "$pid" 2>/dev/null || true
    done
}

# Makes the environment $2 on host $1, named $3, with $4 devices.
make_env() {
    sleep 600 3>&- &
    members+=("$!")
    hosts_genv "$1" envs activate --eid "$2" --uid "$(id -u "$BOB")" --pid "$!"
    [[ -z $3 ]] || hosts_genv "$1" envs config --eid "$2" name --name "$3"
    [[ $4 == 0 ]] || hosts_genv "$1" devices attach --eid "$2" --count "$4" >/dev/null
}

remote() {
    as_alice genv remote --hostfile "$HOSTS/hostfile" "$@"
}

# The command line behind it prints $1, and nothing else, and succeeds.
says() {
    local wanted=$1
    shift
    run --separate-stderr "$@"
    diff <(printf '%s\n' "$wanted") <(printf '%s\n' "$output")
    [[ $status == 0 && -z $stderr ]] || {
        echo "status $status: $stderr"
        return 1
    }
}

# The command line behind it fails with status $1 and one line on standard error that contains $2.
refuses() {
    local wanted_status=$1 wanted=$2
    shift 2
    run --separate-stderr "$@"
    echo "status $status: $stderr"
    [[ $status == "$wanted_status" && ${#stderr_lines[@]} == 1 && $stderr == 'genv: '*"$wanted"* && -z $output ]]
}

@test "devices, as the tour shows them" {
    says 'HOST               TOTAL    AVAILABLE
gpu-server-1       1        1
gpu-server-2       2        2

Total 3 devices with 3 available on 2 hosts' remote devices
    make_env gpu-server-2 a x 1
    says 'HOST               TOTAL    AVAILABLE
gpu-server-1       1        1
gpu-server-2       2        1

Total 3 devices with 2 available on 2 hosts' remote devices
    says 'gpu-server-1,1,1
gpu-server-2,2,1' remote devices --format csv --no-header
    says '["gpu-server-2","gpu-server-2",2,"a"]' bash -c "$(declare -f hosts_as); hosts_as $ALICE \
        genv remote -H gpu-server-2 devices --format json |
        jq -c '.[] | [.host, .hostname, (.devices | length), .devices[0].attachments[0].eid]'"
}

@test "environments, and their owners by the names that the host has for them" {
    make_env gpu-server-2 a 'my "env"' 1
    make_env gpu-server-1 b '' 0
    run --separate-stderr remote envs
    [[ ${lines[0]} == 'HOST               ID      USER            NAME            CREATED' ]]
    [[ ${lines[1]} =~ ^gpu-server-1\ +b\ +$BOB\($(id -u "$BOB")\)\ +[0-9]+\ seconds?\ ago$ ]]
    [[ ${lines[2]} =~ ^gpu-server-2\ +a\ +$BOB\($(id -u "$BOB")\)\ +'my "env"'\ +[0-9]+\ seconds?\ ago$ ]]
    [[ ${lines[3]} == 'Total 2 environments on 2 hosts' ]]
    run --separate-stderr remote envs --no-summary --no-header --timestamp
    [[ ${#lines[@]} == 2 && ${lines[0]} =~ [0-9]{2}/[0-9]{2}/[0-9]{4}\ [0-9:]{8}$ ]]
    says "gpu-server-2,a,$BOB,\"my \"\"env\"\"\"" remote query --name 'my "env"' --query hostname eid username config.name
    says 'b
a' remote query --query eid
}

@test "a snapshot of each host, as the host itself prints it" {
    make_env gpu-server-1 a x 1
    remote snapshot >"$BATS_TEST_TMPDIR/all"
    hosts_genv gpu-server-1 snapshot >"$BATS_TEST_TMPDIR/one"
    diff <(jq -S '.[0] | del(.host, .hostname, .time)' "$BATS_TEST_TMPDIR/all") \
        <(jq -S 'del(.hostname, .time)' "$BATS_TEST_TMPDIR/one")
    [[ $(jq -r '.[] | .host + " " + .hostname' "$BATS_TEST_TMPDIR/all") == $'gpu-server-1 gpu-server-1\ngpu-server-2 gpu-server-2' ]]
}

@test "a host that is named twice, by whatever user, counts once" {
    says 'gpu-server-2,2,2
gpu-server-1,1,1' as_alice genv remote -H "gpu-server-2,gpu-server-1,$BOB@gpu-server-2,gpu-server-2" devices --format csv --no-header
}

@test "the host with the least left over is taken, or the one with the most, or the one with room" {
    says gpu-server-1 remote run --gpus 1 -- uname -n
    says gpu-server-2 remote run --gpus 1 --host-policy spread -- uname -n
    says gpu-server-2 remote run --gpus 2 -- uname -n
    make_env gpu-server-1 a x 1
    says gpu-server-2 remote run --gpus 1 -- uname -n
    make_env gpu-server-2 b x 2
    refuses 1 'Cannot find a host with enough available resources' remote run --gpus 1 -- uname -n
    hosts_genv gpu-server-2 devices detach --eid b --quiet
    hosts_genv gpu-server-2 envs config --eid b gpu-memory --gpu-memory 10g
    hosts_genv gpu-server-2 devices attach --eid b --count 2
    says gpu-server-2 remote run --gpus 2 --gpu-memory 6g -- uname -n
    refuses 1 'Cannot find a host with enough available resources' remote run --gpus 2 --gpu-memory 8g -- uname -n
}

@test "the refusal says what there would be" {
    refuses 1 'Cannot find a host with enough available resources: gpu-server-2 has the most, 2 available devices; ask for less, or try again later' \
        remote run --gpus 3 -- true
}

@test "start-up files that print before the answer, and do not even end the line" {
    echo 'printf "welcome { to\n{ this host"; echo >&2 noise' >"$HOSTS/home/$ALICE/.bashrc"
    says 'gpu-server-1,1,1' as_alice genv remote -H gpu-server-1 devices --format csv --no-header
    rm "$HOSTS/home/$ALICE/.bashrc"
}

@test "a command that is too long is refused once, and nowhere started" {
    refuses 1 'too long' remote run -- true "$(printf 'a b%.0s' {1..30000})"
}

@test "which hosts: the option, the variable, the user's file" {
    mkdir -p "$HOSTS/home/$ALICE/.config/genv"
    echo gpu-server-1 >"$HOSTS/home/$ALICE/.config/genv/hostfile"
    says 'gpu-server-1,1,1' as_alice genv remote devices --format csv --no-header
    echo gpu-server-2 >"$BATS_TEST_TMPDIR/two"
    chmod 755 "$BATS_TEST_TMPDIR"
    cp "$BATS_TEST_TMPDIR/two" "$HOSTS/two"
    says 'gpu-server-2,2,2' as_alice env GENV_HOSTFILE="$HOSTS/two" genv remote devices --format csv --no-header
    rm -r "$HOSTS/home/$ALICE/.config/genv"
    refuses 1 'no hosts: give them with -H' as_alice genv remote devices
    refuses 1 "$HOSTS/none" as_alice genv remote --hostfile "$HOSTS/none" devices
}

@test "host files and lists that make no sense" {
    printf 'gpu-server-1\n-oProxyCommand=touch${IFS}%s/pwned\n' "$HOSTS" >"$HOSTS/bad"
    refuses 1 'bad:2: ' as_alice genv remote --hostfile "$HOSTS/bad" devices
    local name
    # shellcheck disable=SC2016
    for name in '-oProxyCommand=id' 'a b' '$(id)' 'a;id' '`id`' 'x@-y' '-x@y' 'a/b' $'a\tb' 'a|id@b' "a'b"; do
        refuses 1 '' as_alice genv remote -H "$name" devices
    done
    [[ ! -e $HOSTS/pwned ]]
    refuses 1 '' as_alice genv remote -H '' devices
    refuses 1 '' as_alice genv remote -H gpu-server-1 -l '$(id)' devices
    refuses 1 '' as_alice genv remote -H gpu-server-1 --genv '/bin/genv;id' devices
}

@test "usage errors" {
    refuses 2 'missing argument: COMMAND' as_alice genv remote
    refuses 2 "unknown command 'remote device': did you mean 'devices'?" as_alice genv remote device
    refuses 2 "option -H goes before 'devices': genv remote -H HOSTS devices" as_alice genv remote devices -H gpu-server-1
    refuses 2 "option --hostfile goes before 'activate': genv remote --hostfile FILE activate" as_alice genv remote activate --gpus 1 --hostfile=x
    refuses 2 'cannot be used together' as_alice genv remote -H a --hostfile b devices
    refuses 2 "--host-policy: 'x' is not one of pack, spread" as_alice genv remote -H a run --host-policy x true
    refuses 2 'missing argument: COMMAND' as_alice genv remote -H a run --gpus 1
    refuses 1 'needs a terminal' as_alice genv remote -H gpu-server-1 activate </dev/null
}

@test "a host that fails is named, and the others are served; -e fails, -q keeps quiet" {
    hosts_fake closed-one closed
    run --separate-stderr as_alice genv remote -H closed-one,gpu-server-1 devices --format csv --no-header
    [[ $status == 0 && $output == 'gpu-server-1,1,1' && ${#stderr_lines[@]} == 1 && $stderr == 'genv: closed-one: '* ]]
    says 'gpu-server-1,1,1' as_alice genv remote -q -H closed-one,gpu-server-1 devices --format csv --no-header
    refuses 1 'closed-one: ' as_alice genv remote -e -H closed-one,gpu-server-1 devices
    run --separate-stderr as_alice genv remote -H closed-one devices
    [[ $status == 1 && -z $output && ${stderr_lines[1]} == 'genv: no host responded' ]]
    run --separate-stderr as_alice genv remote -H closed-one,gpu-server-1 run --gpus 1 -- uname -n
    [[ $status == 0 && $output == gpu-server-1 ]]
}
