#!/usr/bin/env python3
"""Checks that the folders of src/ are layers: layers.py SOURCE_ROOT prints what breaks the rules, a line each.

A folder includes its own headers and those of the layers that it may use, as "layer/file.h", and the public header as
<genv/genv.h>. Only programs print and exit."""

import pathlib
import re
import sys

# Lowest first; a layer uses itself and what is named here.
LAYERS = {
    "base": [],
    "model": ["base"],
    "policy": ["base", "model"],
    "store": ["base", "model"],
    "driver": ["base", "model"],
    "libgenv": ["base", "model", "policy", "store", "driver"],
    "option": ["base"],
    "view": ["base", "model", "store", "driver"],
    "shell": ["base"],
    "shim": ["base"],
    "remote": ["base", "policy"],
    "enforce": ["base", "model", "policy", "store", "remote"],
    "monitor": ["base", "store", "remote", "option"],
    "top": ["base", "option"],
    "cli": ["base", "option", "shell", "shim", "remote", "enforce"],
}
PROGRAMS = {"shim", "top", "cli"}

INCLUDE = re.compile(r'^\s*#\s*include\s*(["<])([^">]+)[">]', re.MULTILINE)
COMMENT_OR_TEXT = re.compile(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"', re.DOTALL)
PRINT_OR_EXIT = re.compile(r"(?<![\w.>])(v?printf|puts|putchar|perror|exit|abort|warnx?|errx?)\s*\(|\b(stdout|stderr)\b")


def include_problem(layer, quote, path):
    """Why @layer may not include @path, or None."""
    if quote == "<":
        top = path.split("/")[0]
        return f"<{path}> belongs in quotes" if top in LAYERS else None
    folder, _, file = path.partition("/")
    if not file:
        return f'"{path}" is not written as "layer/file.h"'
    if folder != layer and folder not in LAYERS[layer]:
        return f'"{path}": {layer} may use {", ".join(LAYERS[layer]) or "no other layer"}'
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


def main():
    problems = list(check_tree(pathlib.Path(sys.argv[1])))
    print("\n".join(problems), end="\n" if problems else "")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
