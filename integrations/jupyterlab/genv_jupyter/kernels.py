"""The environment of a kernel that this server runs."""

from __future__ import annotations

import os
from typing import Any

import genv
from genv.sdk import host

from .machine import describe_env
from .provisioner import Provisioner
from .threads import in_thread


class NoProcess(Exception):
    """The kernel does not run on this machine."""


class Kernel:
    """A kernel, whoever started it: one without an environment gets one when it is changed."""

    def __init__(self, kernel_id: str, manager: Any) -> None:
        self._id, self._manager = kernel_id, manager

    async def state(self) -> dict[str, Any]:
        """Its environment (None: it is in none), the variables and the first folder of PATH that it is to have, and
        whether a restart gives it those."""
        return await in_thread(lambda: self._describe(self._find()))

    async def change(self, over_subscribe: bool = False, **fields: Any) -> dict[str, Any]:
        """Configure the environment as a whole, and have exactly ``gpus`` devices attached, or change nothing."""

        def change() -> dict[str, Any]:
            env = self._find()
            config = genv.Config(**fields)
            if config.gpus is None and env:
                config.gpus = len(env.uuids)
            return self._describe(self._enter(env.eid if env else None, config, over_subscribe))

        return await in_thread(change)

    async def detach(self) -> dict[str, Any]:
        """Release all devices; the environment goes on, and a restart of the kernel attaches none."""

        def detach() -> dict[str, Any]:
            env = self._find()
            return self._describe(env and host.detach(env.eid))

        return await in_thread(detach)

    async def enter(self, eid: str | None = None) -> dict[str, Any]:
        """Register the kernel's process in the environment (default: its own), after a restart for example."""

        def enter() -> dict[str, Any]:
            env = None if eid else self._find()
            found = eid or (env.eid if env else None)
            return self._describe(self._enter(found, None, False) if found else None)

        return await in_thread(enter)

    def _find(self) -> genv.Env | None:
        for eid in host.find(kernel_id=self._id):
            env = host.look_up(eid)
            if env.uid == os.getuid():
                return env
        return None

    def _enter(self, eid: str | None, config: genv.Config | None, over_subscribe: bool) -> genv.Env:
        pid = getattr(self._manager.provisioner, "pid", None)
        if not pid:
            raise NoProcess("genv cannot give GPUs to this kernel: it does not run on the machine of the server")
        return host.enter(
            eid,
            pid=pid,
            kernel_id=self._id,
            connection_file=self._manager.connection_file,
            manager=os.getpid(),
            config=config,
            over_subscribe=over_subscribe,
        )

    def _describe(self, env: genv.Env | None) -> dict[str, Any]:
        return {
            "env": env and describe_env(env),
            "variables": host.variables(env.eid) if env else {},
            "shims": host.path("").split(os.pathsep)[0],
            "managed": isinstance(self._manager.provisioner, Provisioner),
        }
