#!/usr/bin/env bats
# The plugin for PyCharm: its logic, compiled and tested with the real genv. What needs the IDE is not tested.

@test "the logic of the plugin, with the real genv" {
    local real=() settings
    command -v mvn >/dev/null || skip 'Maven is not installed'
    settings=$(getent passwd "$(id -u)" | cut -d : -f 6)/.m2/settings.xml
    [[ ! -r $settings ]] || real=(-s "$settings")
    cp -r "$GENV_SOURCE/integrations/pycharm/core" "$BATS_TEST_TMPDIR/core"
    cd "$BATS_TEST_TMPDIR/core"
    rm -rf target
    local maven=(mvn -q -B "${real[@]}" -Dmaven.repo.local="$GENV_TEST_CACHE/maven")
    # Also downloads what the tests need: where that fails, it is not the plugin's fault.
    "${maven[@]}" test -DskipTests >log 2>&1 3>&- || {
        grep -q 'COMPILATION ERROR\|error:\|\.kt:' log && cat log && return 1
        skip "Maven cannot download what it needs: $(grep -m 1 ERROR log)"
    }
    TMPDIR=$BATS_TEST_TMPDIR "${maven[@]}" test -DargLine="-Djava.io.tmpdir=$BATS_TEST_TMPDIR" >log 2>&1 3>&- || { cat log && return 1; }
}
