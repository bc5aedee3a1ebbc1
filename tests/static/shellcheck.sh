#!/usr/bin/env bash
# Lets shellcheck look at every script: a file that says so in its first line or by its name, bats included.
set -euo pipefail
command -v shellcheck >/dev/null || { echo 'shellcheck is not installed'; exit 77; }

scripts=()
while IFS= read -r -d '' file; do
    IFS= read -r first <"$file" || true
    if [[ $first =~ ^'#!'.*[/\ ](sh|bash|dash|bats)$ || $file == *.bash ]]; then
        scripts+=("$file")
    fi
done < <(find . \( -path './build*' -o -path ./.git -o -name node_modules \) -prune -o -type f -print0 2>/dev/null)
((${#scripts[@]}))
shellcheck --severity=warning "${scripts[@]}"
# In bats, a line that starts with ! fails no test, though shellcheck takes that for a matter of style.
shellcheck --include=SC2314,SC2315 "${scripts[@]}"
