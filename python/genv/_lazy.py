"""The classes of environments, devices and so on, made at their first use: dataclasses would take most of an import."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable

OBJECTS = ("Attachment", "Device", "Devices", "Env", "Envs", "Process", "Snapshot", "Usage")


def offer(module: str, *names: str) -> Callable[[str], Any]:
    """A ``__getattr__`` for the module, which has the classes ``names``."""

    def look_up(name: str) -> Any:
        if name not in names:
            raise AttributeError(f"module '{module}' has no attribute '{name}'")
        from . import _objects

        return getattr(_objects, name)

    return look_up
