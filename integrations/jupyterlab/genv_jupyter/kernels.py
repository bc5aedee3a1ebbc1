"""The environment of a kernel that this server runs."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from typing import Any

import genv
from genv.sdk import host
from jupyter_client.kernelspec import NoSuchKernel
from jupyter_client.provisioning.local_provisioner import LocalProvisioner

from .machine import describe_env, find_own, look_up_own
from .provisioner import Provisioner
from .specs import MARK
from .threads import in_thread


class NoProcess(Exception):
    """The kernel does not run on this machine."""


class Kernel:
    """A kernel, whoever started it: one without an environment gets one when it is changed."""

    def __init__(self, kernel_id: str, manager: Any) -> None:
        self._id, self._manager = kernel_id, manager

    async def state(self) -> dict[str, Any]:
        """Its environment (None: it is in none), the variables and the first folder of PATH that it is to have, whether
        a restart gives it those, and its language."""
        return await in_thread(lambda: self._describe(self._find()))

    async def change(self, over_subscribe: bool = False, **fields: Any) -> dict[str, Any]:
        """Configure the environment as a whole, and have exactly ``gpus`` devices attached, or change nothing."""

        def change(env: genv.Env | None) -> genv.Env:
            config = genv.Config(**fields)
            if config.gpus is None and env:
                config.gpus = len(env.uuids)
            return self._enter(env.eid if env else None, config, over_subscribe)

        return await in_thread(self._change, change)

    async def detach(self) -> dict[str, Any]:
        """Release all devices; the environment goes on, and a restart of the kernel attaches none."""
        return await in_thread(self._change, lambda env: env and host.detach(env.eid))

    async def enter(self, eid: str | None = None) -> dict[str, Any]:
        """Register the kernel's process in the environment (default: its own), after a restart for example."""

        def enter() -> dict[str, Any]:
            if eid:
                _refuse_others(eid)
            env = None if eid else self._find()
            found = eid or (env.eid if env else None)
            entered = self._enter(found, None, False) if found else None
            return {**self._describe(entered), "late": _strays(entered)}

        return await in_thread(enter)

    def _find(self) -> genv.Env | None:
        return find_own(self._id)

    def _change(self, change: Callable[[genv.Env | None], genv.Env | None]) -> dict[str, Any]:
        """What has become of the environment, whether the kernel's variables are others now, and whether a process of
        it uses a device that it does not have."""
        before = self._find()
        variables = host.variables(before.eid) if before else {}
        env = change(before)
        told = self._describe(env)
        return {**told, "changed": told["variables"] != variables, "late": _strays(env)}

    def _enter(self, eid: str | None, config: genv.Config | None, over_subscribe: bool) -> genv.Env:
        return host.enter(
            eid,
            pid=self._pid(),
            kernel_id=self._id,
            connection_file=self._manager.connection_file,
            manager=os.getpid(),
            config=config,
            over_subscribe=over_subscribe,
        )

    def _pid(self) -> int:
        """Of its process here. Others' provisioners may have a PID of another machine."""
        provisioner = self._manager.provisioner
        if provisioner and not isinstance(provisioner, LocalProvisioner):
            raise NoProcess("genv cannot give GPUs to this kernel: it does not run on the machine of the server")
        if not provisioner or not provisioner.has_process or not provisioner.pid:
            raise NoProcess("genv cannot give GPUs to this kernel: this server has not started it, or it has ended")
        return int(provisioner.pid)

    def _describe(self, env: genv.Env | None) -> dict[str, Any]:
        try:
            spec = self._manager.kernel_spec
        except NoSuchKernel:  # removed since it was started
            spec = None
        return {
            "env": env and describe_env(env),
            "variables": host.variables(env.eid) if env else {},
            "shims": host.path("").split(os.pathsep)[0],
            "managed": isinstance(self._manager.provisioner, Provisioner) or bool(spec and MARK in spec.metadata),
            "language": spec.language.lower() if spec else "",
        }


def _refuse_others(eid: str) -> None:
    try:
        look_up_own(eid)
    except genv.Error as error:
        if error.errno != errno.ENOENT:  # which is created then
            raise


def _strays(env: genv.Env | None) -> bool:
    """Whether a process of the environment uses a device that it does not have, as far as the driver says."""
    if not env:
        return False
    try:
        processes = genv.sdk.snapshot().processes
    except genv.Error:  # what was asked for has been done
        return False
    return any(
        usage.uuid is not None and usage.uuid not in env.uuids
        for process in processes
        if process.pid in env.pids or process.eid == env.eid
        for usage in process.usage
    )
