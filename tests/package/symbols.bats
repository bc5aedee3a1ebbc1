#!/usr/bin/env bats
# libgenv exports what src/libgenv/genv.sym lists, and that is what the public headers declare.

bats_require_minimum_version 1.5.0

setup() {
    library=$(find "$GENV_BUILD/src" -name 'libgenv.so.[0-9]' -type f -print -quit)
    [ -n "$library" ]
    symbols=$GENV_SOURCE/src/libgenv/genv.sym
}

# NAME@@NODE of each symbol that the version script $1 lists.
listed() {
    sed 's@/\*.*\*/@@g' "$1" | tr -s ' \t\n' ' ' | sed 's/}[^;]*;/}\n/g' |
        awk '{ node = $1; sub(/local:.*/, ""); n = split($0, parts, /[ ;{}:]+/)
               for (i = 1; i <= n; i++) if (parts[i] ~ /^genv_/) print parts[i] "@@" node }' | LC_ALL=C sort
}

exported() {
    nm --dynamic --defined-only "$1" | awk '$2 != "A" { print $3 }' | LC_ALL=C sort
}

declared() {
    cat "$GENV_SOURCE"/include/genv/*.h | tr '\n' ' ' | sed 's@/\*[^*]*\*\+\([^/*][^*]*\*\+\)*/@@g' |
        grep -o 'genv_[a-z0-9_]*(' | tr -d '(' | LC_ALL=C sort -u
}

@test "the library exports what genv.sym lists, each in its node" {
    diff <(listed "$symbols") <(exported "$library")
    [ -n "$(exported "$library")" ]
}

@test "the public headers declare what genv.sym lists" {
    diff <(listed "$symbols" | sed 's/@@.*//') <(declared)
}

@test "the library can neither print nor end the process" {
    run bash -c "nm --dynamic --undefined-only '$library' |
        grep -wE '(v?f?printf|puts|putchar|perror|fputs|exit|abort|stdout|stderr)(@.*)?$'"
    echo "$output"
    [ "$status" -eq 1 ]
}

@test "the library needs jansson and libc alone" {
    needed=$(objdump -p "$library" | awk '$1 == "NEEDED" { print $2 }')
    echo "$needed"
    run ! grep -vE '^(libjansson\.so\..*|libc\.so\.6|libdl\.so\.2|ld-linux.*)$' <<<"$needed"
}
