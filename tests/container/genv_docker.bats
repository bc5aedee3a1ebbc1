#!/usr/bin/env bats
# genv-docker: its options where docker's are, in every spelling; everything else passed on word by word.

bats_require_minimum_version 1.5.0

setup() {
    unset GENV_ENVIRONMENT_ID GENV_DOCKER
    SCRATCH=$(mktemp -d "/tmp/genv docker.XXXXXX")
    chmod 755 "$SCRATCH"
    export GENV_TMPDIR=$SCRATCH/state
    mkdir -m 777 "$SCRATCH/work"
    mkdir -m 1777 "$GENV_TMPDIR"
    cat >"$SCRATCH/docker" <<END
#!/bin/bash
printf '<%s>' "\$@" >'$SCRATCH/work/words'
exit \${FAKE_STATUS-0}
END
    chmod +x "$SCRATCH/docker"
    ln -s docker "$SCRATCH/podman"
    ln -s docker "$SCRATCH/nerdctl"
    PATH=$SCRATCH:$PATH
    TOOL=$(dirname "$GENV_BIN")/../bin/genv-docker
    FOLDER=$(dirname "$(realpath "$TOOL")")
    cd "$SCRATCH/work" || return
}

teardown() {
    cd / && rm -rf "$SCRATCH"
}

# Fails unless docker was called with these words, but for the claim and what is said in any case.
expect() {
    local words
    words=$(sed 's/<--env=GENV_CLAIM=[0-9a-f.]*>//; s/<--env=GENV_ACTIVATE=1>//; s/<--env=GENV_ALLOW_OVER_SUBSCRIPTION=0>//
        s/<--env=GENV_ENVIRONMENT_ID=>//' words)
    [[ $words == "$(printf '<%s>' "$@")" ]] || {
        echo "is:     $words"
        printf 'wanted: %s\n' "$(printf '<%s>' "$@")"
        return 1
    }
}

@test "its options are translated, wherever among docker's they stand and however they are written" {
    "$TOOL" run --gpus 2 --gpu-memory 4g --name-env 'my env' --eid train -it img --gpus 3
    expect run --runtime=genv --env=GENV_GPUS=2 --env=GENV_GPU_MEMORY=4g '--env=GENV_ENVIRONMENT_NAME=my env' \
        --env=GENV_ENVIRONMENT_ID=train -it img --gpus 3
    "$TOOL" run -it --gpus=2 -v /a:/b --gpu-memory=4g img
    expect run --runtime=genv --env=GENV_GPUS=2 --env=GENV_GPU_MEMORY=4g -it -v /a:/b img
    "$TOOL" --context x container create --no-attach --no-shims --no-device-locks --over-subscribe --name c img
    expect --context x container create --runtime=genv --env=GENV_ATTACH=0 --env=GENV_MOUNT_SHIMS=0 \
        --env=GENV_MOUNT_DEVICE_LOCKS=0 --env=GENV_ALLOW_OVER_SUBSCRIPTION=1 --name c img
    "$TOOL" create --no-activate --activate --attach --shims=false -- img
    expect create --runtime=genv --env=GENV_MOUNT_SHIMS=0 -- img
    "$TOOL" run --attach=STDOUT -a STDERR img
    expect run --runtime=genv --attach=STDOUT -a STDERR img
}

@test "words are passed on as they are: no shell reads them" {
    # shellcheck disable=SC2016
    "$TOOL" run -e 'A=a;touch x' img sh -c 'echo "$HOME" `id`' '' 'two  words' '*'
    # shellcheck disable=SC2016
    expect run --runtime=genv -e 'A=a;touch x' img sh -c 'echo "$HOME" `id`' '' 'two  words' '*'
    [[ ! -e x ]]
    "$TOOL" ps --gpus 3 ''
    expect ps --gpus 3 ''
    "$TOOL" exec c run --gpus 3
    expect exec c run --gpus 3
    "$TOOL"
    expect ''
    run env FAKE_STATUS=42 "$TOOL" run img
    [[ $status == 42 ]]
}

@test "what it does not understand is a usage error, and nothing is started" {
    local words
    for words in '--gpus all' '--gpus=device=0' '--gpus -1' '--gpus' '--gpu-memory 4q' '--eid ../x' '--name-env' '--dry-run=perhaps' \
        '--runtime runc' '--no-such --gpus 2'; do
        # shellcheck disable=SC2086
        run --separate-stderr "$TOOL" run $words img
        echo "$words: $stderr"
        [[ $words == --gpus || $words == --name-env || ($status == 2 && $stderr == 'genv: '* && ${#stderr_lines[@]} == 1) ]]
        [[ ! -e words || $words == --gpus || $words == --name-env ]]
        rm -f words
    done
    run --separate-stderr "$TOOL" run --gpus
    [[ $status == 2 && $stderr == *'--gpus needs a value'* ]]
    "$TOOL" run --no-such=value --gpus 2 img
    expect run --runtime=genv --env=GENV_GPUS=2 --no-such=value img
}

@test "--dry-run prints the command, which can be pasted; --help prints its options" {
    run "$TOOL" run --dry-run --gpus 1 -e "A=it's" img sh -c 'a b'
    [[ $status == 0 && ! -e words ]]
    eval "$output"
    expect run --runtime=genv --env=GENV_GPUS=1 -e "A=it's" img sh -c 'a b'
    run "$TOOL" run --help
    [[ $status == 0 && $output == *'--gpu-memory AMOUNT'* ]]
    rm -f words
    [[ $("$TOOL" --help) == "$output" && ! -e words ]]
    "$TOOL" --context x --help
    expect --context x --help
}

@test "an image's own variables decide neither whether genv has a say, nor whose environment it is, nor about sharing" {
    "$TOOL" run img
    # A plain user's claim comes behind.
    [[ $(<words) == *'<--env=GENV_ACTIVATE=1><--env=GENV_ALLOW_OVER_SUBSCRIPTION=0><--env=GENV_ENVIRONMENT_ID=>'*'<img>' ]]
    "$TOOL" run --no-activate img
    [[ $(<words) == *'<--env=GENV_ACTIVATE=0>'* ]]
}

@test "podman and nerdctl are told the runtime's path, podman in front of the command" {
    GENV_DOCKER=podman "$TOOL" --log-level debug run --gpus 1 img
    expect "--runtime=$FOLDER/genv-container-runtime" --log-level debug run --env=GENV_GPUS=1 img
    GENV_DOCKER=$SCRATCH/nerdctl "$TOOL" run --gpus 1 img
    expect run "--runtime=$FOLDER/genv-container-runtime" --env=GENV_GPUS=1 img
    run -127 env GENV_DOCKER=no-such-program "$TOOL" run img
}

@test "a user claims the container; root, and who makes no environment of it, need no claim" {
    ((EUID == 0)) || skip 'needs root, to act as several users'
    "$TOOL" run img
    [[ $(<words) != *GENV_CLAIM* ]]
    chmod 666 words
    setpriv --reuid 60601 --regid 60601 --clear-groups "$TOOL" run img
    [[ $(<words) =~ '<--env=GENV_CLAIM='([0-9a-f]{16})'.'[0-9a-f]{32}'>' ]]
    [[ $(stat -c '%u %a' "$GENV_TMPDIR/claims/${BASH_REMATCH[1]}") == '60601 600' ]]
    [[ $(setpriv --reuid 60601 --regid 60601 --clear-groups "$TOOL" run --dry-run img) != *GENV_CLAIM* ]]
    setpriv --reuid 60601 --regid 60601 --clear-groups "$TOOL" run --no-activate img
    [[ $(<words) != *GENV_CLAIM* && $(find "$GENV_TMPDIR/claims" -type f | wc -l) == 1 ]]
    setpriv --reuid 60601 --regid 60601 --clear-groups env GENV_DOCKER=podman "$TOOL" run img
    [[ $(<words) != *GENV_CLAIM* ]]
}
