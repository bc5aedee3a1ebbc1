"""genv.ray in tasks and actors; needs Ray and a minute."""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import genv
import pytest

ray = pytest.importorskip("ray", reason="there is no Ray here")

VARIABLES = {"RAY_AUTH_MODE": "disabled", "RAY_USAGE_STATS_ENABLED": "0", "RAY_raylet_start_wait_time_s": "180"}


@pytest.fixture(scope="module")
def state(tmp_path_factory):
    return tmp_path_factory.mktemp("ray")


@pytest.fixture
def cluster(state, monkeypatch, tmp_path):
    """One node with four devices; workers see the state of the test."""
    for name, value in VARIABLES.items():
        monkeypatch.setenv(name, value)
    before = dict(os.environ)
    folder = f"/tmp/genv-ray-{os.getpid()}"  # short: sockets are in it
    ray.init(
        num_cpus=8,
        num_gpus=4,
        include_dashboard=False,
        object_store_memory=80 << 20,
        _node_ip_address="127.0.0.1",
        _temp_dir=folder,
        log_to_driver=False,
    )
    yield
    ray.shutdown()
    shutil.rmtree(folder, ignore_errors=True)
    for name in set(os.environ) - set(before):
        del os.environ[name]


@pytest.fixture
def decorated(cluster):
    sys.modules.pop("genv.ray", None)
    import genv.ray

    return genv.ray.remote


def look():
    """What a task sees."""
    import genv

    if not genv.sdk.active():
        return None
    config = genv.sdk.configuration()
    held = genv.sdk.refresh_attached()
    return genv.sdk.attached(), held, config.gpu_memory, config.gpus, os.environ["CUDA_VISIBLE_DEVICES"]


def test_every_form_gets_what_ray_assigned(decorated, genv_command):
    @decorated
    def bare():
        return look()

    @decorated(num_gpus=1)
    def one():
        """Looks."""
        return look()

    @decorated(num_gpus=0.5)
    def half():
        return look()

    @decorated(num_gpus=2)
    async def coroutine():
        return look()

    @decorated(num_gpus=1)
    def generator():
        yield look()
        yield look()

    @decorated(num_gpus=1)
    async def async_generator():
        yield look()

    @decorated(num_gpus=1)
    def fails():
        raise KeyError("own")

    assert ray.get(bare.remote()) == ([], [], None, 0, "-1")
    index, held, memory, gpus, visible = ray.get(one.remote())
    assert index == held == [int(visible)]
    assert (memory, gpus) == (None, 1)
    assert one._function.__doc__ == "Looks." and one._function_name.endswith("one")
    assert ray.get(half.remote())[2:4] == ("8gi", 1)
    assert len(ray.get(coroutine.remote())[1]) == 2
    assert len(ray.get(one.options(num_gpus=3).remote())[1]) == 3
    values = [ray.get(each) for each in generator.remote()]
    assert len(values) == 2 and len(values[0][1]) == 1
    assert len([ray.get(each) for each in async_generator.remote()][0][1]) == 1
    with pytest.raises(KeyError, match="own"):
        ray.get(fails.remote())
    with pytest.raises(ValueError):
        one.options(num_gpus=1.5).remote()


def test_actors_have_an_environment_for_their_life(decorated, genv_command):
    @decorated(num_gpus=1)
    class Actor:
        """Counts."""

        def __init__(self, start):
            self.count = start

        def look(self):
            self.count += 1
            return self.count, look()

    @decorated(num_gpus=1)
    class AsyncActor:
        async def look(self):
            return look()

    actor, other = Actor.remote(5), AsyncActor.remote()
    count, (index, held, *_) = ray.get(actor.look.remote())
    assert count == 6 and index == held and len(held) == 1
    assert ray.get(actor.look.remote())[0] == 7
    assert ray.get(other.look.remote())[1] not in (held, [])
    assert len(genv_command("envs", "query", "--query", "eid").split()) == 2
    ray.kill(actor)
    ray.kill(other)
    while genv_command("envs", "query", "--query", "eid"):
        pass


def test_two_halves_share_a_device(decorated):
    @decorated(num_gpus=0.5)
    class Half:
        def look(self):
            return look()

    halves = [Half.remote() for _ in range(3)]
    held = [ray.get(half.look.remote())[1][0] for half in halves]
    assert len(set(held)) == 2


def test_what_somebody_else_holds_is_an_error(decorated, genv_command, python):
    other = python(
        "import genv\nwith genv.sdk.activate(config=genv.Env.Config(gpus=4)):\n    print(flush=True); input()"
    )
    other.stdout.readline()

    @decorated(num_gpus=1)
    def task():
        return look()

    @decorated(num_gpus=1, over_subscribe=True)
    def shares():
        return look()

    with pytest.raises(genv.Unavailable):
        ray.get(task.remote())
    assert len(ray.get(shares.remote())[1]) == 1


def test_tasks_join_an_active_environment(genv_command, state, request):
    with genv.sdk.activate(eid="driver", config=genv.Env.Config(gpus=4)):
        remote = request.getfixturevalue("decorated")

        @remote(num_gpus=1)
        def task():
            return genv.sdk.eid(), os.environ["CUDA_VISIBLE_DEVICES"], genv.sdk.attached()

        eid, visible, attached = ray.get(task.remote())
        assert (eid, [int(visible)]) == ("driver", attached)
        genv.sdk.detach()

        with pytest.raises(genv.Error, match="not attached to the active environment driver"):
            ray.get(task.remote())
        ray.shutdown()


def test_a_node_in_an_environment_of_its_own(monkeypatch):
    """In namespaces of its own, with an init that reaps: `ray stop` finds this node alone, and nobody its ports."""
    unshare = ["unshare", "--pid", "--net", "--fork", "--mount-proc", *(["--map-root-user"] if os.getuid() else [])]
    if subprocess.run([*unshare, "true"], stderr=subprocess.DEVNULL).returncode:
        pytest.skip("there are no namespaces here")
    for name, value in VARIABLES.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("PATH", os.path.dirname(sys.executable) + ":" + os.environ["PATH"])
    with tempfile.TemporaryDirectory(prefix="genv-ray-", dir="/tmp", ignore_cleanup_errors=True) as folder:
        words = [sys.executable, str(Path(__file__).with_name("ray_node.py")), folder]
        init = ["bash", "-c", 'ip link set lo up; "$@"; exit', "init"]
        done = subprocess.run([*unshare, *init, *words], capture_output=True, text=True)
    assert done.returncode == 0 and done.stdout.endswith("done\n"), done.stdout + done.stderr
