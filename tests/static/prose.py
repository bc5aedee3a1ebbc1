"""The texts of the source: what C, shell and JavaScript code prints, and what the documents say."""

import bisect
import pathlib
import re
from collections.abc import Iterator
from dataclasses import dataclass

C_TOKEN = re.compile(
    r"""(?P<gap>\s+|//[^\n]*|/\*.*?\*/|\\\n)|"(?P<string>(?:\\.|[^"\\\n])*)"|'(?:\\.|[^'\\\n])+'|\w+|.""", re.DOTALL
)
JS_TOKEN = re.compile(
    r"""//[^\n]*|/\*.*?\*/|"(?P<double>(?:\\.|[^"\\\n])*)"|'(?P<single>(?:\\.|[^'\\\n])*)'|`(?P<template>(?:\\.|[^`\\])*)`""",
    re.DOTALL,
)
SHELL_COMMENT = re.compile(r"^[ \t]*#.*$", re.MULTILINE)
C_ESCAPE = re.compile(r"\\(.)", re.DOTALL)


@dataclass
class Prose:
    """A text, and the line of the file at which each of its parts begins."""

    path: pathlib.Path
    text: str
    starts: list[int]
    lines: list[int]

    def line(self, offset: int) -> int:
        """The line of the character at @offset."""
        part = bisect.bisect_right(self.starts, offset) - 1
        return self.lines[part] + self.text.count("\n", self.starts[part], offset)


def c_unescape(literal: str) -> str:
    """What a C literal holds; what is no character of a sentence becomes a blank."""
    return C_ESCAPE.sub(lambda match: match[1] if match[1] in "\"'\\" else " ", literal)


def c_strings(path: pathlib.Path) -> Iterator[Prose]:
    """The string literals of C; those that stand next to each other are one."""
    source = path.read_text(encoding="utf-8")
    prose: Prose | None = None
    line = 1
    for token in C_TOKEN.finditer(source):
        if token["string"] is not None:
            if prose is None:
                prose = Prose(path, "", [], [])
            prose.starts.append(len(prose.text))
            prose.lines.append(line)
            prose.text += c_unescape(token["string"])
        elif token["gap"] is None and prose is not None:
            yield prose
            prose = None
        line += token[0].count("\n")


def js_strings(path: pathlib.Path) -> Iterator[Prose]:
    """The string literals of JavaScript."""
    source = path.read_text(encoding="utf-8")
    for token in JS_TOKEN.finditer(source):
        for kind in ("double", "single", "template"):
            if token[kind] is not None:
                yield Prose(path, token[kind], [0], [source.count("\n", 0, token.start()) + 1])


def shell_code(path: pathlib.Path) -> Iterator[Prose]:
    """A script without its comments."""
    yield Prose(path, SHELL_COMMENT.sub("", path.read_text(encoding="utf-8")), [0], [1])


def document(path: pathlib.Path) -> Iterator[Prose]:
    """All of a document."""
    yield Prose(path, path.read_text(encoding="utf-8"), [0], [1])


READERS = {
    ".c": c_strings,
    ".h": c_strings,
    ".js": js_strings,
    ".html": document,
    ".md": document,
    ".bash": shell_code,
    ".zsh": shell_code,
    ".fish": shell_code,
    "": shell_code,
}

ROOTS = ("src", "include", "completions", "packaging", "docs", "run", "README.md", "CONTRIBUTING.md", "SECURITY.md")


def everything(root: pathlib.Path) -> Iterator[Prose]:
    """All that users read, below the folder of the source."""
    for name in ROOTS:
        top = root / name
        for path in sorted(top.rglob("*")) if top.is_dir() else [top]:
            if path.is_file() and path.suffix in READERS:
                yield from READERS[path.suffix](path)
