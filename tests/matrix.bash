# ./run matrix: read by ../run. Bare Debian systems, made by debootstrap, in which newcomers of several kinds run the two
# commands of the README; README.md says more.
# shellcheck shell=bash disable=SC2154 # set by run

# NAME RELEASE USER PLACE TEST EXTRAS: USER is root, or a plain user, who has sudo. EXTRAS are of
#   name      a host name of 60 letters
#   tmux      in a terminal of tmux
#   pid       in a PID namespace, as in a container
#   gpu       with nvidia-smi, NVML and GPUs (simulated), as far as files go
# TEST is whole once for each of root and a plain user; --full makes it so everywhere.
MACHINES=(
    'bookworm-root bookworm root /root/genv quick name'
    'bookworm-user bookworm newcomer /srv/genv test tmux,pid'
    'bookworm-gpu bookworm root /srv/genv quick gpu,pid'
    'trixie-root trixie root /root/genv test name'
    'trixie-user trixie newcomer /srv/genv quick tmux,pid'
    'trixie-gpu trixie root /srv/genv quick gpu,pid'
)
SHORT=('trixie-short trixie newcomer /srv/genv quick name,pid')

# An archive that this machine itself uses, or Debian's.
debian_mirror() {
    local uri
    uri=$(apt-get indextargets --format '$(REPO_URI) $(ORIGIN)' 'Created-By: Packages' 2>/dev/null |
        awk '$2 == "Debian" && !uri { uri = $1 } END { print uri }')
    echo "${uri:-http://deb.debian.org/debian}"
}

# The bare release $1, once, as an archive in the cache; prints its path.
bare_release() {
    local archive=$CACHE/$1.tar root=$WORK/bare-$1
    if [[ ! -e $archive ]]; then
        debootstrap --variant=minbase --include=ca-certificates,sudo "$1" "$root" "$(debian_mirror)" >"$WORK/$1.log" 2>&1 ||
            return
        tar -C "$root" -cf "$archive.new" . && mv "$archive.new" "$archive"
        rm -rf "$root"
    fi
    echo "$archive"
}

# Unpacks a machine: make_root ROOT RELEASE USER PLACE.
make_root() {
    local root=$1 archive
    archive=$(bare_release "$2") || return
    mkdir "$root"
    tar -C "$root" -xf "$archive"
    # Speed alone; packages that were fetched once are not fetched again.
    echo force-unsafe-io >"$root/etc/dpkg/dpkg.cfg.d/unsafe"
    echo 'APT::Keep-Downloaded-Packages "true";' >"$root/etc/apt/apt.conf.d/keep"
    cp -L /etc/resolv.conf "$root/etc/resolv.conf"
    # Where this machine reaches the internet through a proxy with a certificate of its own, so does that one.
    cp -r /usr/local/share/ca-certificates/. "$root/usr/local/share/ca-certificates"
    if [[ $3 != root ]]; then
        chroot "$root" useradd --create-home --shell /bin/bash "$3"
        echo "$3 ALL=(ALL) NOPASSWD: ALL" >"$root/etc/sudoers.d/$3"
    fi
    # As a clone has it: what git knows, and what it would be told next.
    mkdir -p "$root$4"
    git ls-files -z --cached --others --exclude-standard | xargs -0 cp --parents -t "$root$4"
    chroot "$root" chown -R "$3:" "$4"
}

# Runs a command line in the machine ROOT: in_machine ROOT NAME USER PLACE EXTRAS COMMAND.
in_machine() {
    local isolate=(unshare --mount --uts) setting=(env -i TERM="$TERM" LANG=C.UTF-8) name
    [[ $5 != *pid* ]] || isolate+=(--pid --fork --kill-child)
    for name in "${!PIP_@}" "${!SSL_CERT_@}" http_proxy https_proxy no_proxy; do
        [[ -z ${!name-} ]] || setting+=("$name=${!name}")
    done
    "${isolate[@]}" bash -c '
        set -e
        root=$1 name=$2 user=$3 place=$4 extras=$5 cache=$6 command=$7
        setting=("${@:8}")
        mount --make-rprivate /
        mount --bind "$root" "$root" # as the root of every real machine is, a mount
        [[ $extras != *name* ]] || name+=.a-host-whose-name-is-as-long-as-one-may-be.example
        hostname "$name"
        echo "127.0.0.1 localhost $name" >"$root/etc/hosts"
        mount -t proc proc "$root/proc"
        mount --rbind /sys "$root/sys"
        mount -t tmpfs -o mode=755 tmpfs "$root/dev"
        mkdir "$root/dev/pts" "$root/dev/shm"
        for node in null zero full random urandom tty; do
            touch "$root/dev/$node"
            mount --bind "/dev/$node" "$root/dev/$node"
        done
        mount -t devpts -o newinstance,ptmxmode=666,gid=5 devpts "$root/dev/pts"
        ln -s pts/ptmx "$root/dev/ptmx"
        ln -s /proc/self/fd "$root/dev/fd"
        ln -s fd/0 "$root/dev/stdin"
        ln -s fd/1 "$root/dev/stdout"
        ln -s fd/2 "$root/dev/stderr"
        mount -t tmpfs -o mode=1777 tmpfs "$root/dev/shm"
        mount --bind "$cache/archives" "$root/var/cache/apt/archives"
        mkdir -p "$root/var/cache/tests"
        mount --bind "$cache/tests" "$root/var/cache/tests"
        home=$(chroot "$root" getent passwd "$user" | cut -d : -f 6)
        exec chroot "$root" setpriv --reuid "$user" --regid "$user" --init-groups "${setting[@]}" HOME="$home" USER="$user" \
            LOGNAME="$user" SHELL=/bin/bash PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
            GENV_TEST_CACHE=/var/cache/tests bash -c "cd $place && $command"
    ' bash "$1" "$2" "$3" "$4" "$5" "$CACHE/$(basename "$1")" "$6" "${setting[@]}"
}

# The same in a terminal of tmux; prints what was printed there.
in_tmux() {
    local status=$WORK/status socket=$WORK/tmux
    rm -f "$status"
    tmux -S "$socket" -f /dev/null new-session -d -x 120 -y 40 "$(declare -f in_machine)
        CACHE=$(printf %q "$CACHE") TERM=tmux-256color
        $(printf '%q ' in_machine "$@") >$WORK/output 2>&1; echo \$? >$status" || return
    while [[ ! -s $status ]]; do sleep 1; done
    cat "$WORK/output"
    tmux -S "$socket" kill-server 2>/dev/null || true
    return "$(<"$status")"
}

# What a GPU machine has that the tests could stumble over: the programs of build-gcc show a machine of two.
add_gpus() {
    local root=$1 place=$2 smi
    cp "$root$place/build-gcc/tests/simulator/libnvidia-ml.so.1" "$root/usr/lib/x86_64-linux-gnu/"
    echo '{"devices": [{"uuid": "GPU-machine-0"}, {"uuid": "GPU-machine-1"}]}' >"$root/etc/genv-simulator.json"
    if smi=$(tests/fetch 550) && [[ -e $smi/nvidia-smi ]]; then
        install -m 755 "$smi/nvidia-smi" "$root/usr/bin/nvidia-smi"
    else
        printf '#!/bin/sh\necho "GPU 0: NVIDIA (UUID: GPU-machine-0)"\n' >"$root/usr/bin/nvidia-smi"
        chmod 755 "$root/usr/bin/nvidia-smi"
    fi
    chroot "$root" ldconfig
}

# Services that start at boot, and processes that are left, a line each.
left_behind() {
    local root=$1 process
    (cd "$root" && find etc/systemd/system etc/rc[S2-5].d -type l ! -path '*/rc?.d/K*' 2>/dev/null | sort)
    for process in /proc/[0-9]*; do
        [[ $(readlink "$process/root") != "$root" ]] || tr '\0' ' ' <"$process/cmdline"
    done
}

# One cell of the table: report NAME USER PLACE VERB STATUS SECONDS RESULT.
report() {
    printf '%-15s %-9s %-11s %-14s %-4s %5d s  %s\n' "$1" "$2" "$3" "$4" "$([[ $5 == 0 ]] && echo ok || echo FAIL)" "$6" "$7" |
        tee -a "$WORK/table"
    echo "$([[ $5 == 0 ]] || echo 'not ')ok - matrix $1, $2 in $3: $4" >>"$TALLY"
}

# Runs a verb in a machine: verb ROOT NAME USER PLACE EXTRAS WORDS.
verb() {
    local status=0 begin=$SECONDS log=$WORK/$2-${6// /} in=in_machine
    [[ $5 != *tmux* ]] || in=in_tmux
    "$in" "${@:1:5}" "./run $6" >"$log" 2>&1 </dev/null || status=$?
    report "$2" "$3" "$4" "./run $6" "$status" $((SECONDS - begin)) "$(grep -v '^$' "$log" | tail -n 1)"
    ((status == 0)) || grep -A 12 -E '^failed:|^run: ' "$log" || tail -n 30 "$log"
}

machine() {
    local name=$1 release=$2 user=$3 place=$4 size=$5 extras=${6-} root=$WORK/$1 begin=$SECONDS services packages
    say "$name: $release, $user in $place${extras:+, with $extras}"
    if [[ $extras == *tmux* ]] && ! command -v tmux >/dev/null; then
        echo "ok - matrix $name # SKIP tmux is not installed" >>"$TALLY"
        return
    fi
    mkdir -p "$CACHE/$name/archives/partial" "$CACHE/$name/tests"
    make_root "$root" "$release" "$user" "$place" || {
        report "$name" "$user" "$place" debootstrap 1 $((SECONDS - begin)) "$(tail -n 1 "$WORK/$release.log")"
        return
    }
    chroot "$root" chown "$user" -R /var/cache 2>/dev/null || true
    chown "$(stat -c %u:%g "$root$place")" "$CACHE/$name/tests"
    chroot "$root" update-ca-certificates >/dev/null 2>&1 || true
    services=$(left_behind "$root")
    packages=$(chroot "$root" dpkg-query -f '.\n' -W | wc -l)
    verb "$root" "$name" "$user" "$place" "$extras" demo
    if [[ $extras == *gpu* ]]; then
        in_machine "$root" "$name" "$user" "$place" "$extras" './run test --quick text' >/dev/null 2>&1 || true
        add_gpus "$root" "$place"
    fi
    verb "$root" "$name" "$user" "$place" "$extras" "$([[ $size == quick ]] && echo test --quick || echo test)"
    packages="$packages packages before, $(chroot "$root" dpkg-query -f '.\n' -W | wc -l) after"
    if [[ $(left_behind "$root") == "$services" ]]; then
        report "$name" "$user" "$place" 'left behind' 0 0 "nothing; $packages"
    else
        report "$name" "$user" "$place" 'left behind' 1 0 "$(diff <(echo "$services") <(left_behind "$root") | paste -sd ' ')"
    fi
    rm -rf "$root"
}

# What is needed to make machines; prints why they can't be made.
matrix_is_possible() {
    ((EUID == 0)) || { echo 'needs root to create machines'; return 1; }
    command -v debootstrap >/dev/null || { echo 'debootstrap is not installed'; return 1; }
    unshare --mount --uts --pid --fork true 2>/dev/null || { echo 'cannot create namespaces here'; return 1; }
}

# Makes and tries the machines given, as words of MACHINES.
try_machines() {
    local line words
    WORK=$(mktemp -d /var/tmp/genv-matrix.XXXXXX)
    CACHE=$(tests/cache)/matrix
    mkdir -p "$CACHE"
    : >"$WORK/table"
    for line; do
        read -ra words <<<"$line"
        machine "${words[@]}"
    done
    say 'Machines'
    cat "$WORK/table"
}

run_short_matrix() {
    local reason
    if reason=$(matrix_is_possible); then
        try_machines "${SHORT[@]}"
    else
        echo "ok - matrix # SKIP $reason" >>"$TALLY"
    fi
}

run_matrix() {
    local reason name line whole='' chosen=()
    if [[ ${1-} == --full ]]; then
        whole=1
        shift
    fi
    for name; do
        [[ $name != -* ]] || usage_error "matrix: unknown option '$name'"
        for line in "${MACHINES[@]}" "${SHORT[@]}"; do [[ $line != "$name "* ]] || chosen+=("$line"); done
    done
    (($# == ${#chosen[@]})) || usage_error "matrix: the machines are $(printf '%s\n' "${MACHINES[@]}" | cut -d ' ' -f 1 | paste -sd ' ')"
    (($#)) || chosen=("${MACHINES[@]}")
    [[ -z $whole ]] || chosen=("${chosen[@]/ quick / test }")
    need debootstrap=debootstrap tmux=tmux
    reason=$(matrix_is_possible) || fail "matrix: $reason"
    TALLY=$(mktemp)
    trap 'rm -rf "$TALLY" "${WORK-}"' EXIT
    try_machines "${chosen[@]}"
    tests/tally.py "$TALLY"
}
