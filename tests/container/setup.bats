#!/usr/bin/env bats
# genv docker and genv cdi: what engines are told.

load helpers

setup_file() { container_setup_file; }
teardown_file() { container_teardown_file; }
setup() {
    container_setup
    FILE=$SCRATCH/docker/daemon.json
}
teardown() { container_teardown; }

@test "docker install adds the runtime to what is there, once, and uninstall takes it out again" {
    mkdir "$SCRATCH/docker"
    printf '{"log-level": "info", "x": 1.50, "big": 18446744073709551615, "runtimes": {"other": {"path": "/o"}}}' >"$FILE"
    cp "$FILE" "$SCRATCH/before"
    chmod 640 "$FILE"
    run genv docker install --file "$FILE"
    echo "$output"
    [[ $status == 0 && $output == *'systemctl reload docker'* ]]
    [[ $(jq -r .runtimes.genv.path "$FILE") == "$PREFIX/bin/genv-container-runtime" ]]
    [[ $(jq -c '.runtimes.other, ."default-runtime"' "$FILE" | xargs) == '{path:/o} null' ]]
    grep -F 1.50 "$FILE"
    grep -F 18446744073709551615 "$FILE"
    cmp "$FILE.before-genv" "$SCRATCH/before"
    [[ $(stat -c %a "$FILE") == 640 ]]
    run genv docker install --file "$FILE"
    [[ $status == 0 && $output == *'nothing changed' ]]
    genv docker install --default --file "$FILE"
    [[ $(jq -r '."default-runtime"' "$FILE") == genv ]]
    cmp "$FILE.before-genv" "$SCRATCH/before"
    genv docker uninstall --file "$FILE" | grep -F 'systemctl restart docker' # a reload does not take a runtime out
    [[ $(jq -S . "$FILE") == "$(jq -S . "$SCRATCH/before")" ]]
    genv docker uninstall --file "$FILE"
}

@test "docker install takes no default away from another runtime, keeps the owner, and a new backup each time" {
    mkdir "$SCRATCH/docker"
    echo '{"default-runtime": "nvidia"}' >"$FILE"
    chown 60601:60602 "$FILE"
    chmod 640 "$FILE"
    run -1 --separate-stderr genv docker install --default --file "$FILE"
    echo "$stderr"
    [[ $stderr == *"the default runtime is 'nvidia' already"* && $(<"$FILE") == '{"default-runtime": "nvidia"}' ]]
    genv docker install --file "$FILE"
    [[ $(stat -c '%u %g %a' "$FILE" "$FILE.before-genv" | xargs) == '60601 60602 640 60601 60602 640' ]]
    genv docker uninstall --file "$FILE"
    [[ $(jq -c . "$FILE") == '{"default-runtime":"nvidia"}' ]]
    echo '{"default-runtime": "runc", "x": 1}' >"$FILE"
    genv docker install --default --file "$FILE"
    [[ $(jq -r '."default-runtime"' "$FILE") == genv && $(jq -c . "$FILE.before-genv") == '{"default-runtime":"runc","x":1}' ]]
}

@test "a configuration that names the lower runtime and cannot be read is an error" {
    echo '{"process": {"env": []}}' >"$BUNDLE/config.json"
    with_etc 'unset GENV_RUNTIME; mkdir -p /etc/genv/runtime.conf; ! "$WRAPPER" create --bundle "$BUNDLE" c1 2>"$SCRATCH/err"'
    cat "$SCRATCH/err"
    grep 'cannot read /etc/genv/runtime.conf' "$SCRATCH/err"
}

@test "the configuration that names the lower runtime may have comments, and one name" {
    printf '#!/bin/sh\ntouch "%s/called"\n' "$SCRATCH" >"$SCRATCH/lower"
    chmod +x "$SCRATCH/lower"
    echo '{"process": {"env": []}}' >"$BUNDLE/config.json"
    with_etc 'unset GENV_RUNTIME; mkdir -p /etc/genv; printf "# which\n\n  %s  # this\r\n\n# end" "$SCRATCH/lower" >/etc/genv/runtime.conf
        "$WRAPPER" create --bundle "$BUNDLE" c1'
    [[ -e $SCRATCH/called ]]
    rm "$SCRATCH/called"
    with_etc 'unset GENV_RUNTIME; mkdir -p /etc/genv; printf "%s\nrunc\n" "$SCRATCH/lower" >/etc/genv/runtime.conf
        ! "$WRAPPER" create --bundle "$BUNDLE" c1 2>"$SCRATCH/err"'
    cat "$SCRATCH/err"
    [[ $(<"$SCRATCH/err") == 'genv: /etc/genv/runtime.conf has more than one line: '* && ! -e $SCRATCH/called ]]
}

@test "docker install makes the file where there is none; what it cannot read it leaves alone" {
    local text
    genv docker install --file "$FILE"
    [[ $(jq -c 'keys' "$FILE") == '["runtimes"]' && ! -e $FILE.before-genv ]]
    genv docker uninstall --file "$FILE"
    [[ $(jq -c . "$FILE") == '{}' ]]
    for text in '{
  // the runtimes
  "x": 1}' '[1]' '{"runtimes": []}' '{"x": 1,}'; do
        echo "$text" >"$FILE"
        run --separate-stderr genv docker install --file "$FILE"
        echo "$stderr"
        [[ $status == 1 && ${#stderr_lines[@]} == 1 && $stderr == *"$FILE"* ]]
        cmp "$FILE" <(echo "$text")
    done
    run -1 --separate-stderr genv docker uninstall --file "$SCRATCH/no/such/file"
    run -2 genv docker
}

@test "doctor looks at the runtime that docker is told of" {
    with_etc 'mkdir -p /etc/docker; genv docker install --default >/dev/null; genv doctor | grep "^ok *docker: the runtime .*, and the default"'
    with_etc 'mkdir -p /etc/docker; echo "{\"runtimes\": {\"genv\": {\"path\": \"/no/such\"}}}" >/etc/docker/daemon.json
        genv doctor | grep "^error *docker: .*genv docker install"'
    with_etc 'mkdir -p /etc/docker; echo "{}" >/etc/docker/daemon.json; ! genv doctor | grep docker:'
}

@test "the shim docker keeps a container in the shell's environment, also where genv's runtime is the default" {
    make_env 0 mine 2
    cat >"$SCRATCH/docker" <<'END'
#!/bin/sh
echo "$*"
END
    chmod +x "$SCRATCH/docker"
    export GENV_ENVIRONMENT_ID=mine PATH=$PREFIX/shims:$SCRATCH:$PATH
    [[ $(docker run --gpus all img) == 'run --env GENV_ENVIRONMENT_ID=mine --gpus "device=0,1" img' ]]
    with_etc 'mkdir -p /etc/docker; genv docker install --default >/dev/null; docker run --gpus all img; docker run --runtime runc img
        docker run --runtime genv img' >"$SCRATCH/out"
    diff "$SCRATCH/out" - <<'END'
run --env GENV_ENVIRONMENT_ID=mine --env GENV_ACTIVATE=0 --gpus "device=0,1" img
run --env GENV_ENVIRONMENT_ID=mine --runtime runc img
run --runtime genv img
END
}

@test "cdi describes the machine's devices, and the environment's" {
    use_nodes
    make_env 0 mine 2
    genv cdi | jq -c . | tee "$SCRATCH/all"
    [[ $(jq -c '[.cdiVersion, .kind, [.devices[].name]]' "$SCRATCH/all") == '["0.5.0","genv.dev/gpu",["all"]]' ]]
    [[ $(jq -c '[.devices[0].containerEdits.deviceNodes[] | select(.major == 195 and .minor < 254).path]' "$SCRATCH/all") == \
        '["/dev/nvidia3","/dev/nvidia2","/dev/nvidia1","/dev/nvidia0"]' ]]
    GENV_ENVIRONMENT_ID=mine genv cdi --output "$SCRATCH/mine.json"
    jq -c . "$SCRATCH/mine.json"
    [[ $(jq -c '[.devices[].name]' "$SCRATCH/mine.json") == '["all","mine"]' ]]
    [[ $(jq -c '.devices[1].containerEdits | [.env[] | select(startswith("CUDA_VIS"))]' "$SCRATCH/mine.json") == '["CUDA_VISIBLE_DEVICES=GPU-0,GPU-1"]' ]]
    make_env 0 odd. 1
    run -1 --separate-stderr env GENV_ENVIRONMENT_ID=odd. genv cdi
    [[ $stderr == *'cannot be a CDI device'* ]]
    make_env 0 all 1
    run -1 --separate-stderr env GENV_ENVIRONMENT_ID=all genv cdi
    [[ $stderr == *'that name means all devices'* ]]
    genv cdi --output "$SCRATCH/etc/all.json"
    [[ $(jq .kind "$SCRATCH/etc/all.json") == '"genv.dev/gpu"' ]]
}

@test "the hook of a CDI device lets the container start only while the environment holds it" {
    use_nodes
    make_env 0 mine 2
    GENV_ENVIRONMENT_ID=mine genv cdi >"$SCRATCH/mine.json"
    local args
    mapfile -t args < <(jq -r '.devices[1].containerEdits.hooks[0].args[1:][]' "$SCRATCH/mine.json")
    sleep 1000 3>&- &
    MEMBERS+=("$!")
    "$WRAPPER" "${args[@]}" <<<"{\"pid\": $!}"
    [[ $(genv snapshot | jq '.envs[0].pids | length') == 2 ]]
    genv devices detach --eid mine --index 1 --quiet
    run --separate-stderr "$WRAPPER" "${args[@]}" <<<"{\"pid\": $!}"
    echo "$stderr"
    [[ $status == 1 && $stderr == *"GPU-1 is no longer attached to environment mine: run 'genv cdi' again"* ]]
    run ! "$WRAPPER" --hook cdi gone <<<'{"pid": 1}'
}

@test "where NVIDIA's specification is present, a container gets what it says of its devices" {
    use_lower runc
    use_nodes
    make_config sh -c 'env; ls /dev /driver; ls /dev/nvidia[0-9]'
    variables GENV_GPUS=1
    mkdir "$SCRATCH/driver"
    touch "$SCRATCH/driver/libcuda.so.1"
    jq -n --arg driver "$SCRATCH/driver" '{cdiVersion: "0.6.0", kind: "nvidia.com/gpu",
        containerEdits: {env: ["FROM_CDI=1"], mounts: [{hostPath: $driver, containerPath: "/driver", options: ["ro", "rbind"]}]},
        devices: ([range(4) | {name: "\(.)", containerEdits: {env: ["GPU_OF_CDI=\(.)"],
            deviceNodes: [{path: "/dev/nvidia\(.)"}, {path: "/dev/null2", hostPath: "/dev/null"}]}}] +
            [{name: "all", containerEdits: {deviceNodes: [range(4) | {path: "/dev/nvidia\(.)"}]}}])}' >"$SCRATCH/nvidia.json"
    RUN="$(declare -f runtime run_container)" with_etc "mkdir -p /etc/cdi; cp '$SCRATCH/nvidia.json' /etc/cdi; eval \"\$RUN\"; run_container c1" |
        tee "$SCRATCH/out"
    grep -Fx FROM_CDI=1 "$SCRATCH/out"
    grep -Fx GPU_OF_CDI=3 "$SCRATCH/out" # GPU-0 has the minor number 3
    grep -Fx null2 "$SCRATCH/out"
    grep -Fx libcuda.so.1 "$SCRATCH/out"
    [[ $(grep '^/dev/nvidia' "$SCRATCH/out") == /dev/nvidia3 ]]
    # A link is followed, as by CDI's own library; one that leads nowhere is as if there were none.
    RUN="$(declare -f runtime run_container)" with_etc "mkdir -p /etc/cdi; ln -s '$SCRATCH/nvidia.json' /etc/cdi/nvidia.json
        ln -s nowhere /etc/cdi/another.yaml; mkfifo /etc/cdi/pipe.json; eval \"\$RUN\"; run_container c2" | grep -Fx FROM_CDI=1
}

# What NVIDIA's toolkit writes unless told otherwise, in a file $1 below $SCRATCH, with the variable FROM=$2.
make_yaml() {
    cat >"$SCRATCH/$1" <<END
---
cdiVersion: 0.5.0
kind: nvidia.com/gpu
devices:
$(for index in 0 1 2 3; do
        printf '%s\n' "- name: \"$index\"" '  containerEdits:' '    deviceNodes:' "    - path: /dev/nvidia$index" \
            "- name: GPU-$((3 - index))" '  containerEdits:' '    deviceNodes:' "    - path: /dev/nvidia$index"
    done)
- name: all
  containerEdits:
    deviceNodes:
    - path: /dev/nvidia0
    - path: /dev/nvidia1
    - path: /dev/nvidia2
    - path: /dev/nvidia3
containerEdits:
  env:
  - FROM=$2
  - NVIDIA_VISIBLE_DEVICES=void
  deviceNodes:
  - path: /dev/null2
    hostPath: /dev/null
  hooks:
  - hookName: createContainer
    path: /bin/true
    args:
    - nvidia-cdi-hook
    - chmod
    - --mode
    - "755"
    env:
    - NVIDIA_CTK_DEBUG=false
    timeout: 10
  mounts:
  - hostPath: $SCRATCH/driver
    containerPath: /driver
    options: [ro, nosuid, nodev, rbind, rprivate]
END
}

# Writes config.json as the lower runtime sees it, with the specifications given, each as FOLDER/NAME=FILE.
config_with() {
    make_config true
    edit_config '.linux.cgroupsPath = "/x"'
    variables GENV_GPUS=2
    cat >"$SCRATCH/lower" <<END
#!/bin/bash
cp '$BUNDLE/config.json' '$SCRATCH/seen.json'
$(run_hook)
END
    chmod 755 "$SCRATCH/lower"
    rm -f "$SCRATCH/seen.json"
    SPECIFICATIONS=$* GENV_RUNTIME=$SCRATCH/lower with_etc 'mkdir -p /etc/cdi
        mount -t tmpfs none /run && mkdir /run/cdi
        for one in $SPECIFICATIONS; do cp "$SCRATCH/${one#*=}" "/${one%%=*}"; done
        "$WRAPPER" create --bundle "$BUNDLE" c1 2>"$SCRATCH/err"; status=$?; cat "$SCRATCH/err"
        genv cdi >"$SCRATCH/cdi" 2>"$SCRATCH/cdi-err"; exit "$status"'
}

# config.json without the PID of who created the container.
normal() {
    jq -S 'del(.hooks.createRuntime[].args[4])' "$SCRATCH/$1"
}

from() {
    jq -r '.process.env[] | select(startswith("FROM="))' "$SCRATCH/seen.json" | xargs
}

@test "NVIDIA's specification is read as YAML, and leads to what the same in JSON does" {
    python3 -c 'import yaml' 2>/dev/null || skip "needs Python's yaml"
    use_lower runc
    use_nodes
    mkdir "$SCRATCH/driver"
    make_yaml nvidia.yaml it
    python3 -c 'import json, sys, yaml; json.dump(yaml.safe_load(sys.stdin), sys.stdout)' <"$SCRATCH/nvidia.yaml" >"$SCRATCH/nvidia.json"
    config_with etc/cdi/nvidia.json=nvidia.json
    mv "$SCRATCH/seen.json" "$SCRATCH/expected.json"
    mv "$SCRATCH/cdi" "$SCRATCH/expected-cdi"
    [[ $(jq '[.hooks.createContainer[].args[3]] | length' "$SCRATCH/expected.json") == 1 ]]
    [[ $(jq -r '.mounts[] | select(.destination == "/driver") | .options[4]' "$SCRATCH/expected.json") == rprivate ]]
    [[ $(jq -c '.containerEdits.env' "$SCRATCH/expected-cdi") == '["FROM=it","NVIDIA_VISIBLE_DEVICES=void"]' ]]
    for place in etc/cdi/nvidia.yaml etc/cdi/nvidia.yml run/cdi/nvidia.yaml; do
        config_with "$place=nvidia.yaml"
        diff <(normal seen.json) <(normal expected.json)
        cmp "$SCRATCH/cdi" "$SCRATCH/expected-cdi"
    done
}

@test "of several specifications the first that has a device counts: what is made at boot, then what comes first by its name" {
    use_lower runc
    use_nodes
    mkdir "$SCRATCH/driver"
    make_yaml etc etc
    make_yaml run run
    make_yaml second second
    config_with etc/cdi/nvidia.yaml=etc run/cdi/nvidia.yaml=run
    [[ $(from) == FROM=run && $(jq -r '.containerEdits.env[0]' "$SCRATCH/cdi") == FROM=run ]]
    config_with etc/cdi/b.yaml=second etc/cdi/a.yml=etc
    [[ $(from) == FROM=etc ]]
    # One that lacks a device leaves it to the next, whose part for all devices counts then as well.
    sed -i -e '/^- name: all/,/^containerEdits/{/^containerEdits/!d}' -e 's/nvidia3$/nvidia9/; s/GPU-0/GPU-9/' "$SCRATCH/run"
    sed -i 's/FROM=/FROM_ETC=/' "$SCRATCH/etc"
    config_with etc/cdi/nvidia.yaml=etc run/cdi/nvidia.yaml=run
    [[ $(from) == FROM=run && $(jq '[.process.env[] | select(. == "FROM_ETC=etc")] | length' "$SCRATCH/seen.json") == 1 ]]
    # One of another kind is none.
    sed -i 's,nvidia.com/gpu,vendor.example/gpu,' "$SCRATCH/run"
    config_with etc/cdi/nvidia.yaml=second run/cdi/nvidia.yaml=run
    [[ $(from) == FROM=second ]]
}

@test "a specification of NVIDIA's that cannot be read is no silence: without it programs would not find the driver" {
    use_lower runc
    use_nodes
    mkdir "$SCRATCH/driver"
    make_yaml whole whole
    sed 's/^  - FROM/  - \&x FROM/' "$SCRATCH/whole" >"$SCRATCH/broken"
    run config_with run/cdi/nvidia.yaml=broken
    echo "$output"
    line=$(grep -n '&x' "$SCRATCH/broken" | cut -d: -f1)
    [[ $status == 1 && -z $(attached) && ! -e $SCRATCH/seen.json ]]
    [[ $output == "genv: cannot read the CDI specification /var/run/cdi/nvidia.yaml: invalid YAML: line $line: anchors are not supported; create it again with 'nvidia-ctk cdi generate --output=/var/run/cdi/nvidia.yaml'" ]]
    [[ $(<"$SCRATCH/cdi-err") == "$output" && ! -s $SCRATCH/cdi ]]
    echo '{"kind": "nvidia.com/gpu", "devices": [}' >"$SCRATCH/broken.json"
    run config_with etc/cdi/nvidia.json=broken.json
    echo "$output"
    [[ $status == 1 && $output == 'genv: cannot read the CDI specification /etc/cdi/nvidia.json: invalid JSON: line 1: '* ]]
    # Another that can be read suffices; one of another kind is none of genv's business.
    config_with run/cdi/nvidia.yaml=broken etc/cdi/nvidia.yaml=whole
    [[ $(from) == FROM=whole ]]
    sed -i 's,nvidia.com/gpu,vendor.example/gpu,' "$SCRATCH/broken"
    config_with run/cdi/nvidia.yaml=broken
    [[ -z $(from) ]]
}
