"""``python -m genv`` is the command genv of this package."""

from __future__ import annotations

import os
import sys
from pathlib import Path

if __name__ == "__main__":
    program = Path(__file__).resolve().parent / "_root" / "bin" / "genv"
    try:
        os.execv(program, ["genv", *sys.argv[1:]])
    except OSError as error:
        sys.exit(f"genv: cannot start {program}: {error.strerror}: install genv-gpu again")
