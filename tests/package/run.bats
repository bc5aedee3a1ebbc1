#!/usr/bin/env bats
# ./run: what it is told.
# shellcheck disable=SC2154 # set by bats

load helpers

# A checkout, in which to be.
setup() {
    SCRATCH=$BATS_TEST_TMPDIR
    mkdir "$SCRATCH/checkout"
    cp "$GENV_SOURCE/run" "$SCRATCH/checkout"
    cd "$SCRATCH/checkout" || return
}

@test "every verb answers --help, and does nothing" {
    for verb in build demo test matrix bench install; do
        for option in --help -h; do
            run --separate-stderr ./run "$verb" "$option"
            echo "$verb $option: $output $stderr"
            [ "$status" -eq 0 ]
            [[ $output == "Usage: ./run $verb"*$'\n    '[a-z]* ]]
        done
    done
    run ./run install --prefix "$SCRATCH/x" --help
    [ "$status" -eq 0 ]
    [ ! -e build ]
    [ ! -e "$SCRATCH/x" ]
}

@test "an unknown word is refused before anything is done" {
    for words in 'build --fast' 'demo x' 'bench -x' 'install --frefix /x' 'install /x' 'install --prefix' \
        'install --prefix a b' 'install --prefix='; do
        # shellcheck disable=SC2086 # words
        run --separate-stderr ./run $words
        echo "$words: $status $output $stderr"
        [ "$status" -eq 2 ]
        [ -z "$output" ]
        [[ $stderr == "run: ${words%% *}: "*"; see ./run ${words%% *} --help" ]]
        [ ! -e build ]
    done
}
