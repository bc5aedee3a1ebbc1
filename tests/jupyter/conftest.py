"""Each test has a state directory, four simulated devices, a home and Jupyter's folders of its own.

The package is used from its source; what pip writes of it, its entry points, is written
here, and another provisioner beside it.
"""

import asyncio
import os
import sys
import tempfile
from pathlib import Path

import pytest

SOURCE = Path(os.environ["GENV_SOURCE"], "integrations", "jupyterlab")


def _write_entry_points(folder):
    information = folder / "genv_jupyter-0.dist-info"
    information.mkdir(parents=True)
    (information / "METADATA").write_text("Metadata-Version: 2.1\nName: genv-jupyter\nVersion: 0\n")
    lines = (SOURCE / "pyproject.toml").read_text().splitlines()
    point = next(line for line in lines if line.startswith("genv-provisioner")).replace('"', "")
    other = "other-provisioner = jupyter_client.provisioning.local_provisioner:LocalProvisioner"
    (information / "entry_points.txt").write_text(f"[jupyter_client.kernel_provisioners]\n{point}\n{other}\n")


def pytest_configure():
    site = Path(tempfile.mkdtemp()) / "site"
    _write_entry_points(site)
    sys.path.insert(0, str(site))
    os.environ["PYTHONPATH"] = f"{site}{os.pathsep}{os.environ['PYTHONPATH']}"


@pytest.fixture(autouse=True)
def machine(tmp_path, monkeypatch):
    for name in list(os.environ):
        if name.startswith(("GENV_", "CUDA_", "JUPYTER_")) and name not in ("GENV_BIN", "GENV_NVML", "GENV_SOURCE"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("GENV_TMPDIR", str(tmp_path / "state"))
    monkeypatch.setenv("GENV_DEVICES", "4")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("JUPYTER_RUNTIME_DIR", str(tmp_path / "runtime"))
    monkeypatch.setenv("JUPYTER_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("JUPYTER_CONFIG_DIR", str(tmp_path / "config"))
    (tmp_path / "home").mkdir()
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")


@pytest.fixture
def command(capsys):
    """Runs ``jupyter genv``; returns what it prints."""
    from genv_jupyter.command import main

    def run(*words, status=0):
        assert main([*map(str, words)]) == status
        printed = capsys.readouterr()
        return printed.err if status else printed.out

    return run


class Kernel:
    """A kernel, as a notebook server starts it."""

    def __init__(self, name):
        from jupyter_client.manager import AsyncKernelManager

        self.manager = AsyncKernelManager(kernel_name=name)
        self.client = None

    async def start(self, **options):
        await self.manager.start_kernel(**options)
        self.client = self.manager.client()
        self.client.start_channels()
        await self.client.wait_for_ready(timeout=60)

    async def restart(self, now=False):
        await self.manager.restart_kernel(now=now)
        await self.client.wait_for_ready(timeout=60)

    async def evaluate(self, expression):
        reply = await self.client.execute("", user_expressions={"value": expression}, reply=True, timeout=60)
        value = reply["content"]["user_expressions"]["value"]
        assert value["status"] == "ok", value
        return eval(value["data"]["text/plain"])

    async def variable(self, name):
        return await self.evaluate(f"__import__('os').environ.get({name!r})")

    async def end(self):
        if self.client:
            self.client.stop_channels()
        if self.manager.has_kernel:
            await self.manager.shutdown_kernel(now=True)


@pytest.fixture
def kernels():
    """Runs a test of kernels: an async function that is given a way to make them. They end with it."""

    def run(test):
        async def live():
            made = []

            def make(name):
                made.append(Kernel(name))
                return made[-1]

            try:
                await test(make)
            finally:
                for kernel in made:
                    await kernel.end()

        asyncio.run(live())

    return run
