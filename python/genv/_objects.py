"""Environments, devices and processes as objects. Amounts of memory are bytes."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

from . import _genv

if TYPE_CHECKING:
    from datetime import datetime

_T = TypeVar("_T")


def _make(cls: type[_T], answer: dict[str, Any], **members: Any) -> _T:
    """Make an object of the library's answer, ignoring what only a later version tells."""
    known = {member.name for member in fields(cls)}  # type: ignore[arg-type]
    return cls(**{**{key: value for key, value in answer.items() if key in known}, **members})


def _datetime(seconds: float) -> datetime:
    from datetime import datetime, timezone

    return datetime.fromtimestamp(seconds, timezone.utc)


@dataclass(frozen=True)
class Env:
    """An environment: who has it, what keeps it alive, and what it holds."""

    @dataclass
    class Config:
        """What an environment asks for; None is not configured.

        ``gpu_memory`` is the capacity on each device, such as ``"4g"`` or ``"512mi"``; without one an environment takes
        whole devices. ``gpus`` is the number of devices.
        """

        __qualname__ = "Config"  # as which it is shown

        name: str | None = None
        gpu_memory: str | None = None
        gpus: int | None = None

        def load(self, path: str | os.PathLike[str]) -> Config:
            """Read the ``.genv`` directory ``path`` into this configuration, and return it.

            Raises :class:`genv.Error` if a file cannot be read or its value is not valid.
            """
            answer = _genv.home_load(os.fspath(path))
            for member in fields(self):
                setattr(self, member.name, answer[member.name])
            return self

        def save(self, path: str | os.PathLike[str]) -> None:
            """Write this configuration to the ``.genv`` directory ``path``; removes fields that are None from it."""
            _genv.home_save(os.fspath(path), self.__dict__)

    eid: str
    uid: int
    username: str
    config: Config
    created_at: float
    """Seconds since 1970."""
    pids: list[int] = field(default_factory=list)
    kernel_ids: list[str] = field(default_factory=list)
    devices: list[int | None] = field(default_factory=list)
    """Indices of the attached devices; None for one that cannot be seen from here."""
    uuids: list[str] = field(default_factory=list)
    """UUIDs of the attached devices, in the same order."""

    @property
    def created(self) -> datetime:
        """When it was created, with time zone."""
        return _datetime(self.created_at)

    @property
    def creation(self) -> str:
        """When it was created, in local time, as ``DD/MM/YYYY HH:MM:SS``."""
        return time.strftime("%d/%m/%Y %H:%M:%S", time.localtime(self.created_at))

    @property
    def time_since(self) -> str:
        """How long ago it was created, such as ``27 minutes ago``."""
        return _ago(self.created_at)

    @property
    def active(self) -> bool:
        """Whether something keeps it alive."""
        return bool(self.pids or self.kernel_ids)


Config = Env.Config


def _ago(seconds: float) -> str:
    passed = max(0, int(time.time() - seconds))
    units = (("week", 604800), ("day", 86400), ("hour", 3600), ("minute", 60), ("second", 1))
    unit, length = next((each for each in units if passed >= each[1]), units[-1])
    count = passed // length
    return f"{count} {unit}{'' if count == 1 else 's'} ago"


@dataclass(frozen=True)
class Attachment:
    """An environment that may use a device."""

    eid: str
    gpu_memory: int | None
    """Capacity in bytes; None is the whole device."""
    time: float
    """Seconds since 1970."""


@dataclass(frozen=True)
class Device:
    """A GPU. What the driver does not tell is None."""

    index: int
    """As nvidia-smi shows it."""
    uuid: str | None = None
    vendor: str | None = None
    parent: str | None = None
    """UUID of the device that this one is an instance of."""
    pci_bus_id: str | None = None
    name: str | None = None
    state: str | None = None
    """``ok``, ``lost``, ``forbidden`` or ``failed``."""
    mig: bool = False
    unified_memory: bool = False
    total_memory: int | None = None
    """Bytes."""
    used_memory: int | None = None
    """Bytes."""
    utilization: int | None = None
    """Percent."""
    temperature: int | None = None
    """Degrees Celsius."""
    power: float | None = None
    """Watts."""
    attachments: list[Attachment] = field(default_factory=list)

    @property
    def eids(self) -> list[str]:
        """Identifiers of the environments that are attached to it."""
        return [attachment.eid for attachment in self.attachments]


@dataclass(frozen=True)
class Usage:
    """What a process uses of a device."""

    index: int
    uuid: str | None = None
    used_memory: int | None = None
    """Bytes."""


@dataclass(frozen=True)
class Process:
    """A process that uses devices."""

    pid: int
    eid: str | None = None
    """The environment that it belongs to."""
    uid: int | None = None
    username: str | None = None
    command: str | None = None
    usage: list[Usage] = field(default_factory=list)


class _Table(list[_T]):
    """A list that notebooks show as a table."""

    _columns: ClassVar[tuple[str, ...]] = ()

    def _rows(self) -> list[tuple[str, ...]]:
        raise NotImplementedError

    def _repr_html_(self) -> str:
        from html import escape

        head = "".join(f"<th>{escape(column)}</th>" for column in self._columns)
        rows = "".join("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in self._rows())
        return f"<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>"


def _gibibytes(amount: int | None) -> str:
    return "" if amount is None else f"{amount / 2**30:.1f} GiB"


class Devices(_Table[Device]):
    """Devices, ascending by index."""

    _columns = ("Index", "Name", "Memory", "Used", "Utilization", "Environments")

    def _rows(self) -> list[tuple[str, ...]]:
        return [
            (
                str(device.index),
                device.name or "",
                _gibibytes(device.total_memory),
                _gibibytes(device.used_memory),
                "" if device.utilization is None else f"{device.utilization} %",
                ", ".join(device.eids),
            )
            for device in self
        ]


class Envs(_Table[Env]):
    """Environments, ascending by creation."""

    _columns = ("ID", "User", "Name", "Created", "Devices")

    def _rows(self) -> list[tuple[str, ...]]:
        return [
            (
                env.eid,
                env.username,
                env.config.name or "",
                env.time_since,
                ", ".join("?" if index is None else str(index) for index in env.devices),
            )
            for env in self
        ]


@dataclass(frozen=True)
class Snapshot:
    """The state of this machine at one moment."""

    hostname: str
    time: float
    """Seconds since 1970."""
    driver: str | None = None
    devices: Devices = field(default_factory=Devices)
    envs: Envs = field(default_factory=Envs)
    processes: list[Process] = field(default_factory=list)


def config_of(answer: dict[str, Any]) -> Config:
    """The configuration in the library's answer."""
    return _make(Config, answer)


def _env_of(answer: dict[str, Any]) -> Env:
    amount = answer["gpu_memory"]
    config = _make(Config, answer, gpu_memory=None if amount is None else _genv.format_amount(amount))
    return _make(Env, answer, config=config, created_at=answer["created"])


def _device_of(answer: dict[str, Any]) -> Device:
    return _make(Device, answer, attachments=[_make(Attachment, each) for each in answer["attachments"]])


def _process_of(answer: dict[str, Any]) -> Process:
    return _make(Process, answer, usage=[_make(Usage, each) for each in answer["usage"]])


def snapshot_of(answer: dict[str, Any]) -> Snapshot:
    """The snapshot in the library's answer."""
    return _make(
        Snapshot,
        answer,
        devices=Devices(map(_device_of, answer["devices"])),
        envs=Envs(map(_env_of, answer["envs"])),
        processes=list(map(_process_of, answer["processes"])),
    )
