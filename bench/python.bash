#!/usr/bin/env bash
# What the Python package costs: python.bash BUILD, with the package in BUILD/python.
set -euo pipefail

BUILD=$(readlink -f "$1")
[[ -e $BUILD/python/genv/_genv.abi3.so ]] || {
    echo 'Python: not measured: the headers of Python are not installed'
    exit 0
}
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
env -i PATH="$PATH" GENV_TMPDIR="$folder" GENV_DEVICES=8 PYTHONPATH="$BUILD/python" PYTHONPYCACHEPREFIX="$folder/cache" \
    "$(command -v python3)" - <<'END'
import os
import statistics
import subprocess
import sys
import time

import genv

ROUNDS = 300


def seconds_of(call):
    before = time.perf_counter()
    call()
    return time.perf_counter() - before


def use():
    with genv.sdk.activate():
        genv.sdk.attach(gpus=1)


def run_true():
    os.waitpid(os.posix_spawn("/bin/true", ["true"], os.environ), 0)


def import_ms():
    program = "import time; t = time.perf_counter(); import genv; print(time.perf_counter() - t)"
    return float(subprocess.check_output([sys.executable, "-c", program])) * 1e3


def row(what, ours, ratio, limit, ok):
    print(f"{what:44} {ours:14} {ratio:15} {limit:14} {'ok' if ok else 'over'}")


pairs = [(seconds_of(use), seconds_of(run_true)) for _ in range(ROUNDS)]
ours, base = (statistics.median(values) for values in zip(*pairs))
row("Python: activate, attach, leave", f"{ours * 1e3:.2f} ms", f"{ours / base:.2f} x true", "0.3 x true", ours <= 0.3 * base)
ms = statistics.median(import_ms() for _ in range(21))
row("Python: import genv", f"{ms:.2f} ms", "", "20 ms", ms <= 20)
END
