"""What the front end asks for: JSON in and out, for whoever may use this server."""

from __future__ import annotations

import errno
import json
from collections.abc import Awaitable
from http import HTTPStatus
from typing import Any

import genv
from jupyter_server.auth.decorator import authorized
from jupyter_server.base.handlers import APIHandler
from jupyter_server.utils import url_path_join
from tornado import web

from .kernels import Kernel, NoProcess
from .machine import Machine, NotOwn

NAMESPACE = "jupyterlab-genv"

_STATUS = {
    errno.EBUSY: HTTPStatus.CONFLICT,
    errno.EDQUOT: HTTPStatus.CONFLICT,
    errno.EINVAL: HTTPStatus.BAD_REQUEST,
    errno.ENODEV: HTTPStatus.NOT_FOUND,
    errno.ENOENT: HTTPStatus.NOT_FOUND,
    errno.EPERM: HTTPStatus.FORBIDDEN,
    errno.ETIMEDOUT: HTTPStatus.SERVICE_UNAVAILABLE,
}


class Refused(Exception):
    """A request that is not understood: the sentence says why."""


class Handler(APIHandler):
    """Every request is authenticated, and checked against forgery, as the server's own are."""

    auth_resource = "genv"

    @property
    def machine(self) -> Machine:
        machine: Machine = self.settings["genv_machine"]
        return machine

    def kernel(self, kernel_id: str) -> Kernel:
        if kernel_id not in self.kernel_manager:
            raise web.HTTPError(404, "there is no such kernel")
        return Kernel(kernel_id, self.kernel_manager.get_kernel(kernel_id))

    async def answer(self, asked: Awaitable[Any]) -> None:
        """Sends what was asked for, or the reason why it failed."""
        try:
            found = await asked
            if self.request.method != "GET":
                self.machine.forget()
            self.finish(json.dumps(found))
        except genv.Error as error:
            self.refuse(_STATUS.get(error.errno or 0, HTTPStatus.INTERNAL_SERVER_ERROR), error)
        except NotOwn as error:
            self.refuse(HTTPStatus.FORBIDDEN, error)
        except (Refused, NoProcess, ValueError) as error:
            self.refuse(HTTPStatus.BAD_REQUEST, error)

    def refuse(self, status: HTTPStatus, error: Exception) -> None:
        self.set_status(status)
        self.finish(json.dumps({"message": str(error)}))

    def body(self, **kinds: type) -> dict[str, Any]:
        """The members of the body that are given, of the kinds that they must have; null counts as absent."""
        body = self.get_json_body()
        if body is None:
            body = {}
        if not isinstance(body, dict):
            raise Refused("the body is not an object")
        for name, value in body.items():
            if name not in kinds:
                raise Refused(f"unknown member '{name}'")
            if value is not None and type(value) is not kinds[name]:
                raise Refused(f"'{name}' is not of type {kinds[name].__name__}")
        return {name: value for name, value in body.items() if value is not None}


class StateHandler(Handler):
    """Everything that the panel shows."""

    @web.authenticated
    @authorized
    async def get(self) -> None:
        await self.answer(self.machine.state())


class KernelHandler(Handler):
    """The environment of a kernel of this server."""

    @web.authenticated
    @authorized
    async def get(self, kernel_id: str) -> None:
        await self.answer(self.kernel(kernel_id).state())

    @web.authenticated
    @authorized
    async def post(self, kernel_id: str) -> None:
        """Registers its process again, after somebody other than genv has restarted it."""
        await self.answer(self.kernel(kernel_id).enter())

    @web.authenticated
    @authorized
    async def put(self, kernel_id: str) -> None:
        """Configures it, and attaches exactly so many devices; all in one step."""
        kernel = self.kernel(kernel_id)

        async def change() -> Any:
            return await kernel.change(**self.body(gpus=int, gpu_memory=str, name=str, over_subscribe=bool))

        await self.answer(change())

    @web.authenticated
    @authorized
    async def delete(self, kernel_id: str) -> None:
        """Detaches all devices."""
        await self.answer(self.kernel(kernel_id).detach())


class EnvHandler(Handler):
    """An environment of the server's user."""

    @web.authenticated
    @authorized
    async def delete(self, eid: str) -> None:
        """Detaches all devices."""
        await self.answer(self.machine.detach(eid))


class _Compatible(Handler):
    """What jupyterlab_genv 0.4 offers, for those who call it."""


class DevicesHandler(_Compatible):
    @web.authenticated
    @authorized
    async def get(self) -> None:
        await self.answer(self.machine.device_list())


class EnvsHandler(_Compatible):
    @web.authenticated
    @authorized
    async def get(self) -> None:
        await self.answer(self.machine.env_list())


class FindHandler(_Compatible):
    @web.authenticated
    @authorized
    async def get(self) -> None:
        await self.answer(self.machine.find(self.get_query_argument("kernel_id")))


class ActivateHandler(_Compatible):
    @web.authenticated
    @authorized
    async def post(self) -> None:
        async def activate() -> Any:
            body = self.body(eid=str, kernel_id=str)
            if len(body) != 2:
                raise Refused("give 'eid' and 'kernel_id'")
            await self.kernel(body["kernel_id"]).enter(body["eid"])

        await self.answer(activate())


_ROUTES: list[tuple[str, type[Handler]]] = [
    ("state", StateHandler),
    (r"kernels/([\w-]+)", KernelHandler),
    (r"environments/([\w.-]+)", EnvHandler),
    ("devices", DevicesHandler),
    ("envs", EnvsHandler),
    ("find", FindHandler),
    ("activate", ActivateHandler),
]


def add_handlers(web_app: web.Application) -> None:
    web_app.settings["genv_machine"] = Machine()
    base = web_app.settings["base_url"]
    web_app.add_handlers(".*$", [(url_path_join(base, NAMESPACE, path), handler) for path, handler in _ROUTES])
