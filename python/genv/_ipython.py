"""The magic ``%genv`` of IPython and notebooks: the environment of the kernel."""

from __future__ import annotations

import shlex
from argparse import ArgumentParser, Namespace
from typing import TYPE_CHECKING, Any, NoReturn

from . import _genv, _process, sdk
from ._objects import Config

if TYPE_CHECKING:
    from .sdk.env import Activation

_activation: Activation | None = None


class _Parser(ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise _genv.Error(f"{message}: see %genv --help")


def _make_parser() -> ArgumentParser:
    parser = _Parser(prog="%genv", description="The GPU environment of this kernel.", allow_abbrev=False)
    commands = parser.add_subparsers(dest="command", metavar="COMMAND")
    commands.add_parser("status", help="Show the environment (the default)")
    activate = commands.add_parser("activate", help="Create an environment for this kernel")
    activate.add_argument("--id", help="Identifier (default: the PID of the kernel)")
    activate.add_argument("--name", help="Name of the environment")
    activate.add_argument("--gpus", type=int, metavar="N", help="Number of devices to attach")
    activate.add_argument("--gpu-memory", metavar="AMOUNT", help="Memory on each device (default: the whole device)")
    commands.add_parser("deactivate", help="Leave the environment and release its devices")
    attach = commands.add_parser("attach", help="Attach devices; activates an environment if none is active")
    wanted = attach.add_mutually_exclusive_group()
    wanted.add_argument("count", nargs="?", type=int, help="Number of devices (default: the configured count)")
    wanted.add_argument("--index", help="Attach this device too")
    detach = commands.add_parser("detach", help="Detach devices")
    detach.add_argument("index", nargs="?", help="The device (default: all)")
    commands.add_parser("devices", help="List the devices of this machine")
    commands.add_parser("envs", help="List the environments of this machine")
    return parser


def _activate(config: Config | None, eid: str | None = None) -> None:
    global _activation
    activation = sdk.activate(eid=eid, config=config)
    activation.__enter__()
    _activation = activation


def _deactivate() -> None:
    global _activation
    if _activation is None:
        raise _genv.Error("%genv has not activated an environment in this kernel")
    activation, _activation = _activation, None
    activation.__exit__(None, None, None)


def _attach(values: Namespace) -> None:
    was_active = sdk.active()
    if not was_active:
        _activate(None)
    try:
        sdk.attach(index=values.index, gpus=values.count)
    except BaseException:
        if not was_active:
            _deactivate()
        raise


def _describe() -> str:
    eid = sdk.eid()
    if eid is None:
        return "Environment is not active"
    indices = ",".join(map(str, sdk.attached()))
    attached = f"Attached to GPUs at indices {indices}" if indices else "Detached from GPUs"
    return f"Environment is active ({eid})\n{attached}"


def _run(words: list[str]) -> Any:
    values = _make_parser().parse_args(words)
    if values.command == "devices":
        return sdk.devices()
    if values.command == "envs":
        return sdk.envs()
    if values.command == "activate":
        _activate(Config(values.name, values.gpu_memory, values.gpus), values.id)
    elif values.command == "deactivate":
        _deactivate()
    elif values.command == "attach":
        _attach(values)
    elif values.command == "detach":
        _process.change(lambda eid: _genv.detach(eid, values.index))
    print(_describe())
    return None


def load(ipython: Any) -> None:
    """Register the magic."""
    from IPython.core.error import UsageError

    def genv(line: str) -> Any:
        """The GPU environment of this kernel: %genv attach 1, %genv devices, %genv --help."""
        try:
            return _run(shlex.split(line))
        except SystemExit:  # --help
            return None
        except (RuntimeError, ValueError) as error:
            raise UsageError(f"genv: {error}") from None

    ipython.register_magic_function(genv, "line", "genv")
