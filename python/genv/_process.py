"""The environment of this process: its variables, and who may change them."""

from __future__ import annotations

import os
import sys
import threading
import warnings

from . import _genv

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from ._objects import Config

EID = "GENV_ENVIRONMENT_ID"
DEVICES = "CUDA_VISIBLE_DEVICES"
_CONFIG = {"name": "GENV_ENVIRONMENT_NAME", "gpu_memory": "GENV_GPU_MEMORY", "gpus": "GENV_GPUS"}

changing = threading.RLock()
"""Held by whoever changes the environment and then the variables, so that both agree."""


def _begin_anew() -> None:
    global changing
    changing = threading.RLock()  # another thread may have held it when this child was forked


os.register_at_fork(after_in_child=_begin_anew)


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


def refresh(eid: str) -> dict[str, Any]:
    """What the environment is now; updates the variables, unless others have set them for this container."""
    with changing:
        told, variables = _genv.look_up(eid)
        if not in_container():
            update(variables)
    return told


def export(variables: Mapping[str, str | None]) -> dict[str, str | None]:
    """Set the variables, and unset those that are None; return what they were."""
    before = {}
    for name, value in variables.items():
        before[name] = held = os.environ.get(name)
        if value == held:
            continue
        if value is None:
            del os.environ[name]
        else:
            os.environ[name] = value
    return before


def update(variables: Mapping[str, str | None]) -> None:
    """Set and unset them, and warn if that has no effect any more."""
    warn_if_too_late(export(variables))


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
        warnings.warn(
            "genv: CUDA is already initialized in this process, which keeps using the devices that it had: "
            "attach devices before the first CUDA call",
            RuntimeWarning,
            stacklevel=4,
        )


def config_of_variables() -> Config:
    """The configuration that the variables say."""
    from ._objects import Config

    values = {member: os.environ.get(variable) or None for member, variable in _CONFIG.items()}
    gpus = values.pop("gpus")
    try:
        return Config(**values, gpus=None if gpus is None else int(gpus))
    except ValueError:
        raise _genv.Invalid(f"GENV_GPUS is '{gpus}', which is not a number: unset it") from None
