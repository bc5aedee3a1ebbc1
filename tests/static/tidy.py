#!/usr/bin/env python3
"""Lets clang-tidy look at every source that the build folder given compiles, once each."""

import concurrent.futures
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

VERSION = "version 14."  # whose checks .clang-tidy chooses from: a newer one has others


def sources_of(build):
    """The commands of the sources that are not generated; a source that is compiled twice counts once."""
    commands = {}
    for entry in json.loads((build / "compile_commands.json").read_text(encoding="utf-8")):
        path = (pathlib.Path(entry["directory"]) / entry["file"]).resolve()
        if path.suffix == ".c" and build not in path.parents:
            commands.setdefault(path, entry | {"file": str(path)})
    return commands


def check(folder, path):
    result = subprocess.run(["clang-tidy", "--quiet", "-p", folder, str(path)], capture_output=True, text=True, check=False)
    return result.returncode, result.stdout


def main():
    if not shutil.which("clang-tidy") or VERSION not in subprocess.check_output(["clang-tidy", "--version"], text=True):
        print("clang-tidy 14 is not installed")
        return 77
    build = pathlib.Path(sys.argv[1]).resolve()
    commands = sources_of(build)
    failures = 0
    with tempfile.TemporaryDirectory() as folder, concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        (pathlib.Path(folder) / "compile_commands.json").write_text(json.dumps(list(commands.values())), encoding="utf-8")
        for status, output in pool.map(lambda path: check(folder, path), sorted(commands)):
            failures += status != 0
            print(output, end="")
    print(f"{failures} of {len(commands)} sources with findings")
    return 1 if failures or not commands else 0


if __name__ == "__main__":
    sys.exit(main())
