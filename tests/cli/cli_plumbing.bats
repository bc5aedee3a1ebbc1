#!/usr/bin/env bats
# The commands for editors and scripts, in the forms that existing extensions call.
# shellcheck disable=SC2154 # set by bats and by the helpers

load cli_helpers

@test "an environment comes, gets a second process, and goes with the last" {
    start_member
    local first=$member
    expect 0 '' genv envs activate --eid code-1 --uid "$(id -u)" --username "$(id -un)" --pid "$first"
    expect 0 code-1 genv envs find --pid "$first"
    start_member
    expect 0 '' genv envs find --pid "$member"
    expect 0 '' genv envs activate --eid code-1 --uid "$(id -u)" --pid "$member"
    expect 0 '' genv envs deactivate --pid "$first"
    expect 0 '' genv envs find --pid "$first"
    expect 0 code-1 genv envs find --pid "$member"
    expect 0 '' genv envs deactivate --pid "$member"
    expect 0 '' genv envs query --query eid
    expect 0 '' genv envs deactivate --pid "$member"
}

@test "a process in several environments" {
    start_member
    genv envs activate --eid b --pid "$member"
    genv envs activate --eid a --pid "$member"
    expect 0 'a
b' genv envs find --pid "$member"
}

@test "the end of its process ends an environment" {
    make_env a
    genv devices attach --eid a --count 4
    kill -9 "$member"
    wait "$member" || true
    expect 0 '' genv envs query --query eid
    make_env b
    expect 0 0,1,2,3 genv devices attach --eid b --count 4
}

@test "a process that is not there" {
    start_member
    kill -9 "$member"
    wait "$member" || true
    expect_refusal "there is no process $member" genv envs activate --eid a --pid "$member"
}

@test "a Jupyter kernel lives as long as its connection file" {
    local runtime=$HOME/.local/share/jupyter/runtime id=f0c8a2b4-7d1e-4a11-9a55-0d3c5b6e7f80
    unset JUPYTER_RUNTIME_DIR JUPYTER_DATA_DIR XDG_DATA_HOME
    expect_refusal 'there is no kernel' genv envs activate --eid "k" --kernel-id "$id"
    mkdir -p "$runtime"
    echo '{}' >"$runtime/kernel-$id.json"
    expect 0 '' genv envs activate --eid k --uid "$(id -u)" --kernel-id "$id"
    expect 0 k genv envs find --kernel-id "$id"
    expect 0 "k,$id," genv envs query --query eid kernel_ids pids
    rm "$runtime/kernel-$id.json"
    expect 0 '' genv envs query --query eid
    expect 1 '' genv envs activate --eid k --kernel-id ../../../etc/passwd
}

@test "config: each field, all of them, and clearing" {
    make_env a
    expect 0 '' genv envs config --eid a
    expect 0 '' genv envs config --eid a gpus --count 2
    expect 0 '' genv envs config --eid a name --name 'x y'
    expect 0 '' genv envs config --eid a gpu-memory --gpu-memory 4g
    expect 0 'gpu-memory: 4g
gpus: 2
name: x y' genv envs config --eid a
    expect 0 2 genv envs config --eid a gpus
    expect 0 '' genv envs config --eid a gpus --clear
    expect 0 'gpu-memory: 4g
name: x y' genv envs config --eid a
    expect 0 '' genv envs config --eid a --clear
    expect 0 '' genv envs config --eid a
}

@test "config: an option that is another field's" {
    make_env a
    expect_usage_error 'gpus --count N' genv envs config --eid a name --count 2
    expect_usage_error 'gpus --count N' genv envs config --eid a --count 2
    expect_usage_error '--count and --clear cannot be used together' genv envs config --eid a gpus --count 2 --clear
    expect 0 '' genv envs config --eid a
}

@test "devices: attach, find, detach" {
    make_env a
    expect 0 '' genv devices find --eid a
    expect 0 0,1 genv devices attach --eid a --count 2
    expect 0 0,1,3 genv devices attach --eid a --index 3
    expect 0 '' genv devices attach --eid a --index 3 --quiet
    expect 0 0,1,3 genv devices find --eid a
    expect 0 0,3 genv devices detach --eid a --index 1
    expect 0 '' genv devices detach --eid a --index 0 --quiet
    expect 0 3 genv devices find --eid a
    expect 0 '' genv devices detach --eid a
    expect 0 '' genv devices find --eid a
}

@test "devices: the configured count, and over-subscription" {
    make_env a
    genv envs config --eid a gpus --count 4
    expect 0 0,1,2,3 genv devices attach --eid a
    make_env b
    expect_refusal '' genv devices attach --eid b --index 0
    expect 0 0 genv devices attach --eid b --index 0 --allow-over-subscription
}

@test "what does not exist can't be changed" {
    local command
    for command in 'envs config --eid gone' 'envs config --eid gone gpus --count 1' 'devices attach --eid gone --count 1'; do
        # shellcheck disable=SC2086
        expect_refusal 'there is no environment gone' genv $command
    done
}

# jupyterlab_genv 0.4 asks for the devices of an environment before there is one, and starts no kernel unless that is 0.
@test "looking for what does not exist, and releasing it, says nothing" {
    local command has_state
    for has_state in no yes; do
        [ "$has_state" = no ] || make_env mine
        for command in 'devices find --eid gone' 'envs query --eid gone --query eid' 'envs find --pid 4194305' \
            'envs find --kernel-id none' 'devices detach --eid gone' 'devices detach --eid gone --index 0' \
            'envs deactivate --pid 4194305' 'envs deactivate --kernel-id none'; do
            # shellcheck disable=SC2086
            expect 0 '' genv $command
            [ -z "$stderr" ]
        done
    done
    genv devices attach --eid mine --count 1
    expect 0 0 genv devices detach --eid mine --index 3
}

@test "an environment that has ended is one that does not exist" {
    make_env ended
    genv devices attach --eid ended --count 1
    kill -9 "$member"
    wait "$member" || true
    expect 0 '' genv devices find --eid ended
    expect 0 '' genv envs query --eid ended --query eid
    expect 0 '' genv devices detach --eid ended
}

@test "a user can't name another one" {
    [ "$(id -u)" -eq 0 ] || skip 'needs root to become two users'
    GENV_TMPDIR=$(mktemp -d) # where the other user can reach it
    chmod 1777 "$GENV_TMPDIR"
    local as=(setpriv --reuid 60601 --regid 60601 --clear-groups)
    "${as[@]}" sleep 600 3>&- &
    members+=("$!")
    until [ "$(stat -c %u "/proc/$!")" = 60601 ]; do :; done
    "${as[@]}" "$GENV_BIN" version >/dev/null 2>&1 || skip 'other users can not reach the build'
    expect_refusal 'only root' "${as[@]}" "$GENV_BIN" envs activate --eid x --uid 60602 --pid "$!"
    expect 0 '' "${as[@]}" "$GENV_BIN" envs activate --eid x --uid 60601 --pid "$!"
    expect 0 'x,60601,60601' genv envs query --query eid uid username
    expect 0 "x,60601,$!" bash -c 'genv envs --format csv --no-header | cut -d, -f1,2,5'
    expect_refusal 'environment x belongs to 60601' setpriv --reuid 60602 --clear-groups "$GENV_BIN" devices detach --eid x
    expect_refusal 'is not in any of your environments' \
        setpriv --reuid 60602 --clear-groups "$GENV_BIN" envs deactivate --pid "$!"
    rm -r "$GENV_TMPDIR"
}

# What $stderr says of a device that is attached while the process $1 uses it. A busy machine may need another try.
attach_used_by() {
    jq -n --argjson pid "$1" '{devices: [{uuid: "GPU-a", processes: [{pid: $pid, used_memory: 5}]}]}' >"$GENV_SIMULATOR"
    for _ in {1..50}; do
        genv devices detach --eid e --quiet
        run -0 --separate-stderr genv devices attach --eid e --count 1
        [ -z "$stderr" ] || return 0
    done
}

@test "who uses a device outside of all environments is told as far as it is known" {
    unset GENV_DEVICES
    export GENV_SIMULATOR=$BATS_TEST_TMPDIR/world LD_LIBRARY_PATH=$GENV_NVML
    make_env e
    start_member
    attach_used_by "$member"
    [ "$stderr" = "genv: warning: device 0 is used by process $member (sleep 600) of $(id -un), which is outside any environment" ]
    attach_used_by 4194305 # no kernel has such a PID
    [ "$stderr" = 'genv: warning: device 0 is used by a process that is not visible here (PID 4194305)' ]
}
