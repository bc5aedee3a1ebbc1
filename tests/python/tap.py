"""Has pytest print TAP, so that every test is counted: -p tap."""

import os

import pytest

NAMES = {"passed": "ok", "failed": "not ok", "skipped": "ok"}


class Tap:
    """In place of what pytest prints itself."""

    def __init__(self):
        self.count = 0

    def tell(self, report, outcome):
        self.count += 1
        name = report.nodeid.replace("#", "")
        reason = report.longrepr[2] if outcome == "skipped" and isinstance(report.longrepr, tuple) else ""
        print(
            f"{NAMES[outcome]} {self.count} - {name}" + (f" # SKIP {reason}" if outcome == "skipped" else ""),
            flush=True,
        )
        if outcome == "failed":
            for line in str(report.longrepr).splitlines():
                print(f"# {line}")

    def pytest_runtest_logreport(self, report):
        if report.when == "call" or report.outcome != "passed":
            self.tell(report, report.outcome)

    def pytest_collectreport(self, report):
        if report.outcome != "passed":
            self.tell(report, report.outcome)

    def pytest_sessionfinish(self):
        print(f"1..{self.count}", flush=True)


@pytest.hookimpl(trylast=True)
def pytest_configure(config):
    """Register beside the reporter, which others need, and which is silent then."""
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    reporter._tw._file = open(os.devnull, "w")  # noqa: SIM115
    config.pluginmanager.register(Tap(), "tap-reporter")
