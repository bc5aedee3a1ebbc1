#!/usr/bin/env bats
# genv config and genv home, in an environment that a variable names.
# shellcheck disable=SC2154 # set by bats and by the helpers

load cli_helpers

activate() {
    make_env a
    export GENV_ENVIRONMENT_ID=a
}

@test "show, set and clear" {
    activate
    expect 0 '' genv config
    expect 0 '' genv config gpus
    expect 0 '' genv config gpus 2
    expect 0 '2' genv config gpus
    expect 0 '' genv config name "it's \$(date)"
    expect 0 '' genv config gpu-memory 4096mi
    expect 0 "gpu-memory: 4gi
gpus: 2
name: it's \$(date)" genv config
    expect 0 '4gi' genv config gpu-memory
    expect 0 '' genv config gpus --clear
    expect 0 "gpu-memory: 4gi
name: it's \$(date)" genv config
    expect 0 '' genv config --clear
    expect 0 '' genv config
}

@test "--quiet and --refresh print nothing" {
    activate
    genv config gpus 2
    expect 0 '' genv config --quiet
    expect 0 '' genv config gpus -q
    expect 0 '' genv config --refresh
}

@test "zero devices are a number of devices" {
    activate
    genv config gpus 0
    expect 0 0 genv config gpus
}

@test "without an environment" {
    expect_refusal "no environment is active: run 'genv activate' first" genv config
    GENV_ENVIRONMENT_ID=gone expect_refusal 'there is no environment gone: ' genv config gpus 1
    GENV_ENVIRONMENT_ID=../a expect_refusal 'GENV_ENVIRONMENT_ID: ' genv config
}

@test "a new capacity changes what is attached already, or nothing" {
    activate
    genv devices attach --eid a --index 0
    make_env b
    expect_refusal 'device 0 is held by environment a' genv devices attach --eid b --index 0
    expect 0 '' genv config gpu-memory 10gi
    genv envs config --eid b gpu-memory --gpu-memory 6gi
    expect 0 0 genv devices attach --eid b --index 0
    expect_refusal 'device 0' genv config gpu-memory 11gi
    expect 0 10gi genv config gpu-memory
}

@test "home: here, above, or in \$HOME" {
    expect_refusal 'mkdir' genv home
    expect 1 '' genv home -q
    [ -z "$stderr" ]
    mkdir "$HOME/.genv"
    expect 0 "$HOME/.genv" genv home
    mkdir "$BATS_TEST_TMPDIR/project/.genv"
    expect 0 "$BATS_TEST_TMPDIR/project/.genv" genv home -q
    mkdir -p deep/er
    cd deep/er
    expect 0 "$BATS_TEST_TMPDIR/project/.genv" genv home
}

@test "save and load everything" {
    activate
    genv config gpus 2
    genv config name 'x y'
    expect_refusal 'mkdir' genv config --save
    mkdir .genv
    expect 0 '' genv config --save
    [ "$(cat .genv/gpus)" = 2 ]
    [ "$(cat .genv/name)" = 'x y' ]
    [ ! -e .genv/gpu-memory ]
    genv config --clear
    expect 0 '' genv config --load
    expect 0 'gpus: 2
name: x y' genv config
}

@test "--save with a value saves that field, with --clear removes it" {
    activate
    mkdir .genv
    genv config name kept
    expect 0 '' genv config gpus 3 --save
    [ "$(cd .genv && echo *)" = gpus ]
    expect 0 '' genv config gpus --clear --save
    [ "$(cd .genv && echo *)" = '*' ]
    expect 0 '' genv config name --save
    [ "$(cat .genv/name)" = kept ]
    expect 0 '' genv config --clear --save
    [ "$(cd .genv && echo *)" = '*' ]
}

@test "--save that can't be done changes nothing" {
    activate
    genv config gpus 1
    expect_refusal 'mkdir' genv config gpus 2 --save
    expect 0 1 genv config gpus
}

@test "--save where the file cannot be written changes nothing, nor does one whose value is refused" {
    make_env mine
    export GENV_ENVIRONMENT_ID=mine
    genv config gpus 2
    mkdir -p .genv/gpus/full # nobody can put a file there
    expect_refusal "cannot save $PWD/.genv/gpus: " genv config gpus 1 --save
    expect 0 2 genv config gpus
    expect_refusal "cannot save $PWD/.genv/gpus: " genv config gpus --clear --save
    expect 0 2 genv config gpus
    rm -r .genv/gpus
    genv config gpu-memory 4g --save
    genv attach --count 1
    make_env other
    genv envs config --eid other gpu-memory --gpu-memory 10g
    genv devices attach --eid other --index 0
    expect_refusal 'cannot raise the memory capacity on device 0 to 12g' genv config gpu-memory 12g --save
    expect 0 4g cat .genv/gpu-memory
    expect 0 4g genv config gpu-memory
    echo two >.genv/gpus # what it is must not matter to what becomes of the others
    expect_refusal 'cannot raise the memory capacity on device 0 to 12g' genv config gpu-memory 12g --save
    expect 0 $'4g\ntwo' cat .genv/gpu-memory .genv/gpus
    expect 0 '' genv config gpu-memory 5g --save
    expect 0 $'5g\ntwo' cat .genv/gpu-memory .genv/gpus
    expect_refusal 'device 0' genv config gpu-memory --clear --save
    expect 0 $'5g\ntwo' cat .genv/gpu-memory .genv/gpus
    [ "$(ls -A .genv)" = $'gpu-memory\ngpus' ]
}

@test "--load of what is not saved changes nothing" {
    activate
    genv config name kept
    expect_refusal 'mkdir' genv config --load
    mkdir .genv
    expect_refusal 'there is no saved configuration in' genv config --load
    echo 2 >.genv/gpus
    expect_refusal 'there is no saved gpu-memory in' genv config gpu-memory --load
    expect 0 '' genv config gpus --load
    expect 0 'gpus: 2
name: kept' genv config
    echo 3 >.genv/gpus
    expect 0 '' genv config --load
    expect 0 'gpus: 3
name: kept' genv config
}

@test "a saved file that is wrong is named, and changes nothing" {
    activate
    mkdir .genv
    genv config gpus 1
    echo 5 >.genv/gpus
    echo 4q >.genv/gpu-memory
    expect_refusal "$BATS_TEST_TMPDIR/project/.genv/gpu-memory: '4q' is not an amount" genv config --load
    expect 0 'gpus: 1' genv config
}
