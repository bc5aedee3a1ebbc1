#!/usr/bin/env python3
"""Runs a bats file in another order: order.py shuffled|alone FOLDER [OPTION...] FILE.

"shuffled" runs its tests in an order of chance, whose seed is printed and may be given as GENV_TEST_SEED; "alone" runs
each in a call of bats of its own. FOLDER is for files that are made on the way. Prints TAP; the exit status is bats'."""

import os
import pathlib
import random
import re
import shutil
import subprocess
import sys

HERE_DOCUMENT = re.compile(r"""(?<!<)<<-?\s*(['"]?)(\w+)\1""")
TEST = re.compile(r"""^@test\s+(?P<name>'[^']*'|"[^"]*"|\S+)\s*\{(?P<rest>.*)$""")


def parse(text):
    """Takes the tests of a bats file out of it: what is left, and a list of (name, lines)."""
    left, tests, inside, here = [], [], False, None
    for line in text.splitlines():
        if here:
            (tests[-1][1] if inside else left).append(line)
            here = None if line.strip() == here else here
            continue
        if match := TEST.match(line):
            tests.append((match["name"].strip("'\""), [line]))
            inside = not match["rest"].rstrip().endswith("}")
        elif inside:
            tests[-1][1].append(line)
            inside = line != "}"
        else:
            left.append(line)
        if match := HERE_DOCUMENT.search(line):
            here = match[2]
    return left, tests


def run_shuffled(path, folder, options):
    seed = os.environ.get("GENV_TEST_SEED") or str(random.randrange(10**6))
    left, tests = parse(path.read_text(encoding="utf-8"))
    random.Random(f"{seed} {path.name}").shuffle(tests)
    # Beside the files that it loads.
    tree = folder / "tests"
    shutil.copytree(path.parent.parent, tree, ignore=shutil.ignore_patterns("corpus"))
    shuffled = tree / path.parent.name / path.name
    lines = left + [line for _, test in tests for line in test]
    shuffled.write_text("\n".join(lines) + "\n", encoding="utf-8")
    print(f"# seed {seed}")
    sys.stdout.flush()
    return subprocess.run(["bats", *options, str(shuffled)], check=False).returncode


def run_alone(path, options):
    _, tests = parse(path.read_text(encoding="utf-8"))
    failed = False
    print(f"1..{len(tests)}")
    for number, (name, _) in enumerate(tests, 1):
        only = ["bats", *options, "--filter", "^" + re.sub(r"([][.^$*+?(){}|\\])", r"\\\1", name) + "$", str(path)]
        result = subprocess.run(only, capture_output=True, text=True, check=False)
        if not re.search(r"^(not )?ok 1 ", result.stdout, re.MULTILINE):
            print(f"not ok {number} {name}\n# {result.stdout} {result.stderr}")
            failed = True
        for line in result.stdout.splitlines():
            if not line.startswith("1.."):
                print(re.sub(r"^((?:not )?ok) 1 ", rf"\1 {number} ", line))
        sys.stdout.flush()
        failed |= result.returncode != 0
    return 1 if failed else 0


def main():
    how, folder, *options, file = sys.argv[1:]
    path = pathlib.Path(file).resolve()
    if how == "shuffled":
        return run_shuffled(path, pathlib.Path(folder), options)
    return run_alone(path, options)


if __name__ == "__main__":
    sys.exit(main())
