#!/usr/bin/env bats
# genv remote run over real ssh: what arrives there, what comes back, and what is left when the connection ends.
# shellcheck disable=SC2154 # set by bats

load hosts

setup_file() {
    hosts_setup || return 0
    hosts_start one 2
    hosts_start two 2
    # Two words a line that some shell would take apart, and every byte alone and between others.
    {
        printf '%s\0' '' ' ' 'a b' '$(touch pwned)' '`touch pwned`' '$HOME' '~' '~root' '=ls' 'a==ls' '*' '?' '[a-z]' '{a,b}' \
            '!!' '!x' '%self' '%1' '-n' '--' '--gpus=9' $'two\nlines' $'\r' $'\e[31m' "it's" 'say "x"' '\' '\\n' 'a;b' 'a&b' \
            'a|b' '<x' '>x' '#x' 'x#' '(x)' '^x^y' '$?' 'größer'
        for ((byte = 1; byte < 256; byte++)); do
            # shellcheck disable=SC2059 # the format is the byte
            printf "\\x$(printf %02x "$byte")\0x\\x$(printf %02x "$byte")\\x$(printf %02x "$byte")y\0"
        done
    } >"$HOSTS/words"
}

teardown_file() {
    hosts_teardown
}

setup() {
    hosts_check
    bats_require_minimum_version 1.5.0
    home=$HOSTS/home/$ALICE
    usermod --shell /bin/bash "$ALICE"
    cp /etc/skel/.bashrc "$home/.bashrc"
    rm -rf "$home/.genv"
    OUT=$BATS_TEST_TMPDIR/out
    ERR=$BATS_TEST_TMPDIR/err
}

on_one() {
    as_alice genv remote -H one run "$@"
}

is_free() {
    [[ $(hosts_genv one devices --format csv --no-header) == $'0,,,\n1,,,' ]]
}

is_taken() {
    hosts_genv one devices --format csv --no-header | grep -q '^[01],[0-9]'
}

# Starts `on_one "$@"` in the background, with its output in $OUT, and waits until it has printed "begun". JOB is what
# to wait for, GENV its PID.
begin() {
    rm -f "$OUT" # of the one before
    on_one "$@" >"$OUT" 2>"$ERR" 3>&- </dev/null &
    JOB=$!
    hosts_wait_for 'grep -q begun "$OUT" 2>/dev/null' || {
        cat "$OUT" "$ERR"
        return 1
    }
    GENV=$(hosts_children "$JOB")
    [[ $(<"/proc/$GENV/comm") == genv ]]
    is_taken
}

words_through() {
    local shell words
    shell=$(command -v "$1") || skip "$1 is not installed"
    usermod --shell "$shell" "$ALICE"
    mapfile -d '' words <"$HOSTS/words"
    ((${#words[@]} > 500))
    on_one -- sh -c 'printf "%s\0" "$@"' sh "${words[@]}" >"$OUT"
    cmp "$HOSTS/words" "$OUT"
    [[ ! -e $home/pwned ]]
}

@test "arguments arrive byte for byte: bash" { words_through bash; }
@test "arguments arrive byte for byte: zsh" { words_through zsh; }
@test "arguments arrive byte for byte: fish" { words_through fish; }
@test "arguments arrive byte for byte: dash" { words_through dash; }
@test "arguments arrive byte for byte: tcsh" { words_through tcsh; }

@test "a command that is too long is refused before anything is started" {
    run --separate-stderr on_one -- echo "$(head -c 120000 /dev/zero | tr '\0' x)"
    [[ $status == 1 && $stderr == *'too long'* && -z $output ]]
}

@test "standard output and standard error stay apart" {
    on_one -- sh -c 'echo out; echo err >&2; echo out again' >"$OUT" 2>"$ERR"
    [[ $(<"$OUT") == $'out\nout again' && $(<"$ERR") == err ]]
}

@test "standard streams carry any bytes" {
    head -c 3000000 /dev/urandom >"$BATS_TEST_TMPDIR/bytes"
    on_one -- tee /dev/stderr <"$BATS_TEST_TMPDIR/bytes" >"$OUT" 2>"$ERR"
    cmp "$BATS_TEST_TMPDIR/bytes" "$OUT"
    cmp "$BATS_TEST_TMPDIR/bytes" "$ERR"
}

@test "a stream that nobody reads for now does not hold up the other" {
    mkfifo "$BATS_TEST_TMPDIR/slow"
    on_one -- sh -c 'head -c 1000000 /dev/zero & echo begun >&2; wait' >"$BATS_TEST_TMPDIR/slow" 2>"$ERR" 3>&- &
    exec 4<"$BATS_TEST_TMPDIR/slow"
    hosts_wait_for 'grep -q begun "$ERR"'
    [[ $(wc -c <&4) == 1000000 ]]
    wait $!
}

@test "standard input may be at its end, or closed" {
    [[ $(on_one -- sh -c 'cat; echo end' </dev/null) == end ]]
    [[ $(on_one -- sh -c 'cat; echo end' <&-) == end ]]
    [[ $(printf 'no newline' | on_one -- cat) == 'no newline' ]]
}

@test "the exit status is the command's" {
    run -0 on_one -- true
    run -7 on_one -- sh -c 'exit 7'
    run -143 on_one -- sh -c 'kill -TERM $$'
    run -137 on_one -- sh -c 'kill -KILL $$'
    run -127 --separate-stderr on_one -- no-such-command
    [[ $status == 127 && $stderr == "genv: command not found: 'no-such-command'" ]]
    run -126 --separate-stderr on_one -- /etc/passwd
    [[ $status == 126 && $stderr == *'/etc/passwd'* ]]
    is_free
}

@test "the command is in its environment, and alone in it" {
    run on_one --gpus 1 --gpu-memory 2g --name 'my job' -- sh -c \
        'genv status; echo "$CUDA_VISIBLE_DEVICES $CUDA_DEVICE_ORDER $GENV_GPUS $GENV_GPU_MEMORY $GENV_ENVIRONMENT_NAME"
        command -v nvidia-smi; env | grep -c GENV_LOGIN; pwd'
    echo "$output"
    [[ ${lines[0]} =~ ^'Environment is active ('[0-9]+')'$ && ${lines[1]} == 'Attached to GPUs at indices 0' ]]
    [[ $output == *$'\n0 PCI_BUS_ID 1 2g my job\n'*/shims/nvidia-smi$'\n0\n'"$home" ]]
    is_free
}

# Names that say something to a shell, a terminal, ssh or an option parser.
@test "the configuration that is saved here is loaded" {
    as_alice mkdir .genv
    echo 2 >"$home/.genv/gpus"
    echo saved >"$home/.genv/name"
    run --separate-stderr on_one -- sh -c 'echo "$CUDA_VISIBLE_DEVICES $GENV_ENVIRONMENT_NAME"'
    echo "$stderr"
    [ "$output" = '0,1 saved' ]
    [ "$stderr" = "genv: loaded name saved, gpus 2 from $home/.genv" ]
    run --separate-stderr on_one --no-load -- sh -c 'echo "$CUDA_VISIBLE_DEVICES ${GENV_ENVIRONMENT_NAME-none}"'
    [ "$output" = '-1 none' ]
    run --separate-stderr on_one --no-attach -- sh -c 'echo "$CUDA_VISIBLE_DEVICES $GENV_ENVIRONMENT_NAME"'
    rm -r "$home/.genv"
    [ "$output" = '-1 saved' ]
}

@test "an environment's name may be anything, and harms nobody" {
    local name shell
    for shell in bash fish; do
        usermod --shell "$(command -v "$shell")" "$ALICE"
        for name in '$(touch pwned)' '`touch pwned`;touch pwned' "it's \"that\"" '-oProxyCommand=touch pwned' '%h %C %self' 'größer 😀' \
            '--' '~' '* \'; do
            run on_one --gpus 1 --name "$name" -- sh -c 'printf %s "$GENV_ENVIRONMENT_NAME"'
            [[ $output == "$name" ]] || {
                echo "$shell: '$name' is '$output' there"
                return 1
            }
        done
    done
    [[ ! -e $home/pwned ]]
}

@test "start-up files may print what they like" {
    printf '%s\n' 'echo welcome; echo "genv-session 0 ready"; echo on stderr >&2' \
        '[[ $BASH_EXECUTION_STRING != *remote-session* ]] || printf "no newline"' >"$home/.bashrc"
    on_one -- sh -c 'printf out; printf err >&2' >"$OUT" 2>"$ERR"
    [[ $(<"$OUT") == out && $(<"$ERR") == $'on stderr\nerr' ]]
}

@test "start-up files that print without end are no answer" {
    printf '%s\n' '[[ ${SSH_ORIGINAL_COMMAND-}$BASH_EXECUTION_STRING != *remote-session* ]] || head -c 70000 /dev/zero' >"$home/.bashrc"
    run --separate-stderr on_one -- echo never
    echo "$stderr"
    [[ $status == 1 && -z $output && $stderr == *'one: '*'print too much'* ]]
}

@test "start-up files that end the shell are reported" {
    printf '%s\n' '[[ $BASH_EXECUTION_STRING != *remote-session* ]] || exit 1' >"$home/.bashrc"
    run --separate-stderr on_one -- echo never
    echo "$stderr"
    [[ $status == 1 && -z $output && ${stderr_lines[0]} == 'genv: one: '* ]]
}

@test "a reader that has read enough ends the command" {
    [[ $(on_one --gpus 1 -- yes | head -n 1) == y ]]
    hosts_wait_for is_free
    [[ $(on_one --gpus 1 -- yes </dev/null | head -n 1) == y ]]
    hosts_wait_for is_free
    mkfifo "$BATS_TEST_TMPDIR/open"
    exec 4<>"$BATS_TEST_TMPDIR/open"
    [[ $(on_one --gpus 1 -- yes <&4 | head -n 1) == y ]]
    exec 4>&-
    hosts_wait_for is_free
}

# Waits until the command has ended that begin() began with "begun ITS_PID PID"; BACKGROUND is then PID.
begin_background() {
    local command
    begin --gpus 1 -- sh -c "$1"
    read -r _ command BACKGROUND <"$OUT"
    hosts_wait_for "! hosts_lives $command"
}

@test "what a command leaves in the background keeps the environment until it ends" {
    begin_background 'sleep 1000 & echo begun $$ $!; exit 7'
    # A look at all environments drops those that are over.
    is_taken
    hosts_lives "$GENV"
    kill "$BACKGROUND"
    STATUS=0
    wait "$JOB" || STATUS=$?
    [[ $STATUS == 7 ]]
    is_free
    # A pipeline of which one end has ended, too; and it all ends with the connection.
    begin_background '(trap "" HUP; sleep 1000 | cat >&2) >/dev/null & echo begun $$ $!'
    is_taken
    kill -KILL "$(hosts_children "$GENV")"
    hosts_wait_for is_free
    hosts_wait_for "! hosts_lives $BACKGROUND"
    wait "$JOB" || true
}

@test "a command's daemon, which prints nothing, keeps nobody waiting" {
    local daemon
    daemon=$(on_one --gpus 1 -- sh -c 'sleep 1000 </dev/null >/dev/null 2>&1 & echo $!')
    is_free
    hosts_lives "$daemon"
    kill "$daemon"
    # One that lets go of them later.
    daemon=$(on_one --gpus 1 -- sh -c '(sleep 1; exec >/dev/null 2>&1; sleep 1000) </dev/null & echo $!')
    is_free
    hosts_lives "$daemon"
    kill "$daemon"
}

@test "a command on a terminal ends with its own last word, and not with that of ssh" {
    local connection
    for connection in shared own; do
        [[ $connection == shared ]] || without_sharing
        run --separate-stderr on_one --tty -- sh -c 'echo out; echo err >&2; exit 3'
        printf '%q\n' "$output" "$stderr"
        [[ $status == 3 && $output == out*err* && -z $stderr ]]
    done
}

@test "a failure is explained on a terminal too" {
    printf '#!/bin/sh\ncase $* in *remote-session*) echo "genv: the state is on fire"; exit 1 ;; esac\nexec %s "$@"\n' \
        "$GENV_BIN" >"$HOSTS/program"
    hosts_program two "$HOSTS/program"
    run --separate-stderr as_alice genv remote -H two run --tty -- true
    echo "$output $stderr"
    hosts_program two "$GENV_BIN"
    [[ $status == 1 && -z $output && ${stderr_lines[0]} == 'genv: two: the state is on fire' ]]
}

@test "a command says nothing of a shared connection that has no room for it" {
    hosts_start narrow 2
    echo 'MaxSessions 1' >"$HOSTS/narrow/sshd_extra"
    hosts_stop narrow
    hosts_start narrow 2
    mkfifo "$BATS_TEST_TMPDIR/hold"
    exec 4<>"$BATS_TEST_TMPDIR/hold"
    as_alice genv remote -H narrow run -- sh -c 'echo begun; read -r line' <&4 >"$OUT" 3>&- 4>&- &
    JOB=$!
    hosts_wait_for 'grep -q begun "$OUT" 2>/dev/null'
    run --separate-stderr as_alice genv remote -H narrow run -- sh -c 'echo out; echo err >&2'
    echo >&4
    wait "$JOB"
    echo "$output $stderr"
    [[ $status == 0 && $output == out && $stderr == err ]]
}

@test "a time limit may be as long as one likes" {
    printf '#!/bin/sh\ncase $* in *remote-session*) sleep 1 ;; esac\nexec %s "$@"\n' "$GENV_BIN" >"$HOSTS/program"
    hosts_program two "$HOSTS/program"
    # In milliseconds, 100 more than 32 bits hold.
    run --separate-stderr as_alice genv remote -H two -t 4294967.396 run -- echo waited
    hosts_program two "$GENV_BIN"
    echo "$output $stderr"
    [[ $status == 0 && $output == waited && -z $stderr ]]
}

# Whatever ends the connection, $2 being the command: the devices are free, and then the command is gone as well.
lost() {
    local pid
    begin --gpus 2 -- sh -c "$2"
    pid=$(grep -o '[0-9]*$' "$OUT")
    eval "$1"
    hosts_wait_for is_free
    hosts_wait_for "! hosts_lives $pid"
    STATUS=0
    wait "$JOB" || STATUS=$?
}

obeys='echo begun $$; sleep 1000; true'
ignores='trap "" HUP TERM INT; echo begun $$; sleep 1000; sleep 1000'
own_group='setsid -f true; bash -c "set -m; trap \"\" HUP; sleep 1000 & echo begun \$!; wait; wait"'

kill_ssh='kill -KILL $(hosts_children "$GENV")'
kill_genv='kill -KILL "$GENV"'

without_sharing() {
    as_alice sed -i '1i ControlPath none' .ssh/config
}

teardown() {
    [[ -n $HOSTS_MISSING ]] || sed -i '/ControlPath none/d' "$HOSTS/home/$ALICE/.ssh/config"
}

@test "kill -9 of ssh frees the devices" { lost "$kill_ssh" "$obeys"; }
@test "kill -9 of ssh ends a command that ignores hang-ups" { lost "$kill_ssh" "$ignores"; }
@test "kill -9 of ssh ends what has a process group of its own" { lost "$kill_ssh" "$own_group"; }
@test "kill -9 of genv frees the devices" { lost "$kill_genv" "$obeys"; }
@test "kill -9 of genv ends a command that ignores hang-ups" { lost "$kill_genv" "$ignores"; }

# shellcheck disable=SC2016 # lost() evaluates it
@test "kill -9 of what watches the connection there frees the devices" {
    lost 'kill -KILL "$(sed -n "s/^PPid:\t//p" "/proc/$pid/status")"' 'echo begun $$; exec sleep 1000'
}

@test "the same on a connection of its own" {
    without_sharing
    lost "$kill_ssh" "$obeys"
    lost "$kill_ssh" "$ignores"
    lost "$kill_genv" "$obeys"
    lost "$kill_genv" "$ignores"
}

@test "a connection that is lost frees the devices, and says 255" {
    lost 'hosts_hang_up one' "$ignores"
    [[ $STATUS == 255 ]]
    without_sharing
    lost 'hosts_hang_up one' "$ignores"
    [[ $STATUS == 255 ]]
}

@test "signals to genv end the command" {
    lost 'kill -TERM "$GENV"' "$ignores"
    [[ $STATUS == 143 ]]
    lost 'kill -HUP "$GENV"' "$obeys"
    [[ $STATUS == 129 ]]
}

# shellcheck disable=SC2016 # lost() evaluates it
@test "a signal to genv ends an ssh that is stopped" {
    lost 'kill -STOP "$(hosts_children "$GENV")"; kill -TERM "$GENV"' "$obeys"
    [[ $STATUS == 143 ]]
}

@test "a signal ends genv whose output nobody reads, once ssh has ended" {
    mkfifo "$BATS_TEST_TMPDIR/stuck"
    exec 4<>"$BATS_TEST_TMPDIR/stuck"
    # More than a pipe holds, and less than two.
    on_one -- sh -c 'head -c 100000 /dev/zero; echo begun >&2' >&4 2>"$ERR" 3>&- 4>&- </dev/null &
    JOB=$!
    hosts_wait_for 'grep -q begun "$ERR"'
    GENV=$(hosts_children "$JOB")
    hosts_wait_for "! hosts_lives $(hosts_children "$GENV")"
    hosts_lives "$GENV"
    kill -TERM "$GENV"
    hosts_wait_for "! hosts_lives $GENV"
    STATUS=0
    wait "$JOB" || STATUS=$?
    [[ $STATUS == 143 ]]
}

# ssh, too, takes what nohup ignores, where the connection is shared.
@test "a hang-up that is ignored ends neither genv nor its ssh" {
    local pid
    mkfifo "$BATS_TEST_TMPDIR/input"
    exec 4<>"$BATS_TEST_TMPDIR/input"
    {
        trap '' HUP INT
        on_one --gpus 1 -- sh -c 'echo begun; read -r line; echo "$line"'
    } <&4 >"$OUT" 2>"$ERR" 3>&- 4>&- &
    JOB=$!
    hosts_wait_for 'grep -q begun "$OUT" 2>/dev/null'
    GENV=$(hosts_children "$JOB")
    for pid in $GENV $(hosts_children "$GENV"); do
        kill -HUP "$pid"
        kill -INT "$pid"
    done
    echo 'still here' >&4
    wait "$JOB"
    [[ $(<"$OUT") == $'begun\nstill here' ]]
}

@test "an interrupt before the command has begun ends everything" {
    printf '#!/bin/sh\ncase $* in *remote-session*) echo $$ >%s; exec sleep 1000 ;; esac\nexec %s "$@"\n' \
        "$home/stuck" "$GENV_BIN" >"$HOSTS/program"
    hosts_program two "$HOSTS/program"
    as_alice genv remote -H two -t 60 run --gpus 1 -- true 3>&- 2>"$ERR" &
    JOB=$!
    hosts_wait_for '[[ -s $home/stuck ]]'
    kill -TERM "$(hosts_children "$JOB")"
    STATUS=0
    wait "$JOB" || STATUS=$?
    [[ $STATUS == 143 ]]
    rm "$home/stuck"
    # And without one there is a limit.
    run --separate-stderr as_alice genv remote -H two -t 1 run --gpus 1 -- true
    echo "$stderr"
    [[ $status == 1 && $stderr == *'two: no response within 1 second'* ]]
    hosts_program two "$GENV_BIN"
}

@test "where somebody was faster the next host gets the command, and all of its input" {
    # Bob takes everything on "one" between the look at it and the command.
    cat >"$HOSTS/program" <<END
#!/bin/sh
case \$* in
*remote-session*)
    sleep 600 >/dev/null 2>&1 </dev/null &
    $GENV_BIN envs activate --eid rival --uid \$(id -u) --pid \$!
    $GENV_BIN devices attach --eid rival --count 2 >/dev/null
    ;;
esac
exec $GENV_BIN "\$@"
END
    hosts_program one "$HOSTS/program"
    run --separate-stderr input_through_both
    hosts_program one "$GENV_BIN"
    echo "$output $stderr"
    [[ $status == 0 && -z $stderr && $output == $'all of it\ntwo' ]]
    hosts_genv one devices --format csv --no-header | grep -q rival
    pkill -u "$ALICE" -x sleep
    hosts_wait_for is_free
}

input_through_both() {
    echo 'all of it' | as_alice genv remote -H one,two run --gpus 2 -- sh -c 'cat; hostname'
}
