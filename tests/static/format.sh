#!/bin/sh
# All C sources are formatted as .clang-format says.
set -eu
command -v clang-format >/dev/null || { echo 'clang-format is not installed'; exit 77; }
find include src tests bench -name '*.[ch]' -exec clang-format --dry-run -Werror {} +
