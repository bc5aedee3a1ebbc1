#!/usr/bin/env -S python3 -B
"""Looks for the words of words.txt in what users read: strings, printed shell code, the dashboard, README and docs.
With names of files or folders, in these alone."""

import pathlib
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass

import prose


@dataclass
class Word:
    """A phrase that is not written, and what to write instead."""

    pattern: re.Pattern[str]
    instead: str


def read_words(path: pathlib.Path) -> Iterator[Word]:
    """The rows of words.txt."""
    for number, row in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        if not row or row.startswith("#"):
            continue
        phrase, arrow, instead = row.partition(" -> ")
        if not arrow:
            sys.exit(f"{path}:{number}: expected PHRASE -> WHAT TO WRITE")
        phrase = phrase.replace(" ", r"\s+")
        yield Word(re.compile(rf"(?<![\w-])(?:{phrase})(?![\w-])", re.IGNORECASE), instead)


def main(chosen: list[str]) -> int:
    """Prints what it finds; 1 if that is anything."""
    words = list(read_words(pathlib.Path(__file__).with_name("words.txt")))
    found = 0
    texts = 0
    for text in prose.everything(pathlib.Path()):
        if chosen and not any(text.path.is_relative_to(name) for name in chosen):
            continue
        texts += 1
        matches = [(match.start(), match[0], word) for word in words for match in word.pattern.finditer(text.text)]
        for start, phrase, word in sorted(matches, key=lambda match: match[0]):
            print(f"{text.path}:{text.line(start)}: '{' '.join(phrase.split())}': write {word.instead}")
        found += len(matches)
    print(f"{found} findings in {texts} texts")
    return 1 if found or not texts else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
