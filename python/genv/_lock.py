"""Access locks: between processes by libgenv, between the threads and tasks of this process here."""

from __future__ import annotations

import errno
import math
import os
import threading
import time
from contextvars import ContextVar

from . import _genv, _process
from ._scope import Scope, in_thread

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

TOKEN = "GENV_LOCK"
_STEP_MIN, _STEP_MAX = 0.001, 0.05  # seconds between the attempts of a task

_mine: ContextVar[object] = ContextVar("genv.lock", default=None)
"""As whom this thread or task has locked last; a task that it starts meanwhile is the same."""


class _Turn:
    """One owner at a time in this process, which may acquire it again."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._owner: object = None
        self._thread = 0
        self._depth = 0

    def own(self) -> object:
        """The owner that the caller is, or becomes by acquiring it."""
        mine = _mine.get()
        return mine if self._depth and mine is self._owner else object()

    def acquire(self, owner: object, thread: int, timeout: float | None) -> bool:
        """Acquire it for an owner that runs in ``thread``, and stands still while it waits; False after the timeout."""

        def is_available() -> bool:
            return not self._depth or self._owner is owner

        with self._changed:
            if timeout != 0 and not is_available() and self._thread == thread:
                raise _error(
                    _genv.Error,
                    errno.EDEADLK,
                    "the devices are locked by another task of this thread: use 'async with genv.sdk.lock()'",
                )
            if not self._changed.wait_for(is_available, timeout):
                return False
            self._owner, self._thread = owner, thread
            self._depth += 1
            return True

    def release(self) -> None:
        with self._changed:
            self._depth -= 1
            if not self._depth:
                self._owner = None
                self._changed.notify()


class _Held:
    """What one entry of a lock holds, and the variable before it."""

    def __init__(self, handle: object, before: str | None) -> None:
        self.handles = [handle]
        self.before = before


_turn = _Turn()
_held: list[_Held] = []  # by the owner, in the order of entry


def _reset_after_fork() -> None:
    """In a child: what its parent holds stays its parent's, who alone lets go of it."""
    global _turn
    _turn = _Turn()
    _held.clear()
    _genv.after_fork()


os.register_at_fork(after_in_child=_reset_after_fork)


def _error(kind: type[_genv.Error], number: int, message: str) -> _genv.Error:
    error = kind(message)
    error.errno = number
    return error


def _set_token(token: str | None) -> None:
    if token is None:
        os.environ.pop(TOKEN, None)
    else:
        os.environ[TOKEN] = token


def _seconds(timeout: Any) -> float | None:
    """The limit of a wait, None where there is none."""
    if timeout is None:
        return None
    try:
        seconds = None if isinstance(timeout, (str, bytes)) else float(timeout)
    except TypeError:
        seconds = None
    if seconds is None:
        raise TypeError(f"timeout must be a number of seconds, or None, not {type(timeout).__name__}")
    if not seconds >= 0:
        raise _error(_genv.Invalid, errno.EINVAL, f"timeout is {timeout}: give a number of seconds, or None")
    return None if math.isinf(seconds) else min(seconds, threading.TIMEOUT_MAX)


class Lock(Scope):
    """What :func:`genv.sdk.lock` returns; it may be entered inside itself."""

    def __init__(self, timeout: float | None = None) -> None:
        self._timeout = _seconds(timeout)
        self._entries: list[_Held] = []

    def again(self) -> Lock:
        return Lock(self._timeout)

    def _lock_devices(self, timeout: float) -> None:
        eid = os.environ.get(_process.EID)
        handle, token = None, None
        if eid:
            try:
                handle, token, messages = _genv.lock(eid, timeout)
                _process.warn(messages)
            except _genv.Error as error:
                if error.errno not in (errno.EPERM, errno.ENOENT):  # not an environment of ours, or none any more
                    raise
        held = _Held(handle, os.environ.get(TOKEN))
        self._entries.append(held)
        _held.append(held)
        if token:
            os.environ[TOKEN] = token

    def _enter(self, owner: object, thread: int, timeout: float | None) -> None:
        deadline = None if timeout is None else time.monotonic() + timeout
        if not _turn.acquire(owner, thread, timeout):
            raise _error(
                _genv.TimedOut, errno.EAGAIN, "the devices are locked by another thread or task of this process"
            )
        try:
            self._lock_devices(-1 if deadline is None else max(0, deadline - time.monotonic()))
        except BaseException:
            _turn.release()
            raise

    def __enter__(self) -> None:
        owner = _turn.own()
        self._enter(owner, threading.get_ident(), self._timeout)
        _mine.set(owner)

    async def enter_async(self) -> None:
        import asyncio

        owner, thread, step = _turn.own(), threading.get_ident(), _STEP_MIN
        deadline = math.inf if self._timeout is None else time.monotonic() + self._timeout
        while True:
            try:
                await in_thread(lambda: self._enter(owner, thread, 0), self.__exit__, threading.Lock())
            except _genv.TimedOut as error:
                if error.errno != errno.EAGAIN or time.monotonic() >= deadline:
                    raise
            else:
                _mine.set(owner)
                return
            await asyncio.sleep(step)
            step = min(2 * step, _STEP_MAX)

    def __exit__(self, *error: object) -> None:
        held = self._entries.pop()
        if held not in _held:  # by the parent of this forked child
            _set_token(held.before)
            return
        index = _held.index(held)
        if held is _held[-1]:
            _set_token(held.before)
        else:  # tasks end in any order: the next one inside needs the devices as well
            _held[index + 1].before = held.before
            _held[index + 1].handles += held.handles
        del _held[index]
        held.handles.clear()
        _turn.release()
