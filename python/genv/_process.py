"""The environment of this process: its variables, and who may change them."""

from __future__ import annotations

import os
import sys
import threading
import warnings

from . import _genv

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Any, Callable

    from ._genv import _Answer
    from ._objects import Config

EID = "GENV_ENVIRONMENT_ID"
DEVICES = "CUDA_VISIBLE_DEVICES"
_CONFIG = {"name": "GENV_ENVIRONMENT_NAME", "gpu_memory": "GENV_GPU_MEMORY", "gpus": "GENV_GPUS"}

changing = threading.RLock()
"""Held by whoever changes the environment and then the variables, so that both agree."""


def _reset_after_fork() -> None:
    global changing
    changing = threading.RLock()  # another thread may have held it when this child was forked


os.register_at_fork(after_in_child=_reset_after_fork)


def current() -> str:
    """The identifier of the active environment, which is to be looked at.

    Raises :class:`genv.Error` if none is active.
    """
    eid = os.environ.get(EID)
    if not eid:
        raise _genv.Error(
            "no environment is active: use genv.sdk.activate(), or start the program in an environment (genv run)"
        )
    return eid


def in_container() -> bool:
    """Whether this process has a copy of the state alone, and the variables that the container was started with."""
    return os.environ.get("GENV_CONTAINER") == "1"


def changeable() -> str:
    """The same, of an environment that is to be changed."""
    eid = current()
    if in_container():
        raise _genv.Error(
            "cannot change the environment of a container from inside it: configure it where the container is started"
        )
    return eid


def look_up(eid: str) -> dict[str, Any]:
    """What the environment is now."""
    answer, _, messages = _genv.look_up(eid)
    warn(messages)
    return answer


def refresh(eid: str) -> dict[str, Any]:
    """What the environment is now; updates the variables, unless others have set them for this container."""
    with changing:
        answer, variables, messages = _genv.look_up(eid)
        if not in_container():
            update(variables)
        warn(messages)
    return answer


def change(call: Callable[[str], _Answer]) -> dict[str, Any]:
    """Change the active environment by ``call``, which takes its identifier, and return what it is then.

    Whatever comes in between, such as Ctrl-C, the variables are what the environment is afterwards.
    """
    with changing:
        eid = changeable()
        try:
            answer, variables, messages = call(eid)
            update(variables)
            warn(messages)
        except BaseException:
            _follow(eid)
            raise
    return answer


def _follow(eid: str) -> None:
    """Update the variables, as far as that can be; there is an exception already."""
    try:
        export(_genv.look_up(eid)[1])
    except Exception:
        return  # it has ended, say: the first exception is the one that matters


def export(variables: Mapping[str, str | None], before: dict[str, str | None] | None = None) -> None:
    """Set the variables, and unset those that are None; ``before`` gets what each was, before it is changed."""
    for name, value in variables.items():
        held = os.environ.get(name)
        if before is not None:
            before[name] = held
        if value == held:
            continue
        if value is None:
            del os.environ[name]
        else:
            os.environ[name] = value


def update(variables: Mapping[str, str | None]) -> None:
    """Set and unset them, and warn if that has no effect any more."""
    before: dict[str, str | None] = {}
    export(variables, before)
    warn_if_too_late(before)


def warn_if_too_late(before: Mapping[str, str | None]) -> None:
    """Warn if the devices are others than before, and CUDA, which reads the variable once, has been used already."""
    if os.environ.get(DEVICES) == before.get(DEVICES):
        return
    torch: Any = sys.modules.get("torch")
    try:
        is_late = torch is not None and torch.cuda.is_initialized()
    except Exception:  # another torch than we know is no reason to fail
        is_late = False
    if is_late:
        warn(
            [
                "genv: CUDA is already initialized in this process, which keeps using the devices that it had: "
                "attach devices before the first CUDA call"
            ]
        )


def warn(messages: Iterable[str]) -> None:
    """Issue the warnings, as those of the first caller outside this package."""
    for message in messages:
        package, level, frame = os.path.dirname(__file__), 2, sys._getframe(1)
        while frame.f_back is not None and frame.f_code.co_filename.startswith(package):
            frame = frame.f_back
            level += 1
        warnings.warn(message, RuntimeWarning, stacklevel=level)


def fields_of(config: object) -> dict[str, Any]:
    """The fields of a configuration, for the library."""
    from ._objects import Config

    if not isinstance(config, Config):
        kind = config.__name__ if isinstance(config, type) else type(config).__name__
        raise TypeError(f"config must be an object of genv.Env.Config, not {kind}")
    return vars(config)


def config_of_variables() -> Config:
    """The configuration that the variables say."""
    from ._objects import Config

    values = {member: os.environ.get(variable) or None for member, variable in _CONFIG.items()}
    gpus = values.pop("gpus")
    try:
        return Config(**values, gpus=None if gpus is None else int(gpus))
    except ValueError:
        raise _genv.Invalid(f"GENV_GPUS is '{gpus}', which is not a number: unset it") from None
