"""Kernel specifications with genv: NAME-genv beside NAME, made from it and refreshed when it changes."""

from __future__ import annotations

import json
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from genv.sdk import host
from jupyter_client.kernelspec import KernelSpec, KernelSpecManager, NoSuchKernel

SUFFIX = "-genv"
PROVISIONER = "genv-provisioner"
MARK = "genv_jupyter"
"""In the metadata of a specification: it is ours, and what it was made from."""


@dataclass(frozen=True)
class Options:
    """What the specifications are to be."""

    gpus: int | None = None
    gpu_memory: str | None = None
    wrap: bool = False
    """The kernel is started by ``genv run``, for programs that do not know provisioners."""


@dataclass
class Copy:
    """A specification NAME-genv: what it is, and what it should be."""

    name: str
    path: Path
    source: str
    found: dict[str, Any] | None = None
    """None: there is no kernel.json."""
    options: Options = field(default_factory=Options)

    @property
    def is_ours(self) -> bool:
        return self.found is not None and MARK in _metadata(self.found)


def _metadata(spec: dict[str, Any]) -> dict[str, Any]:
    metadata = spec.get("metadata")
    return metadata if isinstance(metadata, dict) else {}


def _read(path: Path) -> dict[str, Any] | None:
    try:
        spec = json.loads((path / "kernel.json").read_text("utf-8"))
    except (OSError, ValueError):
        return None
    return spec if isinstance(spec, dict) else None


def _copy_at(folder: Path, name: str) -> Copy:
    path = folder / name
    found = _read(path)
    mark = _metadata(found or {}).get(MARK) or {}
    options = Options(**{key: mark[key] for key in ("gpus", "gpu_memory", "wrap") if mark.get(key) is not None})
    return Copy(name, path, str(mark.get("source", name.removesuffix(SUFFIX))), found, options)


def copies(folder: Path) -> Iterator[Copy]:
    """The specifications NAME-genv in the folder, ours and others'."""
    if folder.is_dir():
        for path in sorted(folder.iterdir()):
            if path.name.endswith(SUFFIX) and (path / "kernel.json").is_file():
                yield _copy_at(folder, path.name)


def sources(manager: KernelSpecManager) -> dict[str, KernelSpec]:
    """The specifications without genv, as Jupyter finds them."""
    found = {}
    for name in sorted(manager.find_kernel_specs()):
        try:
            spec = manager.get_kernel_spec(name)
        except NoSuchKernel:  # its kernel.json is not valid
            continue
        if not name.endswith(SUFFIX) and MARK not in spec.metadata:
            found[name] = spec
    return found


def wanted(source: str, spec: KernelSpec, options: Options) -> dict[str, Any]:
    """The kernel.json of the copy."""
    made: dict[str, Any] = spec.to_dict()
    made["display_name"] = f"{spec.display_name} (genv)"
    metadata = dict(spec.metadata)
    if options.wrap:
        made["argv"] = _wrapped(_resolved(spec.argv), spec.language, options)
        metadata.pop("kernel_provisioner", None)
    else:
        config = {"gpus": options.gpus, "gpu_memory": options.gpu_memory}
        given = {name: value for name, value in config.items() if value is not None}
        metadata["kernel_provisioner"] = {"provisioner_name": PROVISIONER, **({"config": given} if given else {})}
    metadata[MARK] = {
        "source": source,
        "gpus": options.gpus,
        "gpu_memory": options.gpu_memory,
        "wrap": options.wrap,
    }
    made["metadata"] = metadata
    return made


def _resolved(argv: list[str]) -> list[str]:
    """Jupyter takes its own Python for a first word of "python"; behind others it does not."""
    own = {"python", f"python{sys.version_info[0]}", "python{}.{}".format(*sys.version_info)}
    return [sys.executable, *argv[1:]] if argv and argv[0] in own else argv


def _wrapped(argv: list[str], language: str, options: Options) -> list[str]:
    """The command behind ``genv run``. It names the connection file once: hosts without provisioners replace one word.

    VS Code runs a Python kernel's command with the Python of its choice instead of the first word, which therefore
    stays a Python.
    """
    words = [host.program(), "run"]
    if options.gpus is not None:
        words += ["--gpus", str(options.gpus)]
    if options.gpu_memory is not None:
        words += ["--gpu-memory", options.gpu_memory]
    words += ["--kernel", "--"]
    if language == "python" and argv and Path(argv[0]).name.startswith("python"):
        return [argv[0], str(Path(__file__).with_name("launch.py")), *words, *argv[1:]]
    return [*words, *argv]


def install(folder: Path, source: str, spec: KernelSpec, options: Options) -> str:
    """Make the copy, or bring it up to date. Returns what was done: "installed", "updated", "unchanged" or "kept"."""
    copy = _copy_at(folder, source + SUFFIX)
    if copy.path.exists() and not copy.is_ours:
        return "kept"
    made = wanted(source, spec, options)
    if copy.found == made:
        return "unchanged"
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{copy.name}-", dir=folder) as work:
        new = Path(work, "new")
        shutil.copytree(spec.resource_dir, new, copy_function=shutil.copyfile)
        (new / "kernel.json").write_text(json.dumps(made, indent=1) + "\n", "utf-8")
        if copy.path.exists():
            os.rename(copy.path, Path(work, "old"))
        os.rename(new, copy.path)
    return "updated" if copy.found else "installed"


def state(copy: Copy, known: dict[str, KernelSpec]) -> str:
    """What the list says of the copy."""
    if not copy.is_ours:
        return "not by genv-jupyter"
    spec = known.get(copy.source)
    if not spec:
        return f"{copy.source} is gone"
    return "current" if copy.found == wanted(copy.source, spec, copy.options) else f"{copy.source} has changed"
