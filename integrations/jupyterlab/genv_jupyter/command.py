"""The command ``jupyter genv``: kernel specifications with genv."""

from __future__ import annotations

import sys
from argparse import ArgumentParser, BooleanOptionalAction, Namespace
from pathlib import Path

import genv
from genv.sdk import host
from jupyter_client.kernelspec import KernelSpec, KernelSpecManager
from jupyter_core.paths import jupyter_data_dir

from . import __version__, specs


def _parser() -> ArgumentParser:
    parser = ArgumentParser(
        prog="jupyter genv",
        description="Kernels with GPU environments: adds a kernel 'NAME (genv)' for each kernel that Jupyter finds.",
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=__version__)
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    install = commands.add_parser(
        "install",
        help="Add the kernels, or bring them up to date",
        description="Add a kernel NAME-genv for each kernel, or bring it up to date. Its command is that of the "
        "kernel; a provisioner starts it in an environment. Options that you do not give stay as they were.",
        allow_abbrev=False,
    )
    install.add_argument("kernels", nargs="*", metavar="NAME", help="Kernels (default: all)")
    install.add_argument("--gpus", type=int, metavar="N", help="Number of devices to attach when the kernel starts")
    install.add_argument("--gpu-memory", metavar="AMOUNT", help="Memory on each device (default: the whole device)")
    install.add_argument(
        "--kernel-argv",
        action=BooleanOptionalAction,
        help="Start the kernel with 'genv run', for programs that do not use kernel provisioners",
    )
    uninstall = commands.add_parser(
        "uninstall",
        help="Remove the kernels that install added",
        description="Remove the kernels that 'jupyter genv install' added.",
        allow_abbrev=False,
    )
    uninstall.add_argument("kernels", nargs="*", metavar="NAME", help="Kernels (default: all)")
    listing = commands.add_parser("list", help="List the kernels and their state", allow_abbrev=False)
    for command in (install, uninstall, listing):
        place = command.add_mutually_exclusive_group()
        place.add_argument("--sys-prefix", action="store_true", help=f"Use {sys.prefix} (default: your own folder)")
        place.add_argument("--prefix", type=Path, metavar="DIR", help="Use DIR/share/jupyter")
    return parser


def _folder(values: Namespace) -> Path:
    prefix = Path(sys.prefix) if values.sys_prefix else values.prefix
    return (prefix / "share" / "jupyter" if prefix else Path(jupyter_data_dir())) / "kernels"


def _complain(name: str, what: str) -> int:
    print(f"jupyter genv: {name}: {what}", file=sys.stderr)
    return 1


def _install(values: Namespace) -> int:
    host.check(genv.Config(gpus=values.gpus, gpu_memory=values.gpu_memory))
    known = specs.sources(KernelSpecManager())
    status = 0
    for name in values.kernels or known:
        source = name.removesuffix(specs.SUFFIX)
        try:
            status |= _install_one(source, known.get(source), values)
        except OSError as error:
            status = _complain(name, str(error))
    return status


def _install_one(source: str, spec: KernelSpec | None, values: Namespace) -> int:
    is_named = bool(values.kernels)
    copy = specs.copy_of(_folder(values), source)
    if spec is None:
        return _complain(source, "there is no such kernel: see 'jupyter kernelspec list'")
    provisioner = specs.provisioner_of(spec.metadata)
    if provisioner not in (None, "local-provisioner", specs.PROVISIONER):
        what = f"skipped: it is started by '{provisioner}', which genv would replace"
        return _complain(source, what) if is_named else _tell(source, what)
    if not copy.is_ours and copy.is_started_by_genv:
        return _tell(copy.name, "kept: genv starts it already, and 'jupyter genv' did not make it")
    if copy.path.exists() and not copy.is_ours:
        return _complain(str(copy.path), "'jupyter genv' did not make it: remove it first")
    if copy.is_edited and not is_named:
        return _tell(copy.name, f"kept: it was changed by hand; 'jupyter genv install {copy.name}' replaces it")
    return _tell(copy.name, specs.install(copy, spec, _options(copy.options, values)))


def _tell(name: str, what: str) -> int:
    print(f"{name}: {what}")
    return 0


def _options(before: specs.Options, values: Namespace) -> specs.Options:
    """What is not given stays as it was."""
    return specs.Options(
        before.gpus if values.gpus is None else values.gpus,
        before.gpu_memory if values.gpu_memory is None else values.gpu_memory,
        before.wrap if values.kernel_argv is None else values.kernel_argv,
    )


def _uninstall(values: Namespace) -> int:
    names = [name.removesuffix(specs.SUFFIX) + specs.SUFFIX for name in values.kernels]
    found = {copy.name: copy for copy in specs.copies(_folder(values)) if copy.is_ours}
    status = 0
    for name in names or found:
        copy = found.get(name)
        try:
            if not copy:
                status = _complain(name, "'jupyter genv' did not make such a kernel")
            elif copy.is_edited and not names:
                _tell(name, f"kept: it was changed by hand; 'jupyter genv uninstall {name}' removes it")
            else:
                specs.remove(copy)
                _tell(name, "removed")
        except OSError as error:
            status = _complain(name, str(error))
    return status


def _list(values: Namespace) -> int:
    manager = KernelSpecManager()
    known = specs.sources(manager)
    is_one = values.sys_prefix or values.prefix
    folders = [_folder(values)] if is_one else [Path(folder) for folder in manager.kernel_dirs]
    found = [copy for folder in dict.fromkeys(folders) for copy in specs.copies(folder)]
    rows = [(copy.name, specs.state(copy, known), str(copy.path)) for copy in found]
    widths = [max((len(row[column]) for row in rows), default=0) for column in range(2)]
    for name, state, path in rows:
        print(f"{name:<{widths[0]}}  {state:<{widths[1]}}  {path}")
    return 0


def main(words: list[str] | None = None) -> int:
    values = _parser().parse_args(words)
    try:
        return {"install": _install, "uninstall": _uninstall, "list": _list}[values.command](values)
    except (OSError, genv.Error) as error:
        print(f"jupyter genv: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
