"""Environments of other processes and of Jupyter kernels, for programs that start them: notebook servers, launchers.

Nothing here looks at the environment of this process or changes its variables. Every function may be called from any
thread.

>>> import os, subprocess, sys
>>> import genv
>>> from genv.sdk import host
>>> child = subprocess.Popen(["sleep", "60"])
>>> env = host.enter(pid=child.pid, config=genv.Env.Config(gpus=1))
>>> env.devices
[0]
>>> host.leave(env.eid, pid=child.pid)
>>> child.kill(); child.wait()
-9
"""

from __future__ import annotations

import os
import shutil

from .. import _genv
from .env import envs

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .._objects import Config, Env

__all__ = [
    "attach",
    "check",
    "configure",
    "detach",
    "enter",
    "find",
    "leave",
    "look_up",
    "program",
    "saved",
    "variables",
]


def _env(answer: _genv._Answer) -> Env:
    """The whole of the environment that the answer is of: who has it, and what keeps it alive."""
    eid = answer[0]["eid"]
    for env in envs():
        if env.eid == eid:
            return env
    raise _genv.Error(f"environment {eid} has ended")


def enter(
    eid: str | None = None,
    *,
    pid: int | None = None,
    kernel_id: str | None = None,
    connection_file: str | os.PathLike[str] | None = None,
    manager: int | None = None,
    config: Config | None = None,
    over_subscribe: bool = False,
) -> Env:
    """Create an environment, or enter one of yours, and register a process, a Jupyter kernel or both in it.

    With a ``config``, the environment is configured and has exactly its number of devices then, all in one step.
    Without, an existing environment stays as it is. It lives as long as a process or kernel in it. A kernel lives as
    long as its connection file exists and it can be restarted: its manager lives, or a process of the environment.

    Args:
        eid: Identifier (default: the kernel's, or the PID).
        connection_file: Of the kernel (default: kernel-ID.json in Jupyter's runtime directory).
        manager: The process that restarts the kernel, one of yours, such as a notebook server (default: unknown, and
            the file alone counts, which stays if that process is killed).
        config: What the environment asks for.
        over_subscribe: Also attach devices that are not available.

    Raises:
        genv.Error: There is no such process or kernel, or the environment belongs to another user.
        genv.Unavailable: Not enough devices are available. Nothing has changed.
    """
    if pid is None and kernel_id is None:
        raise ValueError("give a process (pid), a Jupyter kernel (kernel_id), or both")
    file = None if connection_file is None else os.fspath(connection_file)
    fields = {} if config is None else vars(config)
    return _env(_genv.enter(eid, pid or 0, kernel_id, file, manager or 0, fields, config is not None, over_subscribe))


def leave(eid: str, *, pid: int | None = None, kernel_id: str | None = None) -> None:
    """Take the process and the kernel out of the environment, which ends with its last one.

    It is not an error if they are not in it, or if it has ended.
    """
    for member in ((0, kernel_id), (pid or 0, None)):
        if not any(member):
            continue
        try:
            _genv.take_out(eid, *member)
        except _genv.Error as error:
            if error.errno != 2:  # ENOENT
                raise


def find(*, pid: int | None = None, kernel_id: str | None = None) -> list[str]:
    """The identifiers of the environments that the process, or the kernel, is in."""
    return _genv.find(pid or 0, kernel_id)


def look_up(eid: str) -> Env:
    """The environment, whoever has it. Raises :class:`genv.Error` (errno ENOENT) if it has ended."""
    return _env(_genv.look_up(eid))


def check(config: Config) -> None:
    """Raise :class:`genv.Invalid` if a value of the configuration is not valid, without an environment."""
    if config.gpu_memory is not None:
        _genv.parse_amount(config.gpu_memory)
    if config.gpus is not None and config.gpus < 0:
        raise _genv.Invalid(f"invalid number of devices '{config.gpus}': expected 0 or more")


def configure(eid: str, config: Config) -> Env:
    """Replace the whole configuration of the environment, as :func:`genv.sdk.configure` does."""
    return _env(_genv.configure(eid, vars(config)))


def attach(
    eid: str, device: int | str | None = None, *, gpus: int | None = None, allow_over_subscription: bool = False
) -> Env:
    """Attach one device too (its index or UUID), or have at least ``gpus`` devices (default: the configured count).

    Raises :class:`genv.Unavailable` if a device is not available. If a count cannot be met, the environment is
    detached from all.
    """
    if device is not None and gpus is not None:
        raise ValueError("give either a device or a number of devices (gpus), not both")
    name = None if device is None else str(device)
    return _env(_genv.attach(eid, name, -1 if gpus is None else gpus, allow_over_subscription))


def detach(eid: str, device: int | str | None = None) -> Env:
    """Detach one device, or all. Raises :class:`genv.Error` (errno ENODEV) if it is not attached."""
    return _env(_genv.detach(eid, None if device is None else str(device)))


def saved(directory: str | os.PathLike[str]) -> Config | None:
    """What the ``.genv`` directory in force there says: of the directory, its parents or the home directory; or None.

    Raises :class:`genv.Error` if a file cannot be read or its value is not valid.
    """
    from pathlib import Path

    from .._objects import Config

    start = Path(directory).absolute()
    for place in (start, *start.parents, Path.home()):
        home = place / ".genv"
        if home.is_dir():
            return Config().load(home)
    return None


def variables(eid: str) -> dict[str, str | None]:
    """The variables that a process in the environment is to have; None: it is not to have that one."""
    return _genv.look_up(eid)[1]


def program() -> str:
    """The path of the command genv."""
    return os.path.join(_genv.root(), "bin", "genv")


def path(before: str) -> str:
    """The ``PATH`` of a process in an environment: ``before`` with genv's shims, such as ``nvidia-smi``, in front."""
    root = _genv.root()
    own = [os.path.join(root, name) for name in ("shims", "shims-podman")]
    words = [word for word in (before or os.defpath).split(os.pathsep) if word not in own]
    first = own[1] if shutil.which("podman", path=os.pathsep.join(words)) else own[0]
    return os.pathsep.join([first, *words])
