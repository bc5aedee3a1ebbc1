#!/usr/bin/env bats
# genv monitor behind real web servers: under the name that the world knows, and below a folder of it.
# shellcheck disable=SC2154 # set by bats

load monitor

setup() { monitor_setup; }
teardown() { monitor_teardown; }

# Puts the web server $1 into the PATH.
need() {
    local folder
    folder=$("$GENV_SOURCE/tests/fetch" "$1" 3>&-) || skip "$folder"
    PATH=$folder:$PATH
}

# A port that nobody has now; somebody may come first, so servers are started until one has it.
free_port() { python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }

# Starts a web server by the command given, whose configuration write_config makes for PORT.
start_server() {
    local pid
    for _ in {1..5}; do
        PORT=$(free_port)
        write_config
        "$@" >"$SCRATCH/server" 2>&1 3>&- &
        pid=$!
        STARTED+=("$pid")
        until_so 'curl -s -o /dev/null "http://127.0.0.1:$PORT/" || ! kill -0 '"$pid"' 2>/dev/null'
        ! kill -0 "$pid" 2>/dev/null || return 0
    done
    cat "$SCRATCH/server"
    return 1
}

start_nginx() {
    write_config() {
        cat >"$SCRATCH/nginx.conf" <<END
daemon off;
master_process off;
pid $SCRATCH/nginx.pid;
events {}
http {
    access_log off;
    client_body_temp_path $SCRATCH/temp;
    proxy_temp_path $SCRATCH/temp;
    fastcgi_temp_path $SCRATCH/temp;
    uwsgi_temp_path $SCRATCH/temp;
    scgi_temp_path $SCRATCH/temp;
    server {
        listen 127.0.0.1:$PORT;
        location / {
            proxy_pass $URL;
            proxy_set_header Host \$host;
        }
        location /gpus/ {
            proxy_pass $URL/;
            proxy_set_header Host \$host;
        }
        location /plain/ {
            proxy_pass $URL/;
        }
    }
}
END
    }
    start_server nginx -p "$SCRATCH" -c "$SCRATCH/nginx.conf" -e "$SCRATCH/nginx.log"
}

start_caddy() {
    write_config() {
        cat >"$SCRATCH/Caddyfile" <<END
{
    admin off
    auto_https off
}
http://:$PORT {
    bind 127.0.0.1
    redir /gpus /gpus/
    handle_path /gpus/* {
        reverse_proxy ${URL#http://}
    }
    handle_path /plain/* {
        reverse_proxy ${URL#http://} {
            header_up Host {upstream_hostport}
        }
    }
    handle {
        reverse_proxy ${URL#http://}
    }
}
END
    }
    XDG_DATA_HOME=$SCRATCH XDG_CONFIG_HOME=$SCRATCH start_server caddy run --config "$SCRATCH/Caddyfile" --adapter caddyfile
}

# What somebody elsewhere gets who asks for path $1 of gpu.example.org.
ask() { curl -s --resolve "gpu.example.org:$PORT:127.0.0.1" "http://gpu.example.org:$PORT$1"; }

# What each link of the page at path $1 leads to, as a browser resolves it.
links_of() {
    ask "$1" | grep -oE '(href|src)="[^"#]+"' | cut -d '"' -f 2 | grep -v '^data:' |
        python3 -c 'import sys, urllib.parse
for link in sys.stdin: print(urllib.parse.urljoin(sys.argv[1], link.strip()))' "$1" | sort -u
}

behind() {
    local path link

    # A proxy that passes the name on is told what to change.
    start_monitor
    "start_$1"
    [[ $(ask /metrics) == *"--allowed-hosts gpu.example.org" ]]
    [[ $(ask /plain/healthz) == ok ]]
    stop_monitor TERM

    start_monitor --allowed-hosts gpu.example.org
    "start_$1"
    for path in '' /gpus /plain; do
        [[ $(ask "$path/healthz") == ok ]]
        ask "$path/metrics" | grep -qx 'genv_host_up 1'
        ask "$path/api/v1/overview" | jq -e '.hosts[0].up'
        [[ $(links_of "$path/") == "$path/api/v1/snapshot
$path/app.js
$path/metrics
$path/style.css" ]]
        for link in $(links_of "$path/"); do
            ask "$link" >"$SCRATCH/through"
            curl -s "$URL/${link#"$path/"}" | cmp - "$SCRATCH/through"
        done
    done
    [[ $(curl -s -o /dev/null -w '%{http_code} %{redirect_url}' "http://127.0.0.1:$PORT/gpus") == "30"[128]" http://127.0.0.1"*"/gpus/" ]]
    # Another name than the one that is known is still refused.
    [[ $(curl -s -H 'Host: evil.example' "http://127.0.0.1:$PORT/metrics") == *"name 'evil.example'"* ]]
}

@test "behind nginx" {
    need nginx
    behind nginx
}

@test "behind Caddy" {
    need caddy
    behind caddy
}

@test "the page below a folder of a proxy's shows what is on the machine" {
    need nginx
    GENV_PAGE_CHROMIUM=$(command -v chromium || command -v chromium-browser || command -v google-chrome) ||
        skip 'Chromium is not installed'
    GENV_PAGE_PLAYWRIGHT=$("$GENV_SOURCE/tests/fetch" playwright 3>&-) || skip "$GENV_PAGE_PLAYWRIGHT"
    export GENV_PAGE_CHROMIUM GENV_PAGE_PLAYWRIGHT HOME=$BATS_TEST_TMPDIR TMPDIR=$BATS_TEST_TMPDIR
    start_monitor --allowed-hosts localhost
    start_nginx
    "$GENV_PAGE_PLAYWRIGHT/node" "$GENV_SOURCE/tests/monitor/page_proxy.mjs" "http://127.0.0.1:$PORT/gpus/" 3>&-
}
