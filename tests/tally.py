#!/usr/bin/env python3
"""Adds up ./run test: tally.py CHECKS.tap LOG.json=STATUS..., the status being `meson test`'s; the last line is "N passed, N failed, N skipped"."""

import json
import pathlib
import re
import sys

TAP_LINE = re.compile(r"^(not )?ok\b\s*(\d*)\s*-?\s*(.*)$")
TAP_PLAN = re.compile(r"^1\.\.(\d+)\s*(#\s*skip\S*\s*(.*))?$", re.IGNORECASE)
DIRECTIVE = re.compile(r"\s*#\s*(skip|todo)\S*\s*(.*)$", re.IGNORECASE)

DETAILS_MAX = 20  # lines; the rest is in the build folder's meson-logs/testlog.txt


class Tally:
    def __init__(self):
        self.passed = 0
        self.failed = []  # (title, the comments below it)
        self.skipped = []

    def fail(self, title):
        self.failed.append((title, []))

    def add_tap(self, name, text):
        """Counts the lines of a TAP text; returns how many there are, and how many its plan promises (None: no plan)."""
        seen, planned, details = 0, None, []
        for line in text.splitlines():
            if line.startswith("#"):
                details.append(line)
                continue
            details = []
            if plan := TAP_PLAN.match(line):
                planned = int(plan[1])
                if planned == 0:
                    self.skipped.append((name, plan[3] or "no reason given"))
            elif result := TAP_LINE.match(line):
                seen += 1
                directive = DIRECTIVE.search(result[3])
                title = f"{name}: {DIRECTIVE.sub('', result[3])}" if name else result[3]
                if directive and directive[1].lower() == "skip":
                    self.skipped.append((title, directive[2] or "no reason given"))
                elif result[1] and not directive:
                    self.failed.append((title, details))
                else:
                    self.passed += 1
        return seen, planned

    def add_test(self, build, test):
        """Counts one test of Meson: the lines of its TAP, or its exit status."""
        name, result, output = f"{build}: {test['name']}", test["result"], test.get("stdout", "")
        failures = len(self.failed)
        seen, planned = self.add_tap(name, output)
        if planned is not None:
            # The lines that a test owes, or its status, when no line says what went wrong.
            if seen != planned or (result not in ("OK", "SKIP") and len(self.failed) == failures):
                self.fail(f"{name}: {result}, {seen} of {planned} results")
        elif seen:
            self.fail(f"{name}: TAP without a plan")
        elif result == "SKIP":
            lines = (output + test.get("stderr", "")).strip().splitlines()
            self.skipped.append((name, lines[-1] if lines else "no reason given"))
        elif result in ("OK", "EXPECTEDFAIL"):
            self.passed += 1
        else:
            self.fail(f"{name}: {result}")

    def add_log(self, path, status):
        """Counts what `meson test` logged in BUILD/meson-logs/LOG.json."""
        build, failures = path.parts[-3] if path.stem == "testlog" else f"{path.parts[-3]} {path.stem}", len(self.failed)
        for line in path.read_text(encoding="utf-8", errors="replace").splitlines() if path.exists() else []:
            self.add_test(build, json.loads(line))
        if not path.exists() or (status != "0" and len(self.failed) == failures):
            self.fail(f"{build}: meson test ended with status {status}")

    def print(self):
        for title, reason in self.skipped:
            print(f"skipped: {title}: {reason}")
        for title, details in self.failed:
            print("\n".join([f"failed: {title}", *details[:DETAILS_MAX]]))
        print(f"{self.passed} passed, {len(self.failed)} failed, {len(self.skipped)} skipped")


def main():
    tally = Tally()
    tally.add_tap("", pathlib.Path(sys.argv[1]).read_text(encoding="utf-8"))
    for argument in sys.argv[2:]:
        log, status = argument.rsplit("=", 1)
        tally.add_log(pathlib.Path(log), status)
    tally.print()
    return 1 if tally.failed or not tally.passed else 0


if __name__ == "__main__":
    sys.exit(main())
