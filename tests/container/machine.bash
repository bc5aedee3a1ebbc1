# A machine for an engine: Debian's packages in a root of its own, with four simulated GPUs and genv, all in the usual
# places. Its processes, mounts and networks end with it.
# shellcheck shell=bash disable=SC2034,SC2154 # used by the tests, and set by bats and the helpers

load helpers

setup_file() {
    [[ ${GENV_TEST_FULL-} ]] || return 0
    container_setup_file
}
teardown_file() { container_teardown_file; }
teardown() { machine_stop; }

# What a container can open of four nodes.
# shellcheck disable=SC2016 # expanded there
TRY_NODES='for n in 0 1 2 3; do mknod /dev/try c 195 $n; echo "node $n: $(cat /dev/try 2>&1)"; rm -f /dev/try; done'

# What runs in namespaces of its own: machine_make TOP TREE GENV NVML [CGROUPS], where 2 is for version 2 only.
machine_make() {
    local top=$1 tree=$2 genv=$3 nvml=$4 cgroups=$5 root=$1/root name major minor
    mount -t tmpfs -o mode=755 tmpfs "$top"
    mkdir "$top"/{above,work,root}
    mount -t overlay -o "lowerdir=$tree,upperdir=$top/above,workdir=$top/work" overlay "$root"
    mount -t proc proc "$root/proc"
    mount --rbind /sys "$root/sys"
    if [[ $cgroups == 2 ]]; then
        umount -R "$root/sys/fs/cgroup"
        mount -t cgroup2 cgroup2 "$root/sys/fs/cgroup"
    fi
    mkdir -p "$root/var/lib"
    for name in dev run tmp var/lib; do mount -t tmpfs -o mode=755 tmpfs "$root/$name"; done
    mkdir "$root"/dev/{pts,shm,mqueue}
    mount -t devpts -o newinstance,ptmxmode=666,gid=5 devpts "$root/dev/pts"
    chmod 1777 "$root"/{tmp,dev/shm}
    ln -s pts/ptmx "$root/dev/ptmx"
    ln -s /proc/self/fd "$root/dev/fd"
    while read -r name major minor; do
        mknod -m 666 "$root/dev/$name" c "$major" "$minor"
    done < <(printf '%s\n' 'null 1 3' 'zero 1 5' 'full 1 7' 'random 1 8' 'urandom 1 9' 'tty 5 0' 'fuse 10 229' \
        'nvidia0 195 0' 'nvidia1 195 1' 'nvidia2 195 2' 'nvidia3 195 3')

    cp "$nvml/libnvidia-ml.so.1" "$root/usr/lib/x86_64-linux-gnu/libnvidia-ml.so.550.163.01" # the simulated driver's version
    ln -s libnvidia-ml.so.550.163.01 "$root/usr/lib/x86_64-linux-gnu/libnvidia-ml.so.1"
    jq -n '{devices: [range(4) | {uuid: "GPU-00000000-0000-0000-0000-00000000000\(.)", minor: (3 - .)}]}' \
        >"$root/etc/genv-simulator.json"
    mkdir -p "$root"/{usr/local/lib/genv,usr/local/bin,etc/genv,etc/docker,var/tmp}
    mount --bind "$genv" "$root/usr/local/lib/genv"
    for name in genv genv-docker genv-container-runtime; do ln -s "../lib/genv/bin/$name" "$root/usr/local/bin/$name"; done
    mkdir "$root/var/tmp/genv"
    chmod 1777 "$root/var/tmp/genv" "$root/var/tmp"
    rm -rf "$root/var/run"
    ln -s /run "$root/var/run" # as a package's script makes it

    echo 127.0.0.1 localhost >"$root/etc/hosts"
    : >"$root/etc/resolv.conf"
    printf '%s\n' root:x:0:0::/root:/bin/sh alicex:x:60601:60601::/home/alicex:/bin/sh >"$root/etc/passwd"
    printf '%s\n' root:x:0: docker:x:999: alicex:x:60601: >"$root/etc/group"
    echo alicex:200000:65536 | tee "$root/etc/subuid" >"$root/etc/subgid"
    install -d -o 60601 -g 60601 -m 700 "$root/home/alicex" "$root/run/user-60601"
    # No chroot: users could make no namespaces in one.
    cd "$root" || return
    mkdir old
    pivot_root . old
    exec chroot . sh -c 'umount -l old && rmdir old && mount --make-rshared / && exec tini -- sleep infinity'
}

# Starts the machine or skips the test. It has the engines and cgroups of this one, or the engines of the release that
# GENV_TEST_ENGINES names and cgroups of version 2, unless $1 is 'same'.
machine_start() {
    local release tree
    ((EUID == 0)) || skip 'needs root, as engines do'
    [[ -e $ROOM/image/bin/busybox ]] || skip 'busybox-static cannot be fetched'
    release=$(. /etc/os-release && echo "${VERSION_CODENAME-}")
    [[ ${GENV_TEST_ENGINES-} != "$release" ]] || skip "this machine's own engines are those of $release"
    tree=$("$GENV_SOURCE/tests/fetch" "engines-${GENV_TEST_ENGINES-$release}") || skip "$tree"
    SCRATCH=$(mktemp -d "$ROOM/test.XXXXXX")
    MACHINE_TOP=$SCRATCH/machine
    mkdir "$MACHINE_TOP"
    CGROUP=/genv-${SCRATCH##*.}
    unshare --mount --propagation private --pid --net --fork --kill-child bash -ec "$(declare -f machine_make)"'
        machine_make "$@"' bash "$MACHINE_TOP" "$tree/root" "$ROOM/lib/genv" "$GENV_NVML" "${1-${GENV_TEST_ENGINES:+2}}" \
        </dev/null >"$SCRATCH/log" 2>&1 3>&- &
    MACHINE=$!
    until INIT=$(<"/proc/$MACHINE/task/$MACHINE/children") INIT=${INIT% } &&
        [[ $INIT && $(<"/proc/$INIT/comm") == tini ]]; do
        kill -0 "$MACHINE" 2>/dev/null || skip "no machine for engines can be made here: $(tail -n 1 "$SCRATCH/log")"
        sleep 0.05
    done
    machine genv --version >/dev/null || skip "genv needs newer libraries than ${GENV_TEST_ENGINES-$release} has"
}

# Runs a command there, as root logs in.
machine() {
    nsenter --target "$INIT" --mount --pid --net --root --wd -- env -i HOME=/root LANG=C.UTF-8 TERM=dumb \
        PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin "$@" 3>&-
}

machine_stop() {
    [[ ${SCRATCH-} ]] || return 0
    kill -KILL "$INIT" || true # and with it all others there
    wait "$MACHINE" || true
    find /sys/fs/cgroup -depth -type d -path "*$CGROUP*" -exec rmdir {} \; 2>/dev/null || true
    rm -rf "$SCRATCH"
}

# docker as its documentation and ours set it up: $1 goes into daemon.json, the rest to genv docker install. No networks,
# and cgroups where they are removed with the machine.
start_dockerd() {
    jq -nc --arg cgroup "$CGROUP" '{iptables: false, ip6tables: false, "ip-masq": false, bridge: "none", features: {cdi: true},
        "exec-opts": ["native.cgroupdriver=cgroupfs"], "cgroup-parent": $cgroup}'" + {${1-}}" |
        machine tee /etc/docker/daemon.json
    machine genv docker install "${@:2}"
    run_dockerd
    tar -C "$ROOM/image" -c . | machine docker import - local/bb:1
}

run_dockerd() {
    machine dockerd </dev/null >"$SCRATCH/log" 2>&1 &
    DOCKERD=$!
    until machine docker version >/dev/null 2>&1; do
        kill -0 "$DOCKERD" 2>/dev/null || skip "dockerd does not run here: $(tail -n 1 "$SCRATCH/log")"
        sleep 0.1
    done
}

# Which environments have devices, as INDEX,ENVIRONMENT.
attached() {
    machine genv devices ps --format csv --no-header | cut -d, -f1,2 | grep -v ',$' || true
}

# Nothing is attached, and nothing registered.
nothing_is_left() {
    [[ -z $(attached) && -z $(machine ls /var/tmp/genv/envs 2>/dev/null) ]]
}

# The $2nd example in language $1 of docs/containers.md.
example() {
    awk -v language="$1" -v number="$2" '/^```/ { within = $0 == "```" language && ++count == number; next } within' \
        "$GENV_SOURCE/docs/containers.md" | sed 's/IMAGE/local\/bb:1/'
}
