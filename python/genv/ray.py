"""Ray tasks and actors in GPU environments, so that Ray and everybody else on the machine respect each other.

Use :func:`remote` in place of ``ray.remote``::

    import genv.ray
    import ray

    @genv.ray.remote(num_gpus=0.5)
    def train():
        ...

    ray.get(train.remote())

Needs Ray, which is not installed with genv.
"""

from __future__ import annotations

import asyncio
import atexit
import functools
import inspect
import math
import os
from typing import TYPE_CHECKING, Any, Callable

import ray

from . import _genv, _process, sdk
from ._objects import Config
from ._scope import Scope, wrap
from .sdk.env import Activation

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["remote"]


def remote(*args: Any, over_subscribe: bool = False, **options: Any) -> Any:
    """Like ``ray.remote``, for functions, async functions, generators and classes.

    Each call of a task, and each actor for as long as it lives, has an environment that holds the devices that Ray
    assigned and no others. A fraction such as ``num_gpus=0.5`` becomes a capacity: that part of the device's memory.
    If an environment is active where Ray was started, tasks and actors belong to that one.

    Args:
        over_subscribe: Share devices that somebody else's environment holds. Otherwise that is an error.
        options: What ``ray.remote`` takes. ``.options()`` of the result works as usual.

    Raises:
        genv.Unavailable: In the task or actor: another environment holds the device.
        genv.Error: In the task or actor: Ray assigned a device that the active environment does not have.
    """
    if len(args) == 1 and callable(args[0]) and not options:
        return ray.remote(_in_environment(args[0], over_subscribe))
    if args:
        raise TypeError("genv.ray.remote takes keyword arguments only, such as num_gpus=1")

    def decorate(target: Callable[..., Any]) -> Any:
        target = _in_environment(target, over_subscribe)
        return ray.remote(**options)(target) if options else ray.remote(target)

    return decorate


def _in_environment(target: Callable[..., Any], over_subscribe: bool) -> Callable[..., Any]:
    if inspect.isclass(target):
        return _actor(target, over_subscribe)
    return wrap(_plain(target), functools.partial(_assigned, over_subscribe))


def _actor(cls: type[Any], over_subscribe: bool) -> type[Any]:
    class Actor(cls):  # type: ignore[misc]
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            scope = _assigned(over_subscribe)
            scope.__enter__()
            try:
                super().__init__(*args, **kwargs)
            except BaseException:
                scope.__exit__(None, None, None)
                raise
            atexit.register(scope.__exit__, None, None, None)  # a killed actor's environment ends by itself

    functools.update_wrapper(Actor, cls, updated=())
    return Actor


def _plain(function: Callable[..., Any]) -> Callable[..., Any]:
    """Ray's tasks are plain functions and generators: run async ones in a loop of their own."""
    if inspect.iscoroutinefunction(function):

        @functools.wraps(function)
        def call(*args: Any, **kwargs: Any) -> Any:
            return asyncio.run(function(*args, **kwargs))

        return _unwrapped(call)

    if inspect.isasyncgenfunction(function):

        @functools.wraps(function)
        def generate(*args: Any, **kwargs: Any) -> Iterator[Any]:
            loop = asyncio.new_event_loop()
            values = function(*args, **kwargs)
            try:
                while True:
                    try:
                        yield loop.run_until_complete(values.__anext__())
                    except StopAsyncIteration:
                        return
            finally:
                loop.run_until_complete(values.aclose())
                loop.close()

        return _unwrapped(generate)

    return function


def _unwrapped(function: Callable[..., Any]) -> Callable[..., Any]:
    del function.__wrapped__  # type: ignore[attr-defined]  # whoever looks through it would see an async one
    return function


class _Joined(Scope):
    """The environment that Ray was started in, of which the worker is part already."""

    def __init__(self, devices: tuple[str, ...]) -> None:
        self._devices = devices

    def __enter__(self) -> None:
        eid = _process.current()
        env = _process.look_up(eid) if self._devices else {"devices": [], "uuids": []}
        known = {*map(str, env["devices"]), *env["uuids"]}
        for device in self._devices:
            if device not in known:
                raise _genv.Error(
                    f"Ray assigned device {device}, which is not attached to the active environment {eid}: "
                    "start Ray inside the environment, after attaching"
                )

    def __exit__(self, *error: object) -> None:
        pass


def _assigned(over_subscribe: bool) -> Scope:
    """The scope of what Ray assigned to the task or actor that runs here."""
    context = ray.get_runtime_context()
    devices = tuple(context.get_accelerator_ids().get("GPU", []))
    share = context.get_assigned_resources().get("GPU", 0)
    if sdk.active():
        return _Joined(devices)
    config = Config(name=f"ray/{os.getpid()}", gpus=math.ceil(share), gpu_memory=_capacity(devices, share))
    return Activation(None, config, over_subscribe, devices)


def _capacity(devices: tuple[str, ...], share: float) -> str | None:
    """The part of the first device's memory that a fraction means; None: whole devices."""
    if not devices or share >= 1:
        return None
    for device in _genv.snapshot(_genv.DEVICES)["devices"]:
        if devices[0] in (str(device["index"]), device["uuid"]) and device["total_memory"]:
            return _genv.format_amount(int(device["total_memory"] * share))
    return None
