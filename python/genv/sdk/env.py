"""The environment of this process: activate and configure it."""

from __future__ import annotations

import contextlib
import errno
import os

from .. import _genv, _lazy, _process
from .._scope import Scope, in_thread, to_its_end

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pathlib import Path
    from typing import Callable

    from .._genv import _Answer
    from .._objects import Config, Env, Envs, Snapshot
else:
    __getattr__ = _lazy.offer(__name__, "Env")

__all__ = [
    "Env",
    "activate",
    "active",
    "configuration",
    "configure",
    "eid",
    "envs",
    "home",
    "load_configuration",
    "refresh_configuration",
    "save_configuration",
    "snapshot",
]


def active() -> bool:
    """Whether an environment is active in this process.

    >>> import genv
    >>> genv.sdk.active()
    False
    """
    return eid() is not None


def eid() -> str | None:
    """The identifier of the active environment, or None."""
    return os.environ.get(_process.EID) or None


class Activation(Scope):
    """What :func:`activate` returns."""

    def __init__(
        self, eid: str | None, config: Config | None, over_subscribe: bool, devices: tuple[str, ...] = ()
    ) -> None:
        self._eid, self._over_subscribe, self._devices = eid, over_subscribe, devices
        self._config = None if config is None else _process.fields_of(config)
        self._entered = ""
        self._pid = 0
        self._before: dict[str, str | None] = {}

    def again(self) -> Activation:
        again = Activation(self._eid, None, self._over_subscribe, self._devices)
        again._config = self._config
        return again

    def _reserve(self, entered: list[str]) -> _Answer:
        answer = _genv.reserve(
            entered, self._eid, self._config or {}, self._config is not None, self._over_subscribe, self._devices
        )
        env = answer[0]
        if self._config is None and env["gpus"] is not None and not env["uuids"]:  # it was there, detached
            answer = _genv.attach(env["eid"], None, -1, self._over_subscribe)
        return answer

    def __enter__(self) -> None:
        entered: list[str] = []  # and left again, whatever comes before the block begins, such as Ctrl-C
        before: dict[str, str | None] = {}
        try:
            with _process.changing:
                if active():
                    raise _genv.Error(
                        f"Already running in an active environment ({eid()}): leave it first, or unset {_process.EID}"
                    )
                env, variables, messages = self._reserve(entered)
                variables["GENV_PYTHON"] = "1"
                _process.export(variables, before)
                self._entered, self._pid, self._before = env["eid"], os.getpid(), before
                _process.warn_if_too_late(before)
                _process.warn(messages)
        except BaseException:
            if entered:
                self._entered, self._pid, self._before = entered[0], os.getpid(), before
                self.__exit__()
            raise

    async def enter_async(self) -> None:
        await in_thread(self.__enter__, self.__exit__, _process.changing)

    def _leave(self) -> None:
        messages: list[str] = []
        with _process.changing:
            if not self._entered:
                return
            _process.export(self._before)
            if self._pid == os.getpid():  # a forked child leaves nothing: its parent is the member
                try:
                    messages = _genv.leave(self._entered, self._pid)
                except _genv.Error as reason:
                    if reason.errno != errno.ENOENT:  # it has ended already
                        raise
            self._entered = ""
        _process.warn(messages)

    def __exit__(self, *error: object) -> None:
        try:
            self._leave()
        except _genv.Error:
            raise
        except BaseException:  # Ctrl-C: leaving is tried again, and only the next one ends it
            with contextlib.suppress(_genv.Error):
                self._leave()
            raise

    async def exit_async(self) -> None:
        await to_its_end(self.__exit__)


def activate(*, eid: str | None = None, config: Config | None = None, over_subscribe: bool = False) -> Activation:
    """Create or enter an environment for as long as a ``with`` block, ``async with`` block or function runs.

    With a ``config`` that has a device count, the environment is configured and attached in one step: it has all of the
    devices, or an error is raised and nothing has changed. Without ``config``, an existing environment keeps its own.
    At the end this process leaves the environment, and every variable is as before.

    Args:
        eid: Identifier of the environment (default: the PID of this process).
        config: What it asks for (default: nothing, which is no devices).
        over_subscribe: Also attach devices that are not available.

    Raises:
        genv.Error: An environment is active already, or belongs to another user.
        genv.Unavailable: Not enough devices are available.
        genv.Invalid: A value of ``config`` is not valid.

    >>> import genv
    >>> with genv.sdk.activate(config=genv.Env.Config(gpus=2, gpu_memory="4g")):
    ...     genv.sdk.configuration()
    Config(name=None, gpu_memory='4g', gpus=2)

    >>> @genv.sdk.activate(config=genv.Env.Config(gpus=1))
    ... def train():
    ...     return genv.sdk.attached()
    >>> train()
    [0]
    """
    return Activation(eid, config, over_subscribe)


def _change(call: Callable[[str], _Answer]) -> Config:
    """Configure the active environment, and return what its configuration is then."""
    from .._objects import config_of

    return config_of(_process.change(call))


def configure(config: Config) -> None:
    """Replace the whole configuration of the active environment.

    A new capacity applies to the attached devices at once; a new device count at the next :func:`attach`.

    Raises:
        genv.Error: No environment is active.
        genv.Unavailable: An attached device has no room for the capacity. Nothing has changed.
    """
    values = _process.fields_of(config)
    _change(lambda eid: _genv.configure(eid, values))


def configuration() -> Config:
    """The configuration of the active environment, from the variables of this process.

    Raises :class:`genv.Error` if no environment is active.
    """
    _process.current()
    return _process.config_of_variables()


def refresh_configuration() -> Config:
    """The configuration of the active environment, which others may have changed; updates the variables.

    Raises :class:`genv.Error` if no environment is active.
    """
    from .._objects import config_of

    return config_of(_process.refresh(_process.current()))


def home() -> Path | None:
    """The ``.genv`` directory in force: of the current directory, its parents or the home directory; or None."""
    from pathlib import Path

    try:
        return Path(_genv.home_find())
    except _genv.Error as error:
        if error.errno == errno.ENOENT:
            return None
        raise


def load_configuration() -> Config:
    """Configure the active environment as the ``.genv`` directory says, and return the configuration.

    Without a ``.genv`` directory nothing changes, and the result is empty.

    Raises :class:`genv.Error` if no environment is active, or a file is not valid.
    """
    directory = home()
    if directory is None:
        from .._objects import Config

        _process.changeable()
        return Config()
    path = os.fspath(directory)
    return _change(lambda eid: _genv.configure(eid, _genv.home_load(path)))


def save_configuration() -> None:
    """Save the configuration of the active environment in the ``.genv`` directory.

    Raises :class:`genv.Error` if no environment is active, or there is no ``.genv`` directory.
    """
    env = _process.look_up(_process.current())
    _genv.home_save(_genv.home_find(), env)


def snapshot() -> Snapshot:
    """Everything at once: devices with live figures, environments, and processes that use devices.

    Asks the driver, for up to a minute (``GENV_DRIVER_TIMEOUT``). If it does not answer there is a
    :class:`RuntimeWarning`, and the devices are missing.

    >>> import genv
    >>> [device.index for device in genv.sdk.snapshot().devices]
    [0, 1, 2, 3]
    """
    from .._objects import snapshot_of

    return snapshot_of(_genv.snapshot(_genv.LIVE))


def envs() -> Envs:
    """The environments of this machine, of all users; notebooks show them as a table."""
    from .._objects import snapshot_of

    return snapshot_of(_genv.snapshot(_genv.ENVS)).envs
