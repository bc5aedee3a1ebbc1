"""GPU environments for Jupyter: a server extension, a kernel provisioner, and kernel specifications with genv."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jupyter_server.serverapp import ServerApp

__version__ = "0.1.0"


def _jupyter_labextension_paths() -> list[dict[str, str]]:
    return [{"src": "labextension", "dest": "genv-jupyter"}]


def _jupyter_server_extension_points() -> list[dict[str, str]]:
    return [{"module": "genv_jupyter"}]


def _load_jupyter_server_extension(server: ServerApp) -> None:
    """The server calls this when it starts."""
    from .handlers import add_handlers

    add_handlers(server.web_app)
    server.log.info("genv_jupyter: GPU environments are available to notebooks")
