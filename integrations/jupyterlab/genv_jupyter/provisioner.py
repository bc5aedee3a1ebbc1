"""The provisioner genv-provisioner: starts a kernel in a GPU environment."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Any

import genv
from genv.sdk import host
from jupyter_client.provisioning.local_provisioner import LocalProvisioner
from traitlets import Bool, Int, Unicode

from .machine import NotOwn, find_own, look_up_own
from .threads import in_thread

EID = "GENV_ENVIRONMENT_ID"
NAME_MAX = 128  # bytes of a name, as in libgenv


class Provisioner(LocalProvisioner):
    """Starts a kernel in an environment of its own, or in that of whoever starts it.

    The kernel is registered by its ID and its PID. The ID keeps the environment, and its devices, while the kernel
    restarts, for as long as this process lives; a shutdown takes it out. The PID leaves by ending, however long that
    takes, and the environment ends with it. What the environment asks for is in the kernel specification
    (metadata.kernel_provisioner.config), and in the .genv directory of the notebook's folder.
    """

    gpus = Int(None, allow_none=True, help="Number of devices to attach when the kernel starts").tag(config=True)
    gpu_memory = Unicode(None, allow_none=True, help="Memory on each device, such as 4g").tag(config=True)

    notebook_names = Bool(
        True, help="Name environments after their notebooks: all users of the machine see that name"
    ).tag(config=True)

    _eid: str | None = None

    async def pre_launch(self, **kwargs: Any) -> dict[str, Any]:
        kwargs = await super().pre_launch(**kwargs)  # writes the connection file
        kwargs["env"] = await in_thread(self._enter, kwargs["env"], kwargs.get("cwd"))
        return kwargs

    async def launch_kernel(self, cmd: list[str], **kwargs: Any) -> Any:
        try:
            info = await super().launch_kernel(cmd, **kwargs)
            await self._register()
        except BaseException:
            if self.process:  # it would run without its environment
                await self.kill()
                await self.wait()
            await self._leave()
            raise
        return info

    async def _register(self) -> None:
        try:
            await in_thread(host.enter, self._eid, pid=self.pid)
        except genv.Error as error:
            if error.errno != errno.ESRCH:  # it has ended already, which Jupyter finds out
                raise

    async def cleanup(self, restart: bool = False) -> None:
        if not restart:
            await self._leave()
        await super().cleanup(restart)

    async def get_provisioner_info(self) -> dict[str, Any]:
        return {**await super().get_provisioner_info(), "genv_environment": self._eid}

    async def load_provisioner_info(self, provisioner_info: dict[str, Any]) -> None:
        await super().load_provisioner_info(provisioner_info)
        self._eid = provisioner_info.get("genv_environment")

    def _enter(self, environ: dict[str, str], directory: str | None) -> dict[str, str]:
        """Enter the environment, and return the variables of the kernel."""
        eid = self._find(environ)
        config = None if eid else self._configuration(environ, directory or os.getcwd())
        file = self.parent.connection_file if self.parent else None
        env = host.enter(eid, kernel_id=self.kernel_id, connection_file=file, manager=os.getpid(), config=config)
        self._eid = env.eid
        if config:
            self.log.info("genv_jupyter: kernel %s is in environment %s, with devices %s", *self._names(env))
        variables = {**host.variables(env.eid), "PATH": host.path(environ.get("PATH", ""))}
        kept = {name: value for name, value in environ.items() if name not in variables}
        return kept | {name: value for name, value in variables.items() if value is not None}

    def _names(self, env: genv.Env) -> tuple[str, str, list[int | None]]:
        return self.kernel_id, env.eid, env.devices

    def _find(self, environ: dict[str, str]) -> str | None:
        """The environment that the kernel left when it stopped, or that of the program that starts it."""
        env = find_own(self.kernel_id)
        eid = env.eid if env else environ.get(EID)
        try:
            return look_up_own(eid).eid if eid else None
        except NotOwn:
            return None
        except genv.Error as error:
            if error.errno in (errno.ENOENT, errno.EINVAL):  # it has ended, or never was
                return None
            raise

    def _configuration(self, environ: dict[str, str], directory: str) -> genv.Config:
        config = host.saved(directory) or genv.Config()
        if self.gpus is not None:
            config.gpus = self.gpus
        if self.gpu_memory is not None:
            config.gpu_memory = self.gpu_memory
        if config.name is None and self.notebook_names:
            config.name = notebook_name(environ.get("JPY_SESSION_NAME", ""))
        return config

    async def _leave(self) -> None:
        eid, self._eid = self._eid, None
        if eid:
            try:
                await in_thread(host.leave, eid, kernel_id=self.kernel_id)
            except genv.Error as error:  # the environment ends with this process at the latest
                self.log.warning("genv_jupyter: kernel %s cannot leave environment %s: %s", self.kernel_id, eid, error)


def notebook_name(path: str) -> str | None:
    """What an environment of that notebook is called; None if it cannot be called so."""
    name = Path(path).name
    return name if name.isprintable() and 0 < len(name.encode(errors="replace")) <= NAME_MAX else None
