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

# Has both interpreters answer the same question, and compares the answers but for the folders that they are in.
expect_same() {
    local name=$1 wanted
    shift
    wanted=$(real/bin/"$name" "$@" 2>&1 | sed 's,\breal\b,.venv,g')
    run .venv/bin/"$name" "$@"
    [ "$output" = "$wanted" ] || diff <(echo "$wanted") <(echo "$output")
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
}

@test "a wrapped interpreter answers as the one that it stands for" {
    make_venv --gpus 1
    local name question
    for name in python python3 "$(basename .venv/bin/python3.*[0-9])"; do
        for question in sys.executable sys.prefix sys.base_prefix sys.exec_prefix sys.version_info sys.path sys.flags \
            'os.path.exists(os.path.join(sys.prefix, "pyvenv.cfg"))' 'sysconfig.get_paths()' 'site.getsitepackages()' \
            'os.path.realpath("/proc/self/exe")' 'os.environ.get("CUDA_VISIBLE_DEVICES")' 'platform.python_version()' \
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
        expect_same "$name" none.py
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
    for words in '-I show.py' './pip3.9 install' packaging_tool.py '-B lsp_server.py'; do
        # shellcheck disable=SC2086
        expect 0 'None None' .venv/bin/python $words
    done
    expect 0 'None None' .venv/bin/python -c "$show"

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
    expect 0 'None None' .venv/bin/python -c "$show"
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
