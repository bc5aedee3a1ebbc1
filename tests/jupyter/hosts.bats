#!/usr/bin/env bats
# genv-jupyter, as pip installs it, in real hosts: JupyterLab and Notebook in Chromium, JupyterHub, papermill; and the
# provisioner of the Python genv with this genv. For ./run test --full.

setup_file() {
    export GENV_JUPYTER=$BATS_FILE_TMPDIR/prefix
    need || return 0
    mkdir "$BATS_FILE_TMPDIR/dist"
    "$GENV_SOURCE/packaging/wheel-jupyter.bash" "$BATS_FILE_TMPDIR/dist" >"$BATS_FILE_TMPDIR/log" 2>&1 3>&- ||
        cp "$BATS_FILE_TMPDIR/log" "$BATS_FILE_TMPDIR/missing"
    "$GENV_JUPYTER_BIN/pip" install -q --no-deps --no-index --prefix "$GENV_JUPYTER" "$BATS_FILE_TMPDIR"/dist/*.whl 3>&-
}

# What the tests need; what is missing is in the file "missing".
need() {
    local missing=$BATS_FILE_TMPDIR/missing folder
    if [[ -z ${GENV_TEST_FULL-} ]]; then
        echo 'the hosts are for ./run test --full' >"$missing"
        return 1
    fi
    GENV_PAGE_CHROMIUM=$(command -v chromium || command -v chromium-browser || command -v google-chrome) ||
        echo 'Chromium is not installed' >"$missing"
    GENV_PAGE_PLAYWRIGHT=$("$GENV_SOURCE/tests/fetch" playwright 3>&-) || echo "$GENV_PAGE_PLAYWRIGHT" >"$missing"
    folder=$("$GENV_SOURCE/tests/fetch" jupyter-tools 3>&-) || echo "$folder" >"$missing"
    GENV_JUPYTER_FOLDER=$("$GENV_SOURCE/tests/fetch" jupyter 3>&-) || echo "$GENV_JUPYTER_FOLDER" >"$missing"
    [[ -e $GENV_BUILD/python/genv/_genv.abi3.so ]] || echo 'the Python package is not built' >"$missing"
    GENV_JUPYTER_BIN=$GENV_JUPYTER_FOLDER/bin
    export GENV_PAGE_CHROMIUM GENV_PAGE_PLAYWRIGHT GENV_JUPYTER_FOLDER GENV_JUPYTER_BIN
    [[ ! -s $missing ]]
}

setup() {
    if [[ -s $BATS_FILE_TMPDIR/missing ]]; then
        skip "$(<"$BATS_FILE_TMPDIR/missing")"
    fi
    # Where pip has put it, in a folder of its own.
    PYTHONPATH=$GENV_BUILD/python:$(echo "$GENV_JUPYTER"/lib/python3*/site-packages)
    export PYTHONPATH JUPYTER_PATH=$GENV_JUPYTER/share/jupyter JUPYTER_CONFIG_PATH=$GENV_JUPYTER/etc/jupyter
    export PATH="$GENV_JUPYTER/bin:$GENV_JUPYTER_BIN:$PATH"
    export HOME=$BATS_TEST_TMPDIR/home TMPDIR=$BATS_TEST_TMPDIR GENV_TMPDIR=$BATS_TEST_TMPDIR/state
    mkdir "$HOME"
    cd "$HOME" || return # where hosts without a runtime directory of their own put connection files, and the keys in them
}

host() { "$GENV_PAGE_PLAYWRIGHT/node" "$GENV_SOURCE/tests/jupyter/hosts.mjs" "$1" "$BATS_TEST_TMPDIR" "${2-lab}" 3>&-; }

@test "JupyterLab: attach, run, restart, change, detach, shut down" { host flow; }
@test "Notebook: attach, run, restart, change, detach, shut down" { host flow notebook; }
@test "JupyterLab: a kernel that Jupyter starts itself gets devices, and again after a restart" { host plain; }
@test "Notebook: a kernel that Jupyter starts itself gets devices, and again after a restart" { host plain notebook; }
@test "JupyterLab: a request that fails says why, and changes nothing" { host refusals; }
@test "JupyterLab: names with markup, commas and quotes are text" { host names; }
@test "Notebook: names with markup, commas and quotes are text" { host names notebook; }
@test "JupyterLab: the panel looks as often as is set, and not while the page is hidden" { host polling; }
@test "JupyterLab: nobody asks while nobody looks" { host quiet; }
@test "Notebook: the button shows what was attached in a terminal when the user comes back" { host back notebook; }
@test "JupyterLab: everything is reached with the keyboard" { host keyboard; }
@test "JupyterLab: axe finds nothing, in light, dark and high contrast" { host accessible; }
@test "JupyterLab: pictures, light and dark" { host pictures; }
@test "Notebook: pictures, light and dark" { host pictures notebook; }
@test "JupyterHub: two users have environments of their own" {
    # Others get at the test's own folders no more than at anybody's.
    local scratch
    scratch=$(mktemp -d /tmp/genv-hub.XXXXXX)
    chmod 755 "$scratch"
    cp -r "$GENV_JUPYTER" "$scratch/prefix"
    PYTHONPATH="$GENV_BUILD/python:$(echo "$scratch"/prefix/lib/python3*/site-packages)"
    JUPYTER_PATH=$scratch/prefix/share/jupyter JUPYTER_CONFIG_PATH=$scratch/prefix/etc/jupyter
    if ((EUID == 0)) && ! setpriv --reuid 60601 --regid 60601 --clear-groups test -r "$GENV_BUILD/python/genv/_genv.abi3.so"; then
        rm -rf "$scratch"
        skip 'other users cannot read the build folder'
    fi
    run "$GENV_PAGE_PLAYWRIGHT/node" "$GENV_SOURCE/tests/jupyter/hosts.mjs" hub "$scratch" 3>&-
    rm -rf "$scratch"
    echo "$output"
    [ "$status" -eq 0 ]
}

notebook() {
    cat >"$1" <<'END'
{"cells": [{"cell_type": "code", "execution_count": null, "id": "a", "metadata": {}, "outputs": [],
 "source": "import os; print('devices', os.environ['CUDA_VISIBLE_DEVICES'])"}],
 "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
END
}

@test "papermill and nbconvert run notebooks with devices, by the provisioner and by genv run" {
    local option
    export GENV_DEVICES=4
    notebook "$HOME/a.ipynb"
    for option in --gpus=2 --kernel-argv; do
        jupyter genv install --gpus 2 "$option" python3
        papermill -k python3-genv "$HOME/a.ipynb" "$HOME/b.ipynb"
        grep -q 'devices 0,1' "$HOME/b.ipynb"
        jupyter nbconvert --execute --to markdown --stdout --ExecutePreprocessor.kernel_name=python3-genv \
            "$HOME/a.ipynb" >"$HOME/a.md"
        grep -q 'devices 0,1' "$HOME/a.md"
        [ -z "$("$GENV_BIN" envs query --query eid)" ]
    done
}

@test "the provisioner of the Python genv works with this genv" {
    local folder
    folder=$("$GENV_SOURCE/tests/fetch" jupyter-reference 3>&-) || skip "$folder"
    mkdir "$BATS_TEST_TMPDIR/bin"
    ln -s "$GENV_BIN" "$BATS_TEST_TMPDIR/bin/genv"
    unset JUPYTER_PATH JUPYTER_CONFIG_PATH
    PATH=$BATS_TEST_TMPDIR/bin:$folder/bin:$PATH PYTHONPATH='' GENV_DEVICES=4 JUPYTER_RUNTIME_DIR=$HOME/runtime \
        "$folder/bin/python" "$GENV_SOURCE/tests/jupyter/reference.py"
}
