"""Scopes: context managers that are decorators as well, for plain and async code."""

from __future__ import annotations

import functools

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

    async def __aenter__(self) -> None:
        await self.enter_async()

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.__exit__(kind, error, traceback)

    def __call__(self, function: _Function) -> _Function:
        return wrap(function, self.again)  # type: ignore[return-value]


def wrap(function: Callable[..., Any], scope: Callable[[], Scope]) -> Callable[..., Any]:
    """Run each call of ``function`` in a scope of its own: for generators, until the generator ends."""
    import inspect

    if inspect.iscoroutinefunction(function):

        @functools.wraps(function)
        async def call_async(*args: Any, **kwargs: Any) -> Any:
            async with scope():
                return await function(*args, **kwargs)

        return call_async

    if inspect.isasyncgenfunction(function):

        @functools.wraps(function)
        async def generate_async(*args: Any, **kwargs: Any) -> AsyncIterator[Any]:
            async with scope():
                async for value in function(*args, **kwargs):
                    yield value

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
