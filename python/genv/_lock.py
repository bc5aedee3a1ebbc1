"""Access locks: between processes by libgenv, between the threads and tasks of this process here."""

from __future__ import annotations

import os
import sys
import threading
import time

from . import _genv, _process
from ._scope import Scope

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

TOKEN = "GENV_LOCK"
_STEP_MIN, _STEP_MAX = 0.001, 0.05  # seconds between looks of who must not block


def _whoever() -> object:
    """Who asks: the task that runs in this thread, or the thread."""
    asyncio: Any = sys.modules.get("asyncio")
    if asyncio is not None:
        try:
            return asyncio.current_task()
        except RuntimeError:
            pass
    return threading.get_ident()


class _Turn:
    """Whose turn it is in this process; who has it may take it again."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._owner: object = None
        self._depth = 0

    def take(self, who: object, timeout: float | None) -> bool:
        with self._changed:
            if not self._changed.wait_for(lambda: not self._depth or self._owner == who, timeout):
                return False
            self._owner = who
            self._depth += 1
            return True

    def give(self) -> None:
        with self._changed:
            self._depth -= 1
            if not self._depth:
                self._owner = None
                self._changed.notify()


_turn = _Turn()
_held: list[Lock] = []


def _begin_anew() -> None:
    """In a forked child: what its parent holds stays its parent's, who alone lets go of it."""
    global _turn
    _turn = _Turn()
    for lock in _held:
        lock._taken = None
    _held.clear()


os.register_at_fork(after_in_child=_begin_anew)


class Lock(Scope):
    """What :func:`genv.sdk.lock` returns."""

    def __init__(self, timeout: float | None = None) -> None:
        self._timeout = timeout
        self._taken: object | None = None
        self._token: str | None = None
        self._pid = 0

    def again(self) -> Lock:
        return Lock(self._timeout)

    def _take(self, timeout: float) -> None:
        """Take the locks of the devices; it is our turn in this process."""
        eid = os.environ.get(_process.EID)
        taken, token = None, None
        if eid:
            try:
                taken, token = _genv.lock(eid, timeout)
            except _genv.Error as error:
                if error.errno not in (1, 2):  # EPERM, ENOENT: not an environment of ours, or none any more
                    raise
        self._taken, self._pid, self._token = taken, os.getpid(), os.environ.get(TOKEN)
        _held.append(self)
        if token:
            os.environ[TOKEN] = token

    def _deadline(self) -> float:
        return float("inf") if self._timeout is None else time.monotonic() + self._timeout

    def _refuse(self) -> _genv.TimedOut:
        error = _genv.TimedOut("the devices are locked by another thread or task of this process")
        error.errno = 110  # ETIMEDOUT
        return error

    def __enter__(self) -> None:
        deadline = self._deadline()
        if not _turn.take(_whoever(), self._timeout):
            raise self._refuse()
        try:
            self._take(-1 if self._timeout is None else max(0, deadline - time.monotonic()))
        except BaseException:
            _turn.give()
            raise

    def _try(self, who: object) -> None:
        if not _turn.take(who, 0):
            raise self._refuse()
        try:
            self._take(0)
        except BaseException:
            _turn.give()
            raise

    async def enter_async(self) -> None:
        import asyncio

        deadline, step, who = self._deadline(), _STEP_MIN, asyncio.current_task()
        while True:
            try:
                return self._try(who)
            except _genv.TimedOut:
                if time.monotonic() >= deadline:
                    raise
            await asyncio.sleep(step)
            step = min(2 * step, _STEP_MAX)

    def __exit__(self, *error: object) -> None:
        if self._token is None:
            os.environ.pop(TOKEN, None)
        else:
            os.environ[TOKEN] = self._token
        self._taken = None
        if self._pid == os.getpid():
            _held.remove(self)
            _turn.give()
