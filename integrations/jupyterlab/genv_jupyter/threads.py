"""libgenv waits for locks and drivers: the event loop serves others meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import ParamSpec, TypeVar

_P = ParamSpec("_P")
_T = TypeVar("_T")

# Not the loop's own, which the server needs for files and names while all of these wait for a lock.
_threads = ThreadPoolExecutor(4, "genv")


async def in_thread(function: Callable[_P, _T], *args: _P.args, **kwargs: _P.kwargs) -> _T:
    return await asyncio.get_running_loop().run_in_executor(_threads, partial(function, *args, **kwargs))
