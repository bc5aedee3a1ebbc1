"""The devices of the active environment; called as a function, the devices of this machine.

>>> import genv
>>> [device.index for device in genv.sdk.devices()]
[0, 1, 2, 3]
"""

from __future__ import annotations

import os
import sys
import types

from .. import _genv, _process
from .._lock import Lock

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Union

    from .._objects import Devices

    _Attached = list[Union[int, str]]

__all__ = ["attach", "attached", "detach", "lock", "refresh_attached"]


def _of(told: dict[str, Any]) -> _Attached:
    """Indices, or UUIDs of devices that have none here."""
    return [uuid if index is None else index for index, uuid in zip(told["devices"], told["uuids"])]


def attached() -> _Attached:
    """The devices that this process may use: indices, or the UUID of a device that has no index here.

    Reads ``CUDA_VISIBLE_DEVICES`` of this process; :func:`refresh_attached` reads the state.

    Raises :class:`genv.Error` if no environment is active.
    """
    eid = _process.current()
    words = os.environ.get(_process.DEVICES)
    if words is None:
        return _of(_process.refresh(eid))
    names = [word.strip() for word in words.split(",") if word.strip() not in ("", "-1")]
    if all(name.isdigit() for name in names):
        return [int(name) for name in names]
    try:
        told, _ = _genv.look_up(eid)
    except _genv.Error:  # it has ended, say
        return list(names)
    indices = dict(zip(told["uuids"], _of(told)))
    return [indices.get(name, name) for name in names]


def refresh_attached() -> _Attached:
    """The devices that are attached to the active environment, which others may have changed; updates the variables.

    Raises :class:`genv.Error` if no environment is active.
    """
    return _of(_process.refresh(_process.current()))


def attach(
    index: int | str | None = None,
    gpus: int | None = None,
    allow_over_subscription: bool = False,
) -> _Attached:
    """Attach devices to the active environment, and return all that are attached then.

    Args:
        index: Attach this device too: its index or UUID.
        gpus: Have at least this number of devices attached (default: the configured count). Nothing is released if
            there are more.
        allow_over_subscription: Also attach devices that are not available.

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
    eid = _process.changeable()
    with _process.changing:
        try:
            told, variables = _genv.attach(
                eid, None if index is None else str(index), -1 if gpus is None else gpus, allow_over_subscription
            )
        except _genv.Error:
            _process.refresh(eid)
            raise
        _process.update(variables)
    return _of(told)


def detach(index: int | str | None = None) -> _Attached:
    """Detach one device, or all of them, and return those that are still attached.

    A device that is not attached is ignored.

    Raises :class:`genv.Error` if no environment is active.
    """
    eid = _process.changeable()
    with _process.changing:
        try:
            told, variables = _genv.detach(eid, None if index is None else str(index))
        except _genv.Error as error:
            if error.errno != 19:  # ENODEV
                raise
            return _of(_process.refresh(eid))
        _process.update(variables)
    return _of(told)


def lock(timeout: float | None = None) -> Lock:
    """Exclusive access to the attached devices for as long as a ``with`` block, ``async with`` block or function runs.

    Like ``genv lock``, it holds back only those who lock as well. Devices are locked in the same order everywhere, so
    there is no deadlock. Nested locks, also of programs that are started inside, do not wait for the outer one. If no
    environment is active, or it is detached, there is nothing to wait for. Ctrl-C ends the wait.

    Args:
        timeout: Seconds to wait (default: without limit; 0: not at all).

    Raises:
        genv.TimedOut: A device was locked for longer.

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
