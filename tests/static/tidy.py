#!/usr/bin/env python3
"""Lets clang-tidy look at every source that the build folder given compiles, once each; one that it found nothing in
before, in all that is included too, is not looked at again."""

import concurrent.futures
import hashlib
import json
import os
import pathlib
import re
import shlex
import shutil
import subprocess
import sys
import tempfile

NEWEST = 19  # a newer version has checks that .clang-tidy has not chosen from


def sources_of(build):
    """The commands of the sources that are not generated; a source that is compiled twice counts once."""
    commands = {}
    for entry in json.loads((build / "compile_commands.json").read_text(encoding="utf-8")):
        path = (pathlib.Path(entry["directory"]) / entry["file"]).resolve()
        if path.suffix == ".c" and build not in path.parents:
            commands.setdefault(path, entry | {"file": str(path)})
    return commands


def preprocess(entry):
    """What a source comes to, with its comments, which may speak to clang-tidy."""
    words = shlex.split(entry["command"])
    del words[words.index("-o") : words.index("-o") + 2]
    words = [word for word in words if not word.startswith("-M") and not word.endswith(".d") and word != "-c"]
    result = subprocess.run(
        [*words, "-E", "-C", "-P", "-w"], cwd=entry["directory"], capture_output=True, check=False
    )
    return result.stdout if result.returncode == 0 else None


class Tidy:
    def __init__(self, folder, version):
        self.folder = folder
        self.base = version + pathlib.Path(".clang-tidy").read_bytes()
        cache = subprocess.check_output(["tests/cache"], text=True).strip()
        self.cache = pathlib.Path(cache) / "tidy"
        self.cache.mkdir(parents=True, exist_ok=True)

    def check(self, entry):
        text = preprocess(entry)
        known = self.cache / hashlib.sha256(self.base + text).hexdigest() if text else None
        if known and known.exists():
            known.touch()
            return 0, ""
        result = subprocess.run(
            ["clang-tidy", "--quiet", "-p", self.folder, entry["file"]], capture_output=True, text=True, check=False
        )
        if known and result.returncode == 0:
            known.touch()
        return result.returncode, result.stdout


def main():
    if not shutil.which("clang-tidy"):
        print("clang-tidy is not installed")
        return 77
    version = subprocess.check_output(["clang-tidy", "--version"])
    number = int(re.search(rb"version (\d+)", version)[1])
    commands = sources_of(pathlib.Path(sys.argv[1]).resolve())
    failures = 0
    with tempfile.TemporaryDirectory() as folder, concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        entries = [commands[path] for path in sorted(commands)]
        (pathlib.Path(folder) / "compile_commands.json").write_text(json.dumps(entries), encoding="utf-8")
        for status, output in pool.map(Tidy(folder, version).check, entries):
            failures += status != 0
            print(output, end="")
    print(f"{failures} of {len(commands)} sources with findings")
    if number > NEWEST and failures:
        print(f"clang-tidy {number} is newer than {NEWEST}, whose checks were chosen from")
        return 77
    return 1 if failures or not commands else 0


if __name__ == "__main__":
    sys.exit(main())
