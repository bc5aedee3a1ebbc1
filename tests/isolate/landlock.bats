#!/usr/bin/env bats
# The wall of Landlock around real device nodes, without a driver behind them: a node that can be opened says ENXIO,
# one behind the wall EACCES.
# shellcheck disable=SC2016,SC2034,SC2154 # code for other shells; used by that; set by bats and by the helpers

load ../cli/cli_helpers
eval "common_$(declare -f setup)"
eval "common_$(declare -f teardown)"

setup() {
    ((EUID == 0)) || skip 'needs root, to make nodes'
    common_setup
    room=$(mktemp -d) # where the other user can reach it
    chmod 1777 "$room"
    export GENV_TMPDIR=$room/state room
    with_nodes : 2>/dev/null || skip 'no node can be made here'
    genv run --isolate -- true || skip "$(genv run --isolate -- true 2>&1)"
}

teardown() {
    common_teardown
    rm -rf "${room-}"
}

# Runs the shell code $1 on a machine of four devices, with the functions below.
with_nodes() {
    unshare -m bash -c 'mount -t tmpfs -o mode=755 none /dev && mkdir -m 1777 /dev/shm && ln -s /proc/self/fd /dev/fd &&
        mknod -m 666 /dev/null c 1 3 && mknod -m 666 /dev/tty c 5 0 &&
        for n in 0 1 2 3; do mknod -m 666 "/dev/nvidia$n" c 195 "$n" || exit; done &&
        mknod -m 666 /dev/nvidiactl c 195 255; eval "$1"' - "$1"
}

# "open" or "shut", in each way to open the node.
probe() {
    local node=$1 mode found result=
    for mode in '<' '>' '<>'; do
        found=$(eval "exec 9$mode\"\$node\"" 2>&1) || :
        case $found in
        *'No such device or address'*) found=open ;;
        *'Permission denied'*) found=shut ;;
        esac
        [[ $result == *"$found"* ]] || result+=$found
    done
    echo "$result"
}

probe_all() {
    local n
    for n in 0 1 2 3; do printf '%s:%s ' "$n" "$(probe "/dev/nvidia$n")"; done
    echo "ctl:$(probe /dev/nvidiactl)"
}
export -f probe probe_all

user='setpriv --reuid 60601 --regid 60601 --clear-groups'

@test "all sixteen sets of devices, for root and for a user: what is attached can be opened, and nothing else" {
    export user
    with_nodes '
        sleep 600 3>&- & holder=$!
        trap "kill $holder" EXIT
        for set in {0..15}; do
            wanted= count=0 genv_options=()
            genv envs activate --eid "hold$set" --pid "$holder"
            for n in 0 1 2 3; do
                if ((set >> n & 1)); then
                    wanted+="$n:open " count=$((count + 1))
                else
                    wanted+="$n:shut "
                    genv devices attach --eid "hold$set" --index "$n" >/dev/null
                fi
            done
            for who in "" "$user"; do
                found=$($who genv run --gpus "$count" --isolate -- bash -c probe_all)
                [[ $found == "${wanted}ctl:open" ]] || { echo "$set ${who:-root}: $found"; exit 1; }
            done
            genv envs deactivate --pid "$holder"
        done'
}

# Runs each line of standard input as a command, isolated with device 0, as the user whose prefix is $1; none of them
# may get to the node of device 3, which it has in $node.
try_ways() {
    cat >"$room/ways"
    printf 'sleep 600 3>&- & outside=$!; trap "kill $outside" EXIT; export outside
        %s genv run --gpus 1 --isolate -- bash "$room/try"' "$1" >"$room/code"
    cat >"$room/try" <<'END'
node=/dev/nvidia3 mine=$(mktemp -d)
cd "$mine"
export node mine
[[ $(probe /dev/nvidia0) == open && $(probe /dev/nvidia3) == shut ]] || exit
while read -r way; do
    result=$(bash -c "$way" 2>&1 </dev/null)
    [[ $result != *'No such device or address'* && $result != *ENXIO* ]] || echo "holds not: $way: $result"
    echo "$way" >>"$room/tried"
done <"$room/ways"
END
    run with_nodes '. "$room/code"'
    echo "$output"
    [[ $status == 0 && ! $output ]]
    [ "$(wc -l <"$room/tried")" -eq "$(wc -l <"$room/ways")" ]
}

ways='cat /proc/self/root$node
cat /proc/$outside/root$node
cat /proc/1/root$node
ln $node $mine/x; cat $mine/x
ln -s $node $mine/y; cat $mine/y
cp -a $node $mine/z; cat $mine/z
mv $node $mine/v; cat $mine/v
mknod $mine/n c 195 3; cat $mine/n
unshare -Ur mknod $mine/m c 195 3; cat $mine/m
unshare -Urm sh -c "mount -t tmpfs none /mnt; mknod /mnt/n c 195 3; cat /mnt/n"
unshare -Urm sh -c "touch $mine/b; mount --bind $node $mine/b; cat $mine/b"
unshare -Urm sh -c "mount --bind /dev $mine; cat $mine/nvidia3"
setsid cat $node
(setsid sh -c "sleep 0.1; cat $node" &) ; sleep 0.3
env -i /bin/cat $node
exec 8</dev; cat /proc/self/fd/8/nvidia3
python3 -c "import os; os.open(\"nvidia3\", os.O_RDWR, dir_fd=os.open(\"/dev\", os.O_PATH))"
python3 -c "import os; f = os.open(\"$node\", os.O_PATH); os.open(\"/proc/self/fd/%d\" % f, os.O_RDWR)"
python3 -c "import os; os.truncate(\"$node\", 0)"
genv run --gpus 1 -o --isolate -- cat $node
genv attach --index 3; cat $node
genv devices attach --eid $GENV_ENVIRONMENT_ID --index 3; cat $node
chroot / cat $node
nsenter -t $outside -m cat $node'

@test "ways around the wall, as a user" {
    try_ways "$user" <<<"$ways"
}

@test "ways around the wall, as root" {
    try_ways '' <<<"$ways"
}

@test "what a wall does not hold: what others start, and what is open already" {
    run with_nodes '
        mkfifo "$room/ask"
        bash -c "read -r node <\"\$room/ask\"; probe \"\$node\" >\"\$room/answer\"" 3>&- &
        genv run --gpus 1 --isolate -- bash -c "echo /dev/nvidia3 >\"\$room/ask\""
        wait; cat "$room/answer"'
    [ "$output" = open ]
}

@test "nodes that are mounted a second time are behind the wall too" {
    run with_nodes '
        mount -t tmpfs -o mode=755 none /mnt && mkdir -p /mnt/image/dev /mnt/devices && touch /mnt/node /mnt/file &&
            mount -t tmpfs -o mode=755 none /mnt/image/dev && mount -t tmpfs none /mnt/devices || exit
        for n in 0 3; do mknod -m 666 "/mnt/image/dev/nvidia$n" c 195 "$n"; mknod -m 666 "/mnt/devices/nvidia$n" c 195 "$n"; done
        mount --bind /dev/nvidia3 /mnt/node
        genv run --gpus 1 --isolate -- bash -c "
            for node in /mnt/image/dev/nvidia0 /mnt/image/dev/nvidia3 /mnt/devices/nvidia0 /mnt/devices/nvidia3 /mnt/node; do
                printf \"%s \" \$(probe \$node); done; echo x >/mnt/file && cat /mnt/file"'
    echo "$output"
    [ "$output" = 'open shut open shut shut x' ]
}

@test "where closing them would close a folder that the user writes to, nothing is started" {
    run with_nodes '
        mkdir -p "$room/image/dev" && mount -t tmpfs -o mode=755 none "$room/image/dev" &&
            mknod -m 666 "$room/image/dev/nvidia3" c 195 3
        genv run --gpus 1 --isolate -- echo started'
    echo "$output"
    [[ $status == 1 && $output == "genv: cannot isolate: GPUs are also in $room/image/dev, and closing them would close $room to new files: unmount them there" ]]
    expect 0 '' genv envs --format csv --no-header
}

@test "all else works behind the wall" {
    cat >"$room/work" <<'END'
set -e
cd "$(mktemp -d)"
echo x >a && mkdir b && mv a b/a && ln b/a c && mkfifo p && cat <(echo y) && echo z >/dev/shm/genv-$$ && rm /dev/shm/genv-$$
echo n >"$HOME/new-$$" && rm "$HOME/new-$$"
(echo t >p &) && read -r t <p
python3 - <<'P'
import os, socket, tempfile
a, b = socket.socketpair(); a.send(b"s"); b.recv(1)
s = socket.socket(); s.bind(("127.0.0.1", 0)); s.listen(1); c = socket.create_connection(s.getsockname())
u = socket.socket(socket.AF_UNIX); u.bind("u")
tempfile.TemporaryFile().write(b"x")
os.write(os.memfd_create("m"), b"x")
P
genv status >/dev/null && genv envs >/dev/null && genv devices >/dev/null && genv detach >/dev/null
genv devices attach --eid "$GENV_ENVIRONMENT_ID" --count 1
END
    chmod 755 "$room/work"
    mkdir -m 777 "$room/home"
    for who in '' "$user"; do
        run with_nodes "HOME=\$room/home $who genv run --gpus 1 --isolate -- bash \$room/work"
        echo "$output"
        [[ $status == 0 && $output == $'y\n0' ]]
    done
}

@test "a kernel that cannot: nothing is started, and nothing stays registered" {
    command -v strace >/dev/null || skip 'strace is not installed'
    [[ ! $GENV_SANITIZE =~ address ]] || export ASAN_OPTIONS=detect_leaks=0 # which cannot be below strace
    refuses() { # $1: what the kernel answers, $2: why
        run strace -f -qq -o /dev/null -e trace=landlock_create_ruleset -e "inject=landlock_create_ruleset:$1" \
            genv run --gpus 1 --isolate -- echo started
        echo "$output"
        [[ $status == 1 && $output == "genv: cannot isolate: $2"* && $output != *started* ]]
        expect 0 '' genv envs --format csv --no-header
    }
    strace -qq -o /dev/null -e trace=landlock_create_ruleset true 2>/dev/null || skip 'strace does not know Landlock'
    refuses error=ENOSYS 'this kernel has no Landlock'
    refuses error=EOPNOTSUPP 'Landlock is disabled on this machine'
    refuses retval=1 "this kernel's Landlock is too old"
    refuses error=EPERM 'Landlock cannot be used here'
    refuses error=EINVAL:when=4+ 'cannot tell Landlock what may be opened'
}

@test "an isolated environment keeps to its devices, and says so" {
    run with_nodes '
        genv run --gpus 2 --isolate -- bash -c "
            genv attach --count 3; genv attach --index 3; genv status; genv detach --index 1; genv attach --count 2; genv status"'
    echo "$output"
    [ "$(grep -c "is isolated: it can only have the devices that it had at its start (2): start another one" <<<"$output")" = 2 ]
    [[ $output == *$'Attached to GPUs at indices 0,1\nIsolated: can open no other devices\n'* ]]
    [[ $output == *$'Attached to GPUs at indices 0\nIsolated: can open no other devices\nDevice GPU-'*' is detached, and can be opened until the isolated processes end'* ]]
    [[ $output == *$'Attached to GPUs at indices 0,1\nIsolated: can open no other devices\n\nConfiguration'* ]]
    [[ $output != *' GPUs at indices 0,1,'* ]]
}

@test "CUDA_VISIBLE_DEVICES has UUIDs, for whoever joins later too" {
    run with_nodes '
        genv run --gpus 1 --name walled --isolate -- bash -c "
            printenv CUDA_VISIBLE_DEVICES; sleep 600 3>&- & genv --shell=bash:\$! activate walled; kill \$!"'
    echo "$output"
    [[ $output == GPU-*$'\n'*"'CUDA_VISIBLE_DEVICES=GPU-"* ]]
}

@test "activate --isolate: a shell within the shell, which ends with the environment" {
    for shell in bash zsh fish; do
        command -v "$shell" >/dev/null || continue
        command -v script >/dev/null || skip 'script is not installed'
        case $shell in
        bash) start='bash --norc -i' set_up='eval "$(genv shell --init)"' ;;
        zsh) start='zsh -f -i' set_up='eval "$(genv shell --init)"' ;;
        fish) start='fish -N -i' set_up='genv shell --init fish | source' ;;
        esac
        export start
        cat >"$room/typed" <<END
$set_up
genv activate --gpus 1 --isolate --name "it's"; echo "left \$GENV_ENVIRONMENT_NAME"
echo "in \$GENV_ENVIRONMENT_NAME \$CUDA_VISIBLE_DEVICES"; bash -c probe_all
exit
genv envs; echo over
exit
END
        run with_nodes 'mkdir /dev/pts && mount -t devpts -o newinstance,ptmxmode=666 none /dev/pts && ln -s pts/ptmx /dev/ptmx
            while read -r line; do sleep 0.5; echo "$line"; done <"$room/typed" | HOME=$HOME script -qec "$start" /dev/null'
        echo "$shell: $output"
        [[ $output == *"in it's GPU-"* ]]
        [[ $output == *'0:open 1:shut 2:shut 3:shut ctl:open'* ]]
        [[ $output == *'left '[!i]* ]]
        expect 0 '' genv envs --format csv --no-header
    done
}

@test "activate --isolate without a terminal is refused" {
    expect_refusal "needs a terminal: use 'genv run --isolate' in scripts" genv --shell=bash:$$ activate --gpus 1 --isolate </dev/null
}

@test "an environment within an isolated one has nothing else either, and counts by UUID" {
    run with_nodes '
        genv run --gpus 2 --isolate -- bash -c "
            genv detach --index 0 >/dev/null; genv run --gpus 1 -- bash -c \"printenv CUDA_VISIBLE_DEVICES GENV_ISOLATED; probe_all\"
            genv run --gpus 2 -- echo started
            genv run --gpus 1 --isolate -- bash -c \"printenv GENV_ISOLATED; probe_all; genv run --gpus 1 -- echo started\""'
    echo "$output"
    gpus=$(genv devices query --query uuid 2>/dev/null || genv snapshot | jq -r '.devices[].uuid')
    mapfile -t gpu <<<"$gpus"
    wanted=("${gpu[0]}" "${gpu[0]},${gpu[1]}" '0:open 1:open 2:shut 3:shut ctl:open'
        'genv: cannot attach 2 devices: 1 of 4 is available;*'
        "${gpu[0]}" '0:open 1:shut 2:shut 3:shut ctl:open'
        'genv: cannot attach 1 device: 0 of 4 are available;*')
    for i in "${!wanted[@]}"; do
        # shellcheck disable=SC2053 # a pattern
        [[ ${lines[i]} == ${wanted[i]} ]] || { echo "line $i is not '${wanted[i]}'"; return 1; }
    done
    [ "${#lines[@]}" -eq "${#wanted[@]}" ]
}

# Runs `genv run --gpus 1 "$@"` and says whether it is isolated.
walled() { genv run --gpus 1 "$@" -- bash -c 'echo "${GENV_ISOLATED:+isolated}"'; }

@test "the default is the project's word, else the administrator's, and an option goes before both" {
    mkdir .genv
    expect 0 '' walled
    echo yes >.genv/isolate
    expect 0 isolated walled
    expect 0 '' walled --no-isolate
    expect 0 '' walled --no-load
    expect_usage_error '--isolate and --no-isolate cannot be used together' walled --isolate --no-isolate
    echo maybe >.genv/isolate
    expect_refusal ".genv/isolate: expected yes or no, not 'maybe'" walled
    rm .genv/isolate
    export -f walled
    limited() { # by the limits file $1
        printf '%b' "$1" >"$room/limits"
        unshare -m bash -c 'mount -t tmpfs none /etc/genv 2>/dev/null || { mkdir -p "$room/etc" && mount -t tmpfs none "$room/etc" &&
            cp -a /etc/passwd /etc/group /etc/nsswitch.conf /etc/ld.so.cache "$room/etc" 2>/dev/null; mount --bind "$room/etc" /etc &&
            mkdir /etc/genv; }; cp "$room/limits" /etc/genv/limits.conf; shift; walled "$@"' - "$@"
    }
    expect 0 isolated limited '* isolate yes\n'
    expect 0 '' limited '* isolate yes\nroot isolate no\n'
    expect 0 '' limited '* isolate yes\n' --no-isolate
    expect_refusal "isolate: expected yes or no, not 'maybe'" limited '* isolate maybe\n'
    echo no >.genv/isolate
    expect 0 '' limited '* isolate yes\n'
    # A shell that would have to be one within the shell, without a terminal.
    echo yes >.genv/isolate
    expect_refusal "needs a terminal: use 'genv run --isolate' in scripts" genv --shell=bash:$$ activate --gpus 1 </dev/null
}
