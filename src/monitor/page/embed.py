#!/usr/bin/env python3
"""Writes the dashboard's files as C arrays: embed.py OUTPUT INPUT…; index.html is served as "/", the rest by name."""

import hashlib
import pathlib
import sys

TYPES = {
    '.html': 'text/html; charset=utf-8',
    '.css': 'text/css; charset=utf-8',
    '.js': 'text/javascript; charset=utf-8',
}
BYTES_A_LINE = 24


def c_array(name, data):
    lines = (', '.join(map(str, data[i:i + BYTES_A_LINE])) for i in range(0, len(data), BYTES_A_LINE))
    return f'static const unsigned char {name}[] = {{\n    ' + ',\n    '.join(lines) + '\n};\n'


def main():
    output, *inputs = map(pathlib.Path, sys.argv[1:])
    arrays, rows = [], []
    for number, path in enumerate(inputs):
        data = path.read_bytes()
        url = '/' if path.name == 'index.html' else '/' + path.name
        etag = hashlib.sha256(data).hexdigest()[:16]
        arrays.append(c_array(f'file_{number}', data))
        rows.append(f'    {{"{url}", "{TYPES[path.suffix]}", file_{number}, sizeof(file_{number}), "\\"{etag}\\""}},\n')
    table = 'const struct page_file page_files[] = {\n' + ''.join(rows) + '    {NULL, NULL, NULL, 0, NULL},\n};\n'
    output.write_text('\n'.join(['#include "monitor/page.h"\n', *arrays, table]), encoding='utf-8')


if __name__ == '__main__':
    main()
