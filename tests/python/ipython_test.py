"""%genv in IPython."""

import os

import genv
import pytest

pytest.importorskip("IPython", reason="there is no IPython here")


@pytest.fixture
def run(capsys):
    from IPython.core.interactiveshell import InteractiveShell

    shell = InteractiveShell()
    shell.run_line_magic("load_ext", "genv")

    def run(line):
        result = shell.run_line_magic("genv", line)
        return capsys.readouterr().out if result is None else result

    yield run
    InteractiveShell.clear_instance()


def test_the_kernel_gets_devices(run):
    from IPython.core.error import UsageError

    assert run("") == "Environment is not active\n"
    assert run("attach 1") == f"Environment is active ({os.getpid()})\nAttached to GPUs at indices 0\n"
    assert os.environ["CUDA_VISIBLE_DEVICES"] == "0"
    assert run("attach --index 3").endswith("indices 0,3\n")
    assert run("devices")[3].eids == [str(os.getpid())]
    assert "<td>0, 3</td>" in run("envs")._repr_html_()
    assert run("detach 0").endswith("indices 3\n")
    with pytest.raises(UsageError, match="genv: Already running"):
        run("activate")
    assert run("deactivate") == "Environment is not active\n"
    with pytest.raises(UsageError, match="has not activated"):
        run("deactivate")
    assert run("activate --name 'two words' --gpus 2").endswith("indices 0,1\n")
    assert genv.sdk.configuration().name == "two words"
    with pytest.raises(UsageError, match="see %genv --help"):
        run("attach x")
    run("deactivate")
    assert "usage: %genv" in run("--help")


@pytest.mark.parametrize("line", ["attach 99", "attach -1", "attach --index 9", "attach 1 --index 0"])
def test_what_fails_activates_nothing(run, line):
    from IPython.core.error import UsageError

    with pytest.raises(UsageError):
        run(line)
    assert not genv.sdk.active()
    assert genv.sdk.envs() == []


def test_errors_are_sentences(run):
    from IPython.core.error import UsageError

    run("activate --gpus 1")
    for line, message in (
        ('attach "1', "genv: No closing quotation"),
        ("attach 1 --index 0", "genv: .*not allowed with"),
        ("detach x", "genv: device x is not attached"),
        ("detach 3", "genv: device 3 is not attached"),
    ):
        with pytest.raises(UsageError, match=message):
            run(line)
    assert run("").endswith("indices 0\n")
    run("deactivate")
