#!/usr/bin/env bats
# The tables: layout, csv, JSON, queries.
# shellcheck disable=SC2154 # set by bats and by the helpers

load cli_helpers

# Lets the environment $1 be made, and what it is attached to be attached, so many seconds ago.
age() {
    local record=$GENV_TMPDIR/envs/$1.json created attached
    created=$(date -u -d "-$2 seconds" +%Y-%m-%dT%H:%M:%S.000Z)
    attached=$(date -u -d "-${3-$2} seconds" +%Y-%m-%dT%H:%M:%S.000Z)
    jq --arg created "$created" --arg attached "$attached" \
        '.created = $created | .attachments[]?.time = $attached' "$record" >"$record.new"
    mv "$record.new" "$record"
}

# The user, as genv shows him; without a name he is his number.
me() {
    local name
    if name=$(id -un 2>/dev/null); then
        printf '%s(%s)' "$name" "$(id -u)"
    else
        id -u
    fi
}

# The seeds' example: two environments, a device each.
make_example() {
    make_env 1573 Yesterday
    paul=$member
    make_env 12167 'Norwegian Wood'
    john=$member
    genv devices attach --eid 1573 --count 1
    genv devices attach --eid 12167 --count 1
    age 1573 $((27 * 60 + 5)) $((25 * 60 + 5))
    age 12167 $((7 * 3600 + 5))
}

@test "no environments" {
    expect 0 'ID      USER            NAME            CREATED              PID(S)' genv envs
    expect 0 '' genv envs --no-header
    expect 0 'ID,USER,NAME,CREATED,PID(S)' genv envs --format csv
    expect 0 '[]' genv envs --format json
}

# $1 in the column USER, which a long name of whoever runs the tests widens.
user_cell() {
    local width
    width=$(($(me | tr -d '\n' | wc -m) + 2))
    printf '%-*s' "$((width > 16 ? width : 16))" "$1"
}

@test "environments, in the layout of the documentation" {
    make_example
    expect 0 "ID      $(user_cell USER)NAME            CREATED              PID(S)
12167   $(user_cell "$(me)")Norwegian Wood  7 hours ago          $john
1573    $(user_cell "$(me)")Yesterday       27 minutes ago       $paul" genv envs
    expect 0 "$output" genv envs ps
    expect 0 "$output" genv envs --format=tui
    expect 0 "$(tail -n +2 <<<"$output")" genv envs --no-header
}

@test "environments as csv" {
    make_example
    expect 0 "ID,USER,NAME,CREATED,PID(S)
12167,$(me),Norwegian Wood,7 hours ago,$john
1573,$(me),Yesterday,27 minutes ago,$paul" genv envs --format csv
    expect 0 "12167,$(me),Norwegian Wood,7 hours ago,$john
1573,$(me),Yesterday,27 minutes ago,$paul" genv envs ps --no-header -f csv
}

@test "devices, in the layout of the documentation" {
    make_example
    expect 0 'ID      ENV ID      ENV NAME        ATTACHED
0       1573        Yesterday       25 minutes ago
1       12167       Norwegian Wood  7 hours ago
2
3' genv devices
    expect 0 "$output" genv devices ps
}

@test "devices as csv" {
    make_example
    expect 0 'ID,ENV ID,ENV NAME,ATTACHED
0,1573,Yesterday,25 minutes ago
1,12167,Norwegian Wood,7 hours ago
2,,,
3,,,' genv devices --format csv
    expect 0 '0,1573,Yesterday,25 minutes ago
1,12167,Norwegian Wood,7 hours ago
2,,,
3,,,' genv devices ps --no-header --format csv
}

@test "times as points in time, of the local zone" {
    make_example
    local created
    created=$(jq -r .created "$GENV_TMPDIR/envs/1573.json")
    expect 0 "12167,$(date -d "$(jq -r .created "$GENV_TMPDIR/envs/12167.json")" '+%d/%m/%Y %H:%M:%S')
1573,$(date -d "$created" '+%d/%m/%Y %H:%M:%S')" bash -c 'genv envs --timestamp --no-header --format csv | cut -d, -f1,4'
    TZ=Asia/Tokyo expect 0 "$(TZ=Asia/Tokyo date -d "$created" '+%d/%m/%Y %H:%M:%S')" \
        bash -c "genv envs --timestamp --no-header --format csv | grep ^1573 | cut -d, -f4"
}

@test "a shared device has a line for each environment" {
    local eid
    for eid in a b; do
        make_env "$eid"
        genv envs config --eid "$eid" gpu-memory --gpu-memory 4g
        genv devices attach --eid "$eid" --index 2
        age "$eid" 90
    done
    expect 0 'ID      ENV ID      ENV NAME        ATTACHED
0
1
2       a                           1 minute ago
2       b                           1 minute ago
3' genv devices
}

@test "an environment with several processes and none of a name" {
    make_env a
    local first=$member
    start_member
    genv envs activate --eid a --pid "$member"
    age a 1
    expect 0 "a,$(me),,1 second ago,$first $member" bash -c 'genv envs --no-header --format csv | sed "s/[23] seconds/1 second/"'
}

@test "columns grow with their longest cell, and long identifiers are shortened on a screen" {
    make_env abcdefghijklmn 'a name that is longer than its column'
    make_env abcdefghijklmno
    age abcdefghijklmn 60
    age abcdefghijklmno 120
    run genv envs
    [[ ${lines[0]} == "ID              $(user_cell USER)NAME                                   CREATED              PID(S)" ]]
    [[ ${lines[1]} == 'abcdefghijkl..  '* ]]
    [[ ${lines[2]} == 'abcdefghijklmn  '*'a name that is longer than its column  1 minute ago  '* ]]
    run genv envs --format csv
    [[ ${lines[1]} == 'abcdefghijklmno,'* ]]
}

@test "csv quotes what has to be quoted" {
    make_env a 'x,y'
    make_env b 'say "hi"'
    make_env c "it's \$(date) \`x\`"
    expect 0 'a,"x,y"
b,"say ""hi"""
c,it'"'"'s $(date) `x`' genv envs query --query eid config.name
    run python3 -c '
import csv, json, subprocess
table = subprocess.run(["genv", "envs", "--format", "csv"], stdout=subprocess.PIPE, text=True).stdout
print(json.dumps([row[2] for row in csv.reader(table.splitlines())][1:]))'
    [ "$output" = "$(jq -nc '$ARGS.positional' --args 'x,y' 'say "hi"' "it's \$(date) \`x\`" | sed 's/","/", "/g')" ]
}

@test "characters are as wide as they are on a screen" {
    make_env a 'größer'
    make_env b '東京'
    make_env c $'e\u0301te\u0301'
    for eid in a b c; do
        age "$eid" 60
    done
    run --separate-stderr bash -c 'genv envs --no-header | sed "s/.*$(id -u))*  *//; s/  *[0-9]*$//"'
    [ "${lines[0]}" = 'größer          1 minute ago' ]
    [ "${lines[1]}" = '東京            1 minute ago' ]
    [ "${lines[2]}" = $'e\u0301te\u0301             1 minute ago' ]
}

@test "JSON has everything, memory in bytes" {
    make_example
    genv envs config --eid 1573 gpu-memory --gpu-memory 4g
    genv envs --format json | jq -e --argjson pid "$paul" '
        length == 2 and (.[] | select(.eid == "1573") |
        .name == "Yesterday" and .gpus == null and .gpu_memory == 4000000000 and .pids == [$pid] and .kernel_ids == []
        and (.created | sub("\\.[0-9]+"; "") | fromdateiso8601) < now)'
    genv devices --format json | jq -e '
        length == 4 and .[0].index == 0 and .[0].total_memory == 17179869184 and
        .[0].attachments[0].eid == "1573" and .[0].attachments[0].gpu_memory == 4000000000 and .[2].attachments == []'
    genv snapshot | jq -e '.version == 1 and (.envs | length == 2) and (.devices | length == 4) and .driver == "simulated"
        and has("hostname") and has("time") and has("processes")'
}

@test "a query of environments: the fields in the order asked for, absent ones empty" {
    make_env a 'x y'
    local first=$member
    start_member
    genv envs activate --eid a --pid "$member"
    local second=$member
    make_env b
    genv envs config --eid b gpus --count 2
    genv envs config --eid b gpu-memory --gpu-memory 4g
    expect 0 "x y,a,,,$(id -u),$(id -un),$first $second,
,b,2,4g,$(id -u),$(id -un),$member," \
        genv envs query --query config.name eid config.gpus config.gpu_memory uid username pids kernel_ids
    run genv envs query --eid b --query creation
    [[ $output =~ ^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]+)?Z$ ]]
    expect 0 $'b,2' genv envs query --eid b --query eid,config.gpus
    expect 0 '' genv envs query --eid c --query eid
}

@test "a query of devices" {
    make_env a
    make_env b
    genv devices attach --eid a --index 1
    genv devices attach --eid b --index 1 -o
    expect 0 '0,,16gi
1,a b,16gi
2,,16gi
3,,16gi' genv devices query --query index eids total_memory
    run --keep-empty-lines genv devices query --query attachments
    [[ ${lines[1]} =~ ^a/[-0-9T:.]+Z\ b/[-0-9T:.]+Z$ ]]
}

@test "more columns, behind those of the documentation: -l, and never in csv" {
    make_example
    genv devices attach --eid 1573 --count 2
    run genv devices -l --no-header
    [[ ${lines[0]} == "0       1573        Yesterday       25 minutes ago       $(me)" ]]
    [[ ${lines[2]} == "2       1573        Yesterday       "*" $(me)" ]]
    [[ ${lines[3]} == 3 ]]
    run genv devices --long
    [[ ${lines[0]} == 'ID      ENV ID      ENV NAME        ATTACHED             USER' ]]
    run genv envs -l
    [[ ${lines[0]} == *' PID(S)          GPUS' ]]
    [[ ${lines[1]} == *" $john "*' 1' ]]
    [[ ${lines[2]} == *" $paul "*' 0,2' ]]
    expect 0 "$(genv envs --format csv --timestamp)" genv envs --format csv --timestamp -l
    expect 0 "$(genv devices --format csv --timestamp)" genv devices --format csv --timestamp -l
    command -v script >/dev/null || skip 'script is not installed'
    [[ $(script -qec "stty cols 150; '$GENV_BIN' devices" /dev/null </dev/null) == *USER* ]]
    [[ $(script -qec "stty cols 80; '$GENV_BIN' devices" /dev/null </dev/null) != *USER* ]]
}
