#!/bin/sh
# All C sources are formatted as .clang-format says, by the version that the project uses: others differ in details.
set -eu
case $(clang-format --version 2>&1) in
*"version 14."*) ;;
*) echo 'clang-format 14 is not installed'; exit 77 ;;
esac
find include src tests bench -name '*.[ch]' -exec clang-format --dry-run -Werror {} +
