"""What an exception in the middle leaves behind: all of it is done, or nothing."""

import asyncio
import contextlib
import fcntl
import os
import signal
import threading
import time
import warnings
from pathlib import Path

import genv
import genv._process
import pytest

Config = genv.Env.Config


def eids(genv_command):
    return genv_command("envs", "query", "--query", "eid").split()


@pytest.fixture
def hang(monkeypatch, tmp_path):
    """Has the driver hang from now on."""

    def hang():
        (tmp_path / "machine.json").write_text('{"init_delay_ms": 3600000, "devices": [{"uuid": "GPU-1"}]}')
        patch.delenv("GENV_DEVICES", raising=False)
        patch.setenv("GENV_SIMULATOR", str(tmp_path / "machine.json"))
        patch.setenv("LD_LIBRARY_PATH", os.environ["GENV_NVML"])
        patch.setenv("GENV_DRIVER_TIMEOUT", "600")

    with pytest.MonkeyPatch.context() as patch:
        yield hang


@pytest.fixture
def state_lock(tmp_path):
    """Holds the state's lock, for as long as the file that it returns is open."""
    files = []

    def lock():
        with genv.sdk.activate():  # makes it
            pass
        files.append(open(tmp_path / "state" / "genv.lock"))  # noqa: SIM115
        fcntl.flock(files[-1], fcntl.LOCK_EX)
        return files[-1]

    yield lock
    for file in files:
        file.close()


def asks_the_driver():
    """Whether this process waits for a child that asks."""
    for task in os.listdir("/proc/self/task"):
        with contextlib.suppress(FileNotFoundError):
            for pid in Path(f"/proc/self/task/{task}/children").read_text().split():
                if Path(f"/proc/{pid}/comm").read_text() == "genv-driver\n":
                    return True
    return False


@pytest.fixture
def interrupt():
    """Sends SIGINT once ``condition`` holds, by another thread."""
    threads = []

    def interrupt(condition):
        def wait():
            while not condition():
                time.sleep(0.01)
            os.kill(os.getpid(), signal.SIGINT)

        threads.append(threading.Thread(target=wait))
        threads[-1].start()

    yield interrupt
    for thread in threads:
        thread.join()


def test_ctrl_c_while_the_driver_hangs_activates_nothing(hang, interrupt, genv_command):
    hang()
    for config in (Config(gpus=1), Config(gpu_memory="1g")):
        interrupt(asks_the_driver)
        with pytest.raises(KeyboardInterrupt):
            genv.sdk.activate(eid="a", config=config).__enter__()
        assert not genv.sdk.active()
        assert eids(genv_command) == []


@pytest.mark.parametrize(
    "change",
    [
        lambda: genv.sdk.configure(Config(gpu_memory="2g")),
        lambda: genv.sdk.attach(gpus=2),
        lambda: genv.sdk.detach(0),
    ],
)
def test_ctrl_c_while_the_driver_hangs_changes_nothing(change, hang, interrupt, genv_command, tmp_path):
    with genv.sdk.activate(eid="a", config=Config(gpu_memory="1g", gpus=1)):
        record = (tmp_path / "state" / "envs" / "a.json").read_bytes()
        hang()
        interrupt(asks_the_driver)
        with pytest.raises(KeyboardInterrupt):
            change()
        assert (tmp_path / "state" / "envs" / "a.json").read_bytes() == record
        assert genv.sdk.configuration() == Config(gpu_memory="1g", gpus=1)


def test_one_ctrl_c_ends_all_waits_of_a_call(hang, interrupt, state_lock, monkeypatch):
    monkeypatch.setenv("GENV_STATE_TIMEOUT", "600")
    state_lock()
    hang()
    interrupt(asks_the_driver)
    with pytest.raises(KeyboardInterrupt):  # and not, after the driver, to wait for the lock
        genv.sdk.activate(eid="a", config=Config(gpu_memory="1g")).__enter__()


def test_ctrl_c_does_not_keep_a_process_in_its_environment(state_lock, monkeypatch, genv_command):
    monkeypatch.setenv("GENV_STATE_TIMEOUT", "600")
    file = state_lock()
    fcntl.flock(file, fcntl.LOCK_UN)

    def handle(number, frame):
        fcntl.flock(file, fcntl.LOCK_UN)
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGALRM, handle)
    try:
        with pytest.raises(KeyboardInterrupt), genv.sdk.activate(eid="a", config=Config(gpus=1)):
            fcntl.flock(file, fcntl.LOCK_EX)
            signal.setitimer(signal.ITIMER_REAL, 0.2)
    finally:
        signal.signal(signal.SIGALRM, before)
    assert not genv.sdk.active()
    assert eids(genv_command) == []


def test_ctrl_c_before_the_block_begins_leaves_again(monkeypatch, genv_command):
    def interrupt(*_):
        monkeypatch.undo()
        raise KeyboardInterrupt

    monkeypatch.setattr(genv._process, "export", interrupt)
    with pytest.raises(KeyboardInterrupt):
        genv.sdk.activate(eid="a", config=Config(gpus=1)).__enter__()
    assert not genv.sdk.active()
    assert eids(genv_command) == []


@pytest.fixture
def junk(tmp_path):
    """Has the library warn of something."""
    with genv.sdk.activate():
        pass
    path = tmp_path / "state" / "envs" / "junk.json"
    path.write_text("junk")
    yield
    path.unlink()


def test_where_warnings_are_errors_an_activation_is_undone(junk, genv_command):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(RuntimeWarning, match="junk"):
            genv.sdk.activate(eid="a", config=Config(gpus=1)).__enter__()
    assert not genv.sdk.active()
    assert eids(genv_command) == []


def test_where_warnings_are_errors_variables_follow_the_state(junk):
    with pytest.warns(RuntimeWarning), genv.sdk.activate(eid="a"):
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            with pytest.raises(RuntimeWarning, match="junk"):
                genv.sdk.configure(Config(gpus=2))
        assert genv.sdk.configuration() == Config(gpus=2) == genv.sdk.refresh_configuration()


def test_warnings_are_those_of_the_caller(junk):
    with pytest.warns(RuntimeWarning, match="junk") as caught, genv.sdk.activate(eid="a"):
        genv.sdk.configure(Config(gpus=2))
    assert {warning.filename for warning in caught} == {__file__}


def test_who_waits_to_change_finds_no_other_environment(python):
    other = python("import genv\nwith genv.sdk.activate(eid='a'):\n    print(flush=True); input()")
    other.stdout.readline()
    caught = []

    def attach():
        try:
            genv.sdk.attach(gpus=2)
        except genv.Error as error:
            caught.append(str(error))

    scope = genv.sdk.activate(eid="a")
    scope.__enter__()
    with genv._process.changing:
        thread = threading.Thread(target=attach)
        thread.start()
        time.sleep(0.05)  # let it begin to wait; the test holds without, but tests less
        scope.__exit__()
    thread.join()
    assert "no environment is active" in caught[0]
    assert not genv.sdk.active()
    assert genv.sdk.envs()[0].devices == []


def test_a_loop_that_is_closed_while_a_task_enters_leaves_nothing(genv_command):
    async def enter():
        async with genv.sdk.activate(config=Config(gpus=1)):
            await asyncio.sleep(600)

    loop = asyncio.new_event_loop()
    with genv._process.changing:
        task = loop.create_task(enter())
        loop.run_until_complete(asyncio.sleep(0.05))
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            loop.run_until_complete(task)
        loop.close()
    for thread in threading.enumerate():
        if thread.name.startswith("asyncio_"):
            thread.join()
    assert not genv.sdk.active()
    assert eids(genv_command) == []


def test_the_loop_runs_while_a_task_leaves(state_lock, monkeypatch, genv_command):
    monkeypatch.setenv("GENV_STATE_TIMEOUT", "600")
    file = state_lock()
    fcntl.flock(file, fcntl.LOCK_UN)

    async def use():
        async with genv.sdk.activate(config=Config(gpus=1)):
            fcntl.flock(file, fcntl.LOCK_EX)

    async def main():
        task = asyncio.ensure_future(use())
        while genv.sdk.active() or not task.done():
            await asyncio.sleep(0.01)
            fcntl.flock(file, fcntl.LOCK_UN)

    asyncio.run(main())
    assert eids(genv_command) == []


def test_the_loop_runs_while_a_lock_asks_a_driver_that_hangs(hang, monkeypatch):
    async def main():
        ticks = []

        async def tick():
            while True:
                ticks.append(None)
                await asyncio.sleep(0.01)

        ticking = asyncio.ensure_future(tick())
        async with genv.sdk.lock():
            ticking.cancel()
        return len(ticks)

    with genv.sdk.activate(eid="a", config=Config(gpus=1)):
        hang()
        with pytest.warns(RuntimeWarning, match="the driver does not respond"):
            assert asyncio.run(main()) > 1
