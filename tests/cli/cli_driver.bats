#!/usr/bin/env bats
# A driver that hangs costs a sentence: every command that asks it can be ended at once, and leaves nothing behind.
# shellcheck disable=SC2154 # set by bats

load cli_helpers
eval "common_$(declare -f setup)"

setup() {
    common_setup
    unset GENV_DEVICES GENV_DRIVER_TIMEOUT
    export GENV_SIMULATOR=$BATS_TEST_TMPDIR/world.json LD_LIBRARY_PATH=$GENV_NVML
    become '{"devices": [{"uuid": "GPU-a"}, {"uuid": "GPU-b"}]}'
}

# The machine becomes $1, at once and as a whole.
become() {
    printf '%s\n' "$1" >"$GENV_SIMULATOR.new"
    mv "$GENV_SIMULATOR.new" "$GENV_SIMULATOR"
}

hang() { become '{"init_delay_ms": 3600000, "devices": [{"uuid": "GPU-a"}, {"uuid": "GPU-b"}]}'; }

# The processes that ask this test's driver.
askers() {
    local pid
    for pid in $(pgrep -x genv-driver); do
        ! grep -qzxF "GENV_TMPDIR=$GENV_TMPDIR" "/proc/$pid/environ" 2>/dev/null || echo "$pid"
    done
}

# Waits until $1, a command line, is true.
until_so() {
    local i
    for ((i = 0; i < 1000; i++)); do
        ! eval "$1" || return 0
        sleep 0.02
    done
    echo "never: $1"
    askers
    return 1
}

has_ended() { [[ ! -e /proc/$1 || $(sed -n 's/^State:[[:space:]]*//p' "/proc/$1/status" 2>/dev/null) == [ZX]* ]]; }

# Starts the command line behind while the driver hangs, sends it signal $1 once it asks, and waits for its end.
end_while_asking() {
    local signal=$1 pid
    shift
    printf '%q ' "$signal" "$@"
    echo
    env --default-signal=INT "$@" >"$BATS_TEST_TMPDIR/out" 2>&1 3>&- &
    pid=$!
    members+=("$pid")
    until_so '[[ $(askers) ]]'
    kill "-$signal" "$pid"
    until_so "has_ended $pid"
    until_so '[[ ! $(askers) ]]'
}

@test "whatever asks a driver that hangs is ended by a signal at once, and nothing is left" {
    make_env e
    hang
    local signal command
    for signal in TERM INT; do
        for command in 'devices' 'snapshot' 'doctor' 'devices attach --eid e --count 1' 'run --gpus 1 -- true' \
            'enforce' 'enforce --interval 0' 'monitor --port 0' 'top --once'; do
            # shellcheck disable=SC2086
            end_while_asking "$signal" genv $command
        done
    done
}

@test "a service that is told to end while the driver hangs ends well, without a word" {
    hang
    local signal
    for signal in TERM INT; do
        end_while_asking "$signal" genv enforce --interval 5
        wait "${members[-1]}"
        [ ! -s "$BATS_TEST_TMPDIR/out" ]
        end_while_asking "$signal" genv monitor --port 0
        wait "${members[-1]}"
    done
}

@test "a live view is ended by a signal while the driver hangs" {
    hang
    local signal pid
    for signal in TERM INT; do
        script -qec 'exec genv top' /dev/null </dev/null >/dev/null 2>&1 3>&- &
        members+=("$!")
        until_so '[[ $(askers) ]]'
        until_so "pid=\$(pgrep -P ${members[-1]})"
        kill "-$signal" "$pid"
        until_so "has_ended $pid"
        until_so '[[ ! $(askers) ]]'
    done
}

@test "a caller that is killed leaves nobody who asks" {
    hang
    end_while_asking KILL genv devices
}

@test "whoever has stopped what asks the driver holds nobody up" {
    hang
    GENV_DRIVER_TIMEOUT=5 genv devices >"$BATS_TEST_TMPDIR/out" 2>&1 3>&- &
    members+=("$!")
    until_so '[[ $(askers | wc -l) -eq 2 ]]'
    # shellcheck disable=SC2046 # two PIDs
    kill -STOP $(askers)
    until_so "has_ended ${members[-1]}"
    grep -q '^genv: the driver did not respond within 5 seconds' "$BATS_TEST_TMPDIR/out"
    until_so '[[ ! $(askers) ]]'
}

@test "a driver is waited for as long as GENV_DRIVER_TIMEOUT says" {
    export GENV_DRIVER_TIMEOUT=1
    make_env e
    hang
    expect_refusal 'the driver did not respond within 1 second: see dmesg' genv devices
    [[ $stderr == *GENV_DRIVER_TIMEOUT* ]]
    expect_refusal 'the driver did not respond' genv devices attach --eid e --count 1
    run --separate-stderr genv snapshot
    [ "$status" -eq 0 ]
    [[ $stderr == 'genv: warning: the driver did not respond within 1 second: '* ]]
    [ "$(jq -c '[.devices, [.envs[].eid]]' <<<"$output")" = '[[],["e"]]' ]
    run -1 --separate-stderr genv doctor
    [[ $output == *'error    driver: the driver did not respond within 1 second: '* ]]
    expect_refusal 'the driver did not respond' genv enforce --interval 0
    become '{"init_delay_ms": 100, "devices": [{"uuid": "GPU-a"}]}'
    GENV_DRIVER_TIMEOUT=60 run -0 genv devices find --eid e
    GENV_DRIVER_TIMEOUT=-1 expect_refusal "GENV_DRIVER_TIMEOUT is '-1': set it to a number of seconds" genv devices
    GENV_DRIVER_TIMEOUT=1.5 expect_refusal "GENV_DRIVER_TIMEOUT is '1.5'" genv devices
    [ -z "$(askers)" ]
}

# The folder $BATS_TEST_TMPDIR/lib, with a driver of which nvmlInit_v2() is $1.
make_library() {
    local name
    mkdir "$BATS_TEST_TMPDIR/lib"
    {
        printf '#include <signal.h>\n#include <stdio.h>\n#include <unistd.h>\nint nvmlInit_v2(void) { %s }\n' "$1"
        for name in nvmlShutdown nvmlDeviceGetCount_v2 nvmlDeviceGetHandleByIndex_v2 nvmlDeviceGetUUID; do
            echo "int $name(void) { return 1; }"
        done
    } >"$BATS_TEST_TMPDIR/library.c"
    cc -shared -fPIC -o "$BATS_TEST_TMPDIR/lib/libnvidia-ml.so.1" "$BATS_TEST_TMPDIR/library.c" || skip 'no compiler'
    export LD_LIBRARY_PATH=$BATS_TEST_TMPDIR/lib
}

@test "what needs to know where devices are, and no more, does not wait long for a driver that hangs" {
    local warning='genv: warning: the driver does not respond: device indices may be out of date'
    make_env e name
    genv devices attach --eid e --count 2 --quiet
    hang
    export GENV_ENVIRONMENT_ID=e GENV_DRIVER_TIMEOUT=3600 # longer than any test may take
    run -0 --separate-stderr genv status
    [[ ${lines[1]} == 'Attached to GPUs at indices 0,1' && $stderr == "$warning" ]]
    run -0 --separate-stderr genv envs --format json
    [[ $(jq -c '[.[] | [.eid, .devices]]' <<<"$output") == '[["e",[0,1]]]' && $stderr == "$warning" ]]
    expect 0 name genv config name
    [ "$stderr" = "$warning" ]
    run -0 --separate-stderr genv config name other
    run -0 --separate-stderr genv detach
    [[ $output == 'Detached from GPUs' && ! $stderr ]]
    expect 0 'e	other' genv complete -- envs config --eid ''
    [ -z "$stderr" ]
    run -0 --separate-stderr genv complete -- attach --index ''
    [[ ! $output$stderr ]]
}

@test "a command waits once for a driver that does not answer" {
    local command
    make_env e
    genv devices attach --eid e --count 2 --quiet
    make_library "FILE *file = fopen(\"$BATS_TEST_TMPDIR/asked\", \"a\"); fputs(\"x\\n\", file); fclose(file);
        sleep(3600); return 0;"
    export GENV_ENVIRONMENT_ID=e GENV_DRIVER_TIMEOUT=1
    for command in attach 'attach --count 1' 'config gpu-memory 4g' 'lock true' 'detach --index 0' 'top --once'; do
        rm -f "$BATS_TEST_TMPDIR/asked"
        # shellcheck disable=SC2086
        run --separate-stderr genv $command
        echo "$command: $output$stderr"
        [ "$(wc -l <"$BATS_TEST_TMPDIR/asked")" -eq 1 ]
    done
    [[ $(genv devices find --eid e 2>/dev/null) == 1 ]]
}

@test "a driver that ends the process that asks it costs a sentence" {
    make_library 'raise(SIGKILL); return 0;'
    expect_refusal 'genv-driver ended unexpectedly: try again; if this persists, see dmesg' genv devices
    run -0 --separate-stderr genv snapshot
    [ "$stderr" = 'genv: warning: genv-driver ended unexpectedly: try again; if this persists, see dmesg' ]
}

@test "a library that prints, reads and changes signals disturbs nobody" {
    make_library 'puts("hello"); fputs("hello", stderr); fflush(NULL); getchar(); signal(SIGTERM, SIG_IGN); return 9;'
    expect_refusal 'the NVIDIA driver is not loaded' genv devices <<<'for genv alone'
}

# What it leaves behind holds on, as what hangs in the kernel does: nobody ends it but the test.
@test "as long as what asked the driver hangs, a service asks no more, and goes on afterwards" {
    make_library 'if (fork() == 0) setsid(); sleep(3600); return 0;'
    GENV_DRIVER_TIMEOUT=1 genv enforce --interval 0.2 >"$BATS_TEST_TMPDIR/out" 2>&1 3>&- &
    members+=("$!")
    until_so 'grep -q "genv-driver cannot be ended" "$BATS_TEST_TMPDIR/out" 2>/dev/null'
    sleep 1.5 # some looks
    [ "$(askers | wc -l)" -eq 1 ]
    kill -KILL "$(askers)"
    until_so '[[ $(grep -c "the driver did not respond" "$BATS_TEST_TMPDIR/out") -ge 2 ]]'
    kill "${members[-1]}"
    wait "${members[-1]}"
    kill -KILL "$(askers)"
}

@test "folders of libraries count from the directory that genv was started in" {
    cd "$GENV_NVML"
    LD_LIBRARY_PATH=. run -0 genv snapshot
    [ "$(jq -c '[.devices[].uuid]' <<<"$output")" = '["GPU-a","GPU-b"]' ]
}

@test "an installation without the program that asks says so" {
    mkdir -p "$BATS_TEST_TMPDIR/moved/bin"
    cp "$GENV_BIN" "$BATS_TEST_TMPDIR/moved/bin/genv"
    expect_refusal "$BATS_TEST_TMPDIR/moved/libexec/genv-driver is missing: install" \
        "$BATS_TEST_TMPDIR/moved/bin/genv" devices
    # What is beside the folder that a program was put into belongs to somebody else perhaps.
    mkdir -p "$BATS_TEST_TMPDIR/moved/deeper/bin"
    cp "$GENV_BIN" "$BATS_TEST_TMPDIR/moved/deeper/bin/genv"
    mkdir "$BATS_TEST_TMPDIR/moved/libexec"
    cp "$(dirname "$GENV_BIN")/../libexec/genv-driver" "$BATS_TEST_TMPDIR/moved/libexec"
    expect_refusal "$BATS_TEST_TMPDIR/moved/deeper/libexec/genv-driver is missing" \
        "$BATS_TEST_TMPDIR/moved/deeper/bin/genv" devices
    run -0 "$BATS_TEST_TMPDIR/moved/bin/genv" devices
    # Nor is one used where anybody can put it.
    chmod 1777 "$BATS_TEST_TMPDIR/moved"
    expect_refusal "cannot run genv-driver from $BATS_TEST_TMPDIR/moved, where anyone can write: install genv in a directory of its own" \
        "$BATS_TEST_TMPDIR/moved/bin/genv" devices
    expect_refusal "genv is installed in $BATS_TEST_TMPDIR/moved, where anyone can write: " \
        "$BATS_TEST_TMPDIR/moved/bin/genv" root
}

@test "the program that asks is nothing for people" {
    expect 2 '' "$(dirname "$GENV_BIN")/../libexec/genv-driver"
    [ "$stderr" = "genv: genv-driver is an internal program: run 'genv devices'" ]
    command -v script >/dev/null || skip 'script is not installed'
    run -2 script -qec "exec '$(dirname "$GENV_BIN")/../libexec/genv-driver' 0 10000" /dev/null
    [ "${output%$'\r'}" = "genv: genv-driver is an internal program: run 'genv devices'" ]
}
