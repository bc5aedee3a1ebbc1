"""Each test has a state directory of its own, four simulated devices, and no environment."""

import os
import subprocess
import sys

import pytest


def variables():
    return {name: value for name, value in os.environ.items() if name != "PYTEST_CURRENT_TEST"}


@pytest.fixture(autouse=True)
def machine(tmp_path):
    with pytest.MonkeyPatch.context() as patch:  # the test's own is undone before this one
        for name in variables():
            if name.startswith(("GENV_", "CUDA_")) and name not in ("GENV_BIN", "GENV_NVML", "GENV_SOURCE"):
                patch.delenv(name)
        patch.setenv("GENV_TMPDIR", str(tmp_path / "state"))
        patch.setenv("GENV_DEVICES", "4")
        patch.chdir(tmp_path)
        before = variables()
        yield
        assert variables() == before, "the test left variables behind"


@pytest.fixture
def genv_command():
    """Runs the command line; returns what it prints."""

    def run(*words, check=True):
        done = subprocess.run([os.environ["GENV_BIN"], *words], capture_output=True, text=True, check=False)
        assert not check or done.returncode == 0, done.stderr
        return done.stdout

    return run


@pytest.fixture
def python():
    """Starts another Python with the program given; its standard streams are pipes."""
    started = []

    def start(program, *words):
        process = subprocess.Popen(
            [sys.executable, "-c", program, *words], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.wait()
        process.stdin.close()
        process.stdout.close()
