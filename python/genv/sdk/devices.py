"""The devices of the active environment; called as a function, the devices of this machine.

>>> import genv
>>> [device.index for device in genv.sdk.devices()]
[0, 1, 2, 3]
"""

from __future__ import annotations

import errno
import operator
import os
import sys
import types

from .. import _genv, _process
from .._lock import Lock

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from .._genv import _Answer
    from .._objects import Devices


__all__ = ["attach", "attached", "detach", "lock", "refresh_attached"]


def _devices_of(env: dict[str, Any]) -> list[int | str]:
    """Indices, or UUIDs of devices that have none here."""
    return [uuid if index is None else index for index, uuid in zip(env["devices"], env["uuids"])]


def _named_by(words: str) -> list[str]:
    """What ``CUDA_VISIBLE_DEVICES`` names; CUDA goes no further than ``-1``."""
    names = []
    for word in map(str.strip, words.split(",")):
        if word.startswith("-"):
            break
        if word:
            names.append(word)
    return names


def _count_of(gpus: Any) -> int:
    """The number for the library, which refuses what is out of range; -1 has another meaning there."""
    try:
        count = operator.index(gpus)
    except TypeError:
        raise TypeError(f"gpus must be an integer, not {type(gpus).__name__}") from None
    return -2 if count < 0 else min(count, 2**31 - 1)


def attached() -> list[int | str]:
    """The devices that this process may use: indices, or the UUID of a device that has no index here.

    Reads ``CUDA_VISIBLE_DEVICES`` of this process; :func:`refresh_attached` reads the state.

    Raises :class:`genv.Error` if no environment is active.
    """
    eid = _process.current()
    words = os.environ.get(_process.DEVICES)
    if words is None:
        return _devices_of(_process.refresh(eid))
    names = _named_by(words)
    if all(name.isascii() and name.isdecimal() for name in names):
        return [int(name) for name in names]
    try:
        env = _process.look_up(eid)
    except _genv.Error:  # it has ended, say
        return list(names)
    indices = dict(zip(env["uuids"], _devices_of(env)))
    return [indices.get(name, name) for name in names]


def refresh_attached() -> list[int | str]:
    """The devices that are attached to the active environment, which others may have changed; updates the variables.

    Raises :class:`genv.Error` if no environment is active.
    """
    return _devices_of(_process.refresh(_process.current()))


def attach(
    index: int | str | None = None,
    gpus: int | None = None,
    allow_over_subscription: bool = False,
    *,
    over_subscribe: bool = False,
) -> list[int | str]:
    """Attach devices to the active environment, and return all that are attached then.

    Args:
        index: Attach this device too: its index or UUID.
        gpus: Have at least this number of devices attached (default: the configured count). Nothing is released if
            there are more.
        over_subscribe: Also attach devices that are not available.
        allow_over_subscription: The same, by its older name.

    Raises:
        ValueError: Both ``index`` and ``gpus`` are given.
        genv.Error: No environment is active, or there is no such device.
        genv.Unavailable: A device is not available. If a count cannot be met, the environment is detached from all.

    >>> import genv
    >>> with genv.sdk.activate():
    ...     genv.sdk.attach(2)
    ...     genv.sdk.attach(gpus=3)
    [2]
    [0, 1, 2]
    """
    if index is not None and gpus is not None:
        raise ValueError("give either a device (index) or a number of devices (gpus), not both")
    device = None if index is None else str(index)
    count = -1 if gpus is None else _count_of(gpus)
    return _devices_of(
        _process.change(lambda eid: _genv.attach(eid, device, count, over_subscribe or allow_over_subscription))
    )


def detach(index: int | str | None = None) -> list[int | str]:
    """Detach one device, or all of them, and return those that are still attached.

    A device that is not attached is ignored.

    Raises :class:`genv.Error` if no environment is active.
    """
    device = None if index is None else str(index)

    def call(eid: str) -> _Answer:
        try:
            return _genv.detach(eid, device)
        except _genv.Error as error:
            if error.errno != errno.ENODEV:
                raise
            return _genv.look_up(eid)

    return _devices_of(_process.change(call))


def lock(timeout: float | None = None) -> Lock:
    """Exclusive access to the attached devices for as long as a ``with`` block, ``async with`` block or function runs.

    Like ``genv lock``, it holds back only those who lock as well. Devices are locked in the same order everywhere, so
    there is no deadlock. A lock inside a lock does not wait for the outer one; nor do tasks that are started inside, or
    programs, even if another thread starts them. If no environment is active, or it is detached, there is nothing to
    wait for. Ctrl-C ends the wait.

    Args:
        timeout: Seconds to wait (default: without limit; 0: not at all).

    Raises:
        genv.TimedOut: A device was locked for longer.
        genv.Error: Another task of this thread holds the lock (``errno.EDEADLK``): use ``async with``.
        genv.Invalid: ``timeout`` is negative or not a number.

    >>> import genv
    >>> with genv.sdk.lock():
    ...     print("alone")
    alone
    """
    return Lock(timeout)


class _Module(types.ModuleType):
    def __call__(self) -> Devices:
        from .._objects import snapshot_of

        return snapshot_of(_genv.snapshot(_genv.LIVE)).devices


sys.modules[__name__].__class__ = _Module
