#!/bin/sh
# All C sources are formatted as .clang-format says, by the version that the project uses.
set -eu
if ! format=$(tests/fetch clang-format); then
    echo "$format"
    exit 77
fi
find include src tests bench python -name '*.[ch]' -exec "$format/clang-format" --dry-run -Werror {} +
