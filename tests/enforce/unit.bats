#!/usr/bin/env bats
# The systemd unit: well-formed, hardened, and the command in it is one that genv takes.
# shellcheck disable=SC2154 # set by bats

unit() {
    sed "s#^ExecStart=[^ ]*genv #ExecStart=$GENV_BIN #" "$GENV_BUILD/packaging/genv-enforce.service" >"$BATS_TEST_TMPDIR/genv-enforce.service"
    echo "$BATS_TEST_TMPDIR/genv-enforce.service"
}

@test "systemd finds nothing wrong, and an exposure below 4" {
    command -v systemd-analyze >/dev/null || skip 'systemd-analyze is not installed (systemd)'
    systemd-analyze security --help | grep -q offline || skip 'this systemd-analyze cannot look at a file'
    run systemd-analyze verify "$(unit)"
    [[ $output != *genv-enforce.service:* ]] || [[ $output == *man* && $(grep -vc "'man " <<<"$output") == 0 ]] || {
        echo "$output"
        return 1
    }
    systemd-analyze security --offline=true --threshold=40 "$(unit)"
}

@test "its command is taken, apart from the looking" {
    local words
    read -ra words <<<"$(sed -n 's/^ExecStart=[^ ]*genv //p' "$GENV_BUILD/packaging/genv-enforce.service")"
    GENV_TMPDIR=$BATS_TEST_TMPDIR/state GENV_DEVICES=1 run "$GENV_BIN" "${words[@]}" --interval 0 --dry-run --log "$BATS_TEST_TMPDIR/log"
    echo "$output"
    [[ $status == 0 && -z $output ]]
}
