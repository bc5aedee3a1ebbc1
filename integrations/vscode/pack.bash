#!/usr/bin/env bash
# pack.bash FILE: checks and builds the extension and writes FILE, a .vsix. What it needs of npm is fetched into the
# tests' cache; nothing is built here. Exit status: 77 where that cannot be had, with the reason.
set -euo pipefail

file=$(realpath "${1:?usage: pack.bash FILE}")
cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")"
node=$(../../tests/fetch node) || { echo "$node" && exit 77; }
tools=$(../../tests/fetch vscode) || { echo "$tools" && exit 77; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

cp -r package.json tsconfig.json esbuild.mjs .vscodeignore README.md media src test "$work"
ln -s "$tools/node_modules" "$work/node_modules"
cd "$work"
PATH=$node/bin:$PATH
node node_modules/typescript/bin/tsc
node esbuild.mjs
node node_modules/@vscode/vsce/vsce package --no-dependencies --skip-license --allow-missing-repository --out "$file"
