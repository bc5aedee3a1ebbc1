#!/usr/bin/env bats
# Records, directories and locks that somebody planted or broke: one clear line, and nobody else is harmed.

load common

setup() {
    common_setup
    create_env good
    "$GENV" devices attach --eid good --index 1
}

teardown() {
    common_teardown
}

# Whatever lies in envs/: looking and changing work, with one warning that names it. What is root's is another matter:
# see records.bats.
check_harmless() {
    ((EUID != 0)) || chown -h 60601 "$ENVS"/bad*
    run --separate-stderr "$GENV" devices ps --no-header --format csv
    [[ $status == 0 && ${lines[1]} == 1,good,* && ${#lines[@]} == 4 ]] || { echo "$output"; return 1; }
    [[ ${#stderr_lines[@]} == 1 && $stderr == "genv: warning: "*"$1"* ]] || { echo "$stderr"; return 1; }
    run --separate-stderr "$GENV" devices attach --eid good --count 2
    [[ $status == 0 && $output == 0,1 ]]
    "$GENV" devices detach --eid good --index 0 --quiet 2>/dev/null
}

# The same, but the device that it shares with "good" counts.
check_holder() {
    run --separate-stderr "$GENV" devices ps --no-header --format csv
    [[ $status == 0 && $output == *1,good,* && $output == *1,bad,* && ${#lines[@]} == 5 ]] || { echo "$output"; return 1; }
    [[ ${#stderr_lines[@]} == 1 && $stderr == "genv: warning: invalid record "*bad.json*"; its devices stay reserved until it is removed" ]] ||
        { echo "$stderr"; return 1; }
    run --separate-stderr "$GENV" devices attach --eid good --count 2
    [[ $status == 0 && $output == 0,1 ]]
    "$GENV" devices detach --eid good --index 0 --quiet 2>/dev/null
}

# The record of "good", changed by a jq program, as another environment.
plant() {
    jq "$1" "$ENVS/good.json" >"$ENVS/bad.json"
}

@test "records that are no records" {
    local bad=$ENVS/bad.json
    : >"$bad"
    check_harmless bad.json
    head -c 100 "$ENVS/good.json" >"$bad"
    check_harmless bad.json
    printf '\0\377\376' >"$bad"
    check_harmless bad.json
    head -c 3000000 /dev/zero | tr '\0' '[' >"$bad"
    check_harmless bad.json
    head -c 60000 /dev/zero | tr '\0' '[' >"$bad"
    check_harmless bad.json
    echo '[]' >"$bad"
    check_harmless bad.json
    echo '{"version":1}' >"$bad"
    check_harmless bad.json
}

@test "records with values that can't be" {
    local change
    local changes=(
        '.version = 0' '.version = "1"' '.boot_id = 7' '.gpus = -1' '.gpus = 1.5' '.gpus = 100000' '.gpu_memory = -4'
        '.name = "a\u001b[31mb"' '.name = "a\nb"' '.name = "\u202eb"' '.name = ("x" * 129)' '.created = "yesterday"'
        '.processes = {}' '.processes[0].pid = 0' '.processes[0].pid = -1' '.processes[0].pid = 1e30'
        '.kernels = [{"id":"../../etc/passwd","connection_file":"/etc/passwd"}]'
        '.attachments[0].index = 70000' '.attachments += .attachments'
        '.attachments[0].gpu_memory = "all"' '.attachments[0].time = 1'
    )
    for change in "${changes[@]}"; do
        plant "$change"
        check_holder || { echo "after $change"; return 1; }
    done
    plant '.attachments[0].uuid = ""'
    check_harmless bad.json
    plant '.attachments = {}'
    check_harmless bad.json
}

@test "a record with fields of a later version is read" {
    plant '.later = {"a": [1, 2]} | .attachments = []'
    run --separate-stderr "$GENV" envs query --eid bad --query eid pids
    [[ $status == 0 && $output == "bad,$MEMBER" && -z $stderr ]]
}

@test "links, FIFOs, directories and devices in place of records" {
    local bad=$ENVS/bad.json
    echo secret >"$SCRATCH/secret"
    ln -s "$SCRATCH/secret" "$bad"
    check_harmless bad.json
    rm "$bad"
    ln -s "$ENVS/good.json" "$bad"
    check_harmless bad.json
    rm "$bad"
    mkfifo "$bad"
    check_harmless bad.json
    rm "$bad"
    mkdir "$bad"
    check_harmless bad.json
    rmdir "$bad"
    if mknod "$bad" c 1 5 2>/dev/null; then
        check_harmless bad.json
    fi
    [[ $(<"$SCRATCH/secret") == secret ]]
}

@test "many bad records give one warning" {
    local i
    for i in {1..50}; do echo "bad $i" >"$ENVS/bad$i.json"; done
    check_harmless 'ignoring 50 invalid records'
}

@test "files that are named like no environment are nobody's business" {
    echo x >"$ENVS/README"
    echo x >"$ENVS/.hidden.json"
    echo x >"$ENVS/a b.json"
    echo x >"$ENVS/-x.json"
    echo x >"$ENVS/.json"
    run --separate-stderr "$GENV" devices attach --eid good --count 2
    [[ $status == 0 && $output == 0,1 && -z $stderr ]]
    [[ $(ls -A "$ENVS" | wc -l) == 6 ]]
}

@test "an environment whose record broke is not there, and its identifier is not taken over" {
    echo broken >"$ENVS/bad.json"
    run --separate-stderr "$GENV" devices find --eid bad
    [[ $status == 1 && ${#stderr_lines[@]} == 1 && $stderr == *bad.json* ]]
    run --separate-stderr "$GENV" envs activate --eid bad --uid "$EUID" --pid "$MEMBER"
    [[ $status == 1 && $stderr == *'the ID bad is in use: '* ]]
    [[ $(<"$ENVS/bad.json") == broken ]]
}

@test "a record of another boot is over; so is one that a power loss emptied" {
    plant '.boot_id = "00000000-0000-0000-0000-000000000000"'
    : >"$ENVS/empty.json"
    touch -d '10 years ago' "$ENVS/empty.json"
    run --separate-stderr "$GENV" envs ps --no-header --format csv
    [[ ${#lines[@]} == 1 && -z $stderr ]]
    "$GENV" envs config --eid good name --name swept
    [[ ! -e $ENVS/bad.json && ! -e $ENVS/empty.json ]]
}

@test "a PID that was used again, a zombie and PID 1 of another start keep nothing alive" {
    plant '.processes[0].start_time += 1'
    [[ $("$GENV" envs ps --no-header | wc -l) == 1 ]]
    plant '.processes[0].pid = 1'
    [[ $("$GENV" envs ps --no-header | wc -l) == 1 ]]
    # A parent that never asks for its child's end keeps it as a zombie.
    bash -c 'sleep 1000 & echo $!; exec sleep 1000' 3>&- >"$SCRATCH/zombie" &
    MEMBERS+=($!)
    until [[ -s $SCRATCH/zombie ]]; do sleep 0.05; done
    local zombie
    zombie=$(<"$SCRATCH/zombie")
    "$GENV" envs activate --eid zombie --uid "$EUID" --pid "$zombie"
    kill "$zombie"
    until [[ $(awk '{print $3}' "/proc/$zombie/stat") == Z ]]; do sleep 0.05; done
    [[ -z $("$GENV" envs find --pid "$zombie") ]]
    run --separate-stderr "$GENV" envs activate --eid again --uid "$EUID" --pid "$zombie"
    [[ $status == 1 && $stderr == *"there is no process $zombie"* ]]
}

@test "a state directory that is a link, a file, or has links inside is not used" {
    local real=$GENV_TMPDIR
    ln -s "$real" "$SCRATCH/link"
    GENV_TMPDIR=$SCRATCH/link run --separate-stderr "$GENV" envs ps
    [[ $status == 1 && ${#stderr_lines[@]} == 1 && $stderr == *"$SCRATCH/link is not a directory, or is a symbolic link"* ]]
    echo content >"$SCRATCH/file"
    GENV_TMPDIR=$SCRATCH/file run --separate-stderr "$GENV" envs activate --eid x --uid "$EUID" --pid "$MEMBER"
    [[ $status == 1 && ${#stderr_lines[@]} == 1 && $(<"$SCRATCH/file") == content ]]
    mkdir "$SCRATCH/other" "$SCRATCH/target"
    ln -s "$SCRATCH/target" "$SCRATCH/other/envs"
    GENV_TMPDIR=$SCRATCH/other run --separate-stderr "$GENV" envs activate --eid x --uid "$EUID" --pid "$MEMBER"
    [[ $status == 1 && ${#stderr_lines[@]} == 1 && -z $(ls -A "$SCRATCH/target") ]]
}

@test "a planted lock is refused for changes, and not followed" {
    mkdir "$SCRATCH/other" "$SCRATCH/other/envs"
    ln -s "$SCRATCH/target" "$SCRATCH/other/genv.lock"
    GENV_TMPDIR=$SCRATCH/other run --separate-stderr "$GENV" envs activate --eid x --uid "$EUID" --pid "$MEMBER"
    [[ $status == 1 && ${#stderr_lines[@]} == 1 && $stderr == *'genv.lock is not a regular file'* ]]
    [[ ! -e $SCRATCH/target ]]
    rm "$SCRATCH/other/genv.lock"
    mkfifo "$SCRATCH/other/genv.lock"
    GENV_TMPDIR=$SCRATCH/other run --separate-stderr "$GENV" envs activate --eid x --uid "$EUID" --pid "$MEMBER"
    [[ $status == 1 && ${#stderr_lines[@]} == 1 ]]
    GENV_TMPDIR=$SCRATCH/other run --separate-stderr "$GENV" envs ps --no-header
    [[ $status == 0 && -z $output ]]
}

@test "a lock that is removed while others wait for it excludes all the same" {
    flock -F -x "$GENV_TMPDIR/genv.lock" sleep 1000 3>&- &
    MEMBERS+=($!)
    until ! flock -n "$GENV_TMPDIR/genv.lock" true; do sleep 0.05; done
    rm "$GENV_TMPDIR/genv.lock"
    [[ $("$GENV" devices attach --eid good --count 2) == 0,1 ]]
    [[ -f $GENV_TMPDIR/genv.lock ]]
}

@test "a missing parent, and a relative path, are told or served" {
    GENV_TMPDIR=$SCRATCH/no/such/place run --separate-stderr "$GENV" envs activate --eid x --uid "$EUID" --pid "$MEMBER"
    [[ $status == 1 && ${#stderr_lines[@]} == 1 && $stderr == *"cannot create $SCRATCH/no/such/place"* ]]
    GENV_TMPDIR=$SCRATCH/no/such/place run --separate-stderr "$GENV" envs ps --no-header
    [[ $status == 0 && -z $output && -z $stderr ]]
    cd "$SCRATCH"
    [[ $(GENV_TMPDIR=state "$GENV" devices find --eid good) == 1 ]]
}

@test "looking at nothing makes nothing" {
    export GENV_TMPDIR=$SCRATCH/fresh
    "$GENV" envs ps
    "$GENV" devices ps
    "$GENV" status
    "$GENV" doctor || true
    [[ ! -e $SCRATCH/fresh ]]
}

@test "a record older than a day is touched, so that cleaners of /var/tmp pass it by" {
    touch -d '40 days ago' "$ENVS/good.json"
    "$GENV" envs ps >/dev/null
    [[ -z $(find "$ENVS/good.json" -mtime +0) ]]
}

@test "a state directory whose name is put on another one while it is made" {
    need_root
    command -v strace >/dev/null || skip 'strace is missing'
    local victim=$SCRATCH/victim aside='' i
    export GENV_TMPDIR=$SCRATCH/open/state
    mkdir -m 777 "$SCRATCH/open"
    mkdir -m 700 "$victim"
    start_member
    # chmod(2), or on newer architectures fchmodat(2), waits, and what it is about has another name by then.
    strace -f -qq -o /dev/null -e trace=chmod,fchmodat -e inject=chmod,fchmodat:delay_enter=2000000 \
        "$GENV" envs activate --eid new --pid "$MEMBER" 3>&- 2>/dev/null &
    for ((i = 0; i < 1000; i++)); do
        aside=$(compgen -G "$SCRATCH/open/.aside-*") && break
        sleep 0.01
    done
    [[ -n $aside ]] || skip 'strace cannot hold system calls up here'
    mv "$aside" "$SCRATCH/moved"
    ln -s "$victim" "$aside"
    wait "$!" || true
    [[ $(stat -c %a "$victim") == 700 ]] || { stat "$victim"; return 1; }
    [[ $(stat -c %a "$SCRATCH/moved") == 1777 ]]
    [[ -z $(ls -A "$victim") ]]
}
