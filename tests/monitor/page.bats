#!/usr/bin/env bats
# The dashboard in a real Chromium: against a stub that can be anything, and against the monitor itself.

setup_file() {
    export GENV_PAGE_FOLDER=$GENV_SOURCE/src/monitor/page
    : >"$BATS_FILE_TMPDIR/missing"
    GENV_PAGE_CHROMIUM=$(command -v chromium || command -v chromium-browser || command -v google-chrome) ||
        echo 'Chromium is not installed' >"$BATS_FILE_TMPDIR/missing"
    GENV_PAGE_PLAYWRIGHT=$("$GENV_SOURCE/tests/fetch" playwright 3>&-) ||
        echo "$GENV_PAGE_PLAYWRIGHT" >"$BATS_FILE_TMPDIR/missing"
    export GENV_PAGE_CHROMIUM GENV_PAGE_PLAYWRIGHT
}

setup() {
    if [[ -s $BATS_FILE_TMPDIR/missing ]]; then
        skip "$(<"$BATS_FILE_TMPDIR/missing")"
    fi
    # What Chromium leaves behind goes with the test.
    export HOME=$BATS_TEST_TMPDIR TMPDIR=$BATS_TEST_TMPDIR
}

page() { "$GENV_PAGE_PLAYWRIGHT/node" "$GENV_SOURCE/tests/monitor/page.mjs" "$@" 3>&-; }

@test "the page shows what is free, hosts, devices, who holds them, environments and processes" { page shows; }
@test "a change appears without reloading, and is announced" { page live; }
@test "focus, selection, scroll position and what is typed survive updates" { page keeps; }
@test "old data are said to be old, with the reason, until there are new ones" { page old; }
@test "updates pause and go on" { page pause; }
@test "the filter finds by words, stays in the address, and says what matches" { page filter; }
@test "quotes, markup, backslashes and UTF-8 are shown as text" { page text; }
@test "charts show the last hour, with gaps, and say it in words" { page charts; }
@test "everything is reached with the keyboard, and the focus shows" { page keyboard; }
@test "axe finds nothing, in both colour schemes, wide and narrow" { page accessible; }
@test "axe finds nothing while the data are old or paused" { page accessible_when_old; }
@test "the page follows the colour scheme and the wish for less motion" { page schemes; }
@test "nothing scrolls sideways, whatever the width and the names" { page phone; }
@test "a hundred hosts with eight devices each stay usable" { page many; }

@test "what happens on the machine is on the page of genv monitor within an interval" {
    "$GENV_PAGE_PLAYWRIGHT/node" "$GENV_SOURCE/tests/monitor/page_monitor.mjs" "$BATS_TEST_TMPDIR" 3>&-
}
