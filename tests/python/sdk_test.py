"""genv.sdk: environments, configuration, devices."""

import os
import pickle
import sys
import types
import warnings

import genv
import genv.sdk.devices
import genv.sdk.env
import pytest

Config = genv.Env.Config


def devices_of(genv_command, eid):
    return genv_command("devices", "find", "--eid", eid).strip()


def test_an_environment_lives_as_long_as_its_block(genv_command):
    assert not genv.sdk.active()
    assert genv.sdk.eid() is None
    with genv.sdk.activate() as entered:
        assert entered is None
        assert genv.sdk.active()
        assert genv.sdk.eid() == str(os.getpid())
        assert genv_command("envs", "find", "--pid", str(os.getpid())).strip() == genv.sdk.eid()
    assert not genv.sdk.active()
    assert genv_command("envs", "find", "--pid", str(os.getpid())) == ""


def test_activation_attaches_what_is_configured(genv_command):
    with genv.sdk.activate(eid="a", config=Config(name="two words", gpu_memory="4g", gpus=2)):
        assert genv.sdk.attached() == [0, 1]
        assert genv.sdk.configuration() == Config("two words", "4g", 2)
        assert os.environ["CUDA_VISIBLE_DEVICES"] == "0,1"
        assert os.environ["CUDA_DEVICE_ORDER"] == "PCI_BUS_ID"
        assert os.environ["GENV_PYTHON"] == "1"
        assert devices_of(genv_command, "a") == "0,1"


def test_without_a_configuration_nothing_is_attached():
    with genv.sdk.activate():
        assert genv.sdk.attached() == []
        assert os.environ["CUDA_VISIBLE_DEVICES"] == "-1"
        assert genv.sdk.configuration() == Config()


def test_variables_are_restored(monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "2,3")
    monkeypatch.setenv("GENV_GPUS", "7")
    with genv.sdk.activate(config=Config(gpus=1)):
        assert os.environ["CUDA_VISIBLE_DEVICES"] == "0"
    assert os.environ["CUDA_VISIBLE_DEVICES"] == "2,3"
    assert os.environ["GENV_GPUS"] == "7"


def test_one_environment_at_a_time():
    with genv.sdk.activate(), pytest.raises(RuntimeError, match="^Already running in an active environment .*unset"):
        genv.sdk.activate().__enter__()


def test_an_activation_that_fails_changes_nothing(genv_command):
    with pytest.raises(genv.Error, match="cannot attach 9 devices"):
        genv.sdk.activate(eid="b", config=Config(gpus=9)).__enter__()
    assert genv_command("envs", "query", "--query", "eid") == ""


def test_an_existing_environment_is_entered_as_it_is(genv_command, python):
    other = python(
        "import genv\n"
        "with genv.sdk.activate(eid='a', config=genv.Env.Config(name='n', gpus=2)):\n"
        "    print(flush=True); input()"
    )
    other.stdout.readline()
    with genv.sdk.activate(eid="a"):
        assert genv.sdk.attached() == [0, 1]
        assert genv.sdk.configuration() == Config(name="n", gpus=2)
    assert devices_of(genv_command, "a") == "0,1"


def test_an_existing_environment_attaches_what_it_lacks(genv_command):
    genv_command("envs", "activate", "--eid", "a", "--uid", str(os.getuid()), "--pid", str(os.getppid()))
    genv_command("envs", "config", "--eid", "a", "gpus", "--count", "2")
    with genv.sdk.activate(eid="a"):
        assert genv.sdk.attached() == [0, 1]


def test_configuration_is_replaced_as_a_whole(genv_command):
    with genv.sdk.activate(eid="a", config=Config(name="n", gpus=1)):
        genv.sdk.configure(Config(gpu_memory="512mi"))
        assert genv.sdk.configuration() == Config(gpu_memory="512mi")
        assert genv.sdk.attached() == [0]
        genv_command("envs", "config", "--eid", "a", "name", "--name", "other")
        assert genv.sdk.configuration().name is None
        assert genv.sdk.refresh_configuration() == Config(name="other", gpu_memory="512mi")
        assert genv.sdk.configuration().name == "other"
        assert genv.sdk.envs()[0].config == genv.sdk.configuration()


@pytest.mark.parametrize("config", [Config(gpu_memory="4q"), Config(gpus=-1), Config(name="a\nb"), Config(name="a\0")])
def test_values_that_mean_nothing_are_refused(config):
    with pytest.raises(ValueError):
        genv.sdk.activate(config=config).__enter__()


@pytest.mark.parametrize("config", [None, {}, {"gpus": 1}, Config, object(), 1])
def test_only_a_configuration_is_one(config):
    with genv.sdk.activate(config=Config(name="n")):
        with pytest.raises(TypeError, match="config must be an object of genv.Env.Config, not "):
            genv.sdk.configure(config)
        with pytest.raises(TypeError):
            genv.sdk.configure(genv.sdk.envs()[0])
        assert genv.sdk.configuration() == genv.sdk.refresh_configuration() == Config(name="n")


@pytest.mark.parametrize(
    "config", [Config(name=b"x"), Config(name=object()), Config(name=1), Config(gpus=1.0), Config(gpu_memory=[])]
)
def test_values_of_other_types_are_refused(config):
    with pytest.raises(TypeError, match="must be"):
        genv.sdk.activate(config=config).__enter__()


def test_counts_that_mean_nothing_are_refused():
    with genv.sdk.activate(config=Config(gpus=2)):
        genv.sdk.detach()
        for gpus in (-1, -2, 2**40):
            with pytest.raises(genv.Invalid, match="device count must be from 0"):
                genv.sdk.attach(gpus=gpus)
        with pytest.raises(TypeError, match="gpus must be an integer, not str"):
            genv.sdk.attach(gpus="2")
        assert genv.sdk.attached() == []


@pytest.mark.parametrize(
    ("words", "attached"), [("-1,0", []), ("0,-1,1", [0]), ("", []), ("\u00b2", ["\u00b2"]), (" 1 , 0", [1, 0])]
)
def test_devices_are_read_as_cuda_reads_them(monkeypatch, words, attached):
    with genv.sdk.activate(), pytest.MonkeyPatch.context() as patch:
        patch.setenv("CUDA_VISIBLE_DEVICES", words)
        assert genv.sdk.attached() == attached


def test_configuration_is_saved_and_loaded(tmp_path):
    home = tmp_path / ".genv"
    with genv.sdk.activate(config=Config(name="n", gpus=1)):
        assert genv.sdk.home() is None
        assert genv.sdk.load_configuration() == Config()
        with pytest.raises(genv.Error, match="genv"):
            genv.sdk.save_configuration()
        home.mkdir()
        assert genv.sdk.home() == home
        genv.sdk.save_configuration()
        assert (home / "gpus").read_text().strip() == "1"
        (home / "name").write_text("loaded")
        assert genv.sdk.load_configuration() == Config(name="loaded", gpus=1)
        assert genv.sdk.configuration().name == "loaded"
    Config(gpu_memory="4g").save(home)
    assert not (home / "gpus").exists()
    assert Config().load(home) == Config(gpu_memory="4g")


def test_devices_are_attached_and_detached():
    with genv.sdk.activate():
        assert genv.sdk.attach(index=2) == [2]
        assert genv.sdk.attach(2) == [2]
        assert genv.sdk.attach(gpus=3) == [0, 1, 2]
        assert genv.sdk.attach(gpus=1) == [0, 1, 2]  # nothing is released
        assert genv.sdk.detach(1) == [0, 2]
        assert genv.sdk.detach(1) == [0, 2]
        assert genv.sdk.detach(index=7) == [0, 2]
        assert os.environ["CUDA_VISIBLE_DEVICES"] == "0,2"
        assert genv.sdk.attached() == genv.sdk.refresh_attached() == [0, 2]
        assert genv.sdk.detach() == []
        genv.sdk.configure(Config(gpus=2))
        assert genv.sdk.attach() == [0, 1]


def test_what_is_not_available_is_refused(python):
    other = python(
        "import genv\nwith genv.sdk.activate(config=genv.Env.Config(gpus=3)):\n    print(flush=True); input()"
    )
    other.stdout.readline()
    with genv.sdk.activate():
        with pytest.raises(genv.Unavailable) as caught:
            genv.sdk.attach(index=1)
        assert isinstance(caught.value, RuntimeError)
        assert caught.value.errno == 16
        with pytest.raises(genv.Unavailable, match="1 of 4"):
            genv.sdk.attach(gpus=2)
        with pytest.raises(genv.Error):
            genv.sdk.attach(index=9)
        with pytest.raises(ValueError):
            genv.sdk.attach(index=1, gpus=1)
        assert genv.sdk.attached() == []
        assert genv.sdk.attach(index=1, allow_over_subscription=True) == [1]


@pytest.mark.parametrize(
    "call",
    [
        lambda: genv.sdk.configure(Config()),
        lambda: genv.sdk.configuration(),
        lambda: genv.sdk.refresh_configuration(),
        lambda: genv.sdk.load_configuration(),
        lambda: genv.sdk.save_configuration(),
        lambda: genv.sdk.attach(),
        lambda: genv.sdk.detach(),
        lambda: genv.sdk.attached(),
        lambda: genv.sdk.refresh_attached(),
    ],
)
def test_without_an_environment_there_is_an_error(call):
    with pytest.raises(RuntimeError, match="no environment is active"):
        call()


def test_devices_are_named_by_index_where_they_have_one(monkeypatch):
    uuids = [device.uuid for device in genv.sdk.devices()]
    monkeypatch.setenv("GENV_VISIBLE_DEVICES", "uuid")
    with genv.sdk.activate():
        assert genv.sdk.attach(index=uuids[3]) == [3]
        assert os.environ["CUDA_VISIBLE_DEVICES"] == uuids[3]
        assert genv.sdk.attached() == [3]
        os.environ["CUDA_VISIBLE_DEVICES"] = f"{uuids[3]},GPU-elsewhere"
        assert genv.sdk.attached() == [3, "GPU-elsewhere"]


def test_a_container_changes_nothing():
    with genv.sdk.activate(config=Config(gpus=1)), pytest.MonkeyPatch.context() as patch:
        patch.setenv("GENV_CONTAINER", "1")
        patch.setenv("CUDA_VISIBLE_DEVICES", genv.sdk.devices()[0].uuid)  # as the container was started
        before = dict(os.environ)
        assert genv.sdk.attached() == genv.sdk.refresh_attached() == [0]
        assert genv.sdk.configuration() == genv.sdk.refresh_configuration() == Config(gpus=1)
        assert os.environ == before
        for change in (genv.sdk.attach, genv.sdk.detach, lambda: genv.sdk.configure(Config())):
            with pytest.raises(RuntimeError, match="container"):
                change()


def test_old_submodules_are_there():
    with genv.sdk.env.activate(config=genv.sdk.env.Env.Config(gpus=1)):
        assert genv.sdk.devices.attached() == [0]
        with genv.sdk.devices.lock():
            assert genv.sdk.devices.attach(index=1) == [0, 1]


def test_what_there_is_has_types(genv_command):
    with genv.sdk.activate(eid="a", config=Config(name="<b>", gpu_memory="4g", gpus=1)):
        snapshot = genv.sdk.snapshot()
        env = snapshot.envs[0]
        assert (env.eid, env.uid, env.config.name, env.pids, env.devices) == (
            "a",
            os.getuid(),
            "<b>",
            [os.getpid()],
            [0],
        )
        assert env.active and env.time_since.endswith(" ago") and env.created.tzinfo
        assert snapshot.devices[0].attachments[0].gpu_memory == 4_000_000_000
        assert genv.sdk.devices()[0].eids == ["a"]
        assert genv.sdk.devices()[0].total_memory == 16 << 30
        assert [each.eid for each in genv.sdk.envs()] == ["a"]
        assert env == genv.sdk.envs()[0]
        assert "&lt;b&gt;" in genv.sdk.envs()._repr_html_()
        assert genv.sdk.devices()._repr_html_().count("<tr>") == 5
    assert isinstance(snapshot.devices, genv.Devices)
    assert genv_command("version").strip() == genv.__version__


def test_warnings_of_the_library_are_python_warnings(monkeypatch, tmp_path):
    envs = tmp_path / "state" / "envs"
    with genv.sdk.activate():
        (envs / "junk.json").write_text("junk")
        with pytest.warns(RuntimeWarning, match="^genv: .*junk"):
            genv.sdk.envs()
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            with pytest.raises(RuntimeWarning):
                genv.sdk.envs()
        (envs / "junk.json").unlink()


def test_it_is_said_when_cuda_is_initialized_already(monkeypatch):
    torch = types.ModuleType("torch")
    torch.cuda = types.SimpleNamespace(is_initialized=lambda: True)
    monkeypatch.setitem(sys.modules, "torch", torch)
    scope = genv.sdk.activate(config=Config(gpus=1))
    with pytest.warns(RuntimeWarning, match="CUDA is already initialized"):
        scope.__enter__()
    scope.__exit__()
    with warnings.catch_warnings(), pytest.raises(RuntimeWarning):
        warnings.simplefilter("error")
        scope.__enter__()
    assert not genv.sdk.active() and genv.sdk.envs() == []


def test_errors_can_be_pickled():
    with pytest.raises(genv.Error) as caught:
        genv.sdk.attach()
    copy = pickle.loads(pickle.dumps(caught.value))
    assert (type(copy), copy.args, copy.errno) == (genv.Error, caught.value.args, None)


def test_names_that_are_not_there_are_refused():
    with pytest.raises(AttributeError, match="module 'genv' has no attribute 'nothing'"):
        genv.nothing  # noqa: B018
