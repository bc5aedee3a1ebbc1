"""``jupyter genv``: kernel specifications with genv."""

import json
import os
import re
import shutil
import subprocess
import sys

import pytest
from genv_jupyter import specs


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
    assert "out of date" in command("list")
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
    assert "'jupyter genv' did not make it: remove it first" in command("install", "own", status=1)
    assert "own-genv: 'jupyter genv' did not make such a kernel" in command("uninstall", "own", status=1)
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
    assert "own: there is no such kernel" in command("install", "own", status=1)


def change(path, **more):
    (path / "kernel.json").write_text(json.dumps({**read(path), **more}))


def test_a_copy_of_ours_is_its_makers(command, folder):
    add(folder, "own")
    command("install")
    shutil.copytree(folder / "own-genv", folder / "mine-genv")
    assert command("uninstall").splitlines() == ["own-genv: removed", "python3-genv: removed"]
    assert sorted(os.listdir(folder)) == ["mine-genv", "own"]


def test_what_was_changed_by_hand_is_kept_unless_it_is_named(command, folder):
    add(folder, "own")
    command("install")
    change(folder / "own-genv", display_name="Mine")
    assert "own-genv: kept: it was changed by hand" in command("install")
    assert "own-genv: kept: it was changed by hand" in command("uninstall")
    assert "changed by hand" in command("list")
    assert read(folder / "own-genv")["display_name"] == "Mine"
    assert command("install", "own") == "own-genv: updated\n"
    change(folder / "own-genv", display_name="Mine")
    assert command("uninstall", "own") == "own-genv: removed\n"


def test_options_that_are_not_given_stay_as_they_were(command, folder):
    own = add(folder, "own")
    command("install", "--gpus", 2, "--gpu-memory", "4g", "--kernel-argv", "own")
    change(own, argv=["false", "{connection_file}"])
    assert "own-genv: updated" in command("install")
    assert read(folder / "own-genv")["argv"][1:5] == ["run", "--gpus", "2", "--gpu-memory"]
    command("install", "--gpus", 1, "--no-kernel-argv", "own")
    made = read(folder / "own-genv")
    assert made["argv"] == ["false", "{connection_file}"]
    assert made["metadata"]["kernel_provisioner"]["config"] == {"gpus": 1, "gpu_memory": "4g"}


def test_a_link_is_removed_and_not_what_it_leads_to(command, folder, tmp_path):
    add(folder, "own")
    command("install")
    (folder / "own-genv").rename(tmp_path / "elsewhere")
    (folder / "own-genv").symlink_to(tmp_path / "elsewhere")
    assert command("uninstall").splitlines() == ["own-genv: removed", "python3-genv: removed"]
    assert (tmp_path / "elsewhere" / "kernel.json").exists()


def test_one_that_fails_does_not_stop_the_others(command, folder, monkeypatch):
    add(folder, "own")
    command("install")
    remove = specs.remove

    def fail_once(copy):
        if copy.name == "own-genv":
            raise PermissionError("not yours")
        remove(copy)

    monkeypatch.setattr(specs, "remove", fail_once)
    assert command("uninstall", status=1) == "jupyter genv: own-genv: not yours\n"
    assert sorted(os.listdir(folder)) == ["own", "own-genv"]


@pytest.mark.parametrize(
    "metadata",
    [
        "x",
        {"genv_jupyter": "x"},
        {"genv_jupyter": {}},
        {"genv_jupyter": {"source": "own", "gpus": "2", "gpu_memory": None, "wrap": False}},
        {"genv_jupyter": {"source": 1}, "kernel_provisioner": "x"},
        {"kernel_provisioner": {"provisioner_name": 1}},
    ],
)
def test_specifications_of_others_may_say_anything(command, folder, metadata):
    add(folder, "own")
    theirs = add(folder, "own-genv", metadata=metadata)
    add(folder, "broken", metadata=metadata)
    before = read(theirs)
    assert "not by genv-jupyter" in command("list")
    command("install", "own", status=1)
    command("uninstall")
    assert read(theirs) == before


def test_read_only_originals_are_copied_without_their_modes_and_links(command, folder, tmp_path):
    own = add(folder, "own")
    (own / "logo.svg").write_text("<svg/>")
    (own / "more").mkdir()
    (own / "more" / "a").write_text("a")
    (own / "link.svg").symlink_to("logo.svg")
    (own / "gone").symlink_to("nowhere")
    (own / "everything").symlink_to(tmp_path)
    (own / "more").chmod(0o555)
    own.chmod(0o555)
    assert command("install", "own") == "own-genv: installed\n"
    assert sorted(os.listdir(folder / "own-genv")) == ["kernel.json", "link.svg", "logo.svg", "more"]
    assert (folder / "own-genv" / "more" / "a").read_text() == "a"
    assert os.stat(folder / "own-genv").st_mode & 0o700 == 0o700
    own.chmod(0o755)


def test_kernels_with_a_provisioner_of_their_own_are_skipped(command, folder):
    add(folder, "far", metadata={"kernel_provisioner": {"provisioner_name": "other-provisioner"}})
    add(folder, "near", metadata={"kernel_provisioner": {"provisioner_name": "local-provisioner"}})
    printed = command("install").splitlines()
    assert (
        printed[0].startswith("far: skipped: it is started by 'other-provisioner'")
        and "near-genv: installed" in printed
    )
    assert "far: skipped" in command("install", "far", status=1)
    assert not (folder / "far-genv").exists()


def test_kernels_of_jupyterlab_genv_are_left_to_it(command, folder):
    add(folder, "own")
    add(folder, "own-genv", metadata={"kernel_provisioner": {"provisioner_name": "genv-provisioner"}})
    assert "own-genv: kept: genv starts it already" in command("install")


def test_the_list_has_the_kernels_of_all_folders(command, folder, tmp_path, monkeypatch):
    name = "conda-env-pytorch-latest-py"
    add(folder, name)
    command("install", name)
    add(tmp_path / "share" / "kernels", "theirs-genv")
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path / "share"))
    assert [re.split("   *", line)[:2] for line in command("list").splitlines()] == [
        ["theirs-genv", "not by genv-jupyter"],
        [f"{name}-genv", "current"],
    ]


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
