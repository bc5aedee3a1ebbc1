"""The devices and environments of this machine, as JSON."""

from __future__ import annotations

import asyncio
import errno
import os
import time
from dataclasses import asdict
from typing import Any

import genv
from genv.sdk import host

from .threads import in_thread

_FRESH_SECONDS = 0.5


def describe_env(env: genv.Env) -> dict[str, Any]:
    return {**asdict(env), "own": env.uid == os.getuid()}


class NotOwn(Exception):
    """An environment of another user: root could change it, which is not what a notebook is for."""


def look_up_own(eid: str) -> genv.Env:
    env = host.look_up(eid)
    if env.uid != os.getuid():
        raise NotOwn(f"environment {eid} belongs to {env.username}")
    return env


def find_own(kernel_id: str) -> genv.Env | None:
    """The environment of the kernel. Other users can register its ID as well, and that says nothing."""
    for eid in host.find(kernel_id=kernel_id):
        try:
            return look_up_own(eid)
        except NotOwn:
            continue
        except genv.Error as error:
            if error.errno != errno.ENOENT:  # it has ended
                raise
    return None


class Machine:
    """What all pages of this server show: those that ask at the same time share one answer."""

    def __init__(self) -> None:
        self._asked: asyncio.Task[genv.Snapshot] | None = None
        self._asked_at = 0.0

    async def state(self) -> dict[str, Any]:
        snapshot = await self._snapshot()
        return {
            "hostname": snapshot.hostname,
            "driver": snapshot.driver,
            "devices": [asdict(device) for device in snapshot.devices],
            "envs": [describe_env(env) for env in snapshot.envs],
        }

    async def _snapshot(self) -> genv.Snapshot:
        if self._asked is None or (self._asked.done() and time.monotonic() - self._asked_at > _FRESH_SECONDS):
            self._asked_at = time.monotonic()
            self._asked = asyncio.ensure_future(in_thread(genv.sdk.snapshot))
        return await asyncio.shield(self._asked)  # one that stops waiting does not stop the others

    def forget(self) -> None:
        """Something has changed: look again, even if somebody looks at the moment."""
        self._asked = None

    async def detach(self, eid: str) -> dict[str, Any]:
        def detach() -> genv.Env:
            return host.detach(look_up_own(eid).eid)

        return describe_env(await in_thread(detach))

    async def device_list(self) -> list[dict[str, str]]:
        snapshot = await in_thread(genv.sdk.snapshot)
        names = {env.eid: env.config.name or "" for env in snapshot.envs}
        eids = [device.eids[0] if device.eids else "" for device in snapshot.devices]
        return [{"eid": eid, "env": names.get(eid, "")} for eid in eids]

    async def env_list(self) -> list[dict[str, str]]:
        return [
            {
                "eid": env.eid,
                "user": f"{env.username}({env.uid})",
                "name": env.config.name or "",
                "pids": " ".join(map(str, env.pids)),
            }
            for env in await in_thread(genv.sdk.envs)
        ]

    async def find(self, kernel_id: str) -> str:
        env = await in_thread(find_own, kernel_id)
        return env.eid if env else ""
