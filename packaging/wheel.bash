#!/usr/bin/env bash
# wheel.bash FOLDER [aarch64]: builds the Python package genv-gpu into FOLDER: its source, where this is a git checkout,
# and a wheel. The wheel has inside what a system may lack, and the tag of the oldest glibc that it runs with. With
# aarch64, it is for 64-bit ARM.
set -euo pipefail

source=$(dirname "$(dirname "$(readlink -f "$0")")")
tools=$("$source/tests/fetch" wheel-tools) || {
    printf 'genv: %s\n' "$tools" >&2
    exit 1
}
PATH=$tools/bin:$PATH
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

cross=()
if [[ ${2-} == aarch64 ]]; then
    export _PYTHON_HOST_PLATFORM=linux-aarch64
    cross=("-Csetup-args=--cross-file=$source/packaging/aarch64.ini")
fi
# Without a choice, the wheel is built from the source that was packed just before.
what=()
git -C "$source" rev-parse HEAD >/dev/null 2>&1 || what=(--wheel)
python -m build --no-isolation "${what[@]}" "${cross[@]}" --outdir "$work" "$source"
auditwheel repair --wheel-dir "$work/repaired" "$work"/genv_gpu-*.whl
# The extension uses nothing that Python 3.9 lacks, whatever it was built with.
wheel tags --remove --python-tag cp39 "$work"/repaired/genv_gpu-*.whl
find "$work" -name 'genv_gpu-*.tar.gz' -exec cp {} "$1" \;
cp "$work"/repaired/genv_gpu-*.whl "$1"
