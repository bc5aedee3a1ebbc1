"""The command ``jupyter genv``: kernel specifications with genv."""

from __future__ import annotations

import shutil
import sys
from argparse import ArgumentParser, Namespace
from pathlib import Path

import genv
from genv.sdk import host
from jupyter_client.kernelspec import KernelSpecManager
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
        "kernel; a provisioner starts it in an environment.",
        allow_abbrev=False,
    )
    install.add_argument("kernels", nargs="*", metavar="NAME", help="Kernels to do this for (default: all)")
    install.add_argument("--gpus", type=int, metavar="N", help="Number of devices to attach when the kernel starts")
    install.add_argument("--gpu-memory", metavar="AMOUNT", help="Memory on each device (default: the whole device)")
    install.add_argument(
        "--kernel-argv",
        action="store_true",
        help="Start the kernel with 'genv run', for programs that do not use kernel provisioners",
    )
    uninstall = commands.add_parser(
        "uninstall",
        help="Remove them",
        description="Remove the kernels that 'jupyter genv install' added.",
        allow_abbrev=False,
    )
    uninstall.add_argument("kernels", nargs="*", metavar="NAME", help="Kernels to do this for (default: all)")
    listing = commands.add_parser("list", help="List them, and whether they are up to date", allow_abbrev=False)
    for command in (install, uninstall, listing):
        place = command.add_mutually_exclusive_group()
        place.add_argument("--sys-prefix", action="store_true", help=f"Use {sys.prefix} (default: your own folder)")
        place.add_argument("--prefix", type=Path, metavar="DIR", help="Use DIR/share/jupyter")
    return parser


def _folder(values: Namespace) -> Path:
    prefix = Path(sys.prefix) if values.sys_prefix else values.prefix
    return (prefix / "share" / "jupyter" if prefix else Path(jupyter_data_dir())) / "kernels"


def _install(values: Namespace) -> int:
    host.check(genv.Config(gpus=values.gpus, gpu_memory=values.gpu_memory))
    known = specs.sources(KernelSpecManager())
    options = specs.Options(values.gpus, values.gpu_memory, values.kernel_argv)
    status = 0
    for name in values.kernels or known:
        name = name.removesuffix(specs.SUFFIX)
        if name not in known:
            print(f"jupyter genv: there is no kernel '{name}': see 'jupyter kernelspec list'", file=sys.stderr)
            status = 1
            continue
        done = specs.install(_folder(values), name, known[name], options)
        if done == "kept":
            status = 1
            print(
                f"jupyter genv: {_folder(values) / (name + specs.SUFFIX)} was not made by 'jupyter genv': remove it "
                "first",
                file=sys.stderr,
            )
        else:
            print(f"{name}{specs.SUFFIX}: {done}")
    return status


def _uninstall(values: Namespace) -> int:
    names = [name.removesuffix(specs.SUFFIX) + specs.SUFFIX for name in values.kernels]
    found = {copy.name: copy for copy in specs.copies(_folder(values)) if copy.is_ours}
    status = 0
    for name in names or found:
        if name not in found:
            print(f"jupyter genv: 'jupyter genv' has not added a kernel '{name}'", file=sys.stderr)
            status = 1
            continue
        shutil.rmtree(found[name].path)
        print(f"{name}: removed")
    return status


def _list(values: Namespace) -> int:
    known = specs.sources(KernelSpecManager())
    for copy in specs.copies(_folder(values)):
        print(f"{copy.name:<24}{specs.state(copy, known):<24}{copy.path}")
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
