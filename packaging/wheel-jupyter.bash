#!/usr/bin/env bash
# wheel-jupyter.bash FOLDER: builds the Python package genv-jupyter into FOLDER: its source and a wheel, both with the
# front end inside, so that nobody who installs them needs node.
set -euo pipefail

source=$(dirname "$(dirname "$(readlink -f "$0")")")
tools=$("$source/tests/fetch" jupyter-tools) || {
    printf 'genv: %s\n' "$tools" >&2
    exit 1
}
node=$("$source/tests/fetch" playwright) # which they needed
PATH=$node:$tools/bin:$PATH
folder=$(realpath "$1")
work=$(mktemp -d)
trap 'rm -rf "$work" "$work.log"' EXIT

# Everything but what somebody has built in place.
tar -C "$source/integrations/jupyterlab" --exclude ./node_modules --exclude ./lib --exclude ./.yarn \
    --exclude ./genv_jupyter/labextension --exclude __pycache__ -ch . | tar -C "$work" -x
cd "$work"
ln -s "$tools/node_modules" node_modules
node_modules/.bin/tsc
YARN_ENABLE_TELEMETRY=0 jupyter-builder build . >"$work.log" 2>&1 || {
    cat "$work.log" >&2
    exit 1
}
rm node_modules
python -m build --no-isolation --outdir "$work/dist" .
cp dist/genv_jupyter-* "$folder"
