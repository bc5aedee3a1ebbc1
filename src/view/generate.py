#!/usr/bin/env python3
"""Turns entries.def into what is compiled from it: generate.py ENTRIES KIND OUTPUT.

Kinds: names.h (the entry points by number), names.c (their names), stubs.S (those that are passed on), view.map (what
the library exports), wrapped.h (the names of those that are written by hand, for tests)."""

import pathlib
import sys

KINDS = {"", "wrapped", "refused"}


def read_entries(path):
    entries = []
    for line in pathlib.Path(path).read_text(encoding="utf-8").splitlines():
        name, _, kind = line.partition("#")[0].strip().partition(" ")
        if kind not in KINDS:
            sys.exit(f"{path}: {line}: no such kind")
        if name:
            entries.append((name, kind))
    if entries != sorted(set(entries)):
        sys.exit(f"{path}: not in order, or not unique")
    return entries


def names_h(entries):
    width = max(len(name) for name, _ in entries) + 1
    numbers = "".join(f"    ENTRY_{name},\n" for name, _ in entries)
    return f"""/* NVML's entry points, by number. */
#ifndef VIEW_NAMES_H
#define VIEW_NAMES_H

#include <stdbool.h>

enum entry {{
{numbers}    ENTRY_COUNT
}};

extern const char entry_names[ENTRY_COUNT][{width}];
extern const bool entry_is_refused[ENTRY_COUNT];

#endif
"""


def names_c(entries):
    names = "".join(f'    "{name}",\n' for name, _ in entries)
    refused = "".join(f"    [ENTRY_{name}] = true,\n" for name, kind in entries if kind == "refused")
    return f"""#include "view/names.h"

const char entry_names[ENTRY_COUNT][sizeof(entry_names[0])] = {{
{names}}};

const bool entry_is_refused[ENTRY_COUNT] = {{
{refused}}};
"""


def stubs_s(entries):
    """An entry that is refused at times is looked up at every call, another at the first."""
    stubs = "".join(
        f"{'LOOK_UP' if kind == 'refused' else 'PASS_ON'} {name} {number}\n"
        for number, (name, kind) in enumerate(entries)
        if kind != "wrapped"
    )
    return f'#include "view/stub.S"\n\n{stubs}'


def view_map(entries):
    names = "".join(f"    {name};\n" for name, _ in entries)
    return f"{{\nglobal:\n{names}local:\n    *;\n}};\n"


def wrapped_h(entries):
    names = "".join(f'    "{name}",\n' for name, kind in entries if kind == "wrapped")
    return f"static const char *const wrapped[] = {{\n{names}}};\n"


def main():
    _, path, kind, output = sys.argv
    generators = {"names.h": names_h, "names.c": names_c, "stubs.S": stubs_s, "view.map": view_map, "wrapped.h": wrapped_h}
    pathlib.Path(output).write_text(generators[kind](read_entries(path)), encoding="utf-8")


if __name__ == "__main__":
    main()
