#!/usr/bin/env -S python3 -B
"""Keeps docs/messages.md complete: every message of the code has an entry in messages.txt, which says
what it means.

messages.py            compares the code, the entries and the page
messages.py --write    writes the page
messages.py --list     prints the messages that the code has
"""

import pathlib
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field

import prose

PREFACE = """\
<!-- Written by tests/static/messages.py from messages.txt: change that. -->

# Messages

This page lists every message that genv prints, what it means, and what to do if the message does not say so. Words in
capitals stand for what genv fills in. On the terminal, a message begins with `genv: `, and a warning, after which the
command continues, with `genv: warning: `. Many messages end with a colon and the cause: another message of this page, or
one of the system. The exit status is 1 if a command was refused or failed, and 2 if its arguments are not valid.
"""
PAGE = pathlib.Path("docs/messages.md")
GAP = "\0"  # in place of what a message fills in

# The functions that take a message: the number of that argument, and what the first one has to be, if that decides.
SAYING = {
    "error_set": (2, None),
    "error_set_errno": (2, None),
    "error_prefix": (2, None),
    "handle_warn": (1, None),
    "cli_warn": (1, None),
    "program_complain": (0, None),
    "shim_complain": (0, None),
    "tell": (4, "doctor"),
    "text_add": (1, "&line"),
    "text_addf": (1, "&line"),
    "snprintf": (2, "finding.text|line"),
    "copy_string": (2, "finding.text"),
    "dprintf": (1, "STDERR_FILENO"),
    "say": (2, "connection"),
}
REASONS = "reasons"  # the name of arrays of messages

GAPS = re.compile(GAP + "+")
FILLED = re.compile(r"\{([^}]*)\}")
CONTEXT = re.compile(r"^\{[^}]*: \}|\{: [^}]*\}$")  # what other code puts before or after a message
SHELL_MESSAGE = re.compile(r"""["']genv: ([^"'\n]*?)(?:\\n)?["']""")
SHELL_VARIABLE = re.compile(r"\$\w+")
DIRECTIVE = re.compile(r"%[-0]*(?:\*|\d+)?(?:\.(?:\*|\d+))?(?:hh|h|ll|l|z)?[a-zA-Z]")


def is_sentence(message: str) -> bool:
    """Whether @message is one, and not a piece or a frame of one."""
    return message == message.strip(" ") and len(re.findall(r"[A-Za-z]{2,}", message)) > 1


def messages_in(tokens: list[re.Match[str]]) -> Iterator[str]:
    """What the tokens of one argument say: each side of a choice is a message of its own."""
    choice = any(token[0] == "?" for token in tokens)
    said = ""
    for token in tokens:
        if token["string"] is not None:
            said += prose.c_unescape(token["string"])
        elif not choice:
            said += GAP
        elif said:
            yield said
            said = ""
    yield said


def arguments(tokens: list[re.Match[str]], start: int) -> list[list[re.Match[str]]]:
    """The arguments, or elements, behind the bracket at @start."""
    found: list[list[re.Match[str]]] = [[]]
    depth = 0
    for token in tokens[start:]:
        opens, closes = token[0] in ("(", "[", "{"), token[0] in (")", "]", "}")
        depth += opens - closes
        if depth == 0:
            break
        if token[0] == "," and depth == 1:
            found.append([])
        elif depth > 1 or not opens:
            found[-1].append(token)
    return found


def raw_messages(tokens: list[re.Match[str]]) -> Iterator[str]:
    """The formats of all messages among @tokens."""
    for number, token in enumerate(tokens[:-1]):
        follows = tokens[number + 1][0]
        if token[0] in SAYING and follows == "(":
            position, first = SAYING[token[0]]
            words = arguments(tokens, number + 1)
            spelled = ["".join(part[0] for part in word) for word in words]
            if len(words) <= position or (first and not re.fullmatch(first, spelled[0])):
                continue
            if "GENV_FINDING_OK" not in spelled:
                yield from messages_in(words[position])
        elif token[0] == "=" and tokens[number - 1][0] == "]" and tokens[number - 3][0] == REASONS and follows == "{":
            for element in arguments(tokens, number + 1):
                own = arguments(element, 0)[-1] if element and element[0][0] == "{" else element
                yield "".join(prose.c_unescape(token["string"]) for token in own if token["string"] is not None)


def messages(root: pathlib.Path) -> dict[str, list[str]]:
    """The messages of the code, with gaps, and the files that have them."""
    found: dict[str, list[str]] = {}
    for path in sorted((root / "src").rglob("*.c")):
        source = path.read_text(encoding="utf-8")
        tokens = [token for token in prose.C_TOKEN.finditer(source) if token["gap"] is None]
        for message in raw_messages(tokens):
            with_gaps = GAPS.sub(GAP, DIRECTIVE.sub(GAP, message.rstrip(" ")).replace("%%", "%"))
            if is_sentence(with_gaps):
                found.setdefault(with_gaps, []).append(str(path.relative_to(root)))
    for path in sorted((root / "src" / "shell").glob("genv.*")):
        for match in SHELL_MESSAGE.finditer(path.read_text(encoding="utf-8")):
            with_gaps = DIRECTIVE.sub(GAP, SHELL_VARIABLE.sub(GAP, match[1]))
            found.setdefault(with_gaps, []).append(str(path.relative_to(root)))
    return found


@dataclass
class Entry:
    """What some messages have in common."""

    line: int
    area: str
    forms: list[str] = field(default_factory=list)
    meaning: str = ""
    remedy: str = ""


def read_entries(path: pathlib.Path) -> list[Entry]:
    """The entries of messages.txt."""
    entries: list[Entry] = []
    area = ""
    ended = True
    for number, row in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        if row.startswith("## "):
            area = row[3:]
        elif not row or row.startswith("#"):
            ended = True
        else:
            if ended:
                entries.append(Entry(number, area))
                ended = False
            if row.startswith(": "):
                entries[-1].meaning = row[2:]
            elif row.startswith("> "):
                entries[-1].remedy = row[2:]
            else:
                entries[-1].forms.append(row)
    return entries


def complaints(said: dict[str, list[str]], entries: list[Entry], strings: str) -> Iterator[str]:
    """What messages.txt lacks, or has in excess."""
    known: dict[str, int] = {}
    for entry in entries:
        if not entry.meaning:
            yield f"messages.txt:{entry.line}: an entry without a meaning"
        for form in entry.forms:
            with_gaps = GAPS.sub(GAP, FILLED.sub(GAP, CONTEXT.sub("", form.removeprefix("~"))))
            if with_gaps in known:
                yield f"messages.txt:{entry.line}: '{form}' is in line {known[with_gaps]}, too"
            known[with_gaps] = entry.line
            if form.startswith("~"):
                pieces = [piece for piece in re.split(GAP, with_gaps) if piece.strip() not in strings]
                if pieces:
                    yield f"messages.txt:{entry.line}: the code does not say '{pieces[0]}'"
            elif with_gaps not in said:
                yield f"messages.txt:{entry.line}: the code does not say '{form}'"
    for message, paths in said.items():
        if message not in known:
            yield f"{paths[0]}: no entry in messages.txt for '{message.replace(GAP, '{}')}'"


def code(form: str) -> str:
    """A message as a cell of a table shows it."""
    plain = FILLED.sub(lambda match: match[1], form.removeprefix("~")).replace("|", "\\|")
    return f"`{plain}`"


def page(entries: list[Entry]) -> str:
    """The page that people read."""
    text = PREFACE
    area = ""
    for entry in entries:
        if entry.area != area:
            area = entry.area
            text += f"\n## {area}\n\n| message | meaning | what to do |\n| --- | --- | --- |\n"
        forms = dict.fromkeys(code(form) for form in entry.forms)
        text += f"| {'<br>'.join(forms)} | {entry.meaning} | {entry.remedy} |\n"
    return text


def main(words: list[str]) -> int:
    """1 if something is missing."""
    root = pathlib.Path()
    said = messages(root)
    if words == ["--list"]:
        for message, paths in said.items():
            print(f"{paths[0]}: {message.replace(GAP, '{}')}")
        return 0
    entries = read_entries(pathlib.Path(__file__).with_name("messages.txt"))
    strings = GAPS.sub(GAP, DIRECTIVE.sub(GAP, GAP.join(text.text for text in prose.everything(root))))
    found = list(complaints(said, entries, strings))
    if words == ["--write"]:
        PAGE.write_text(page(entries), encoding="utf-8")
    elif not PAGE.exists() or PAGE.read_text(encoding="utf-8") != page(entries):
        found.append(f"{PAGE} is out of date: run tests/static/messages.py --write")
    print("\n".join([*found, f"{len(said)} messages, {len(entries)} entries, {len(found)} findings"]))
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
