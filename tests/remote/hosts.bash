# Hosts that tests reach through ssh: real sshds, each with an address, a host name, a host key, a state directory and
# devices of its own, and two Linux users who may log in there. For setup_file() and teardown_file(), or for each test.
#
#   hosts_setup                      makes the users; fails where it can't be, for "hosts_setup || return 0", since bats
#                                    can't skip there. Sets HOSTS (the scratch folder), and
#                                    ALICE and BOB: their names. Their homes are $HOSTS/home/$ALICE and …/$BOB.
#   hosts_check                      skips a test where hosts_setup failed; first thing in setup()
#   hosts_start NAME [DEVICES=2 [VARIABLE=VALUE...]]   starts a host; any user of the tests reaches it as NAME, and as
#                                    ANYTHING.NAME: so one host has many names. Its files are in $HOSTS/NAME.
#   hosts_address NAME               prints its address; the port of all is $HOSTS_PORT
#   hosts_stop NAME                  ends its sshd; sessions that are open stay
#   hosts_hang_up NAME               ends the sessions that are open there, as a lost connection does
#   hosts_fake NAME silent|full|closed   an address where somebody listens and says nothing; where nobody answers (a full
#                                    queue: packets are dropped); where nobody listens
#   hosts_program NAME FILE          on this host, "genv" is FILE; without FILE there is none
#   hosts_genv NAME ARGUMENTS...     runs genv as it is there, as root, without ssh
#   as_alice, as_bob COMMAND...      runs it as that user, in a login's variables; genv of the build is in the PATH
#   hosts_end_processes USER         ends all that runs as that user, shared connections of ssh included
#   hosts_teardown                   ends it all and removes users and files
#
# Where GENV_TEST_SSH or GENV_TEST_SSHD is set, it is the ssh or the sshd (from 7.8 on) to test with, a path.
# shellcheck shell=bash

load ../size

HOSTS_PORT=2222

hosts_setup() {
    bats_require_minimum_version 1.5.0
    export HOSTS_MISSING=${HOSTS_MISSING-}
    ((EUID == 0)) || HOSTS_MISSING='needs root, to make users and start sshd'
    command -v sshd >/dev/null || [[ -x /usr/sbin/sshd ]] || HOSTS_MISSING='sshd is not installed (openssh-server)'
    command -v ssh >/dev/null || HOSTS_MISSING='ssh is not installed (openssh-client)'
    command -v useradd >/dev/null || HOSTS_MISSING='needs useradd, to make users'
    unshare --uts true 2>/dev/null || HOSTS_MISSING='needs a host name of its own for each host (unshare --uts)'
    [[ -z $HOSTS_MISSING ]] || return 1
    unset "${!GENV_ENVIRONMENT_@}" "${!GENV_MOCK_@}" GENV_TMPDIR GENV_DEVICES GENV_LOCK GENV_HOSTFILE SSH_AUTH_SOCK
    mkdir -p /run/sshd
    HOSTS=$(mktemp -d /tmp/gh.XXXXXX)
    chmod 755 "$HOSTS"
    mkdir "$HOSTS"/{home,run,bin,fake}
    ln -s "$GENV_BIN" "$HOSTS/bin/genv"
    [[ -z ${GENV_TEST_SSH-} ]] || ln -s "$GENV_TEST_SSH" "$HOSTS/bin/ssh"
    # 127.X.Y.0/24 is this test's: tests run at the same time.
    HOSTS_NETWORK=127.$((1 + $$ / 254 % 250)).$((1 + $$ % 254))
    ALICE=ga$$ BOB=gb$$ # short, as the tables have them
    export HOSTS HOSTS_NETWORK HOSTS_PORT ALICE BOB
    : >"$HOSTS/addresses"
    : >"$HOSTS/known_hosts"
    cat >"$HOSTS/ssh_config" <<END
Host *
    Port $HOSTS_PORT
    UserKnownHostsFile $HOSTS/known_hosts
    GlobalKnownHostsFile none
    UpdateHostKeys no
END
    hosts_add_user "$ALICE"
    hosts_add_user "$BOB"
}

hosts_check() {
    [[ -z $HOSTS_MISSING ]] || skip "$HOSTS_MISSING"
}

# Does anybody have the number $1: a user, a group, or a process without either, of a container perhaps?
hosts_uid_is_taken() {
    getent passwd "$1" >/dev/null || getent group "$1" >/dev/null || pgrep -U "$1" >/dev/null
}

# A user with a key that every host accepts. The number is of a range that nobody gives out (README.md of the tests);
# of two tests that want the same one, useradd(8) lets one have it.
hosts_add_user() {
    local name=$1 home=$HOSTS/home/$1 uid try
    for ((try = 0; try < 100; try++)); do
        uid=$((60610 + RANDOM % 190))
        hosts_uid_is_taken "$uid" || ! useradd --no-log-init --uid "$uid" --user-group --key UID_MAX=61183 \
            --key GID_MAX=61183 --create-home --home-dir "$home" --shell "${HOSTS_SHELL:-/bin/bash}" --password '*' \
            "$name" 2>"$HOSTS/useradd" || break
    done
    id "$name" >/dev/null || cat "$HOSTS/useradd"
    mkdir -m 700 "$home/.ssh" "$HOSTS/run/$name"
    ssh-keygen -q -t ed25519 -N '' -C "$name" -f "$home/.ssh/id_ed25519"
    cp "$home/.ssh/id_ed25519.pub" "$HOSTS/$name.keys"
    echo "Include $HOSTS/ssh_config" >"$home/.ssh/config"
    chown -R "$name": "$home" "$HOSTS/run/$name"
}

hosts_address() {
    sed -n "s/^$1 //p" "$HOSTS/addresses"
}

# Gives NAME the next address.
hosts_add_address() {
    local address
    address=$HOSTS_NETWORK.$((1 + $(wc -l <"$HOSTS/addresses")))
    echo "$1 $address" >>"$HOSTS/addresses"
    printf 'Host %s *.%s\n    HostName %s\n' "$1" "$1" "$address" >>"$HOSTS/ssh_config"
}

hosts_start() {
    local name=$1 folder=$HOSTS/$1 address variables sshd
    sshd=${GENV_TEST_SSHD:-$(command -v sshd || echo /usr/sbin/sshd)}
    if [[ ! -d $folder ]]; then
        mkdir -p "$folder/bin"
        ln -s "$GENV_BIN" "$folder/bin/genv"
        install -d -m 1777 "$folder/state"
        ssh-keygen -q -t ed25519 -N '' -C '' -f "$folder/key"
        hosts_add_address "$name"
        hosts_know "$name"
    fi
    address=$(hosts_address "$name")
    variables=("GENV_TMPDIR=$folder/state" "GENV_DEVICES=${2:-2}" "PATH=$folder/bin:/usr/local/bin:/usr/bin:/bin" "${@:3}")
    cat >"$folder/sshd_config" <<END
ListenAddress $address
Port $HOSTS_PORT
HostKey $folder/key
PidFile none
AuthorizedKeysFile $HOSTS/%u.keys
PasswordAuthentication no
KbdInteractiveAuthentication no
UsePAM no
StrictModes no
PrintMotd no
SetEnv $(printf '"%s" ' "${variables[@]}")
$(hosts_forgive "$sshd" "$folder/key")
$([[ ! -f $folder/sshd_extra ]] || cat "$folder/sshd_extra")
END
    : >"$folder/log"
    unshare --uts sh -c 'hostname "$1"; exec "$3" -D -f "$2/sshd_config" -E "$2/log"' \
        sh "$name" "$folder" "$sshd" </dev/null >/dev/null 2>&1 3>&- &
    echo $! >"$folder/pid"
    hosts_wait_for 'grep -q "^Server listening" "$folder/log"' || {
        cat "$folder/log"
        return 1
    }
}

# What keeps an sshd from 9.8 on from turning an address away whose connections were cut.
hosts_forgive() {
    local option='PerSourcePenalties no'
    ! "$1" -t -f /dev/null -h "$2" -o "$option" 2>/dev/null || echo "$option"
}

# Evaluates $1 until it is true, for at most $2 seconds.
hosts_wait_for() {
    local i
    for ((i = 0; i < ${2:-20} * 50; i++)); do
        if eval "$1"; then
            return 0
        fi
        sleep 0.02
    done
    echo "not so after ${2:-20} s: $1"
    return 1
}

# Puts the host key of NAME into known_hosts, instead of what is there of it.
hosts_know() {
    local entry
    entry="[$(hosts_address "$1")]:$HOSTS_PORT"
    grep -vF "$entry " "$HOSTS/known_hosts" >"$HOSTS/known_hosts.new" || true
    echo "$entry $(cut -d' ' -f1,2 "$HOSTS/$1/key.pub")" >>"$HOSTS/known_hosts.new"
    mv "$HOSTS/known_hosts.new" "$HOSTS/known_hosts"
}

hosts_end() {
    local pid
    pid=$(<"$1")
    rm "$1"
    kill "$pid" 2>/dev/null || true
    hosts_wait_for "! hosts_lives $pid" 10
}

# A zombie does not live: its parent may never wait for it.
hosts_lives() {
    local state
    state=$(sed -n 's/^State:[[:space:]]*//p' "/proc/$1/status" 2>/dev/null) || return 1
    [[ -n $state && $state != Z* && $state != X* ]]
}

hosts_stop() {
    hosts_end "$HOSTS/$1/pid"
}

# The PIDs of the children of process $1.
hosts_children() {
    local status
    for status in /proc/[0-9]*/status; do
        if grep -q "^PPid:[[:space:]]$1$" "$status" 2>/dev/null; then
            status=${status%/status}
            echo "${status##*/}"
        fi
    done
}

# The PIDs of the sshds that hold the connections to NAME: the users' own, behind root's.
hosts_sessions() {
    local session child
    for session in $(hosts_children "$(<"$HOSTS/$1/pid")"); do
        for child in $(hosts_children "$session"); do
            [[ $(cat "/proc/$child/comm" 2>/dev/null) != sshd* ]] || echo "$child"
        done
    done
}

hosts_hang_up() {
    local pid
    for pid in $(hosts_sessions "$1"); do
        kill -KILL "$pid" 2>/dev/null || true
    done
}

hosts_fake() {
    local name=$1 ready=$HOSTS/fake/$1.ready
    hosts_add_address "$name"
    [[ $2 != closed ]] || return 0
    python3 -c '
import socket, sys, time

address, port, kind, ready = sys.argv[1:]
listener = socket.create_server((address, int(port)), backlog=0 if kind == "full" else 128)
clients = [socket.socket() for i in range(4 if kind == "full" else 0)]  # the queue has room for one
for client in clients:
    client.setblocking(False)
    client.connect_ex((address, int(port)))
open(ready, "w").close()
time.sleep(100000)
' "$(hosts_address "$name")" "$HOSTS_PORT" "$2" "$ready" </dev/null >/dev/null 2>&1 3>&- &
    echo $! >"$HOSTS/fake/$name.pid"
    hosts_wait_for "[[ -e $ready ]]"
}

hosts_program() {
    rm -f "$HOSTS/$1/bin/genv"
    case ${2-} in
    '') ;;
    "$GENV_BIN") ln -s "$GENV_BIN" "$HOSTS/$1/bin/genv" ;; # a copy would not find what it is installed with
    *) install -m 755 "$2" "$HOSTS/$1/bin/genv" ;;
    esac
}

hosts_genv() {
    local devices
    devices=$(sed -n 's/^SetEnv.*"GENV_DEVICES=\([0-9]*\)".*/\1/p' "$HOSTS/$1/sshd_config")
    GENV_TMPDIR=$HOSTS/$1/state GENV_DEVICES=$devices "$GENV_BIN" "${@:2}"
}

hosts_as() {
    local name=$1 home=$HOSTS/home/$1
    # What sanitizers need stays.
    (cd "$home" && exec setpriv --reuid "$name" --regid "$name" --init-groups env -i HOME="$home" USER="$name" \
        LOGNAME="$name" SHELL="${HOSTS_SHELL:-/bin/bash}" TERM=xterm LANG=C.UTF-8 XDG_RUNTIME_DIR="$HOSTS/run/$name" \
        PATH="$HOSTS/bin:/usr/local/bin:/usr/bin:/bin" ${ASAN_OPTIONS+ASAN_OPTIONS="$ASAN_OPTIONS"} \
        ${UBSAN_OPTIONS+UBSAN_OPTIONS="$UBSAN_OPTIONS"} "${@:2}")
}

as_alice() { hosts_as "$ALICE" "$@"; }
as_bob() { hosts_as "$BOB" "$@"; }

# The PIDs of all processes of user NAME: those that his tests have started, since nobody else had his number before.
hosts_processes_of() {
    hosts_processes_of_uid "$(id -u "$1")"
}

# The same by number. A container's processes are not meant, whatever their number is.
hosts_processes_of_uid() {
    local folder namespace
    namespace=$(readlink /proc/self/ns/pid)
    for folder in /proc/[0-9]*; do
        [[ $(stat -c %u "$folder" 2>/dev/null) != "$1" || $(readlink "$folder/ns/pid") != "$namespace" ]] ||
            echo "${folder##*/}"
    done
}

# Ends all processes of user NAME, shared connections of his ssh included.
hosts_end_processes() {
    local pid left i
    # What hangs up may start something more.
    for ((i = 0; i < 100; i++)); do
        left=0
        for pid in $(hosts_processes_of "$1"); do
            if hosts_lives "$pid"; then
                left=1
                kill -KILL "$pid" 2>/dev/null || true
            fi
        done
        ((left)) || return 0
        sleep 0.02
    done
}

hosts_remove_user() {
    hosts_end_processes "$1"
    userdel --force "$1" >/dev/null 2>&1 || true
    rm -rf "/tmp/fish.$1"
    if getent group "$1" >/dev/null; then
        groupdel "$1" || true
    fi
}

hosts_teardown() {
    local file
    [[ -n ${HOSTS-} ]] || return 0
    for file in "$HOSTS"/*/pid "$HOSTS"/fake/*.pid; do
        [[ ! -f $file ]] || hosts_end "$file"
    done
    hosts_remove_user "$ALICE"
    hosts_remove_user "$BOB"
    rm -rf "$HOSTS"
}
