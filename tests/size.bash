# size SMALL FULL: prints how many it is to be: FULL in `./run test --full`.
# shellcheck shell=bash
size() {
    if [[ ${GENV_TEST_FULL-} ]]; then echo "$2"; else echo "$1"; fi
}
