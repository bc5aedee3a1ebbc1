# For tests whose scripts are lines that are typed into an interactive shell, in words that are the same in all three.
# shellcheck shell=bash disable=SC2154

setup_typed() {
    setup_shell "${GENV_TEST_SHELL:-bash}"
    export SAID=$BATS_TEST_TMPDIR/said CODE=$BATS_TEST_TMPDIR/code
    "$GENV_BIN" shell --init "$TEST_SHELL" >"$CODE"
    # Else fish makes thousands at its first prompt; fish 4 has them in the cache.
    mkdir -p "$HOME/.local/share/fish/generated_completions" "$HOME/.cache/fish/generated_completions"
    cat >prelude.bash <<'END'
say() { printf "%s\n" "$*" >>"$SAID"; }
give() { export "$1=$2"; }
take() { unset "$1"; }
start() { eval "$1 &"; echo "$!" >>"${SAID%/*}/started"; }
shows() { case $PS1 in *"$1"*) say "shows $1" ;; *) say "shows no $1" ;; esac; }
me=$$
PS1="> "
END
    cp prelude.bash prelude.zsh
    cat >prelude.fish <<'END'
function say; echo $argv >>$SAID; end
function give; set -gx $argv; end
function take; set -e $argv[1]; end
function start; eval "$argv[1] &"; echo $last_pid >>(dirname $SAID)/started; end
function fish_prompt; echo -n '> '; end
function shows
    string match -q "*$argv[1]*" -- (fish_prompt); and say "shows $argv[1]"; or say "shows no $argv[1]"
end
set me $fish_pid
END
}

teardown_typed() {
    local pid
    [[ -z ${holder-} ]] || kill -9 "$holder" 2>/dev/null || :
    cd "$BATS_TEST_TMPDIR" || return
    for pid in $(cat started 2>/dev/null); do
        kill -9 "$pid" 2>/dev/null || :
    done
    [[ -z ${scratch-} ]] || rm -rf "$scratch"
}

# Types the lines on standard input into an interactive shell that has read the files "$@" before.
type_into() {
    local file
    {
        for file in "./prelude.$TEST_SHELL" "$@"; do
            printf '. %s; ' "'$file'"
        done
        echo
        cat
    } >typed
    : >"$SAID"
    case $TEST_SHELL in
    bash) bash --norc -i <typed >stdout 2>stderr 3>&- || : ;;
    zsh) zsh -f -i <typed >stdout 2>stderr 3>&- || : ;;
    fish)
        # No prompts without a terminal: they are announced as fish does it.
        sed -i -e 's/$/\nemit fish_prompt; fish_prompt >\&2/' typed
        fish typed >stdout 2>stderr 3>&- || :
        ;;
    esac
    grep -o 'genv: .*' stderr >complaints || :
    echo "said:"
    cat "$SAID"
    echo "stderr:"
    cat stderr
}

# What the scripts end a process with, whose parent may not have noticed yet.
make_end() {
    cat >end <<'END'
kill -9 "$1"
while [[ $(ps -o stat= -p "$1") == [!Z]* ]]; do
    sleep 0.05
done
END
}

# What was said, and how often genv complained.
said() {
    [ "$(cat "$SAID")" = "$1" ]
    [ "$(wc -l <complaints)" -eq "${2-0}" ]
}

# Starts a process that holds the environment $1 with one device.
hold() {
    sleep 1000 3>&- &
    holder=$!
    make_end
    "$GENV_BIN" envs activate --eid "$1" --uid "$(id -u)" --pid "$holder"
    "$GENV_BIN" devices attach --eid "$1" --count 1
}
