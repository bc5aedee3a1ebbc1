#!/usr/bin/env python3
"""Writes the shells' code as C strings: embed.py OUTPUT INPUT…, where genv.bash becomes shell_code_bash."""

import pathlib
import sys


def code_lines(path):
    """The lines that do something: neither blank nor a comment."""
    lines = (line.rstrip() for line in path.read_text(encoding='utf-8').splitlines())
    return [line for line in lines if line and not line.lstrip().startswith('#')]


def c_string(line):
    return '"' + line.replace('\\', '\\\\').replace('"', '\\"').replace('\t', '\\t') + '\\n"'


def main():
    output, *inputs = map(pathlib.Path, sys.argv[1:])
    parts = ['#include "shell/code.h"\n']
    for path in inputs:
        strings = '\n'.join('    ' + c_string(line) for line in code_lines(path))
        parts.append(f'const char shell_code_{path.suffix[1:]}[] =\n{strings};\n')
    output.write_text('\n'.join(parts), encoding='utf-8')


if __name__ == '__main__':
    main()
