"""genv.sdk.host: environments of other processes and of kernels."""

import doctest
import os
import subprocess

import genv
import pytest
from genv.sdk import host

Config = genv.Config


@pytest.fixture
def child():
    process = subprocess.Popen(["sleep", "600"])
    yield process
    process.kill()
    process.wait()


def test_the_example_is_right():
    assert doctest.testmod(host).failed == 0


def test_this_process_is_left_alone(child):
    before = dict(os.environ)
    env = host.enter(pid=child.pid, config=Config(gpus=2, gpu_memory="4g", name="a"))
    assert (env.eid, env.pids, env.devices) == (str(child.pid), [child.pid], [0, 1])
    variables = host.variables(env.eid)
    assert variables["CUDA_VISIBLE_DEVICES"] == "0,1" and variables["GENV_GPU_MEMORY"] == "4g"
    assert variables["GENV_ENVIRONMENT_ID"] == env.eid
    assert os.environ == before and not genv.sdk.active()
    host.leave(env.eid, pid=child.pid)
    assert genv.sdk.envs() == []
    host.leave(env.eid, pid=child.pid)


def test_entering_again_changes_nothing_without_a_configuration(child):
    host.enter("e", pid=child.pid, config=Config(gpus=1, name="a"))
    assert host.enter("e", pid=os.getpid()).devices == [0]
    with pytest.raises(genv.Error, match="9 devices"):
        host.enter("e", pid=child.pid, config=Config(gpus=9, name="b"))
    env = host.look_up("e")
    assert (env.devices, env.config.name, sorted(env.pids)) == ([0], "a", sorted([child.pid, os.getpid()]))
    assert host.enter("e", pid=child.pid, config=Config(gpus=3)).devices == [0, 1, 2]
    assert host.enter("e", pid=child.pid, config=Config(gpus=1)).devices == [0]


def test_a_kernel_lives_as_long_as_its_file(tmp_path):
    file = tmp_path / "elsewhere.json"
    with pytest.raises(genv.Error, match="there is no kernel k"):
        host.enter(kernel_id="k", connection_file=file)
    file.write_text("{}")
    env = host.enter(kernel_id="k", connection_file=file, config=Config(gpus=1))
    assert (env.eid, env.kernel_ids, env.pids) == ("k", ["k"], [])
    assert host.find(kernel_id="k") == ["k"] and host.find(pid=1) == []
    file.unlink()
    assert host.find(kernel_id="k") == []
    with pytest.raises(genv.Error) as error:
        host.look_up("k")
    assert error.value.errno == 2


def test_a_kernel_lives_no_longer_than_its_manager(tmp_path, child):
    file = tmp_path / "kernel.json"
    file.write_text("{}")
    env = host.enter(kernel_id="k", connection_file=file, manager=child.pid, config=Config(gpus=1))
    assert (env.kernel_ids, env.pids, env.devices) == (["k"], [], [0])
    child.kill()
    child.wait()
    assert host.find(kernel_id="k") == [] and genv.sdk.envs() == []
    with pytest.raises(genv.Error, match=f"there is no process {child.pid}"):
        host.enter(kernel_id="k", connection_file=file, manager=child.pid)


def test_devices_are_attached_configured_and_detached(child):
    eid = host.enter(pid=child.pid).eid
    assert host.attach(eid, 2).devices == [2]
    assert host.attach(eid, gpus=2).devices == [0, 2]
    assert host.configure(eid, Config(name="n", gpus=1)).config == Config(name="n", gpus=1)
    assert host.detach(eid, 2).devices == [0] and host.detach(eid).devices == []
    with pytest.raises(ValueError):
        host.attach(eid, 1, gpus=1)
    with pytest.raises(ValueError):
        host.enter()


@pytest.mark.parametrize("config", [Config(gpus=-1), Config(gpu_memory="4x")])
def test_a_configuration_is_checked(config):
    host.check(Config(gpus=0, gpu_memory="4g", name="a"))
    with pytest.raises(genv.Invalid):
        host.check(config)


def test_the_path_has_the_shims_once_and_first():
    shims = host.path("/bin").split(":")[0]
    assert shims.endswith("/shims") and os.access(f"{shims}/nvidia-smi", os.X_OK)
    assert host.path(f"/bin:{shims}:/usr/bin") == f"{shims}:/bin:/usr/bin"
    assert host.path("") == f"{shims}:{os.defpath}"


def test_the_saved_configuration_of_a_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    inner = tmp_path / "project" / "inner"
    inner.mkdir(parents=True)
    assert host.saved(inner) is None
    (tmp_path / "project" / ".genv").mkdir()
    Config(gpus=2).save(tmp_path / "project" / ".genv")
    assert host.saved(inner) == Config(gpus=2)


def test_the_command_is_there():
    assert os.access(host.program(), os.X_OK)
