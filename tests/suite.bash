# ./run test: read by ../run, whose functions it uses. README.md says what each size runs.
# shellcheck shell=bash disable=SC2154 # set by run

# The checks of `./run test` that are no tests of Meson's, counted in TAP.
check() {
    local name=$1
    shift
    say "$name"
    if "$@"; then
        echo "ok - $name" >>"$TALLY"
    else
        echo "not ok - $name" >>"$TALLY"
        return 1
    fi
}

# suite LOG BUILD OPTION...: runs tests of a build folder; tally.py reads their log. Most wait more than they compute.
suite() {
    local log=$1 folder=$2 status=0
    shift 2
    rm -f "$folder/meson-logs/$log.json"
    meson test -C "$folder" --no-rebuild --print-errorlogs --logbase "$log" --num-processes "$(($(nproc) + 1))" "$@" ||
        status=$?
    SUITES+=("$folder/meson-logs/$log.json=$status")
}

build_gcc() {
    CC=gcc check 'Build with gcc, warnings are errors' build build-gcc --libdir lib -Dwerror=true
}

# One build for what clang warns of, clang-tidy and the sanitizers. A library takes the sanitizers' functions from the
# program that loads it, hence b_lundef; and what dlsym() finds has the types of another library, which newer versions
# would object to.
build_clang() {
    CC=clang check 'Build with clang and sanitizers, warnings are errors' build build-clang -Dwerror=true \
        -Dbuildtype=debugoptimized -Db_ndebug=false -Db_sanitize=address,undefined -Db_lundef=false \
        '-Dc_args=-fno-sanitize-recover=all -fno-sanitize=function'
}

run_quick() {
    if build_gcc; then
        if (($#)); then
            suite testlog build-gcc "$@"
        else
            suite testlog build-gcc --no-suite static --no-suite waits
        fi
    fi
}

run_default() {
    if build_gcc; then
        suite testlog build-gcc --no-suite static
    fi
    if build_clang; then
        say 'Static analysis'
        suite static build-clang --suite static
        say 'Tests with sanitizers'
        suite testlog build-clang --no-suite static --no-suite package --no-suite waits --timeout-multiplier 4
    fi
    # On a build server, a bare machine of another release as well.
    [[ -z ${CI-} ]] || run_short_matrix
}

# Sizes and counts are the full ones; each file of tests in an order of chance, and each test alone.
run_full() {
    local files
    export GENV_TEST_FULL=1
    if build_gcc; then
        suite testlog build-gcc --no-suite static --timeout-multiplier 4
        mapfile -t files < <(meson introspect --tests build-gcc |
            jq -r '.[] | select(.cmd[0] | endswith("/run-bats")) | .name')
        GENV_TEST_ORDER=shuffled suite shuffled build-gcc --timeout-multiplier 4 "${files[@]}"
        GENV_TEST_ORDER=alone suite alone build-gcc --timeout-multiplier 8 "${files[@]}"
    fi
    if build_clang; then
        say 'Static analysis'
        suite static build-clang --suite static
        say 'Tests with sanitizers'
        suite testlog build-clang --no-suite static --no-suite package --timeout-multiplier 8
    fi
}

run_test() {
    local size=default name packages=("${TEST[@]}")
    case ${1-} in
    --quick) size=quick packages=("${QUICK[@]}") ;;
    --full) size=full ;;
    '') ;;
    -*) usage_error "test: unknown option '$1'" ;;
    *) usage_error "test: unexpected argument '$1': names go behind --quick" ;;
    esac
    (($# <= 1)) || [[ $size == quick ]] || usage_error "test: unexpected argument '$2'"
    [[ $size != default || -z ${CI-} ]] || packages+=('?debootstrap=debootstrap' '?maven=mvn')
    [[ $size != full ]] || packages+=('?maven=mvn')
    need "${packages[@]}"

    # An environment that this shell is in is none of the tests' business.
    for name in "${!GENV_@}" "${!CUDA_@}"; do
        [[ $name == GENV_TEST_* ]] || unset "$name"
    done
    exec </dev/null
    SUITES=()
    TALLY=$(mktemp)
    find_owner
    trap 'rm -rf "$TALLY" "${WORK-}"; hand_over' EXIT
    "run_$size" "${@:2}"
    say 'Results'
    tests/tally.py "$TALLY" "${SUITES[@]}"
}
