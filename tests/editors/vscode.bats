#!/usr/bin/env bats
# The extension for Visual Studio Code: its logic with the real genv, and for `./run test --full` all of it in code-server.
# shellcheck disable=SC2154 # set by bats

setup_file() {
    export GENV_EXTENSION=$GENV_SOURCE/integrations/vscode
    [[ ${GENV_TEST_FULL-} ]] || return 0
    local reason
    if ! reason=$(prepare 3>&-); then
        echo "$reason" | tail -n 1 >"$BATS_FILE_TMPDIR/missing"
    fi
}

fetch() { "$GENV_SOURCE/tests/fetch" "$1" 3>&-; }

# Makes genv.vsix and fixture.vsix in $BATS_FILE_TMPDIR.
prepare() {
    local folder
    command -v chromium >/dev/null || { echo 'Chromium is not installed' && return 1; }
    for folder in node vscode playwright code-server; do
        fetch "$folder" >"$BATS_FILE_TMPDIR/$folder" || { cat "$BATS_FILE_TMPDIR/$folder" && return 1; }
    done
    "$GENV_EXTENSION/pack.bash" "$BATS_FILE_TMPDIR/genv.vsix" 2>&1 || return 1
    cd "$BATS_TEST_DIRNAME/fixture" || return 1
    "$(<"$BATS_FILE_TMPDIR/node")/bin/node" "$(<"$BATS_FILE_TMPDIR/vscode")/node_modules/@vscode/vsce/vsce" package \
        --no-dependencies --skip-license --allow-missing-repository --out "$BATS_FILE_TMPDIR/fixture.vsix" 2>&1
}

# A scenario of vscode.mjs.
code() {
    [[ ${GENV_TEST_FULL-} ]] || skip 'takes code-server, 700 MB: ./run test --full'
    [[ ! -s $BATS_FILE_TMPDIR/missing ]] || skip "$(<"$BATS_FILE_TMPDIR/missing")"
    local playwright
    playwright=$(<"$BATS_FILE_TMPDIR/playwright")
    env TMPDIR="$BATS_TEST_TMPDIR" GENV_CODE_PLAYWRIGHT="$playwright" GENV_CODE_SERVER="$(<"$BATS_FILE_TMPDIR/code-server")" \
        GENV_CODE_NODE="$(<"$BATS_FILE_TMPDIR/node")/bin/node" GENV_CODE_CHROMIUM="$(command -v chromium)" \
        GENV_VSIX="$BATS_FILE_TMPDIR/genv.vsix" GENV_FIXTURE="$BATS_FILE_TMPDIR/fixture.vsix" \
        timeout -k 10 300 "$playwright/node" "$BATS_TEST_DIRNAME/vscode.mjs" "$1" "$BATS_TEST_TMPDIR" 3>&-
}

@test "the logic of the extension, with the real genv" {
    local playwright file failed=()
    playwright=$(fetch playwright) || skip "$playwright"
    for file in "$GENV_EXTENSION"/test/*.test.ts; do
        TMPDIR=$BATS_TEST_TMPDIR "$playwright/node" --test "$file" 3>&- || failed+=("$file")
    done
    ((${#failed[@]} == 0))
}

@test "the extension is well typed and packed, and contributes the commands that it registers" {
    run "$GENV_EXTENSION/pack.bash" "$BATS_TEST_TMPDIR/genv.vsix" 3>&-
    [ "$status" -ne 77 ] || skip "$output"
    echo "$output"
    [ "$status" -eq 0 ]
    python3 -m zipfile -l "$BATS_TEST_TMPDIR/genv.vsix" | grep -q extension/dist/extension.cjs
    cd "$GENV_EXTENSION"
    [ "$(jq .dependencies package.json)" = null ]
    # The one of the status bar has no title.
    diff <(jq -r '.contributes.commands[].command' package.json | sort) \
        <(grep -oE "^ +'genv\.[A-Za-z.]+': (async )?\(" src/extension.ts | grep -oE 'genv\.[A-Za-z.]+' | grep -v reattach | sort)
}

# Its code cannot be had where the tests run: what it calls, in its order, and in a terminal what it types there.
@test "the extension for the Python genv, 0.3.0: its calls work" {
    export GENV_TMPDIR=$BATS_TEST_TMPDIR/state GENV_DEVICES=4 HOST
    PATH=$(dirname "$GENV_BIN"):$PATH
    sleep 600 3>&- &
    HOST=$! # of the extensions
    genv
    genv envs activate --pid "$HOST" --eid "$HOST" --uid "$(id -u)" --username "$(id -un)"
    genv envs config --eid "$HOST" name --name vscode/project
    run bash -c 'eval "$(genv shell --init)"
        genv activate --id "$HOST" --no-load --no-attach --no-prompt
        echo "$GENV_ENVIRONMENT_ID $CUDA_VISIBLE_DEVICES"
        genv envs config --eid "$HOST" gpus --count 2
        genv devices attach --eid "$HOST" --count 2
        genv attach --refresh
        genv config --refresh
        echo "$GENV_ENVIRONMENT_NAME $CUDA_VISIBLE_DEVICES"
        genv devices attach --eid "$HOST" --index 3 --allow-over-subscription
        genv devices detach --eid "$HOST" --index 0
        genv attach --refresh
        echo "$CUDA_VISIBLE_DEVICES"
        genv envs query --eid "$HOST" --query pids | wc -w' 3>&-
    echo "$output"
    [ "$status" -eq 0 ]
    for wanted in "$HOST -1" 'vscode/project 0,1' 1,3 2; do grep -qx -- "$wanted" <<<"$output"; done
    [ "$(genv devices find --eid "$HOST")" = 1,3 ]
    genv devices detach --eid "$HOST"
    [ -z "$(genv devices find --eid "$HOST")" ]
    kill "$HOST"
    wait "$HOST" || true
    [ -z "$(genv envs query --query eid)" ]
}

@test "terminals of all shells, tasks, debug sessions, notebooks and children are in the environment" { code surroundings; }
@test "a reload keeps the devices, and closing the window frees them" { code reload; }
@test "a new window has the environment of one whose browser was killed" { code lost; }
@test "two windows are two environments, also on one folder" { code windows; }
@test "a shell that genv is set up in follows the window, and the window the shell" { code shell; }
@test "memory and use follow, and nothing is asked while the views are hidden" { code live; }
@test "every command does what it says" { code commands; }
@test "commas, quotes, markup, newlines and UTF-8 in names are shown as they are" { code hostile; }
@test "genv missing, old, slow or failing: a message, and never a broken view" { code failing; }
@test "the pictures in the documentation" {
    code looks
    [[ ! ${GENV_TEST_KEEP-} ]] || cp "$BATS_TEST_TMPDIR"/*.png "$GENV_TEST_KEEP"
}
