#!/usr/bin/env python3
"""Checks that the folders of src/ are layers: layers.py SOURCE_ROOT [BUILD_ROOT] prints what breaks the rules, a line
each.

A folder includes its own headers and those of the layers that it may use, as "layer/file.h", and the public header as
<genv/genv.h>. What <genv/types.h> declares is everybody's. Its objects in BUILD_ROOT leave no symbol undefined that only layers define which it may not use,
whichever header told of it. Only programs print and exit."""

import collections
import pathlib
import re
import subprocess
import sys

# Lowest first; a layer uses itself and what is named here. "api" is what genv.h declares.
LAYERS = {
    "base": [],
    "model": ["base"],
    "policy": ["base", "model"],
    "store": ["base", "model"],
    "driver": ["base", "model"],
    "isolate": ["base", "model"],
    "libgenv": ["base", "model", "policy", "store", "driver", "isolate", "api"],
    "option": ["base", "api"],
    "view": ["base", "model", "store", "driver"],
    "shell": ["base"],
    "shim": ["base", "api"],
    "remote": ["base", "policy", "api"],
    "enforce": ["base", "model", "policy", "store", "remote", "api"],
    "monitor": ["base", "store", "remote", "option", "api"],
    "top": ["base", "option", "api"],
    "container": ["base", "api"],
    "cli": ["base", "option", "shell", "shim", "remote", "enforce", "container", "api"],
}
PROGRAMS = {"shim", "top", "cli"}

INCLUDE = re.compile(r'^\s*#\s*include\s*(["<])([^">]+)[">]', re.MULTILINE)
COMMENT_OR_TEXT = re.compile(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"', re.DOTALL)
PRINT_OR_EXIT = re.compile(r"(?<![\w.>])(v?printf|puts|putchar|perror|exit|abort|warnx?|errx?)\s*\(|\b(stdout|stderr)\b")


def may_use(layer):
    return f"{layer} may use {', '.join(LAYERS[layer]) or 'no other layer'}"


def include_problem(layer, quote, path):
    """Why @layer may not include @path, or None."""
    if quote == "<":
        top = path.split("/")[0]
        if path == "genv/genv.h" and "api" not in LAYERS[layer]:
            return f"<{path}>: {layer} is below it"
        return f"<{path}> belongs in quotes" if top in LAYERS else None
    folder, _, file = path.partition("/")
    if not file:
        return f'"{path}" is not written as "layer/file.h"'
    if folder != layer and folder not in LAYERS[layer]:
        return f'"{path}": {may_use(layer)}'
    return None


def check_file(layer, path, text):
    for match in INCLUDE.finditer(text):
        problem = include_problem(layer, match[1], match[2])
        if problem:
            yield f"{path}:{text.count(chr(10), 0, match.start(2)) + 1}: {problem}"
    if layer in PROGRAMS or path.name == "main.c":
        return
    code = COMMENT_OR_TEXT.sub(lambda match: "\n" * match[0].count("\n"), text)
    for match in PRINT_OR_EXIT.finditer(code):
        name = match[1] or match[2]
        yield f"{path}:{code.count(chr(10), 0, match.start()) + 1}: {name}: only programs print and exit"


def check_tree(root):
    source = root / "src"
    files = sorted(path for path in source.rglob("*") if path.suffix in (".c", ".h"))
    for path in files:
        layer = path.relative_to(source).parts[0]
        if layer in LAYERS:
            yield from check_file(layer, path.relative_to(root), path.read_text(encoding="utf-8"))
        else:
            yield f"{path.relative_to(root)}: {layer} is no layer that tests/layers knows"
    if not files:
        yield f"{source}: no source"


def nm(option, objects):
    """The global symbols of each object."""
    output = subprocess.run(["nm", "-A", "-g", option, *objects], check=True, capture_output=True, text=True).stdout
    for line in output.splitlines():
        path, _, rest = line.partition(":")
        yield pathlib.Path(path), rest.split()[-1]


def check_symbols(root, build):
    operations, data = (
        set(re.findall(r"\bgenv_\w+", (root / "include/genv" / name).read_text(encoding="utf-8")))
        for name in ("genv.h", "types.h")
    )
    objects = {layer: sorted((build / "src" / layer).rglob("*.o")) for layer in LAYERS}
    homes = collections.defaultdict(set)  # of each symbol: the layers that define it
    for layer in LAYERS:
        for _, symbol in nm("--defined-only", objects[layer]) if objects[layer] else ():
            if symbol in data:
                continue  # everybody's, as the types are
            homes[symbol].add("api" if layer == "libgenv" and symbol in operations else layer)
    for layer in LAYERS:
        for path, symbol in nm("--undefined-only", objects[layer]) if objects[layer] else ():
            if homes[symbol] and not homes[symbol] & {layer, *LAYERS[layer]}:
                home = " and ".join(sorted(homes[symbol]))
                yield f"{path.relative_to(build)}: {symbol} is of {home}: {may_use(layer)}"
    if not any(objects.values()):
        yield f"{build}: no objects"


def main():
    root = pathlib.Path(sys.argv[1])
    problems = list(check_tree(root))
    if len(sys.argv) > 2:
        problems += check_symbols(root, pathlib.Path(sys.argv[2]))
    print("\n".join(problems), end="\n" if problems else "")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
