"""``jupyter genv``: kernel specifications with genv."""

import json
import os
import subprocess
import sys

import pytest


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "data" / "kernels"


def read(path):
    return json.loads((path / "kernel.json").read_text())


def add(folder, name, **more):
    (folder / name).mkdir(parents=True)
    spec = {"argv": ["true", "{connection_file}"], "display_name": name.upper(), "language": "x", **more}
    (folder / name / "kernel.json").write_text(json.dumps(spec))
    return folder / name


def test_install_adds_a_kernel_for_each(command, folder):
    own = add(folder, "own", metadata={"debugger": True}, env={"A": "b"})
    (own / "logo.svg").write_text("<svg/>")
    assert command("install").splitlines() == ["own-genv: installed", "python3-genv: installed"]
    made = read(folder / "own-genv")
    assert made["argv"] == ["true", "{connection_file}"] and made["env"] == {"A": "b"}
    assert made["display_name"] == "OWN (genv)"
    assert made["metadata"]["debugger"] is True
    assert made["metadata"]["kernel_provisioner"] == {"provisioner_name": "genv-provisioner"}
    assert (folder / "own-genv" / "logo.svg").read_text() == "<svg/>"


def test_install_again_changes_only_what_is_stale(command, folder):
    own = add(folder, "own")
    command("install", "own")
    before = os.stat(folder / "own-genv" / "kernel.json")
    assert command("install", "own") == "own-genv: unchanged\n"
    assert os.stat(folder / "own-genv" / "kernel.json") == before
    (own / "kernel.json").write_text(json.dumps({**read(own), "argv": ["false"]}))
    assert "own has changed" in command("list")
    assert command("install", "own-genv") == "own-genv: updated\n"
    assert read(folder / "own-genv")["argv"] == ["false"]
    assert "current" in command("list")
    assert sorted(os.listdir(folder)) == ["own", "own-genv"]


def test_install_writes_what_the_kernel_asks_for(command, folder):
    command("install", "--gpus", 2, "--gpu-memory", "4g", "python3")
    assert read(folder / "python3-genv")["metadata"]["kernel_provisioner"]["config"] == {"gpus": 2, "gpu_memory": "4g"}
    assert "current" in command("list")


def test_install_for_programs_without_provisioners(command, folder):
    add(folder, "own")
    command("install", "--kernel-argv", "--gpus", 1)
    made = read(folder / "own-genv")
    assert made["argv"][1:] == ["run", "--gpus", "1", "--kernel", "--", "true", "{connection_file}"]
    assert os.access(made["argv"][0], os.X_OK)
    assert "kernel_provisioner" not in made["metadata"]


@pytest.fixture
def vscode_starts(command, folder, tmp_path):
    """Starts a kernel as VS Code's Jupyter does, which knows no provisioners; returns what the kernel sees.

    It looks for the connection file's placeholder once. For Python kernels it drops it, with the word before, and adds
    an option of its own; and where it knows an interpreter it runs that with all words but the first.
    """
    connection = tmp_path / "kernel-v2-1.json"
    connection.write_text("{}")
    show = "import os, sys; print(os.environ['CUDA_VISIBLE_DEVICES'], os.environ['GENV_ENVIRONMENT_ID'], *sys.argv[1:])"

    def start(language, first, interpreter=None):
        add(folder, "own", argv=[first, "-c", show, "-f", "{connection_file}"], language=language)
        command("install", "--kernel-argv", "--gpus", 2, "own")
        argv = read(folder / "own-genv")["argv"]
        at = next(i for i, word in enumerate(argv) if "{connection_file}" in word)
        if language == "python":
            argv[at - 1 : at + 1] = []
            argv.append(f"--f={connection}")
        else:
            argv[at] = str(connection)
        if interpreter:
            argv[0] = interpreter
        return subprocess.run(argv, capture_output=True, text=True, check=True).stdout.replace(str(connection), "FILE")

    return start


@pytest.mark.parametrize("interpreter", [None, sys.executable])
def test_vscode_starts_python_kernels(vscode_starts, interpreter):
    assert vscode_starts("python", "python3", interpreter) == "0,1 v2-1 --f=FILE\n"


def test_vscode_starts_kernels_of_other_languages(vscode_starts, tmp_path):
    (tmp_path / "interpreter").symlink_to(sys.executable)
    assert vscode_starts("x", str(tmp_path / "interpreter")) == "0,1 v2-1 -f FILE\n"


def test_there_is_one_placeholder(command, folder):
    command("install", "--kernel-argv", "python3")
    argv = read(folder / "python3-genv")["argv"]
    assert [word for word in argv if "{connection_file}" in word] == ["{connection_file}"]


def test_what_others_made_is_kept(command, folder):
    add(folder, "own")
    theirs = add(folder, "own-genv")
    before = read(theirs)
    assert "was not made by 'jupyter genv'" in command("install", "own", status=1)
    assert "has not added a kernel 'own-genv'" in command("uninstall", "own", status=1)
    assert command("uninstall") == ""
    assert "not by genv-jupyter" in command("list")
    assert read(theirs) == before


def test_uninstall_removes_ours(command, folder):
    add(folder, "own")
    command("install")
    assert command("uninstall", "own") == "own-genv: removed\n"
    assert command("uninstall") == "python3-genv: removed\n"
    assert os.listdir(folder) == ["own"]


def test_a_kernel_that_is_gone_is_said_to_be(command, folder):
    own = add(folder, "own")
    command("install")
    (own / "kernel.json").unlink()
    own.rmdir()
    assert "own is gone" in command("list")
    assert "there is no kernel 'own'" in command("install", "own", status=1)


def test_another_folder(command, tmp_path):
    command("install", "--prefix", tmp_path / "prefix")
    assert os.listdir(tmp_path / "prefix" / "share" / "jupyter" / "kernels") == ["python3-genv"]
    assert not (tmp_path / "data").exists()


def test_a_folder_that_cannot_be_written_is_a_sentence(command, tmp_path):
    (tmp_path / "file").write_text("")
    assert command("install", "--prefix", tmp_path / "file", status=1).startswith("jupyter genv: ")


@pytest.mark.parametrize("words", [("--gpu-memory", "4x"), ("--gpus", "-1")])
def test_values_that_are_not_valid_are_refused_before_anything_is_written(command, tmp_path, words):
    assert command("install", *words, status=1).startswith("jupyter genv: ")
    assert not (tmp_path / "data").exists()


def test_names_with_spaces_and_quotes_stay_one_word(command, folder):
    add(folder, "own", argv=["sh", "-c", "echo 'a b' \"$0\" ; rm -rf /", "{connection_file}"])
    command("install", "--kernel-argv", "own")
    assert read(folder / "own-genv")["argv"][-4:] == ["sh", "-c", "echo 'a b' \"$0\" ; rm -rf /", "{connection_file}"]


def test_the_help_names_the_commands(command, capsys):
    with pytest.raises(SystemExit):
        command("--help")
    printed = capsys.readouterr().out
    assert all(word in printed for word in ("install", "uninstall", "list"))
    assert sys.prefix not in printed
