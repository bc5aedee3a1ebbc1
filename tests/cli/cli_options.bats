#!/usr/bin/env bats
# Every way to get a command line wrong: status 2, nothing on standard output, one line that says what is accepted.
# shellcheck disable=SC2154 # set by bats and by the helpers

load cli_helpers

@test "an unknown command" {
    expect_unknown_command frobnicate '' genv frobnicate
    expect_unknown_command 'envs frobnicate' envs genv envs frobnicate
}

@test "a mistyped command comes with a guess" {
    expect_usage_error "did you mean 'attach'?" genv atach
    expect_usage_error "did you mean 'deactivate'?" genv deactivte
    expect_usage_error "did you mean 'query'?" genv devices qery
}

@test "an unknown option, anywhere" {
    expect_usage_error "unknown option '--frobnicate'" genv --frobnicate
    expect_usage_error "unknown option '-x'" genv -x
    local command
    for command in activate deactivate status config home attach detach run lock view envs devices snapshot shell init root \
        doctor help version 'envs activate' 'envs deactivate' 'envs config' 'envs find' 'envs ps' 'envs query' \
        'devices attach' 'devices detach' 'devices find' 'devices ps' 'devices query'; do
        # shellcheck disable=SC2086
        expect_usage_error "unknown option '--frobnicate'" genv $command --frobnicate
        # shellcheck disable=SC2086
        expect_usage_error "unknown option '-Z'" genv $command -Z
        [[ $stderr == *"(try 'genv $command --help')" ]]
    done
}

@test "a mistyped option comes with a guess" {
    expect_usage_error "unknown option '--cuont': did you mean '--count'?" genv attach --cuont=1
    expect_usage_error "unknown option '--gpu': did you mean '--gpus'?" genv run --gpu 1 true
    expect_usage_error "unknown option '--hlep': did you mean '--help'?" genv status --hlep
    expect_usage_error "unknown option '--verison': did you mean '--version'?" genv --verison
    expect_usage_error "unknown option '-hostfil': did you mean '--hostfile'?" genv remote -hostfil x devices
    expect_usage_error "unknown option '--allowed-host': did you mean '--allowed-hosts'?" genv monitor --allowed-host x
    # What is understood for the sake of old scripts is recommended to nobody.
    expect_usage_error "unknown option '--confi'" genv attach --confi
    [[ $stderr != *'did you mean'* ]]
}

@test "a command has as many words as the system lets it have" {
    local words
    mapfile -t words < <(seq 70000)
    expect 0 70000 genv run -- sh -c 'echo $#' sh "${words[@]}"
    expect 0 70000 genv view -- sh -c 'echo $#' sh "${words[@]}"
    make_env mine
    GENV_ENVIRONMENT_ID=mine expect 0 70000 genv lock -- sh -c 'echo $#' sh "${words[@]}"
}

@test "a word too many" {
    local command
    for command in activate\ name deactivate status home attach detach envs\ ps devices\ ps snapshot root doctor version; do
        # shellcheck disable=SC2086
        expect_usage_error "unexpected argument 'word'" genv $command word
    done
    expect_usage_error "unexpected argument 'word'" genv config name value word
}

@test "a value is missing" {
    expect_usage_error '--name needs a value: --name NAME' genv activate --name
    expect_usage_error '--count needs a value: --count N' genv attach --count
    expect_usage_error '--count needs a value: --count N' genv attach -c
    expect_usage_error '--query needs a value: --query FIELD' genv devices query --query
}

@test "a flag takes no value" {
    expect_usage_error '--refresh takes no value' genv attach --refresh=yes
}

@test "a number of devices is a whole number that is not too large" {
    local wrong
    for wrong in -1 +1 1.5 x '' ' 1' '1 ' 0x10 65536 99999999999999999999 1e3; do
        expect_usage_error "--count: '$wrong' is not a number of devices: expected a whole number from 0 to 65535" \
            genv attach "--count=$wrong"
        expect_usage_error "--gpus: '$wrong'" genv run --gpus "$wrong" true
        expect_usage_error "gpus: '$wrong'" genv config gpus "$wrong"
        expect_usage_error "--index: '$wrong' is not a device: expected an index from 0 to" genv detach --index "$wrong"
    done
}

@test "an amount of memory is a whole number with a unit" {
    local wrong
    for wrong in 4q -1 1.5g 0 0g 4gb '4 g' '' g 99999999999g 18446744073709551616; do
        expect_usage_error "--gpu-memory: '$wrong' is not an amount" genv run --gpu-memory "$wrong" true
        expect_usage_error "gpu-memory: '$wrong' is not an amount" genv config gpu-memory "$wrong"
    done
    [[ $stderr == *'b, k, m, g, ki, mi or gi'* ]]
}

@test "a number of seconds" {
    local wrong
    for wrong in -1 x inf nan 1e3 0x1 1.2.3 '' .; do
        expect_usage_error "--timeout: '$wrong' is not a number of seconds: expected" genv lock -w "$wrong" true
    done
}

@test "a process, a user" {
    expect_usage_error "--pid: '0' is not a PID" genv envs find --pid 0
    expect_usage_error "--pid: '-5' is not a PID" genv envs find --pid -5
    expect_usage_error "--uid: 'root' is not a user ID" genv envs activate --eid a --uid root --pid 1
    expect_usage_error "--uid: '4294967295' is not a user ID" genv envs activate --eid a --uid 4294967295 --pid 1
}

@test "an identifier can't lead out of the state directory" {
    local wrong
    for wrong in ../a a/b .a -a '' 'a b' $'a\nb' "$(printf 'a%.0s' {1..129})"; do
        expect_usage_error '--eid' genv devices find "--eid=$wrong"
    done
}

@test "a name has no control characters and is not too long" {
    expect_usage_error '--name' genv run --name $'a\nb' true
    expect_usage_error '--name' genv run --name $'a\e[31mb' true
    expect_usage_error '--name' genv run --name $'a\xffb' true
    expect_usage_error '--name' genv run --name "$(printf 'a%.0s' {1..129})" true
}

@test "a choice" {
    expect_usage_error "--format: 'xml' is not one of tui, csv, json" genv envs --format xml
    expect_usage_error "'colour' is not one of gpu-memory, gpus, name" genv config colour
    expect_usage_error "--query: 'colour' is not one of eid, creation" genv envs query --query eid colour
    expect_usage_error "--query: 'colour' is not one of index, eids" genv devices query --query index,colour
    expect_usage_error "'ksh' is not one of bash, zsh, fish" genv shell --init ksh
    expect_usage_error "'ksh' is not one of bash, zsh, fish" genv init - ksh
}

@test "options that exclude each other" {
    expect_usage_error '--count and --index cannot be used together' genv attach --count 1 --index 0
    expect_usage_error '--index and --refresh cannot be used together' genv attach --index 0 --refresh
    expect_usage_error '--pid and --kernel-id cannot be used together' genv envs find --pid 1 --kernel-id x
    expect_usage_error '--nonblock and --timeout cannot be used together' genv lock -n -w 1 true
    expect_usage_error '--clear and --load cannot be used together' genv config --clear --load
    expect_usage_error '--load and --save cannot be used together' genv config --load --save
    expect_usage_error 'a value and --clear cannot be used together' genv config gpus 1 --clear
    expect_usage_error '--refresh cannot be used with a field or --save' genv config gpus --refresh
    expect_usage_error '--init and --deinit cannot be used together' genv shell --init --deinit
}

@test "what has to be given" {
    expect_usage_error 'missing option: --eid EID' genv envs activate --pid 1
    expect_usage_error 'missing option: --pid PID or --kernel-id ID' genv envs activate --eid a
    expect_usage_error 'missing option: --query FIELD' genv envs query
    expect_usage_error 'missing option: --eid EID' genv devices attach --count 1
    expect_usage_error 'missing argument: COMMAND' genv lock -n
    expect_usage_error 'missing argument: COMMAND' genv run --gpus 1 --
}

@test "what harms a terminal is not repeated" {
    run --separate-stderr genv $'\e[31mred'
    [[ $stderr == "genv: unknown command '?[31mred': see 'genv help'" ]]
    run --separate-stderr genv attach $'--\x9b\xc2\x9b=\n'
    [ "${#stderr_lines[@]}" -eq 1 ]
    [[ $stderr != *$'\x9b'* ]]
}

@test "a usage error changes nothing" {
    expect_usage_error "unexpected argument 'word'" genv envs activate --eid a --pid $$ word
    [ ! -e "$GENV_TMPDIR" ]
}

@test "all spellings of an option" {
    make_env a
    expect 0 0,1 genv devices attach --eid a --count 2
    expect 0 0,1 genv devices attach --eid=a --count=2
    expect 0 0,1,2 genv devices attach --index=2 --eid=a
    export GENV_ENVIRONMENT_ID=a
    expect 0 'Attached to GPUs at indices 0' genv attach -c1
    expect 0 'Attached to GPUs at indices 0,1' genv attach -c 2
    expect 0 'Attached to GPUs at indices 0,1' genv attach -oc2
    expect 0 'Attached to GPUs at indices 0,1,3' genv attach --over-subscribe -i3
    expect 0 'Attached to GPUs at indices 0,1,3' genv attach --allow-over-subscription -i 3
    expect 0 0,1,3 genv devices attach --over-subscribe --eid a --index 3
    expect 0 0,1,3 genv devices attach --allow-over-subscription --eid a --index 3
}

@test "options may stand behind words, and -- ends them" {
    make_env a
    GENV_ENVIRONMENT_ID=a expect 0 '' genv config name --quiet 'x y'
    GENV_ENVIRONMENT_ID=a expect 0 'x y' genv config name
    GENV_ENVIRONMENT_ID=a expect 0 '' genv config name -- --odd
    GENV_ENVIRONMENT_ID=a expect 0 '--odd' genv config name
    expect 0 '--help -c ' genv run -- printf '%s ' --help -c
    expect 0 '--help -c ' genv run printf '%s ' --help -c
    expect 0 '-- -- x ' genv run -- printf '%s ' -- -- x
}
