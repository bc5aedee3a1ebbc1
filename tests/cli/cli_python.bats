#!/usr/bin/env bats
# genv python, and the interpreter of a virtual environment that it wraps: what editors ask it, and how they run it.
# shellcheck disable=SC2154 # set by bats and by the helpers

load cli_helpers

# A virtual environment of the machine's own Python, wrapped with the options given; $real is the same, not wrapped.
make_venv() {
    /usr/bin/python3 -m venv --without-pip .venv || skip 'python3 cannot make a virtual environment'
    cp -a .venv real
    sed -i 's/\.venv$/real/' real/pyvenv.cfg
    genv python --install .venv "$@"
}

# Has both interpreters answer the same question, and compares the status, and the answers but for the folders that they
# are in.
expect_same() {
    local name=$1 wanted wanted_status
    shift
    run real/bin/"$name" "$@"
    wanted=$(sed 's,\breal\b,.venv,g' <<<"$output") wanted_status=$status
    run .venv/bin/"$name" "$@"
    [ "$status" -eq "$wanted_status" ]
    [ "$output" = "$wanted" ] || diff <(echo "$wanted") <(echo "$output")
}

# What bin of the virtual environment $1 has, and where links lead.
layout() {
    (cd "$1/bin" && stat -c '%N %s %A' python* && sha256sum python*)
}

show='import os; print(os.environ.get("GENV_ENVIRONMENT_NAME"), os.environ.get("CUDA_VISIBLE_DEVICES"))'

@test "python: an interpreter in an environment of its own" {
    expect 0 'None 0' genv python --gpus 1 -c "$show"
    expect 0 'x y 0,1' genv python --gpus 2 --name 'x y' -B -c "$show"
    echo "$show" >show.py
    expect 0 'None 0' genv python --gpus 1 show.py
    expect 0 'None 0' genv python --gpus 1 --interpreter /usr/bin/python3 -- show.py
    expect 0 'None 0' genv python --gpus=1 -m show
    expect 0 'None 0' bash -c 'genv python --gpus 1 - <show.py'
    expect 0 '' genv envs query --query eid
    run genv python -c 'raise SystemExit(7)'
    [ "$status" -eq 7 ]
    expect_refusal "this machine has 4" genv python --gpus 5 show.py
    run -127 genv python --interpreter ./none show.py
    expect_usage_error "unexpected argument 'x'" genv python --install .venv x
    expect_usage_error '--install and --uninstall cannot be used together' genv python --install .venv --uninstall .venv
}

@test "python: options of the interpreter and of its program are theirs" {
    echo 'import sys; print(sys.flags.optimize, sys.argv[1:])' >args.py
    expect 0 "2 ['--gpus', '2', '--', '-o']" genv python --gpus 1 -OO args.py --gpus 2 -- -o
    run genv python --version
    [[ $output == 'Python 3.'* ]]
    expect_usage_error "unknown option '--gpu': did you mean '--gpus'?" genv python --gpu 1 args.py
    run --separate-stderr genv python -- --gpu=1
    [[ $stderr == *'unknown option --gpu'* ]] # says Python
}

@test "a wrapped interpreter answers as the one that it stands for" {
    make_venv --gpus 1
    local name question
    for name in python python3 "$(basename .venv/bin/python3.*[0-9])"; do
        for question in sys.executable sys.prefix sys.base_prefix sys.exec_prefix sys.version_info sys.path sys.flags \
            'os.path.exists(os.path.join(sys.prefix, "pyvenv.cfg"))' 'sysconfig.get_paths()' 'site.getsitepackages()' \
            'os.path.realpath("/proc/self/exe")' 'platform.python_version()' \
            'os.path.samefile(sys._base_executable, os.path.realpath("/proc/self/exe"))'; do
            expect_same "$name" -c "import os, platform, site, sys, sysconfig; print($question)"
            expect_same "$name" -I -c "import os, platform, site, sys, sysconfig; print($question)"
            expect_same "$name" -ISc "import os, platform, site, sys, sysconfig; print($question)"
        done
        expect_same "$name" --version
        expect_same "$name" -VV
        expect_same "$name" -h
        expect_same "$name" -m sysconfig
        expect_same "$name" -m site
        expect_same "$name" -c 'import sys; sys.exit(3)'
        [ "$status" -eq 3 ]
        expect_same "$name" none.py
        [ "$status" -eq 2 ]
        expect_same "$name" -Z
    done
    expect 0 '' genv envs query --query eid
}

@test "a wrapped interpreter runs programs in an environment, and questions outside of any" {
    make_venv --gpus 1 --name "it's"
    mkdir package
    echo "$show" | tee show.py package/__main__.py pip3.9 packaging_tool.py lsp_server.py >/dev/null
    local words
    for words in show.py './show.py x' '-u show.py' '-Wdefault show.py' '-W default show.py' '-X utf8 show.py' '-B -m show' \
        '-mshow' 'package' '-X utf8 -m package'; do
        # shellcheck disable=SC2086 # words
        expect 0 "it's 0" .venv/bin/python $words
    done
    expect 0 "it's 0" bash -c '.venv/bin/python <show.py'
    mkdir -p jedi/inference/compiled/subprocess virtualenv/discovery unittestadapter
    tee jedi/inference/compiled/subprocess/__main__.py virtualenv/discovery/py_info.py unittestadapter/discovery.py \
        run-jedi-language-server.py run_pytest_script.py pytest.py docstring_formatter.py printEnvVariablesToFile.py \
        create_conda.py create_microvenv.py get_variable_info.py pylsp.py pyright.py <show.py >/dev/null
    for words in '-I show.py' './pip3.9 install' packaging_tool.py '-B lsp_server.py' run-jedi-language-server.py \
        jedi/inference/compiled/subprocess/__main__.py virtualenv/discovery/py_info.py docstring_formatter.py \
        printEnvVariablesToFile.py create_conda.py create_microvenv.py get_variable_info.py './unittestadapter/discovery.py .' \
        'run_pytest_script.py --rootdir . --collect-only' '-m pytest -p x --collect-only' '-mpytest --co' '-m pylsp' \
        '-m pyright'; do
        # shellcheck disable=SC2086
        expect 0 'None -1' .venv/bin/python $words
    done
    for words in 'run_pytest_script.py x' '-m pytest x' 'show.py --collect-only'; do
        # shellcheck disable=SC2086
        expect 0 "it's 0" .venv/bin/python $words
    done
    expect 0 "it's 0" .venv/bin/python -c "$show"
    expect 0 "it's 0" .venv/bin/python -Bc "$show" -I
    expect 0 'None -1' .venv/bin/python -Ic "$show"
    CUDA_VISIBLE_DEVICES=2 expect 0 'None -1' .venv/bin/python -Ic "$show"

    # A script whose first line names it, as pip makes them.
    printf '#!%s\n%s\n' "$PWD/.venv/bin/python3" "$show" >tool
    chmod +x tool
    expect 0 "it's 0" ./tool
}

@test "a wrapped interpreter stays in the environment that is active, and so do its children" {
    make_venv --gpus 1
    echo "$show" >show.py
    expect 0 'outer 0,1' genv run --gpus 2 --name outer .venv/bin/python show.py
    cat >parent.py <<'PYTHON'
import multiprocessing, os, subprocess, sys
def child():
    print(os.environ["CUDA_VISIBLE_DEVICES"], os.environ["GENV_ENVIRONMENT_ID"] == os.environ["PARENT"], flush=True)
if __name__ == "__main__":
    os.environ["PARENT"] = str(os.getpid())
    subprocess.run([sys.executable, "show.py"], check=True)
    multiprocessing.set_start_method("spawn")
    process = multiprocessing.Process(target=child)
    process.start()
    process.join()
PYTHON
    expect 0 'None 0
0 True' .venv/bin/python parent.py
    GENV_ENVIRONMENT_ID=gone expect 0 'None 0' .venv/bin/python show.py
}

@test "a wrapped interpreter refuses to run without devices, and answers questions all the same" {
    make_venv --gpus 4
    make_env other
    genv devices attach --eid other --count 1
    echo "$show" >show.py
    expect_refusal 'are available' .venv/bin/python show.py
    expect 0 'None -1' .venv/bin/python -c "$show"
    [[ $stderr == 'genv: warning: '*'are available'* ]]
    expect 0 'None -1' .venv/bin/python -Ic "$show"
    expect 3 '' .venv/bin/python -c 'raise SystemExit(3)'
}

@test "install changes options, survives a new interpreter, and uninstall restores" {
    make_venv --gpus 1
    local before
    before=$(cd real/bin && stat -c '%N %A' python*)
    echo "$show" >show.py
    genv python --install .venv --gpus 2
    expect 0 'None 0,1' .venv/bin/python show.py
    /usr/bin/python3 -m venv --without-pip --clear .venv
    [ "$(cd .venv/bin && stat -c '%N %A' python*)" = "$before" ]
    genv python --install .venv --gpus 3
    expect 0 'None 0,1,2' .venv/bin/python show.py
    ln -sfn /usr/bin/python3 .venv/bin/python3
    genv python --install .venv --gpus 1
    expect 0 'None 0' .venv/bin/python3 show.py
    genv python --uninstall .venv
    [ "$(cd .venv/bin && stat -c '%N %A' python*)" = "$before" ]
    expect_refusal "'.venv' is not wrapped" genv python --uninstall .venv
    expect_refusal "'real/bin' is not a virtual environment" genv python --install real/bin

    /usr/bin/python3 -m venv --without-pip --copies copied
    genv python --install copied --gpus 1
    expect 0 'None 0' copied/bin/python show.py
    genv python --uninstall copied
    run file -b copied/bin/python3
    [[ $output != *script* ]]
}

@test "a wrapped virtual environment can be moved and copied, and answers without genv" {
    make_venv --gpus 1
    echo "$show" >show.py
    cp -a .venv copy
    mv .venv moved
    expect 0 'None 0' moved/bin/python show.py
    for name in moved copy; do
        expect 0 "$PWD/$name" $name/bin/python -c 'import sys; print(sys.prefix)'
        expect 0 "$(readlink -f $name/bin/python3-without-genv)" $name/bin/python3 -c 'import os; print(os.readlink("/proc/self/exe"))'
    done
    sed -i "s,^genv=.*,genv=/none/genv," moved/bin/python3
    expect 0 'None -1' moved/bin/python3 show.py
    [[ $stderr == 'genv: /none/genv is gone: running without devices; '* && ${#stderr_lines[@]} -eq 1 ]]
    CUDA_VISIBLE_DEVICES=1 expect 0 'None 1' moved/bin/python3 -c "$show"
}

@test "install: interpreters of other names, and links that lead nowhere or to other wrappers" {
    make_venv --gpus 1
    genv python --uninstall .venv
    echo "$show" >show.py

    # As PyPy has them: python is a link to a name of its own.
    mv .venv/bin/python3 .venv/bin/pypy3
    ln -s pypy3 .venv/bin/python3
    ln -sf pypy3 .venv/bin/python
    local before
    before=$(layout .venv)
    genv python --install .venv --gpus 1
    expect 0 'None 0' .venv/bin/python show.py
    expect 0 'None 0' .venv/bin/python3 show.py
    genv python --uninstall .venv
    [ "$(layout .venv)" = "$before" ]

    # Neither half done nor lost.
    ln -s /none/python3 .venv/bin/python3.99
    before=$(layout .venv 2>/dev/null || true)
    expect_refusal 'cannot wrap' genv python --install .venv
    [ "$(layout .venv 2>/dev/null || true)" = "$before" ]
    rm .venv/bin/python3.99
    before=$(layout .venv)
    genv python --install real
    ln -s "$PWD/real/bin/python3" .venv/bin/python3.99
    expect_refusal 'leads to a wrapper' genv python --install .venv
    ln -sfn ./python3 .venv/bin/python3.99
    expect_refusal 'leads to a wrapper' genv python --install .venv
    rm .venv/bin/python3.99
    [ "$(layout .venv)" = "$before" ]

    # What is no interpreter is left alone.
    mkdir .venv/bin/python3.98
    genv python --install .venv --gpus 1
    expect 0 'None 0' .venv/bin/python show.py
}

@test "install: a kept interpreter is not lost, and nothing calls itself for ever" {
    make_venv --gpus 1
    local kept=.venv/bin/python3-without-genv
    mv "$kept" aside
    cp .venv/bin/python3 "$kept"
    expect_refusal 'leads to a wrapper' timeout 20 .venv/bin/python3 -V
    expect_refusal 'leads to a wrapper' genv python --install .venv
    rm "$kept"
    expect_refusal 'is gone' .venv/bin/python3 -V
    expect_refusal 'is gone' genv python --install .venv
    expect_refusal 'is gone' genv python --uninstall .venv
    mv aside "$kept"

    # A wrapper that is lost, and one that is overwritten.
    rm .venv/bin/python3
    genv python --uninstall .venv
    genv python --install .venv --gpus 1
    /usr/bin/python3 -m venv --without-pip --clear --copies .venv
    genv python --install .venv --gpus 1
    cp real/bin/python3 .venv/bin/python3.new
    mv .venv/bin/python3.new .venv/bin/python3
    genv python --uninstall .venv
    run ls .venv/bin
    [[ $output != *without-genv* ]]
    [ "$(realpath .venv/bin/python)" != "$PWD/.venv/bin/python-without-genv" ]
    expect 0 'None None' .venv/bin/python -c "$show"
    expect_usage_error 'missing argument: NAME' genv python --wrapped /bin/echo
}

@test "install: a wrapper that cannot be read is no interpreter" {
    make_venv --gpus 1
    ((EUID != 0)) || { chown -R 60601 . && as=(setpriv --reuid 60601 --regid 60601 --clear-groups); }
    as+=(env GENV_TMPDIR="$BATS_TEST_TMPDIR/other")
    "${as[@]}" true || skip 'nobody else to be'
    "${as[@]}" genv python --install .venv --gpus 2
    local before
    before=$(layout .venv)
    chmod 0111 .venv/bin/python3
    expect_refusal 'Permission denied' "${as[@]}" genv python --install .venv
    chmod 0755 .venv/bin/python3
    [ "$(layout .venv)" = "$before" ]
}

@test "install: several at once" {
    make_venv
    local before i pids
    genv python --uninstall .venv
    before=$(layout .venv)
    for i in 1 2 3; do
        pids=()
        for _ in 1 2 3 4; do
            genv python --install .venv --gpus "$i" 3>&- &
            pids+=("$!")
        done
        wait "${pids[@]}"
        expect 0 "None $(seq -s , 0 $((i - 1)))" .venv/bin/python -c "$show"
        genv python --uninstall .venv
        [ "$(layout .venv)" = "$before" ]
    done
}

@test "install: what is not the caller's, or lies elsewhere, is not touched" {
    make_venv
    genv python --uninstall .venv
    local before
    before=$(layout .venv)
    mkdir evil
    touch evil/pyvenv.cfg
    ln -s "$PWD/.venv/bin" evil/bin
    expect_refusal 'cannot open evil/bin' genv python --install evil
    [ "$(layout .venv)" = "$before" ]
    ((EUID == 0)) || skip 'only root has files of others'
    chown 60601 .venv
    expect_refusal "'.venv' belongs to" genv python --install .venv
    chown 0 .venv
    chown 60601 .venv/bin
    expect_refusal "'.venv' belongs to" genv python --install .venv
    [ "$(layout .venv)" = "$before" ]
}

@test "debugpy and pydevd debug in a wrapped interpreter" {
    local debuggers
    debuggers=$("$GENV_SOURCE/tests/fetch" debuggers) || skip "$debuggers"
    "$debuggers/bin/python" -m venv --without-pip --system-site-packages .venv
    cp -r "$debuggers"/lib/python3*/site-packages/. .venv/lib/python3*/site-packages/
    genv python --install .venv --gpus 1
    echo "$show" >show.py
    expect 0 'None 0' timeout 60 python3 "$BATS_TEST_DIRNAME/debug.py" debugpy .venv/bin/python show.py
    expect 0 'None 0' timeout 60 python3 "$BATS_TEST_DIRNAME/debug.py" pydevd .venv/bin/python show.py
    expect 0 'None 0' .venv/bin/python -m debugpy --listen 127.0.0.1:0 show.py
    expect 0 '' genv envs query --query eid
}
