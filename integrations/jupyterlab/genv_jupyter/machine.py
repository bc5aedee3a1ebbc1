"""The devices and environments of this machine, as JSON."""

from __future__ import annotations

import asyncio
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
        """Something has changed: look anew, even if somebody looks at the moment."""
        self._asked = None

    async def detach(self, eid: str) -> dict[str, Any]:
        return describe_env(await in_thread(host.detach, eid))

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
        eids = await in_thread(host.find, kernel_id=kernel_id)
        return eids[0] if eids else ""
