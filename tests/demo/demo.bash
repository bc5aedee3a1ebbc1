#!/usr/bin/env bash
# Shows genv sharing GPUs between a few bash shells: demo.bash GENV. Status 0: every check passed.
set -euo pipefail

binary=$(readlink -f "${1:?usage: demo.bash GENV}")
work=$(mktemp -d)
bin=$work/bin
mkdir "$bin"
ln -s "$binary" "$bin/genv"
unset GENV_ENVIRONMENT_ID GENV_ENVIRONMENT_NAME GENV_GPUS GENV_GPU_MEMORY CUDA_VISIBLE_DEVICES CUDA_DEVICE_ORDER
export PATH=$bin:$PATH
declare -A input output process
output_text=
failures=0

stop() {
    local name
    for name in "${!process[@]}"; do
        kill "${process[$name]}" 2>/dev/null || true
    done
    wait
    rm -rf "$work"
}
trap stop EXIT

say() {
    printf '\n# %s\n' "$*"
}

wrong() {
    printf '# WRONG: %s\n' "$*"
    failures=$((failures + 1))
}

# Opens terminal $1: a bash that is set up as by ~/.bashrc.
open_terminal() {
    local name=$1 to from
    mkfifo "$work/$name.in" "$work/$name.out"
    bash --noprofile --norc <"$work/$name.in" >"$work/$name.out" 2>&1 &
    process[$name]=$!
    exec {to}>"$work/$name.in" {from}<"$work/$name.out"
    input[$name]=$to output[$name]=$from
    type_in "$name" 'eval "$(genv shell --init bash)"'
}

# Types the command $2 in terminal $1 and shows its output, which is left in $output_text.
# Returns the command's status.
type_in() {
    local name=$1 command=$2 line end="--end-$RANDOM$RANDOM--"
    printf '\n%s$ %s\n' "$name" "$command"
    printf '%s\nprintf "\\n%%s %%s\\n" %s $?\n' "$command" "$end" >&"${input[$name]}"
    output_text=
    while IFS= read -r line <&"${output[$name]}"; do
        [[ $line != "$end "* ]] || break
        output_text+=$line$'\n'
    done
    output_text=${output_text%$'\n'}
    printf '%s' "$output_text"
    return "${line#"$end "}"
}

# The same, for a command that has to succeed.
ok() {
    type_in "$@" || wrong "it ended with status $?"
}

# The same, for a command that genv has to refuse.
refused() {
    if type_in "$@"; then
        wrong 'it should have been refused'
    fi
    [[ $output_text == *genv:* ]] || wrong 'it does not say why'
}

# Terminal $1 has to see $2 devices.
sees() {
    local devices
    ok "$1" 'echo "$CUDA_VISIBLE_DEVICES"'
    devices=${output_text//$'\n'/}
    [[ $devices =~ ^[0-9]+(,[0-9]+)*$ && $(tr -cd , <<<"$devices" | wc -c) -eq $(($2 - 1)) ]] ||
        wrong "it should see $2 devices"
}

# Print the number of devices, and of those that nobody holds.
count_devices() {
    genv devices ps --format csv --no-header | sort -t , -k 1,1 -u | grep -c . || true
}

count_free() {
    genv devices ps --format csv --no-header | awk -F , '$2 == ""' | grep -c . || true
}

# Closes the window of terminal $1, without deactivate.
close_terminal() {
    printf '\n# Terminal %s closes.\n' "$1"
    kill -KILL "${process[$1]}"
    wait "${process[$1]}" 2>/dev/null || true
    unset "process[$1]"
}

simulate() {
    export GENV_DEVICES=4 GENV_TMPDIR=$work/state
    say "$1: simulating four with 16 GiB each (GENV_DEVICES=4)."
}

choose_devices() {
    if [[ -n ${GENV_DEVICES-} ]]; then
        simulate 'GENV_DEVICES is set'
    elif ! all=$(genv devices ps --format csv --no-header 2>/dev/null) || [[ -z $all ]]; then
        simulate 'The driver finds no GPU on this machine'
    elif [[ $(count_free) -eq 0 ]]; then
        simulate 'Every GPU on this machine is in use'
    else
        say "This machine has $(count_devices) GPUs, $(count_free) of them free: using them."
    fi
}

main() {
    local free rest
    choose_devices
    free=$(count_free)

    say 'Three terminals, each set up with the line for ~/.bashrc.'
    open_terminal 1
    open_terminal 2
    open_terminal 3

    if ((free > 1)); then
        say 'Terminal 1 takes a GPU for itself.'
        ok 1 'genv activate --name training --gpus 1'
        sees 1 1
        ok 1 'genv status'
    fi

    say 'Terminals 2 and 3 need 4 GB each: they share a GPU.'
    ok 2 'genv activate --name notebook --gpus 1 --gpu-memory 4g'
    sees 2 1
    local shared=$output_text
    ok 3 'genv activate --name evaluation --gpus 1 --gpu-memory 4g'
    sees 3 1
    [[ $output_text == "$shared" ]] || wrong 'terminals 2 and 3 should share a GPU'

    rest=$(count_free)
    if ((rest > 0)); then
        say "One command in its own environment, with the remaining GPUs ($rest)."
        ok 3 "genv run --name sweep --gpus $rest -- sh -c 'echo I see \$CUDA_VISIBLE_DEVICES'"
        say 'Terminal 1 attaches them too.'
        ok 1 "genv attach --count $((rest + 1))"
        sees 1 $((rest + 1))
    fi

    say 'Who has what:'
    ok 1 'genv envs'
    ok 1 'genv devices'

    say 'No GPU is left for a fourth terminal.'
    open_terminal 4
    refused 4 'genv activate --name late --gpus 1'
    ok 4 'genv status'
    ok 4 'genv deactivate'

    say 'Leaving an environment frees its GPUs, and so does closing its terminal.'
    ((free == 1)) || ok 1 'genv deactivate'
    ok 2 'genv deactivate'
    close_terminal 3
    ok 2 'genv envs'
    ok 2 'genv devices'
    [[ $(count_free) -ge $free ]] || wrong "$free devices should be free"

    echo
    if ((failures)); then
        echo "# $failures checks failed."
        exit 1
    fi
    echo '# All checks passed: each GPU went to the environments that asked first, and is free again.'
}

main
