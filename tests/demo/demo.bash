#!/usr/bin/env bash
# Does genv's main job for real, in a few bash shells at once: demo.bash GENV. Status 0: all was as it should be.
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

# Opens the terminal $1: a bash that is set up as a ~/.bashrc would.
open_terminal() {
    local name=$1 to from
    mkfifo "$work/$name.in" "$work/$name.out"
    bash --noprofile --norc <"$work/$name.in" >"$work/$name.out" 2>&1 &
    process[$name]=$!
    exec {to}>"$work/$name.in" {from}<"$work/$name.out"
    input[$name]=$to output[$name]=$from
    type_in "$name" 'eval "$(genv shell --init bash)"'
}

# Types the command $2 in terminal $1, and shows it and what it prints, which is left in $output_text.
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

# The same, where failing would be wrong.
ok() {
    type_in "$@" || wrong "it ended with status $?"
}

# The same, where genv has to refuse.
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

# The devices, and those that nobody holds.
count_devices() {
    genv devices ps --format csv --no-header | sort -t , -k 1,1 -u | grep -c . || true
}

count_free() {
    genv devices ps --format csv --no-header | awk -F , '$2 == ""' | grep -c . || true
}

# Close the window of terminal $1: nobody says deactivate.
close_terminal() {
    printf '\n# Terminal %s is closed.\n' "$1"
    kill -KILL "${process[$1]}"
    wait "${process[$1]}" 2>/dev/null || true
    unset "process[$1]"
}

simulate() {
    export GENV_DEVICES=4 GENV_TMPDIR=$work/state
    say "$1: simulating four of 16 GiB (GENV_DEVICES=4)."
}

choose_devices() {
    if [[ -n ${GENV_DEVICES-} ]]; then
        simulate 'GENV_DEVICES is set'
    elif ! all=$(genv devices ps --format csv --no-header 2>/dev/null) || [[ -z $all ]]; then
        simulate 'This machine has no GPU that the driver finds'
    elif [[ $(count_free) -eq 0 ]]; then
        simulate 'Every GPU of this machine is held by somebody'
    else
        say "This machine has $(count_devices) GPUs, $(count_free) of them free: using those."
    fi
}

main() {
    local free rest
    choose_devices
    free=$(count_free)

    say 'Three terminals, each set up by the line that stands in a ~/.bashrc.'
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
        say "One command in an environment of its own, with the $rest GPUs that are left."
        ok 3 "genv run --name sweep --gpus $rest -- sh -c 'echo I see \$CUDA_VISIBLE_DEVICES'"
        say 'Terminal 1 takes them too.'
        ok 1 "genv attach --count $((rest + 1))"
        sees 1 $((rest + 1))
    fi

    say 'Who has what.'
    ok 1 'genv envs'
    ok 1 'genv devices'

    say 'Nothing is left for a fourth terminal.'
    open_terminal 4
    refused 4 'genv activate --name late --gpus 1'
    ok 4 'genv status'
    ok 4 'genv deactivate'

    say 'Leaving frees the GPUs; closing a terminal does as well.'
    ((free == 1)) || ok 1 'genv deactivate'
    ok 2 'genv deactivate'
    close_terminal 3
    ok 2 'genv envs'
    ok 2 'genv devices'
    [[ $(count_free) -ge $free ]] || wrong "$free devices should be free"

    echo
    if ((failures)); then
        echo "# $failures things were not as they should be."
        exit 1
    fi
    echo '# All as it should be: each GPU was held by those who asked first, and is free again.'
}

main
