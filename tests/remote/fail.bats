#!/usr/bin/env bats
# Hosts that fail, each in its way: its own line says what and what to do, and the others are served.

load hosts

setup_file() {
    hosts_setup || return 0
    hosts_start good 2
    hosts_start bare 2
    hosts_program bare
    hosts_start slow 2
    printf '#!/bin/sh\nsleep 1\nexec %s "$@"\n' "$GENV_BIN" >"$HOSTS/program"
    hosts_program slow "$HOSTS/program"
    hosts_start stuck 2
    printf '#!/bin/sh\nexec sleep 1000\n' >"$HOSTS/program"
    hosts_program stuck "$HOSTS/program"
    hosts_start other 2 # whatever its "genv" is to be
    hosts_fake silent silent
    hosts_fake hole full
    hosts_fake closed closed
}

teardown_file() {
    hosts_teardown
}

setup() {
    hosts_check
}

# Asks good and the host $1 as Alice, with the options behind it: the good one is served, and there is one line about
# the other, which is left in $line without its name.
ask() {
    run --separate-stderr as_alice genv remote -H "$1,good" "${@:2}" devices --format csv --no-header --no-summary
    echo "$stderr"
    [[ $status == 0 && $output == good,2,2 && ${#stderr_lines[@]} == 1 && $stderr == "genv: $1: "* ]]
    line=${stderr#"genv: $1: "}
}

# On the host "other", "genv" is the program on standard input.
other_is() {
    cat >"$HOSTS/program"
    hosts_program other "$HOSTS/program"
}

@test "a name that nobody knows" {
    ask nowhere.invalid
    [[ $line == "cannot resolve the host name"* ]]
}

@test "nobody listens" {
    ask closed
    [[ $line == 'connection refused'* ]]
}

@test "a black hole: packets get no answer" {
    ask hole -t 1
    [[ $line == 'no response within 1 second: '* ]]
}

@test "somebody accepts and never speaks" {
    ask silent -t 2
    [[ $line == 'no response within 2 seconds: '* ]]
}

@test "genv there hangs, and what was started for it here ends with the time limit" {
    ask stuck -t 1.5
    [[ $line == 'no response within 1.5 seconds: '* ]]
    # A connection that is shared with others stays; but no session is left on it.
    run bash -c 'ps -o args= --user "$1" | grep -c "^ssh .*stuck"' - "$ALICE"
    [[ $output == 0 ]]
}

@test "a slow host is waited for, and served" {
    run --separate-stderr as_alice genv remote -H slow,good devices --format csv --no-header --no-summary
    [[ $status == 0 && $output == $'slow,2,2\ngood,2,2' && -z $stderr ]]
}

@test "no genv there: in bash, dash, zsh, fish and tcsh" {
    ask bare
    [[ $line == 'genv is not in PATH for commands that ssh runs: install it on the host'*'--genv PATH'* ]]
    local shell tried=0
    for shell in dash zsh fish tcsh; do
        command -v "$shell" >/dev/null || continue
        usermod --shell "$(command -v "$shell")" "$ALICE"
        ask bare
        [[ $line == 'genv is not in PATH for commands that ssh runs: install it on the host'* ]]
        tried=$((tried + 1))
    done
    usermod --shell /bin/bash "$ALICE"
    ((tried > 0))
}

@test "an account that may not run commands: nologin speaks on the wrong stream" {
    local nologin status_ command
    nologin=$(PATH=/usr/sbin:/sbin:$PATH type -P nologin) || skip 'nologin is not installed'
    usermod --shell "$nologin" "$ALICE"
    hosts_start locked 2 # nobody has a connection to it yet
    run --separate-stderr as_alice genv remote -H locked devices
    status_=$status command=$stderr
    run --separate-stderr as_alice genv remote -H locked run -- true
    usermod --shell /bin/bash "$ALICE"
    echo "$command $stderr"
    [[ $status_ == 1 && $command == 'genv: locked: this account cannot run commands (its shell is nologin): '* ]]
    [[ $status == 1 && $stderr == 'genv: locked: this account cannot run commands (its shell is nologin): '* ]]
}

@test "no genv at the path that was given, and one that is no program" {
    printf 'good\nbare genv=~/bin/genv\n' >"$HOSTS/list"
    run --separate-stderr as_alice genv remote --hostfile "$HOSTS/list" devices --format csv --no-header --no-summary
    [[ $status == 0 && $output == good,2,2 && $stderr == "genv: bare: there is no '~/bin/genv' on the host: check the path of genv (genv=PATH in the host file, or --genv PATH)" ]]
    printf 'good\nbare genv=%s/list\n' "$HOSTS" >"$HOSTS/list"
    run --separate-stderr as_alice genv remote --hostfile "$HOSTS/list" devices --format csv --no-header --no-summary
    [[ $status == 0 && $output == good,2,2 && $stderr == "genv: bare: cannot execute '$HOSTS/list' on the host: "* ]]
}

@test "a path that was given is used, under the home directory there too" {
    ln -sf "$GENV_BIN" "$HOSTS/home/$ALICE/mine"
    # shellcheck disable=SC2088 # it is for the shell there
    ask nowhere.invalid --genv '~/mine'
    printf 'bare genv=%s\n' "$HOSTS/bin/genv" >"$HOSTS/list"
    run --separate-stderr as_alice genv remote --hostfile "$HOSTS/list" devices --format csv --no-header --no-summary
    [[ $status == 0 && $output == bare,2,2 && -z $stderr ]]
}

@test "an old genv, which does not know the command" {
    other_is <<'END'
#!/usr/bin/env python3
import argparse
parser = argparse.ArgumentParser(prog="genv")
commands = parser.add_subparsers(dest="command")
for name in ("activate", "devices", "envs"):
    commands.add_parser(name)
parser.parse_args()
END
    ask other
    [[ $line == 'genv on the host is too old'*update* ]]
}

@test "a genv that fails there, for a reason of its own" {
    other_is <<'END'
#!/bin/sh
echo "genv: the state directory /var/tmp/genv is on fire" >&2
exit 1
END
    ask other
    [[ $line == 'the state directory /var/tmp/genv is on fire' ]]
}

@test "a genv that ends without a word, and one that a signal ends" {
    other_is <<<$'#!/bin/sh\nexit 3'
    ask other
    [[ $line == 'genv on the host exited with status 3 without an error message' ]]
    other_is <<<$'#!/bin/sh\nkill -SEGV $$'
    ask other
    [[ $line == *signal* ]]
}

@test "garbage instead of a snapshot" {
    local garbage
    for garbage in '' 'hello' '{}' '{"version": 1' '{"version": 99, "devices": []}' $'{"a":\n}' '[]' \
        '{"version":1,"hostname":7}'; do
        printf '#!/bin/sh\nprintf %%s %q\n' "$garbage" >"$HOSTS/program"
        hosts_program other "$HOSTS/program"
        ask other
        [[ $line == *'no snapshot'* ]]
    done
    # Nothing of it reaches the terminal as it is.
    other_is <<'END'
#!/bin/sh
printf '{"\033]0;owned\007\n}\n'
END
    ask other
    [[ $line == *'no snapshot'* && $line != *[[:cntrl:]]* ]]
    other_is <<'END'
#!/bin/sh
head -c 100000 /dev/urandom
END
    ask other
    [[ $line == *'no snapshot'* ]]
}

@test "garbage without end" {
    other_is <<'END'
#!/bin/sh
exec yes '{'
END
    ask other
    [[ $line == *'unexpected output from genv on the host: more than 8 MiB' ]]
    other_is <<'END'
#!/bin/sh
exec yes >&2
END
    ask other -t 2
    [[ $line == 'no response within 2 seconds'* ]]
}

@test "start-up files that print something are no garbage" {
    printf 'echo "{welcome}"; echo "{"; echo oops >&2\n' >"$HOSTS/home/$ALICE/.bashrc"
    chown "$ALICE:" "$HOSTS/home/$ALICE/.bashrc"
    run as_alice ssh good true
    [[ $output == *welcome* ]]
    run --separate-stderr as_alice genv remote -H good devices --format csv --no-header --no-summary
    rm "$HOSTS/home/$ALICE/.bashrc"
    [[ $status == 0 && $output == good,2,2 && -z $stderr ]]
}

@test "start-up files that print what answers are made of, before and behind" {
    cat >"$HOSTS/home/$ALICE/.bashrc" <<'END'
for ((i = 0; i < 12; i++)); do echo '{'; done
echo 'genv-session 0123456789abcdef0123456789abcdef begin'
printf '{"version":1,"hostname":"old"}\n}\ngenv-session'
trap 'echo; echo "{}"; echo "}"; echo "genv-session 0 end"' EXIT
END
    chown "$ALICE:" "$HOSTS/home/$ALICE/.bashrc"
    run --separate-stderr as_alice genv remote -H good devices --format csv --no-header --no-summary
    rm "$HOSTS/home/$ALICE/.bashrc"
    echo "$output $stderr"
    [[ $status == 0 && $output == good,2,2 && -z $stderr ]]
}

@test "start-up files that answer, too, with what the command tells them" {
    echo 'eval "$BASH_EXECUTION_STRING"' >"$HOSTS/home/$ALICE/.bashrc"
    run --separate-stderr as_alice genv remote -H good devices
    rm "$HOSTS/home/$ALICE/.bashrc"
    [[ $status == 1 && -z $output && ${stderr_lines[0]} == 'genv: good: unexpected output from genv on the host: two answers'* ]]
}

@test "a host that answers any login with a command of its own" {
    hosts_start forced 2
    echo "ForceCommand $HOSTS/forced/bin/genv snapshot" >"$HOSTS/forced/sshd_extra"
    hosts_stop forced
    hosts_start forced 2
    run --separate-stderr as_alice genv remote -H forced devices --format csv --no-header --no-summary
    echo "$output $stderr"
    [[ $status == 0 && $output == forced,2,2 && -z $stderr ]]
}

# Starts a host that runs the command $2 for any login, and asks it: it answers as its genv does.
answers_by() {
    hosts_start "$1" 2
    echo "ForceCommand $2" >"$HOSTS/$1/sshd_extra"
    hosts_stop "$1"
    hosts_start "$1" 2
    run --separate-stderr as_alice genv remote -H "$1" devices --format csv --no-header --no-summary
    echo "$output $stderr"
    [[ $status == 0 && $output == "$1,2,2" && -z $stderr ]]
}

@test "a host that runs the words of a command, whatever is quoted among them" {
    # shellcheck disable=SC2016 # it is for the shell there
    answers_by words 'exec $SSH_ORIGINAL_COMMAND'
    # Errands have words of other characters, and are answered as well.
    hosts_genv words envs activate --eid a --uid "$EUID" --pid $$
    hosts_genv words devices attach --eid a --count 1 --quiet
    run --separate-stderr as_alice genv remote -H words enforce --interval 0 --max-devices-per-user 0
    echo "$output $stderr"
    [[ $output == *'[words] Cannot detach device 0 from environment a of root: run genv as root'* && -z $stderr ]]
}

@test "a host that lets nothing but genv's commands pass" {
    cat >"$HOSTS/only-genv" <<'END'
#!/bin/sh
case $SSH_ORIGINAL_COMMAND in
"genv snapshot") exec $SSH_ORIGINAL_COMMAND ;;
esac
echo "denied: $SSH_ORIGINAL_COMMAND"
exit 2
END
    chmod 755 "$HOSTS/only-genv"
    answers_by gate "$HOSTS/only-genv"
    # The same by the user's key, whatever the sentence goes to.
    sed -i 's/denied: .*"/&>\&2/' "$HOSTS/only-genv"
    hosts_start keygate 2
    cp "$HOSTS/$ALICE.keys" "$HOSTS/keys.aside"
    sed -i "s|^|command=\"$HOSTS/only-genv\",restrict |" "$HOSTS/$ALICE.keys"
    run --separate-stderr as_alice genv remote -H keygate devices --format csv --no-header --no-summary
    local said=$stderr
    run --separate-stderr as_alice genv remote -H keygate --genv other devices
    mv "$HOSTS/keys.aside" "$HOSTS/$ALICE.keys"
    echo "$said $stderr"
    [[ -z $said && ${stderr_lines[0]} == 'genv: keygate: genv failed on the host: denied: other snapshot' ]]
}

@test "a host that answers with a command of its own, and says something before and behind" {
    answers_by chatty "echo '[welcome]'; echo '{'; $HOSTS/chatty/bin/genv snapshot; echo '{bye}'"
}

@test "the key is rejected" {
    hosts_start strict 2 # a connection to it is not shared yet
    mv "$HOSTS/$ALICE.keys" "$HOSTS/keys.aside"
    run --separate-stderr as_alice genv remote -H strict devices
    mv "$HOSTS/keys.aside" "$HOSTS/$ALICE.keys"
    [[ $status == 1 && ${stderr_lines[0]} == "genv: strict: ssh cannot log in as $ALICE@"*' without a password: '* ]]
    # The other user is let in, and this one by another name is not.
    run --separate-stderr as_alice genv remote -H strict,good -l root devices --format csv --no-header --no-summary
    [[ $status == 1 && ${stderr_lines[0]} == 'genv: strict: ssh cannot log in as root@'* ]]
}

@test "the host key is not known, has changed, is right again" {
    hosts_start keyed 2
    cp "$HOSTS/known_hosts" "$HOSTS/known_hosts.aside"
    grep -vF "[$(hosts_address keyed)]" "$HOSTS/known_hosts.aside" >"$HOSTS/known_hosts"
    ask keyed
    [[ $line == "the host key is not known yet: run 'ssh keyed'"* ]]
    # Nothing was added on the way.
    run ! grep -F "[$(hosts_address keyed)]" "$HOSTS/known_hosts"
    hosts_stop keyed
    rm "$HOSTS/keyed/key"*
    ssh-keygen -q -t ed25519 -N '' -C '' -f "$HOSTS/keyed/key"
    mv "$HOSTS/known_hosts.aside" "$HOSTS/known_hosts"
    hosts_start keyed 2
    ask keyed
    [[ $line == 'the host key has changed: '*"($HOSTS/known_hosts:"* ]]
    hosts_know keyed
    run --separate-stderr as_alice genv remote -H keyed devices --format csv --no-header --no-summary
    [[ $status == 0 && $output == keyed,2,2 && -z $stderr ]]
}

@test "ssh's own configuration is wrong" {
    local config=$HOSTS/home/$ALICE/.ssh/config
    cp "$config" "$HOSTS/config.aside"
    echo 'Colour blue' >>"$config"
    run --separate-stderr as_alice genv remote -H good devices
    cp "$HOSTS/config.aside" "$config"
    [[ $status == 1 && ${stderr_lines[0]} == 'genv: good: ssh failed: '*bad\ configuration* ]]
}

@test "ssh is not installed" {
    run --separate-stderr as_alice PATH=/nowhere "$GENV_BIN" remote -H good devices
    [[ $status == 1 && $stderr == 'genv: ssh is not in PATH: install it'* ]]
}

@test "-e fails for the host that fails, -q says nothing of it" {
    run --separate-stderr as_alice genv remote -e -H closed,good devices
    [[ $status == 1 && -z $output && ${#stderr_lines[@]} == 1 && $stderr == 'genv: closed: '* ]]
    run --separate-stderr as_alice genv remote -q -H closed,good devices --format csv --no-header --no-summary
    [[ $status == 0 && $output == good,2,2 && -z $stderr ]]
}

@test "hosts in the order given, however fast they answer" {
    run --separate-stderr as_alice genv remote -H slow,a.good,closed,b.good devices --format csv --no-header --no-summary
    [[ $status == 0 && $output == $'slow,2,2\na.good,2,2\nb.good,2,2' && $stderr == 'genv: closed: '* ]]
}

@test "what the user configured for ssh holds, and a connection is shared" {
    local config=$HOSTS/home/$ALICE/.ssh/config sockets
    hosts_start shared 2
    cat >>"$config" <<END
Host shared
    RemoteCommand exit 7
    RequestTTY force
    LocalCommand echo local
    PermitLocalCommand yes
END
    run --separate-stderr as_alice genv remote -H shared devices --format csv --no-header --no-summary
    echo "$output $stderr"
    [[ $status == 0 && $output == shared,2,2 && -z $stderr ]]
    as_alice genv remote -H shared devices
    as_alice genv remote -H shared envs
    run grep -c 'Accepted publickey' "$HOSTS/shared/log"
    [[ $output == 1 ]]
    sockets=$(find "$HOSTS/run/$ALICE/genv-ssh" -type s | wc -l)
    ((sockets > 0))
    # Another user shares nothing of it.
    as_bob genv remote -H shared devices
    run grep -c 'Accepted publickey' "$HOSTS/shared/log"
    [[ $output == 2 ]]
    # His own path for shared connections wins.
    sed -i "s|^Include|ControlPath $HOSTS/home/$BOB/own-%C\nInclude|" "$HOSTS/home/$BOB/.ssh/config"
    as_bob genv remote -H shared devices
    [[ -n $(find "$HOSTS/home/$BOB" -name 'own-*' -type s) ]]
}
