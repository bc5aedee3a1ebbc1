"""GPU environments: reserve GPUs of this machine, and share them with others.

>>> import genv
>>> with genv.sdk.activate(config=genv.Env.Config(gpus=1)):
...     len(genv.sdk.attached())
1

:mod:`genv.sdk` has the functions, :mod:`genv.ray` the decorator for Ray, and ``%load_ext genv`` adds the magic
``%genv`` to IPython. Errors are subclasses of :class:`genv.Error`, which is a :class:`RuntimeError`.
"""

from __future__ import annotations

from . import _lazy, sdk
from ._genv import Error, Invalid, TimedOut, Unavailable
from ._genv import version as __version__

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ._objects import Attachment, Device, Devices, Env, Envs, Process, Snapshot, Usage
else:
    __getattr__ = _lazy.offer(__name__, *_lazy.OBJECTS)

__all__ = [
    "Attachment",
    "Device",
    "Devices",
    "Env",
    "Envs",
    "Error",
    "Invalid",
    "Process",
    "Snapshot",
    "TimedOut",
    "Unavailable",
    "Usage",
    "__version__",
    "load_ipython_extension",
    "sdk",
]


def load_ipython_extension(ipython: object) -> None:
    """Add the ``%genv`` magic; IPython calls this for ``%load_ext genv``."""
    from . import _ipython

    _ipython.load(ipython)


def _warn_of_the_other() -> None:
    """The Python genv, on PyPI as genv, has files of the same names: one overwrites the other's."""
    import os
    import warnings

    site = os.path.dirname(os.path.dirname(__file__))
    if any(name.startswith("genv-") and name.endswith(".dist-info") for name in os.listdir(site)):
        warnings.warn(
            f"genv: another package named genv is installed in {site}: run 'pip uninstall genv genv-gpu', "
            "then 'pip install genv-gpu'",
            RuntimeWarning,
            stacklevel=3,
        )


_warn_of_the_other()
