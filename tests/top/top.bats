#!/usr/bin/env bats
# genv top in a terminal, and its text: the whole of what a user sees, over a simulated machine.
# shellcheck disable=SC2154 # set by bats and by the helpers

load helpers

@test "the screen at 80x24" {
    make_machine
    watch_once 80 24
    expect_screen 80x24.txt
}

@test "the screen at 200x60" {
    make_machine
    watch_once 200 60
    expect_screen 200x60.txt
}

@test "a resize leaves no garbage, however small the screen was" {
    make_machine
    watch_once 80 24
    expect_screen 80x24.txt
    in_tmux resize-window -t top -x 200 -y 60
    expect_screen 200x60.txt
    in_tmux resize-window -t top -x 10 -y 3
    expect_screen 10x3.txt
    in_tmux resize-window -t top -x 1 -y 1
    in_tmux resize-window -t top -x 60 -y 14
    expect_screen 60x14.txt
    in_tmux resize-window -t top -x 80 -y 24
    expect_screen 80x24.txt
}

@test "sorting, and back" {
    make_machine
    watch_once 80 24
    press Tab s
    expect_screen sorted.txt
    press Left
    press BTab
    expect_screen 80x24.txt
}

@test "the help, and back" {
    make_machine
    watch_once 80 24
    press '?'
    expect_screen help.txt
    press x
    expect_screen 80x24.txt
}

@test "a filter by environment while it is typed, kept, and dropped" {
    make_machine
    watch_once 80 24
    press e
    press -l '学習'
    expect_screen typing.txt
    press Enter
    expect_screen filtered.txt
    press Escape
    expect_screen 80x24.txt
}

@test "a filter by user, and one from the command line" {
    make_machine
    watch_once 80 24 --user nobody-of-that-name
    wait_for '^Environments 0 of 3'
    wait_for '^None match the filter'
    press u
    press -l "${USER_NAME^^}"
    wait_for '^Environments 3  by'
    press Enter
    wait_for '^user: .* Esc All'
}

@test "Enter shows the selected environment alone" {
    make_machine
    watch_once 80 24
    press Down Enter
    wait_for '^environment: 1600 '
    wait_for '^Devices 1 of 4'
    wait_for '^Processes 1 of 4'
}

# Runs genv top in a shell in the terminal, then does what its arguments say, and compares the terminal with before.
leave_by() {
    # shellcheck disable=SC2016
    open_terminal 80 24 'PS1="ready> "; stty -a >'"$BATS_TEST_TMPDIR"'/before; echo above
        genv top; echo "status $?"; stty -a >'"$BATS_TEST_TMPDIR"'/after; exec sleep 1000'
    wait_for '^GPU'
    [ "$(in_tmux display -p -t top '#{alternate_on} #{cursor_flag}')" = '1 0' ]
    PARENT=$(in_tmux display -p -t top '#{pane_pid}')
    TOP=$(pgrep -P "$PARENT")
    SAMPLER=$(pgrep -P "$TOP")
    "$@"
    wait_for '^status '
    [ "$(in_tmux display -p -t top '#{alternate_on} #{cursor_flag}')" = '0 1' ]
    eventually test -e "$BATS_TEST_TMPDIR/after"
    eventually cmp "$BATS_TEST_TMPDIR/before" "$BATS_TEST_TMPDIR/after"
    [[ $(screen) == above* ]]
    eventually test ! -e "/proc/$SAMPLER"
}

@test "q gives the terminal back" {
    make_machine
    leave_by press q
    wait_for '^status 0$'
}

@test "Ctrl-C gives the terminal back" {
    make_machine
    leave_by press C-c
    wait_for '^status 0$'
}

terminate() {
    kill -TERM "$TOP"
}

@test "SIGTERM gives the terminal back" {
    make_machine
    leave_by terminate
    wait_for '^status 143$'
}

@test "Ctrl-Z gives the terminal back for a while" {
    make_machine
    open_terminal 80 24 'PS1="ready> " exec bash --norc -i'
    wait_for '^ready> *$'
    press -l 'genv top'
    press Enter
    wait_for '^GPU'
    press C-z
    wait_for 'Stopped'
    [ "$(in_tmux display -p -t top '#{alternate_on}')" = 0 ]
    press -l 'fg'
    press Enter
    wait_for '^GPU'
    press q
    wait_for '^ready> *$'
    [ "$(in_tmux display -p -t top '#{alternate_on}')" = 0 ]
}

@test "a terminal that goes away ends it" {
    make_machine
    watch_once 80 24
    TOP=$(in_tmux display -p -t top '#{pane_pid}')
    in_tmux kill-session -t top
    eventually test ! -e "/proc/$TOP"
}

@test "a driver that hangs freezes neither keys nor the end, and its age is shown" {
    make_machine
    open_terminal 80 24 'exec genv top --interval 0.2'
    wait_for '^  0 .* 37%'
    write_world '{"init_delay_ms": 600000, "devices": []}'
    wait_for '^genv top  no response from the driver for [0-9]+ s'
    wait_for '^  0 .* 37%' # the last that was known stays
    press '?'
    wait_for '^Any key'
    press x
    wait_for '^  0 .* 37%'
    TOP=$(in_tmux display -p -t top '#{pane_pid}')
    SAMPLER=$(pgrep -P "$TOP")
    press q
    eventually test ! -e "/proc/$TOP"
    eventually test ! -e "/proc/$SAMPLER"
}

@test "what was known last stays where the driver has not answered in time" {
    make_machine
    GENV_DRIVER_TIMEOUT=1 open_terminal 80 24 'exec genv top --interval 0.2'
    wait_for '^  0 .* 37%'
    write_world '{"init_delay_ms": 600000, "devices": []}'
    wait_for 'the driver did not respond within 1 second'
    wait_for '^  0 .* 37%'
}

@test "a driver that is slow from the start can be waited for, or left" {
    make_machine
    write_world '{"init_delay_ms": 600000, "devices": []}'
    open_terminal 80 24 'exec genv top'
    wait_for '^Waiting for the driver'
    wait_for '^The devices are unknown\.' # meanwhile
    wait_for '^Environments 3 '
    wait_for 'the driver has not responded for 5 seconds'
    TOP=$(in_tmux display -p -t top '#{pane_pid}')
    press q
    eventually test ! -e "/proc/$TOP"
}

@test "the process that asks the driver may die: it is said, and another one asks" {
    make_machine
    open_terminal 80 24 'exec genv top --interval 2'
    wait_for '^  0 .* 37%'
    kill -STOP "$(pgrep -P "$(in_tmux display -p -t top '#{pane_pid}')")"
    sleep 2.5 # it is being asked now
    kill -KILL "$(pgrep -P "$(in_tmux display -p -t top '#{pane_pid}')")"
    wait_for 'was ended by signal 9'
    write_world "{\"devices\": [$(device 0 41 52 312 '')]}"
    wait_for '^  0 .* 41%'
    run ! grep -q 'signal 9' "$BATS_TEST_TMPDIR/screen"
}

@test "the screen follows the machine" {
    make_machine
    open_terminal 80 24 'exec genv top --interval 0.2'
    wait_for '^  0 .* 37%'
    write_world "{\"devices\": [$(device 0 99 52 312 ''), {\"uuid\": \"GPU-x\", \"query\": \"gpu_is_lost\"}]}"
    wait_for '^  0 .* 99%'
    wait_for '^  1  lost: needs a reset'
    wait_for '^Processes 0'
    genv envs deactivate --pid "${PIDS[1]}"
    wait_for '^Environments 2 '
}

@test "no driver at all is said, and environments are still shown" {
    make_machine
    export GENV_SIMULATOR=$BATS_TEST_TMPDIR/none.json
    echo '{"init": "driver_not_loaded", "devices": []}' >"$GENV_SIMULATOR"
    open_terminal 80 24 'exec genv top --interval 0.2'
    wait_for '^There are no devices\.'
    wait_for '^Environments 3 '
    wait_for 'driver'
}

@test "where the driver does not tell of devices they are unknown, and environments are still shown" {
    make_machine
    open_terminal 80 24 'exec genv top --interval 0.2'
    wait_for '^  0 .* 37%'
    write_world '{"init": "unknown", "devices": []}'
    wait_for 'the NVIDIA driver failed'
    wait_for '^The devices are unknown\.'
    wait_for '^Environments 3 '
    write_world '{"init_delay_ms": 600000, "devices": []}'
    GENV_DRIVER_TIMEOUT=1 run -0 --separate-stderr genv top --once
    [[ $output == *'The devices are unknown.'*'Environments 3 '*'the driver did not respond within 1 second'* ]]
}

@test "an upgrade takes nothing away" {
    local root=$BATS_TEST_TMPDIR/root
    make_machine
    mkdir -p "$root/bin" "$root/libexec"
    cp "$GENV_BIN" "$root/bin"
    cp "$(dirname "$GENV_BIN")"/../libexec/genv-{top,driver} "$root/libexec"
    open_terminal 80 24 "exec '$root/bin/genv' top --interval 0.2"
    wait_for '^  0 .* 37%'
    cp -r "$root" "$root.new"
    mv "$root" "$root.old"
    mv "$root.new" "$root"
    rm -r "$root.old"
    write_world "{\"devices\": [$(device 0 41 52 312 '')]}"
    wait_for '^  0 .* 41%'
}

@test "no devices" {
    open_terminal 80 24 'GENV_DEVICES=0 exec genv top'
    wait_for '^There are no devices\.'
    expect_screen nothing.txt
}

are_there_free() { (($(screen | grep -o -w free | wc -l) == $1)); }

@test "64 devices at 200x60 and 80x24" {
    unset GENV_SIMULATOR
    export GENV_DEVICES=64
    watch_once 200 60
    eventually are_there_free 65 # one is the header's
    in_tmux resize-window -t top -x 80 -y 24
    wait_for '^Devices 64 .* 1-[0-9]+$'
    press 1 End
    wait_for '^ 63 .* free'
}

@test "1000 environments" {
    unset GENV_SIMULATOR
    export GENV_DEVICES=2
    start_process
    for number in {1..1000}; do genv envs activate --eid "e$number" --pid "${PIDS[0]}"; done
    watch_once 80 24
    wait_for '^Environments 1000'
    press s s s # by identifier
    wait_for '^Environments 1000 .* by identifier'
    wait_for '^e1 '
    press NPage
    press End
    wait_for '^e1000 '
    wait_for '^Environments 1000 .* [0-9]+-1000$'
    [ "$(genv top --once | grep -c '^e[0-9]')" -eq 1000 ]
}

@test "--once prints all of it to a pipe, 80 columns wide" {
    make_machine
    genv top --once | compare once.txt
    run ! grep -P '[^\x00-\x7f]' <(LC_ALL=C genv top --once | grep -v 学習)
    # It fits: no line is wider than a terminal.
    run ! grep -E '.{81}' <(genv top --once | sed 's/学習モデル/----------/')
}

@test "--once has the width of its terminal, and colours unless told otherwise" {
    make_machine
    open_terminal 120 40 'genv top --once; exec sleep 1000'
    wait_for '^Processes'
    screen | head -1 | grep -q -E '^.{112}[0-9:]{8}$'
    command -v script >/dev/null || skip 'script is not installed'
    [[ $(script -qec 'genv top --once' /dev/null) == *$'\e[0;1mgenv top\e[0m'* ]]
    [[ $(script -qec 'genv top --once --no-color' /dev/null) != *$'\e'* ]]
    [[ $(NO_COLOR=1 script -qec 'genv top --once' /dev/null) != *$'\e'* ]]
    [[ $(TERM=dumb script -qec 'genv top --once' /dev/null) != *$'\e'* ]]
    [[ $(genv top --once) != *$'\e'* ]]
}

# The escape sequences of the screen that set a colour.
are_there_colours() { (($(colours) > 5)); }

colours() {
    in_tmux capture-pane -p -e -t top | grep -c -P '\e\[[0-9;]*3[0-7]'
}

@test "colours on the screen, and none where they are not wanted" {
    make_machine
    watch_once 80 24
    eventually are_there_colours
    in_tmux kill-session -t top
    watch_once 80 24 --no-color
    expect_screen 80x24.txt
    [ "$(colours)" -eq 0 ]
    in_tmux kill-session -t top
    NO_COLOR=1 watch_once 80 24
    expect_screen 80x24.txt
    [ "$(colours)" -eq 0 ]
}

@test "a terminal without Unicode gets ASCII" {
    make_machine
    export LC_ALL=C
    watch_once 80 24
    wait_for '^Memory #+\.'
    wait_for ' sleep 1003$' # the last row
    run ! grep -P '[^\x00-\x7f]' <(screen)
}

@test "where it can't be shown, it says what to do" {
    run --separate-stderr genv top </dev/null
    [ "$status" -eq 1 ]
    [ -z "$output" ]
    [[ $stderr == "genv: "*"'genv top --once'"* ]]
    open_terminal 100 24 'TERM=dumb genv top; TERM=no-such-terminal genv top; exec sleep 1000'
    wait_for "^genv: terminal type 'dumb' cannot move the cursor: to print once, use 'genv top --once'"
    wait_for "^genv: unknown terminal type 'no-such-terminal'"
}

@test "a failure is said once the terminal is back" {
    make_machine
    run --separate-stderr env GENV_DEVICES=many genv top --once
    [ "$status" -eq 1 ]
    [ -z "$output" ]
    [[ $stderr == "genv: GENV_DEVICES"* ]]
    run --separate-stderr bash -c 'genv top --once >/dev/full'
    [ "$status" -eq 1 ]
    [[ $stderr == "genv: cannot write to standard output"* ]]
}

@test "the options are checked" {
    run --separate-stderr genv top --interval often
    [ "$status" -eq 2 ]
    [[ $stderr == *"'often' is not a number of seconds"* ]]
    run --separate-stderr genv top --interval 0
    [ "$status" -eq 2 ]
    run --separate-stderr "$GENV_BUILD/src/libexec/genv-top" --frobnicate
    [ "$status" -eq 2 ]
}

@test "the program refuses, and helps, in the words of the command" {
    local program=$GENV_BUILD/src/libexec/genv-top words
    for words in --frobnicate '--interval often' '--interval 0.01' '--once=yes' extra; do
        # shellcheck disable=SC2086 # one or two words
        run --separate-stderr genv top $words
        [[ $status == 2 && -z $output && $stderr == *"(try 'genv top --help')" ]]
        expected=$stderr
        # shellcheck disable=SC2086
        run --separate-stderr "$program" $words
        [[ $status == 2 && -z $output && $stderr == "$expected" ]]
    done
    [[ $("$program" --help) == "$(genv top --help)" && -n $("$program" -h) ]]
}
