#!/bin/sh
# clang-tidy finds nothing in the sources that the build folder $1 compiles. Its checks are chosen for version 14: a
# newer one has others.
set -eu
case $(clang-tidy --version 2>&1) in
*"version 14."*) ;;
*) echo 'clang-tidy 14 is not installed'; exit 77 ;;
esac
python3 - "$1" <<'END' | xargs -0 -P "$(nproc)" -n 4 clang-tidy --quiet -p "$1"
import json, pathlib, sys
build = pathlib.Path(sys.argv[1])
paths = {(build / entry["file"]).resolve() for entry in json.loads((build / "compile_commands.json").read_text())}
sources = sorted(str(path) for path in paths if path.suffix == ".c" and build not in path.parents)
assert sources, "nothing is compiled"
print("\0".join(sources), end="")
END
