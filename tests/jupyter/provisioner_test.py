"""Kernels that the provisioner starts, with jupyter_client's own manager."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import time

import genv
import pytest
from genv.sdk import host
from genv_jupyter.provisioner import notebook_name
from jupyter_client.provisioning.local_provisioner import LocalProvisioner

SPEC = "python3-genv"


@pytest.fixture(autouse=True)
def installed(command):
    command("install")


def held():
    return [device.index for device in genv.sdk.devices() if device.attachments]


def change_spec(tmp_path, change):
    file = tmp_path / "data" / "kernels" / SPEC / "kernel.json"
    spec = json.loads(file.read_text())
    change(spec)
    file.write_text(json.dumps(spec))


def configure_spec(tmp_path, **config):
    change_spec(tmp_path, lambda spec: spec["metadata"]["kernel_provisioner"].update(config=config))


def test_a_kernel_has_an_environment_of_its_own(kernels):
    async def test(make):
        kernel = make(SPEC)
        await kernel.start(env={**os.environ, "JPY_SESSION_NAME": "/home/paul/train.ipynb"})
        kernel_id = kernel.manager.kernel_id
        env = host.look_up(kernel_id)
        assert env.kernel_ids == [kernel_id]
        assert env.pids == [await kernel.evaluate("__import__('os').getpid()")]
        assert env.config.name == "train.ipynb"
        for name, value in host.variables(kernel_id).items():
            assert await kernel.variable(name) == value, name
        assert await kernel.variable("GENV_ENVIRONMENT_ID") == kernel_id
        assert (await kernel.evaluate("__import__('shutil').which('nvidia-smi')")).endswith("/shims/nvidia-smi")

    kernels(test)


@pytest.mark.parametrize("now", [False, True])
def test_a_restart_keeps_the_devices_and_a_shutdown_frees_them(kernels, now):
    async def test(make):
        kernel = make(SPEC)
        await kernel.start()
        eid = kernel.manager.kernel_id
        before = host.look_up(eid).pids
        assert await kernel.variable("CUDA_VISIBLE_DEVICES") == "-1"
        host.attach(eid, gpus=2)
        await kernel.restart(now)
        assert await kernel.variable("CUDA_VISIBLE_DEVICES") == "0,1"
        env = host.look_up(eid)
        assert env.devices == [0, 1]
        assert len(env.pids) == 1 and env.pids != before
        kernel.client.stop_channels()
        await kernel.manager.shutdown_kernel(now=now)
        assert genv.sdk.envs() == [] and held() == []

    kernels(test)


def test_what_was_detached_stays_so_over_a_restart(kernels, tmp_path):
    async def test(make):
        configure_spec(tmp_path, gpus=1)
        kernel = make(SPEC)
        await kernel.start()
        assert await kernel.variable("CUDA_VISIBLE_DEVICES") == "0"
        host.detach(kernel.manager.kernel_id)
        await kernel.restart()
        assert await kernel.variable("CUDA_VISIBLE_DEVICES") == "-1"

    kernels(test)


def test_a_kernel_that_is_killed_and_starts_again_has_the_same_devices(kernels, tmp_path):
    async def test(make):
        configure_spec(tmp_path, gpus=1, gpu_memory="4g")
        kernel = make(SPEC)
        await kernel.start()
        os.kill(await kernel.evaluate("__import__('os').getpid()"), signal.SIGKILL)
        await kernel.manager.provisioner.wait()
        assert held() == [0]
        await kernel.restart()
        assert await kernel.variable("CUDA_VISIBLE_DEVICES") == "0"
        assert await kernel.variable("GENV_GPU_MEMORY") == "4g"

    kernels(test)


def test_without_enough_devices_there_is_no_kernel_but_a_reason(kernels, tmp_path):
    async def test(make):
        configure_spec(tmp_path, gpus=3)
        first, second = make(SPEC), make(SPEC)
        await first.start()
        with pytest.raises(genv.Error, match="cannot attach 3 devices"):
            await second.start()
        assert [env.eid for env in genv.sdk.envs()] == [first.manager.kernel_id]

    kernels(test)


def test_a_program_that_cannot_be_started_leaves_nothing(kernels, tmp_path):
    async def test(make):
        configure_spec(tmp_path, gpus=1)
        change_spec(tmp_path, lambda spec: spec.update(argv=["/nowhere/python", "{connection_file}"]))
        kernel = make(SPEC)
        with pytest.raises(FileNotFoundError):
            await kernel.start()
        assert genv.sdk.envs() == []

    kernels(test)


def test_kernels_that_start_at_once_have_different_devices(kernels, tmp_path):
    async def test(make):
        configure_spec(tmp_path, gpus=1)
        started = [make(SPEC) for _ in range(4)]
        await asyncio.gather(*(kernel.start() for kernel in started))
        assert sorted([await kernel.variable("CUDA_VISIBLE_DEVICES") for kernel in started]) == ["0", "1", "2", "3"]

    kernels(test)


def test_the_saved_configuration_of_the_folder_counts(kernels, tmp_path):
    async def test(make):
        project = tmp_path / "work" / "project"
        (project / ".genv").mkdir(parents=True)
        (project / "notebooks").mkdir()
        genv.Config(gpus=2, name="vision").save(project / ".genv")
        kernel = make(SPEC)
        await kernel.start(cwd=str(project / "notebooks"))
        assert await kernel.variable("CUDA_VISIBLE_DEVICES") == "0,1"
        assert await kernel.variable("GENV_ENVIRONMENT_NAME") == "vision"

    kernels(test)


def test_a_kernel_that_is_started_in_an_environment_belongs_to_it(kernels, monkeypatch):
    async def test(make):
        with genv.sdk.activate(config=genv.Config(gpus=1)):
            kernel = make(SPEC)
            await kernel.start()
            assert await kernel.variable("GENV_ENVIRONMENT_ID") == genv.sdk.eid()
            assert await kernel.variable("CUDA_VISIBLE_DEVICES") == "0"
            await kernel.end()
            assert genv.sdk.refresh_attached() == [0]

    kernels(test)


def test_the_connection_file_may_be_anywhere(kernels, tmp_path):
    async def test(make):
        kernel = make(SPEC)
        kernel.manager.connection_file = str(tmp_path / "elsewhere.json")
        await kernel.start()
        eid = kernel.manager.kernel_id
        host.attach(eid, gpus=1)
        await kernel.restart()
        assert await kernel.variable("CUDA_VISIBLE_DEVICES") == "0"
        await kernel.end()
        assert held() == []

    kernels(test)


@pytest.mark.parametrize("name", ["日" * 42, "<b>a<b>, \"c\" 'd' $(e).ipynb"])
def test_an_environment_is_named_after_its_notebook(kernels, name):
    async def test(make):
        kernel = make(SPEC)
        await kernel.start(env={**os.environ, "JPY_SESSION_NAME": f"/home/paul/{name}"})
        assert host.look_up(kernel.manager.kernel_id).config.name == name

    kernels(test)


@pytest.mark.parametrize("name", ["a\nb.ipynb", "a\u202eb.ipynb", "日" * 43, ""])
def test_a_name_that_genv_does_not_take_is_left_out(kernels, name):
    with pytest.raises(genv.Error):
        host.enter(pid=os.getpid(), config=genv.Config(name=name or "\n"))
    assert notebook_name(name) is None


def test_others_do_not_see_the_name_of_a_notebook_unless_they_may(kernels, tmp_path):
    async def test(make):
        configure_spec(tmp_path, notebook_names=False)
        kernel = make(SPEC)
        await kernel.start(env={**os.environ, "JPY_SESSION_NAME": "secret.ipynb"})
        assert host.look_up(kernel.manager.kernel_id).config.name is None

    kernels(test)


def test_a_kernel_that_cannot_be_ended_keeps_its_devices(kernels, tmp_path):
    """In an uninterruptible call of a driver for example: jupyter_client gives up after five seconds."""

    async def test(make):
        configure_spec(tmp_path, gpus=1)
        kernel = make(SPEC)
        await kernel.start()
        process = kernel.manager.provisioner.process

        async def nothing(restart=False):
            pass

        kernel.manager.provisioner.kill = nothing
        kernel.client.stop_channels()
        await kernel.manager.shutdown_kernel(now=True)
        assert process.poll() is None and held() == [0]
        process.kill()
        process.wait()
        assert genv.sdk.envs() == []

    kernels(test)


def test_a_kernel_that_ends_at_once_is_reported_by_jupyter(kernels, tmp_path, monkeypatch):
    launch_kernel = LocalProvisioner.launch_kernel

    async def launch(self, cmd, **options):
        info = await launch_kernel(self, cmd, **options)
        os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOWAIT)
        return info

    monkeypatch.setattr(LocalProvisioner, "launch_kernel", launch)

    async def test(make):
        configure_spec(tmp_path, gpus=1)
        change_spec(tmp_path, lambda spec: spec.update(argv=["true"]))
        kernel = make(SPEC)
        await kernel.manager.start_kernel()
        await kernel.manager.provisioner.wait()
        assert not await kernel.manager.is_alive()
        await kernel.manager.shutdown_kernel(now=True)
        assert not kernel.manager.has_kernel and genv.sdk.envs() == []

    kernels(test)


HOST = """
import asyncio, sys
from jupyter_client.manager import AsyncKernelManager

async def main():
    manager = AsyncKernelManager(kernel_name="python3-genv")
    await manager.start_kernel()
    client = manager.client()
    client.start_channels()
    await client.wait_for_ready(timeout=60)
    print(manager.connection_file, flush=True)
    await asyncio.sleep(600)

asyncio.run(main())
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
@pytest.mark.parametrize("option", [None, "--kernel-argv"])
def test_a_host_that_is_killed_leaves_no_device_behind(command, number, option):
    command("install", "--gpus", 2, *filter(None, [option]))
    with subprocess.Popen([sys.executable, "-c", HOST], stdout=subprocess.PIPE, text=True) as process:
        file = process.stdout.readline().strip()
        (env,) = genv.sdk.envs()
        assert env.devices == [0, 1] and len(env.pids) == 1
        process.send_signal(number)
    while True:
        try:
            os.kill(env.pids[0], 0)  # the kernel notices that its parent has gone
        except ProcessLookupError:
            break
        time.sleep(0.05)
    assert os.path.exists(file)
    assert genv.sdk.envs() == [] and held() == []


NOTEBOOK = {
    "cells": [
        {
            "cell_type": "code",
            "execution_count": None,
            "id": "a",
            "metadata": {},
            "outputs": [],
            "source": "import os; print('devices', os.environ['CUDA_VISIBLE_DEVICES'])",
        }
    ],
    "metadata": {},
    "nbformat": 4,
    "nbformat_minor": 5,
}


@pytest.mark.parametrize("option", [None, "--kernel-argv"])
def test_nbconvert_runs_a_notebook_with_devices(command, tmp_path, option):
    command("install", "--gpus", 2, *filter(None, [option]))
    file = tmp_path / "work" / "a.ipynb"
    file.write_text(json.dumps(NOTEBOOK))
    words = [
        "-m",
        "nbconvert",
        "--execute",
        "--to",
        "markdown",
        "--stdout",
        f"--ExecutePreprocessor.kernel_name={SPEC}",
    ]
    done = subprocess.run([sys.executable, *words, file], capture_output=True, text=True, check=False)
    assert "devices 0,1" in done.stdout, done.stderr
    assert genv.sdk.envs() == []


def test_a_kernel_of_genv_run_keeps_its_devices_over_a_restart(kernels, command):
    command("install", "--gpus", 1, "--kernel-argv")

    async def test(make):
        kernel = make(SPEC)
        await kernel.start()
        assert kernel.manager.provisioner.__class__.__name__ == "LocalProvisioner"
        (env,) = genv.sdk.envs()
        assert env.kernel_ids == [env.eid] and f"{env.eid}.json" in kernel.manager.connection_file
        host.attach(env.eid, gpus=2)
        await kernel.restart()
        assert await kernel.variable("CUDA_VISIBLE_DEVICES") == "0,1"
        await kernel.end()
        assert genv.sdk.envs() == []

    kernels(test)
