"""Scopes: context managers that are decorators as well, for plain and async code."""

from __future__ import annotations

import functools
import threading

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from types import TracebackType
    from typing import Any, Callable, TypeVar

    from typing_extensions import Self

    _Function = TypeVar("_Function", bound=Callable[..., Any])


class Scope:
    """Entered by ``with`` or ``async with``, once; as a decorator it is entered anew for each call.

    A subclass defines :meth:`again`, :meth:`__enter__`, :meth:`__exit__` and :meth:`enter_async`.
    """

    def again(self) -> Self:
        """Another scope like this one."""
        raise NotImplementedError

    def __enter__(self) -> None:
        raise NotImplementedError

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        raise NotImplementedError

    async def enter_async(self) -> None:
        """Enter without blocking the event loop."""
        raise NotImplementedError

    async def exit_async(self) -> None:
        """Exit likewise."""
        self.__exit__(None, None, None)

    async def __aenter__(self) -> None:
        await self.enter_async()

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if kind is GeneratorExit:  # a coroutine that is closed may not wait
            self.__exit__(kind, error, traceback)
        else:
            await self.exit_async()

    def __call__(self, function: _Function) -> _Function:
        return wrap(function, self.again)  # type: ignore[return-value]


async def in_thread(enter: Callable[[], None], leave: Callable[[], None], lock: Any) -> None:
    """Run ``enter`` in a thread that holds ``lock``, while the event loop goes on.

    If the task is cancelled meanwhile, ``leave`` follows in that thread, which needs no loop any more.
    """
    import asyncio

    deciding = threading.Lock()
    is_started = is_entered = is_cancelled = False

    def run() -> None:
        nonlocal is_started, is_entered
        with deciding:
            is_started = not is_cancelled
        if not is_started:
            return
        with lock:
            enter()
            with deciding:
                is_entered = not is_cancelled
            if not is_entered:
                leave()

    try:
        await asyncio.get_running_loop().run_in_executor(None, run)
    except asyncio.CancelledError:
        with deciding:
            is_cancelled = True
        if is_entered:
            await to_its_end(leave)
        raise


async def to_its_end(function: Callable[[], object]) -> None:
    """Run ``function`` while the event loop goes on, and wait for its end also if the task is cancelled."""
    import asyncio

    running = asyncio.get_running_loop().run_in_executor(None, function)
    try:
        await asyncio.shield(running)
    except asyncio.CancelledError:
        await asyncio.shield(running)
        raise


def wrap(function: Callable[..., Any], scope: Callable[[], Scope]) -> Callable[..., Any]:
    """Run each call of ``function`` in a scope of its own: for generators, until the generator ends."""
    import inspect

    if isinstance(function, (type, staticmethod, classmethod)) or not callable(function):
        raise TypeError(f"only functions can be decorated, not {function!r}: decorate its functions, or what is in it")
    if inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(type(function).__call__):

        @functools.wraps(function)
        async def call_async(*args: Any, **kwargs: Any) -> Any:
            async with scope():
                return await function(*args, **kwargs)

        return call_async

    if inspect.isasyncgenfunction(function):

        @functools.wraps(function)
        async def generate_async(*args: Any, **kwargs: Any) -> AsyncIterator[Any]:
            async with scope():
                values = function(*args, **kwargs)
                step = values.__anext__()
                try:
                    while True:
                        try:
                            value = await step
                        except StopAsyncIteration:
                            return
                        try:
                            step = values.asend((yield value))
                        except GeneratorExit:
                            raise
                        except BaseException as error:
                            step = values.athrow(error)
                finally:
                    await values.aclose()

        return generate_async

    if inspect.isgeneratorfunction(function):

        @functools.wraps(function)
        def generate(*args: Any, **kwargs: Any) -> Iterator[Any]:
            with scope():
                yield from function(*args, **kwargs)

        return generate

    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        with scope():
            return function(*args, **kwargs)

    return call
