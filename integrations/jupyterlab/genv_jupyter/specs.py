"""Kernel specifications with genv: NAME-genv beside NAME, made from it and refreshed when it changes."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from genv.sdk import host
from jupyter_client.kernelspec import KernelSpec, KernelSpecManager, NoSuchKernel
from traitlets import TraitError

SUFFIX = "-genv"
PROVISIONER = "genv-provisioner"
MARK = "genv_jupyter"
"""In the metadata of a specification: that we made it, from what, and how."""


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
    mark: dict[str, Any] = field(default_factory=dict)
    """Empty: it is not ours. A copy that somebody made of ours has ours, and is theirs."""

    @property
    def is_ours(self) -> bool:
        return bool(self.mark)

    @property
    def is_edited(self) -> bool:
        """It is ours, but not as we wrote it."""
        return self.found is not None and self.is_ours and self.mark.get("digest") != _digest(self.found)

    @property
    def is_started_by_genv(self) -> bool:
        """It names our provisioner, whoever made it: jupyterlab_genv for example."""
        return provisioner_of(_metadata(self.found or {})) == PROVISIONER

    @property
    def options(self) -> Options:
        return Options(**{name: self.mark[name] for name in ("gpus", "gpu_memory", "wrap") if name in self.mark})


def _metadata(spec: dict[str, Any]) -> dict[str, Any]:
    metadata = spec.get("metadata")
    return metadata if isinstance(metadata, dict) else {}


def provisioner_of(metadata: dict[str, Any]) -> str | None:
    """The provisioner that a specification names, if it does."""
    provisioner = metadata.get("kernel_provisioner")
    name = provisioner.get("provisioner_name") if isinstance(provisioner, dict) else None
    return name if isinstance(name, str) else None


def _digest(spec: dict[str, Any]) -> str:
    """Of all but the digest itself."""
    metadata = _metadata(spec)
    mark = {key: value for key, value in metadata[MARK].items() if key != "digest"}
    text = json.dumps({**spec, "metadata": {**metadata, MARK: mark}}, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _read(path: Path) -> dict[str, Any] | None:
    try:
        spec = json.loads((path / "kernel.json").read_text("utf-8"))
    except (OSError, ValueError):
        return None
    return spec if isinstance(spec, dict) else None


def _mark(name: str, spec: dict[str, Any]) -> dict[str, Any]:
    """Our mark in it, if it is one that we write for a specification of that name."""
    mark = _metadata(spec).get(MARK)
    kinds = {"source": (str,), "gpus": (int, type(None)), "gpu_memory": (str, type(None)), "wrap": (bool,)}
    if not isinstance(mark, dict) or any(type(mark.get(key)) not in types for key, types in kinds.items()):
        return {}
    return mark if mark["source"] + SUFFIX == name else {}


def _copy_at(folder: Path, name: str) -> Copy:
    found = _read(folder / name)
    return Copy(name, folder / name, name.removesuffix(SUFFIX), found, _mark(name, found or {}))


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
        except (NoSuchKernel, TraitError, ValueError):  # its kernel.json is not valid
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
    metadata[MARK] = {"source": source, **asdict(options)}
    made["metadata"] = metadata
    metadata[MARK]["digest"] = _digest(made)
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


def copy_of(folder: Path, source: str) -> Copy:
    """The copy of that kernel in the folder, whether there is one or not."""
    return _copy_at(folder, source + SUFFIX)


def install(copy: Copy, spec: KernelSpec, options: Options) -> str:
    """Make the copy, or bring it up to date. Returns what was done: "installed", "updated" or "unchanged"."""
    made = wanted(copy.source, spec, options)
    if copy.found == made:
        return "unchanged"
    folder = copy.path.parent
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{copy.name}-", dir=folder) as work:
        new = Path(work, "new")
        _copy_files(Path(spec.resource_dir), new)
        (new / "kernel.json").write_text(json.dumps(made, indent=1) + "\n", "utf-8")
        if copy.path.exists() or copy.path.is_symlink():
            os.rename(copy.path, Path(work, "old"))
        os.rename(new, copy.path)
    return "updated" if copy.found else "installed"


def _copy_files(source: Path, target: Path) -> None:
    """With modes of one's own: the original's folder may be read-only. Links to folders lead out of it."""
    target.mkdir()
    for path in source.iterdir():
        if path.is_file():
            shutil.copyfile(path, target / path.name)
        elif path.is_dir() and not path.is_symlink():
            _copy_files(path, target / path.name)


def remove(copy: Copy) -> None:
    if copy.path.is_symlink():
        copy.path.unlink()
    else:
        shutil.rmtree(copy.path)


def state(copy: Copy, known: dict[str, KernelSpec]) -> str:
    """What the list says of the copy."""
    if not copy.is_ours:
        return "not by genv-jupyter"
    if copy.is_edited:
        return "changed by hand"
    spec = known.get(copy.source)
    if not spec:
        return f"{copy.source} is gone"
    return "current" if copy.found == wanted(copy.source, spec, copy.options) else "out of date"
