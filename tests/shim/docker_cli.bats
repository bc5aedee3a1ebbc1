#!/usr/bin/env bats
# The docker shim against docker's own command line: what options it has, and what it makes of what the shim writes.
# shellcheck disable=SC2154 # set by bats and by the helpers

load helpers

setup() {
    setup_installation
    REAL=$(PATH=$PLAIN_PATH type -P docker) || skip 'docker is not installed'
    docker_help=$("$REAL" run --help 2>/dev/null) || skip 'docker run --help does not work'
    [[ $docker_help == *--gpus* ]] || skip 'this docker has no --gpus'
    make_env other 1
    enter e 2 # devices 1 and 2
}

teardown() {
    [ -z "${daemon-}" ] || kill "$daemon" 2>/dev/null || true
    remove_installation
}

# "name letter type" of the options in the help on standard input; "-" for what one has not.
options() {
    sed -nE 's/^ +(-([A-Za-z]), )?--([a-z0-9-]+)( ([a-z0-9-]+))?(  .*)?$/\3 \2- \5-/p' | sed -E 's/([^ -])- /\1 /; s/([a-z0-9])-$/\1/'
}

# Fails unless the shim finds --gpus behind the option $1 with a value or without.
check_option() {
    local words=("$1")
    [ "$2" = - ] || words+=(value)
    docker run "${words[@]}" --gpus all image || { echo "$1 is unknown"; return 1; }
    expect_words run --env GENV_ENVIRONMENT_ID=e "${words[@]}" --gpus '"device=1,2"' image || { echo "$1"; return 1; }
}

@test "every option of docker run and docker create is known, with its value" {
    make_fake docker
    local count=0 name letter type
    while read -r name letter type; do
        [ "$name" != gpus ] || continue
        check_option "--$name" "$type"
        [ "$letter" = - ] || check_option "-$letter" "$type"
        count=$((count + 1))
    done < <({ echo "$docker_help"; "$REAL" create --help; } | options | sort -u)
    echo "$count options"
    [ "$count" -gt 80 ]
}

@test "every option of docker itself is known, with its value" {
    make_fake docker
    local count=0 name letter type words option
    while read -r name letter type; do
        for option in "--$name" "-$letter"; do
            [ "$option" != -- ] || continue
            words=("$option")
            [ "$type" = - ] || words+=(run)
            docker "${words[@]}" run --gpus all image
            expect_words "${words[@]}" run --env GENV_ENVIRONMENT_ID=e --gpus '"device=1,2"' image || {
                echo "$option"
                return 1
            }
        done
        count=$((count + 1))
    done < <("$REAL" --help | sed -n '/^Global Options:/,$p; /^Options:/,/^[A-Z].*:$/p' | options | sort -u)
    echo "$count options"
    [ "$count" -ge 10 ]
}

# Answers docker create as a daemon would, and writes what it was asked for to $SCRATCH/request.
start_daemon() {
    command -v python3 >/dev/null || skip 'python3 is not installed'
    cat >"$SCRATCH/daemon" <<'END'
import http.server, os, socketserver, sys

class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def answer(self, status, body):
        self.send_response(status)
        self.send_header("Api-Version", "1.43")
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def do_GET(self):
        self.answer(200, b"OK" if self.path.endswith("_ping") else b"{}")

    do_HEAD = do_GET

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if "/containers/create" in self.path:
            with open(sys.argv[2], "wb") as file:
                file.write(body)
            self.answer(201, b'{"Id":"%s","Warnings":[]}' % (b"1" * 64))
        else:
            self.answer(404, b'{"message":"no"}')

    def address_string(self):
        return ""

    def log_message(self, *arguments):
        pass

class Server(socketserver.ThreadingUnixStreamServer):
    daemon_threads = True

Server(sys.argv[1], Handler).serve_forever()
END
    python3 "$SCRATCH/daemon" "$SCRATCH/socket" "$SCRATCH/request" 3>&- &
    daemon=$!
    local i
    for ((i = 0; i < 500; i++)); do
        [ ! -S "$SCRATCH/socket" ] || break
        sleep 0.02
    done
    export DOCKER_HOST=unix://$SCRATCH/socket DOCKER_CONFIG=$SCRATCH/docker
    mkdir -p "$DOCKER_CONFIG"
}

# What docker asked its daemon for, by the jq program $1.
request() {
    jq -c "$1" "$SCRATCH/request"
}

@test "docker makes of the translated options what was meant" {
    start_daemon
    PATH=$SHIMS:$PREFIX/bin:$PLAIN_PATH
    docker create --gpus all image
    [ "$(request '.HostConfig.DeviceRequests | map([.Count, .DeviceIDs, .Capabilities])')" = '[[0,["1","2"],[["gpu"]]]]' ]
    [ "$(request .Env)" = '["GENV_ENVIRONMENT_ID=e"]' ]
    docker create --gpus=1,capabilities=utility image
    [ "$(request '.HostConfig.DeviceRequests | map([.Count, .DeviceIDs, .Capabilities])')" = '[[0,["1"],[["utility","gpu"]]]]' ]
    docker create --gpus '"capabilities=compute,utility",count=2' -it image --gpus all
    [ "$(request '.HostConfig.DeviceRequests | map([.Count, .DeviceIDs, .Capabilities])')" = \
        '[[0,["1","2"],[["compute","utility","gpu"]]]]' ]
    [ "$(request .Cmd)" = '["--gpus","all"]' ]
    docker create --gpus 'all,"options=a=b,c=d"' image
    [ "$(request '.HostConfig.DeviceRequests[0].Options')" = '{"a":"b","c":"d"}' ]
    docker create --gpus '"device=2"' -e GENV_ENVIRONMENT_ID=mine image sh -c 'echo "$1"' 'a b' ''
    [ "$(request '.HostConfig.DeviceRequests[0].DeviceIDs')" = '["2"]' ]
    [ "$(request '.Env[-1]')" = '"GENV_ENVIRONMENT_ID=mine"' ]
    [ "$(request .Cmd)" = '["sh","-c","echo \"$1\"","a b",""]' ]
}

@test "a value that docker takes for all devices is not passed on as it is" {
    start_daemon
    PATH=$SHIMS:$PREFIX/bin:$PLAIN_PATH
    local value
    # Whatever docker accepts must name attached devices by then, or none at all.
    for value in all -1 -5 +1 +2 01 0 00 1 2 3 '"all"' count=all 'count=-1' capabilities=gpu driver=nvidia device=1 \
        device=all 'device=' device=0 'device=GPU-' '"device=1,0"' '"device=1,,2"' 'all,driver=nvidia' ' all' 'ALL' \
        $'\nall' $'all\n' $'all\r' 'options=a=b' '"""all"""' 'count=' '' ',' 'all,' '"all",' device=1,2; do
        rm -f "$SCRATCH/request"
        docker create "--gpus=$value" image >/dev/null 2>&1 || continue
        run jq -r '.HostConfig.DeviceRequests[] | if .DeviceIDs then .DeviceIDs[] else "count \(.Count)" end' \
            "$SCRATCH/request"
        echo "$value: $output"
        run ! grep -vxE '1|2|count 0' <<<"$output"
    done
}
