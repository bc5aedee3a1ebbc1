"""The examples of the docstrings, the documents' own, and the types."""

import doctest
import importlib
import inspect
import os
import subprocess
import sys
import time
from pathlib import Path

import genv
import pytest


@pytest.mark.parametrize(
    "name", ["genv", "genv.sdk", "genv.sdk.env", "genv.sdk.devices", "genv._objects", "genv._lock"]
)
def test_examples_do_what_they_say(name):
    module = importlib.import_module(name)
    results = doctest.testmod(module)
    assert results.failed == 0


def test_public_functions_have_docstrings_and_types():
    for name in genv.sdk.__all__:
        thing = getattr(genv.sdk, name)
        assert thing.__doc__, name
        assert not callable(thing) or isinstance(thing, type(genv)) or name == "Env" or thing.__annotations__, name


ENV = [
    "activate",
    "active",
    "configuration",
    "configure",
    "eid",
    "home",
    "load_configuration",
    "refresh_configuration",
    "save_configuration",
]
DEVICES = ["attach", "attached", "detach", "lock", "refresh_attached"]


@pytest.mark.parametrize(
    "name, words, named",
    [(name, (), {}) for name in ENV + DEVICES if name != "configure"]
    + [
        ("activate", (), {"eid": "a", "config": None}),
        ("attach", (), {"index": 0}),
        ("attach", (0,), {}),
        ("attach", (), {"gpus": 1, "allow_over_subscription": True}),
        ("configure", (genv.Env.Config("name", "4g", 1),), {}),
        ("configure", (), {"config": genv.Env.Config(gpus=1, gpu_memory="4g", name="name")}),
        ("detach", (0,), {}),
        ("detach", (), {"index": 0}),
    ],
)
def test_the_python_genvs_calls_are_understood(name, words, named):
    function = getattr(genv.sdk, name)
    inspect.signature(function).bind(*words, **named)
    assert getattr(genv.sdk.env if name in ENV else genv.sdk.devices, name) is function


def test_an_environment_has_what_the_python_genvs_has():
    with genv.sdk.activate(config=genv.sdk.Env.Config(gpus=1)):
        (env,) = genv.sdk.envs()
    assert (env.uid, env.config.gpus, env.pids, env.kernel_ids) == (os.getuid(), 1, [os.getpid()], [])
    assert env.active and env.eid and env.username and env.time_since
    assert time.strptime(env.creation, "%d/%m/%Y %H:%M:%S")


def run(script):
    return subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout


def test_the_documents_example_runs_unchanged(genv_command):
    script = "import genv\n\nwith genv.sdk.lock():\n   print('main')\n"
    assert run(script) == "main\n"
    words = [sys.executable, "-c", script]
    assert genv_command("run", "--gpus", "1", "--", *words) == "main\n"


def test_python_m_genv_says_where_the_command_is_missing():
    done = subprocess.run([sys.executable, "-m", "genv", "version"], capture_output=True, text=True)
    assert done.returncode == 1 and "install genv-gpu again" in done.stderr


def test_it_is_typed():
    source = Path(os.environ["GENV_SOURCE"])
    fetched = subprocess.run([source / "tests" / "fetch", "python-lint"], capture_output=True, text=True)
    if fetched.returncode:
        pytest.skip(fetched.stdout.strip())
    tools = Path(fetched.stdout.strip()) / "bin"
    for words in (
        [
            "mypy",
            "--strict",
            "--python-version",
            "3.9",
            "--cache-dir",
            os.devnull,
            "--config-file",
            source / "pyproject.toml",
            source / "python" / "genv",
        ],
        [
            "ruff",
            "check",
            "--no-cache",
            "--config",
            source / "pyproject.toml",
            source / "python",
            source / "tests" / "python",
        ],
        [
            "ruff",
            "format",
            "--no-cache",
            "--check",
            "--config",
            source / "pyproject.toml",
            source / "python",
            source / "tests" / "python",
        ],
    ):
        done = subprocess.run([tools / words[0], *words[1:]], capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr


def test_another_package_of_that_name_is_reported(tmp_path):
    site = tmp_path / "site"
    site.mkdir()
    (site / "genv").symlink_to(Path(genv.__file__).parent)
    (site / "genv-1.4.3.dist-info").mkdir()
    program = f"import sys; sys.path.insert(0, {str(site)!r}); import genv"
    variables = {**os.environ, "LD_LIBRARY_PATH": str(Path(os.environ["GENV_BIN"]).parents[1] / "libgenv")}
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, env=variables)
    assert "another package named genv is installed" in done.stderr


def test_programs_can_be_typed():
    fetched = subprocess.run(
        [Path(os.environ["GENV_SOURCE"]) / "tests" / "fetch", "python-lint"], capture_output=True, text=True
    )
    if fetched.returncode:
        pytest.skip(fetched.stdout.strip())
    program = (
        "import genv\n"
        "def start(config: genv.Env.Config) -> list[int | str]:\n"
        "    with genv.sdk.activate(config=config):\n"
        "        return genv.sdk.devices.attach(gpus=1)\n"
        "start(genv.Env.Config(gpus=1))\n"
        "genv.sdk.devices.attach(bogus=1)\n"
    )
    words = [Path(fetched.stdout.strip()) / "bin" / "mypy", "--strict", "--cache-dir", os.devnull, "-c", program]
    path = Path(os.environ["GENV_SOURCE"]) / "python"
    done = subprocess.run(words, capture_output=True, text=True, env={**os.environ, "MYPYPATH": str(path)})
    assert [line for line in done.stdout.splitlines() if line.startswith("<string>")] == [
        '<string>:6: error: Unexpected keyword argument "bogus" for "attach" of "_DevicesModule"  [call-arg]'
    ]
