"""A kernel that jupyterlab_genv 0.4 starts: it finds the environment and the devices that this genv gives it."""

import asyncio
import json
import os
import subprocess
import sys
from pathlib import Path

from jupyter_client.kernelspec import KernelSpecManager
from jupyter_client.multikernelmanager import AsyncMultiKernelManager
from jupyter_core.paths import jupyter_runtime_dir

KERNEL = "python3-genv"


def write_spec():
    """As its installer makes one; that one writes beside the original, which is everybody's."""
    folder = Path(os.environ["HOME"], ".local", "share", "jupyter", "kernels", KERNEL)
    folder.mkdir(parents=True)
    spec = KernelSpecManager().get_kernel_spec("python3").to_dict()
    spec["metadata"] = {"kernel_provisioner": {"provisioner_name": "genv-provisioner"}}
    (folder / "kernel.json").write_text(json.dumps(spec))


def genv(*words):
    return subprocess.run(["genv", *words], check=True, capture_output=True, text=True).stdout.strip()


async def visible(kernel):
    client = kernel.client()
    client.start_channels()
    await client.wait_for_ready(timeout=60)
    reply = await client.execute(
        "", user_expressions={"it": "__import__('os').environ.get('CUDA_VISIBLE_DEVICES')"}, reply=True
    )
    client.stop_channels()
    return reply["content"]["user_expressions"]["it"]["data"]["text/plain"]


async def main():
    write_spec()
    os.makedirs(jupyter_runtime_dir())
    manager = AsyncMultiKernelManager(connection_dir=jupyter_runtime_dir())
    try:
        await use(manager)
    finally:
        await manager.shutdown_all(now=True)
    assert genv("envs", "query", "--query", "eid") == ""


async def use(manager):
    kernel_id = await manager.start_kernel(kernel_name=KERNEL)
    kernel = manager.get_kernel(kernel_id)
    assert type(kernel.provisioner).__module__.startswith("jupyterlab_genv"), type(kernel.provisioner)
    assert await visible(kernel) == "''"
    # What its front end does: register the kernel; then the user attaches, and restarts.
    genv("envs", "activate", "--eid", "mine", "--uid", str(os.getuid()), "--kernel-id", kernel_id)
    genv("devices", "attach", "--eid", "mine", "--count", "2")
    await manager.restart_kernel(kernel_id)
    assert await visible(kernel) == "'0,1'"


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
