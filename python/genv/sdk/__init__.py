"""The functions of genv: activate environments, configure and attach them, look at devices.

Everything here acts on the environment that is active in this process, and keeps its variables, such as
``CUDA_VISIBLE_DEVICES``, up to date. They belong to the whole process: one environment is active at a time, whatever
the number of threads.

Errors are :class:`genv.Error` (a :class:`RuntimeError`) or subclasses of it, with the sentence that the command line
prints and ``errno``.
"""

from __future__ import annotations

from .. import _lazy
from . import env
from .devices import attach, attached, detach, lock, refresh_attached
from .env import (
    activate,
    active,
    configuration,
    configure,
    eid,
    envs,
    home,
    load_configuration,
    refresh_configuration,
    save_configuration,
    snapshot,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Protocol

    from .._lock import Lock
    from .._objects import Devices, Env

    class _DevicesModule(Protocol):
        def attach(
            self,
            index: int | str | None = None,
            gpus: int | None = None,
            allow_over_subscription: bool = False,
            *,
            over_subscribe: bool = False,
        ) -> list[int | str]: ...
        def attached(self) -> list[int | str]: ...
        def detach(self, index: int | str | None = None) -> list[int | str]: ...
        def refresh_attached(self) -> list[int | str]: ...
        def lock(self, timeout: float | None = None) -> Lock: ...
        def __call__(self) -> Devices: ...

    devices: _DevicesModule
else:
    from . import devices

    __getattr__ = _lazy.offer(__name__, "Env")

__all__ = [
    "Env",
    "activate",
    "active",
    "attach",
    "attached",
    "configuration",
    "configure",
    "detach",
    "devices",
    "eid",
    "env",
    "envs",
    "home",
    "load_configuration",
    "lock",
    "refresh_attached",
    "refresh_configuration",
    "save_configuration",
    "snapshot",
]
