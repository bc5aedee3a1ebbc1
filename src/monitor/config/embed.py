#!/usr/bin/env python3
"""Writes the configuration files as C strings: embed.py OUTPUT FILE…; their paths are those under this folder."""

import pathlib
import sys


def c_string(line):
    return '"' + line.replace('\\', '\\\\').replace('"', '\\"').replace('\n', '\\n') + '"'


def main():
    root = pathlib.Path(__file__).resolve().parent
    output, *files = (pathlib.Path(word).resolve() for word in sys.argv[1:])
    rows = []
    for path in files:
        lines = path.read_text(encoding='utf-8').splitlines(keepends=True)
        text = '\n     '.join(map(c_string, lines))
        rows.append(f'    {{"{path.relative_to(root)}",\n     {text}}},\n')
    table = 'const struct config_file config_files[] = {\n' + ''.join(rows) + '    {NULL, NULL},\n};\n'
    output.write_text('#include "monitor/config.h"\n\n' + table, encoding='utf-8')


if __name__ == '__main__':
    main()
