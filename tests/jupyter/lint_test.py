"""The package is typed, and laid out as the rest. (hosts.bats compiles the front end.)"""

import os
import subprocess
import sys
from pathlib import Path

import pytest

SOURCE = Path(os.environ["GENV_SOURCE"])
PACKAGE = SOURCE / "integrations" / "jupyterlab"


def fetch(what):
    done = subprocess.run([SOURCE / "tests" / "fetch", what], capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(done.stdout.strip())
    return Path(done.stdout.strip())


def check(*words, **options):
    done = subprocess.run(words, capture_output=True, text=True, check=False, **options)
    assert done.returncode == 0, done.stdout + done.stderr


def test_no_connection_file_is_left_in_the_source():
    """They have the keys of kernels. jupyter_client's MultiKernelManager puts them where it is started, by default."""
    folders = [SOURCE, *(each for part in ("tests", "integrations") for each in (SOURCE / part).glob("*/"))]
    assert [file for folder in folders for file in folder.glob("kernel-*.json")] == []


def test_python_is_typed():
    words = ["--strict", "--cache-dir", os.devnull, "--python-executable", sys.executable, "--no-namespace-packages"]
    environment = {**os.environ, "MYPYPATH": str(SOURCE / "python")}
    check(fetch("python-lint") / "bin" / "mypy", *words, PACKAGE / "genv_jupyter", env=environment, cwd=PACKAGE)


@pytest.mark.parametrize("words", [["check"], ["format", "--check"]])
def test_python_is_tidy(words):
    folders = [PACKAGE / "genv_jupyter", SOURCE / "tests" / "jupyter"]
    configuration = ["--no-cache", "--config", PACKAGE / "pyproject.toml"]
    check(fetch("python-lint") / "bin" / "ruff", *words, *configuration, *folders)
