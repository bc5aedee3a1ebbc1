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

# The extension without what a build leaves, and with the tools that the lock names.
copy_extension() {
    local tools
    tools=$(fetch vscode) || { echo "$tools" && return 1; }
    mkdir -p "$1"
    cp -r "$GENV_EXTENSION"/{package.json,tsconfig.json,esbuild.mjs,.vscodeignore,README.md,media,src,test} "$1"
    ln -s "$tools/node_modules" "$1/node_modules"
}

pack() {
    (cd "$1" && PATH=$node/bin:$PATH node node_modules/@vscode/vsce/vsce package --no-dependencies --skip-license \
        --allow-missing-repository --out "$2" >"$2.log" 2>&1) || { tail -n 1 "$2.log" && return 1; }
}

# Makes genv.vsix and fixture.vsix in $BATS_FILE_TMPDIR.
prepare() {
    local node folder
    command -v chromium >/dev/null || { echo 'Chromium is not installed' && return 1; }
    node=$(fetch node) || { echo "$node" && return 1; }
    for folder in playwright code-server; do
        fetch "$folder" >"$BATS_FILE_TMPDIR/$folder" || { cat "$BATS_FILE_TMPDIR/$folder" && return 1; }
    done
    echo "$node" >"$BATS_FILE_TMPDIR/node"
    copy_extension "$BATS_FILE_TMPDIR/extension" || return 1
    (cd "$BATS_FILE_TMPDIR/extension" && "$node/bin/node" esbuild.mjs) || return 1
    pack "$BATS_FILE_TMPDIR/extension" "$BATS_FILE_TMPDIR/genv.vsix" || return 1
    cp -r "$BATS_TEST_DIRNAME/fixture" "$BATS_FILE_TMPDIR/fixture"
    ln -s "$BATS_FILE_TMPDIR/extension/node_modules" "$BATS_FILE_TMPDIR/fixture/node_modules"
    pack "$BATS_FILE_TMPDIR/fixture" "$BATS_FILE_TMPDIR/fixture.vsix"
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
        "$playwright/node" "$BATS_TEST_DIRNAME/vscode.mjs" "$1" "$BATS_TEST_TMPDIR" 3>&-
}

@test "the logic of the extension, with the real genv" {
    local playwright file failed=()
    playwright=$(fetch playwright) || skip "$playwright"
    for file in "$GENV_EXTENSION"/test/*.test.ts; do
        TMPDIR=$BATS_TEST_TMPDIR "$playwright/node" --test "$file" 3>&- || failed+=("$file")
    done
    ((${#failed[@]} == 0))
}

@test "types and the bundle of the extension" {
    local node
    node=$(fetch node) || skip "$node"
    run copy_extension "$BATS_TEST_TMPDIR/extension"
    [ "$status" -eq 0 ] || skip "$output"
    cd "$BATS_TEST_TMPDIR/extension"
    "$node/bin/node" node_modules/typescript/bin/tsc --noEmit
    "$node/bin/node" esbuild.mjs
    [ "$(jq -r '.contributes.commands[].command' package.json | sort | uniq -d)" = '' ]
    # What is contributed is registered, and the other way around but for what has no title.
    diff <(jq -r '.contributes.commands[].command' package.json | sort) \
        <(grep -oE "^ +'genv\.[A-Za-z.]+': (async )?\(" src/extension.ts | grep -oE 'genv\.[A-Za-z.]+' | grep -v reattach | sort)
    [ "$(jq '.dependencies' package.json)" = null ]
}

@test "terminals of all shells, tasks, debug sessions, notebooks and children are in the environment" { code surroundings; }
@test "a reload keeps the devices, and closing the window frees them" { code reload; }
@test "two windows are two environments, also on one folder" { code windows; }
@test "a shell that genv is set up in follows the window, and the window the shell" { code shell; }
@test "every command does what it says" { code commands; }
@test "commas, quotes, markup, newlines and UTF-8 in names are shown as they are" { code hostile; }
@test "genv missing, old, slow or failing: a message, and never a broken view" { code failing; }
