"""bin/genv of a virtualenv."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

compiler = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
pytestmark = pytest.mark.skipif(compiler is None, reason="there is no C compiler here")


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    program = tmp_path_factory.mktemp("launcher") / "genv"
    source = Path(os.environ["GENV_SOURCE"]) / "python" / "launcher" / "launcher.c"
    subprocess.run([compiler, "-D_GNU_SOURCE", "-o", program, source], check=True)
    return program


@pytest.fixture
def run(built, tmp_path):
    """Runs the launcher that is in the prefix of that name."""

    def run(name):
        folder = tmp_path / name / "bin"
        folder.mkdir(parents=True, exist_ok=True)
        shutil.copy(built, folder / "genv")
        return subprocess.run([folder / "genv", "word"], capture_output=True, text=True, check=False)

    return run


def add_package(packages, mode=0o755):
    """Puts a package there whose genv says where it is."""
    program = packages / "genv" / "_root" / "bin" / "genv"
    program.parent.mkdir(parents=True)
    program.write_text(f"#!/bin/sh\necho {packages.parent.name}/{packages.name} $1\n")
    program.chmod(mode)


@pytest.mark.parametrize("name", ["venv", "v[1]", "v*", "v?", "two words"])
def test_the_package_beside_it_is_found(run, tmp_path, name):
    add_package(tmp_path / name / "lib" / "python3.11" / "site-packages")
    assert run(name).stdout == "python3.11/site-packages word\n"


def test_of_several_pythons_the_latest_is_taken(run, tmp_path):
    for version in ("3.9", "3.13", "3.11"):
        add_package(tmp_path / "v" / "lib" / f"python{version}" / "site-packages")
    (tmp_path / "v" / "lib" / "python3.14").mkdir()
    assert run("v").stdout == "python3.13/site-packages word\n"


def test_a_target_folder_is_a_prefix_too(run, tmp_path):
    add_package(tmp_path / "target")
    assert run("target").stdout.endswith("/target word\n")


def test_what_is_missing_is_said(run, tmp_path):
    done = run("v")
    assert (done.returncode, done.stdout) == (127, "")
    assert done.stderr == f"genv: cannot find the package genv-gpu below {tmp_path}/v: install it again\n"


def test_what_cannot_be_started_is_said(run, tmp_path):
    packages = tmp_path / "v" / "lib" / "python3.11" / "site-packages"
    add_package(packages, mode=0o644)
    assert run("v").stderr == (
        f"genv: cannot start {packages}/genv/_root/bin/genv: Permission denied: install genv-gpu again\n"
    )
