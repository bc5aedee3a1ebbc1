#!/usr/bin/env bats
# Help and manual pages: all commands have both, and they agree with what is parsed.
# shellcheck disable=SC2154 # set by bats and by the helpers

load cli_helpers

# The commands, as the completions know them; the hidden ones are not among them.
top_commands() {
    genv complete -- '' | cut -f 1 | grep .
}

all_commands() {
    top_commands
    genv complete -- envs '' | cut -f 1 | sed "s/^/envs /"
    genv complete -- devices '' | cut -f 1 | sed "s/^/devices /"
    genv complete -- docker '' | cut -f 1 | sed "s/^/docker /"
    genv complete -- ray '' | cut -f 1 | sed "s/^/ray /"
    genv complete -- remote '' | cut -f 1 | sed "s/^/remote /"
}

@test "the commands that are documented, and no others" {
    diff <(printf '%s\n' activate deactivate status config home attach detach run python lock view ray envs devices snapshot cdi top enforce monitor remote shell init \
        prompt root doctor docker help version 'envs activate' 'envs deactivate' 'envs config' 'envs find' 'envs keep' 'envs ps' 'envs query' 'envs variables' \
        'devices attach' 'devices detach' 'devices find' 'devices ps' 'devices query' 'docker install' 'docker uninstall' 'ray start' 'ray stop' \
        'remote devices' 'remote envs' 'remote query' 'remote snapshot' 'remote activate' 'remote run' 'remote enforce' 'remote monitor') <(all_commands)
}

@test "genv alone, --help, -h and help say the same" {
    run --separate-stderr genv
    [ "$status" -eq 0 ]
    [ -z "$stderr" ]
    local overview=$output
    expect 0 "$overview" genv --help
    expect 0 "$overview" genv -h
    expect 0 "$overview" genv help
}

@test "the overview has every command once, with its summary" {
    run genv
    while IFS=$'\t' read -r command summary; do
        [ "$(grep -c -E "^  $command +[A-Z]" <<<"$output")" -eq 1 ]
        grep -qF -- "$summary" <<<"$output"
    done < <(genv complete -- '')
    [[ $output != *'  complete '* ]]
    if grep '.\{81\}' <<<"$output"; then return 1; fi
}

@test "every command has help, by --help, -h and genv help" {
    local command
    while read -r command; do
        # shellcheck disable=SC2086
        run --separate-stderr genv $command --help
        [ "$status" -eq 0 ]
        [ -z "$stderr" ]
        [[ ${lines[0]} == "Usage: genv $command"* ]]
        [[ $output == *'-h, --help '* ]]
        if grep '.\{81\}' <<<"$output"; then return 1; fi
        local help=$output
        # shellcheck disable=SC2086
        expect 0 "$help" genv $command -h
        # shellcheck disable=SC2086
        expect 0 "$help" genv help $command
    done < <(all_commands)
}

@test "every command of one word has examples" {
    local command
    for command in $(top_commands); do
        run genv "$command" --help
        [[ $output == *$'\nExamples:\n  '* ]]
    done
}

@test "--help wins over what is behind it, and needs nothing that is required" {
    run genv devices attach --help --frobnicate
    [ "$status" -eq 0 ]
    run genv run --gpus 1 --help nonsense
    [ "$status" -eq 0 ]
    [[ $output == 'Usage: genv run '* ]]
}

@test "the help of genv attach as a whole" {
    expect 0 'Usage: genv attach [--count N | --index I | --refresh] [-o]

Attach devices to the environment.

Finds devices that nobody holds, or, if gpu-memory is configured, devices with
that much memory left, and reserves them. Devices that are already attached
stay; a surplus is released, highest indices first.

If too few devices are available, or a limit does not allow that many, genv says
why and releases all devices of the environment. If the device given with
--index is not available, nothing changes.

Options:
  -c, --count N             Attach exactly N devices (default: the configured
                            count)
  -i, --index I             Also attach this device, given by index or UUID
      --refresh             Change nothing; only update the GENV_* and CUDA_*
                            variables of this shell, in case another shell
                            changed the environment
  -o, --over-subscribe      Also attach devices that other environments hold
  -h, --help                Show this help

Examples:
  genv attach
      Attach the configured number of devices.
  genv attach --count 2
      Attach devices until there are two, or release the surplus.
  genv attach --index 0 -o
      Attach device 0, even if someone else holds it.' genv attach --help
}

@test "help about what does not exist" {
    expect_unknown_command frobnicate '' genv help frobnicate
    expect_unknown_command frobnicate '' genv help envs frobnicate
}

@test "the version" {
    run genv version
    [[ $output =~ ^[0-9]+\.[0-9]+\.[0-9]+$ ]]
    local version=$output
    expect 0 "genv $version" genv --version
    expect 0 "genv $version" genv -V
}

@test "help is highlighted on a terminal only, and not with NO_COLOR" {
    command -v script >/dev/null || skip 'script is not installed'
    export TERM=xterm
    [[ $(script -qec 'genv attach --help' /dev/null) == *$'\e[1mUsage:\e[0m'* ]]
    [[ $(NO_COLOR=1 script -qec 'genv attach --help' /dev/null) != *$'\e'* ]]
    [[ $(TERM=dumb script -qec 'genv attach --help' /dev/null) != *$'\e'* ]]
    [[ $(genv attach --help) != *$'\e'* ]]
}

@test "there is a manual page for every command, and no other" {
    [ -d "$GENV_BUILD/man" ]
    diff <(cd "$GENV_BUILD/man" && ls ./*.1) \
        <({ echo ./genv.1; top_commands | sed 's|.*|./genv-&.1|'; } | LC_ALL=C sort)
}

@test "mandoc and groff find nothing wrong with the manual pages" {
    local page
    command -v mandoc >/dev/null || skip 'mandoc is not installed'
    for page in "$GENV_BUILD"/man/*.1; do
        mandoc -T lint -W warning "$page"
        if command -v groff >/dev/null; then
            run groff -man -ww -z "$page"
            [ "$status" -eq 0 ]
            [ -z "$output" ]
        fi
    done
}

@test "help, manual and completions have the same options" {
    command -v mandoc >/dev/null || skip 'mandoc is not installed'
    local command options
    while read -r command; do
        # shellcheck disable=SC2086
        options=$(genv complete -- $command -- | cut -f 1 | LC_ALL=C sort)
        # shellcheck disable=SC2086
        diff <(echo "$options") \
            <(genv $command --help | sed -n 's/^  \(-., \|    \)\(--[a-z-]*\).*/\2/p' | LC_ALL=C sort)
    done < <(all_commands)
    for command in $(top_commands); do
        options=$(genv complete -- "$command" -- | cut -f 1 | LC_ALL=C sort)
        diff <(echo "$options") <(mandoc -T utf8 "$GENV_BUILD/man/genv-$command.1" | col -b |
            sed -n '/^OPTIONS/,/^[A-Z]* STATUS\|^COMMANDS/p' |
            sed -n 's/^       \(-., \)\?\(--[a-z-]*\).*/\2/p' | LC_ALL=C sort)
    done
}

# The variables that the manual page $1 has.
variables_of() {
    sed -n '/^\.SH ENVIRONMENT/,/^\.SH FILES/s/^\\fB\([A-Z_]*\)\\fR$/\1/p' "$GENV_BUILD/man/$1.1"
}

@test "a manual page has the variables that its command reads, and genv(1) has all of them" {
    local page variable
    [ "$(variables_of genv-help)" = NO_COLOR ]
    [ "$(variables_of genv-version)" = '' ]
    [ "$(variables_of genv-home)" = $'GENV_TMPDIR\nGENV_STATE_TIMEOUT' ]
    [ "$(variables_of genv-remote)" = $'GENV_TMPDIR\nGENV_STATE_TIMEOUT\nGENV_HOSTFILE\nGENV_TERMINATE_PROCESSES' ]
    variables_of genv | grep -qx GENV_BYPASS
    for page in "$GENV_BUILD"/man/genv-*.1; do
        page=${page##*/}
        while read -r variable; do
            variables_of genv | grep -qx "$variable"
        done < <(variables_of "${page%.1}")
    done
    # A name in the table that is not a command's would be on no page.
    for variable in $(variables_of genv | sed -n '1,/^NO_COLOR/p' | grep -v GENV_BYPASS); do
        grep -qxF "\\fB$variable\\fR" "$GENV_BUILD"/man/genv-*.1
    done
}

@test "the manual prints quotes, dashes and backquotes as they are typed" {
    command -v mandoc >/dev/null || skip 'mandoc is not installed'
    mandoc -T utf8 "$GENV_BUILD/man/genv.1" | col -b | grep -qF 'eval "$(genv shell --init)"'
    mandoc -T utf8 "$GENV_BUILD/man/genv-shell.1" | col -b | grep -qF '/.config/fish/config.fish'
}
