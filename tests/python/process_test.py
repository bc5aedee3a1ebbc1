"""genv.sdk in programs with threads, children, signals and event loops."""

import asyncio
import contextlib
import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import time

import genv
import pytest

Config = genv.Env.Config

HOLD = """
import genv, sys
with genv.sdk.activate(eid=sys.argv[1]), genv.sdk.lock():
    print(flush=True)
    input()
"""


@pytest.fixture
def env():
    """An environment on one device, which this process is in, and others may enter."""
    with genv.sdk.activate(eid="a", config=Config(gpus=1)):
        yield "a"


@pytest.fixture
def holder(env, python, monkeypatch):
    """Another process that holds the lock of the device."""
    variables = {name: os.environ.pop(name) for name in ("GENV_ENVIRONMENT_ID",)}
    process = python(HOLD, env)
    os.environ.update(variables)
    process.stdout.readline()
    return process


def release(process):
    process.stdin.write("\n")
    process.stdin.flush()
    process.wait()


def test_threads_attach_at_once(monkeypatch):
    monkeypatch.setenv("GENV_DEVICES", "16")
    errors = []

    def attach(index):
        try:
            genv.sdk.attach(index=index)
            with genv.sdk.lock():
                genv.sdk.envs()
        except Exception as error:
            errors.append(error)

    with genv.sdk.activate():
        threads = [threading.Thread(target=attach, args=[index]) for index in range(16)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert errors == []
        assert genv.sdk.attached() == genv.sdk.refresh_attached() == list(range(16))


def test_other_threads_run_while_one_waits(holder):
    locked = threading.Event()

    def wait():
        with genv.sdk.lock():
            locked.set()

    thread = threading.Thread(target=wait)
    thread.start()
    assert sum(range(100000)) and not locked.is_set()  # this thread runs, and that one waits
    release(holder)
    thread.join()
    assert locked.is_set()


def test_a_lock_excludes_other_threads(env):
    inside, most = [], []

    def use():
        for _ in range(20):
            with genv.sdk.lock():
                inside.append(None)
                most.append(len(inside))
                inside.pop()

    threads = [threading.Thread(target=use) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert max(most) == 1


def test_a_lock_may_be_taken_inside_itself(env, genv_command):
    with genv.sdk.lock():
        with genv.sdk.lock(timeout=0):
            assert genv_command("lock", "-n", "echo", "inside") == "inside\n"
        assert "GENV_LOCK" in os.environ
    assert "GENV_LOCK" not in os.environ


def test_a_lock_gives_up_after_its_timeout(holder):
    for timeout in (0, 0.05):
        with pytest.raises(genv.TimedOut, match="device 0 is locked by process"):
            genv.sdk.lock(timeout=timeout).__enter__()
    release(holder)
    with genv.sdk.lock(timeout=60):
        pass


def test_a_lock_of_another_thread_gives_up_as_well(env):
    with genv.sdk.lock():
        caught = []

        def wait():
            try:
                with genv.sdk.lock(timeout=0.01):
                    pass
            except genv.TimedOut as error:
                caught.append(str(error))

        thread = threading.Thread(target=wait)
        thread.start()
        thread.join()
    assert caught == ["the devices are locked by another thread or task of this process"]


def test_without_an_environment_a_lock_holds_nothing():
    with genv.sdk.lock():
        pass
    with genv.sdk.activate(), genv.sdk.lock():
        pass


@pytest.mark.parametrize("wait", ["genv.sdk.lock()", "genv.sdk.lock(timeout=600)"])
def test_ctrl_c_ends_a_wait(holder, python, wait):
    process = python(
        "import genv\n"
        "print(flush=True)\n"
        "try:\n"
        f"    with {wait}: pass\n"
        "except KeyboardInterrupt:\n"
        "    print('interrupted', flush=True)"
    )
    process.stdout.readline()
    wait_until_it_waits(process.pid)
    process.send_signal(signal.SIGINT)
    assert process.stdout.readline() == "interrupted\n"


def wait_until_it_waits(pid):
    """Until the process has the lock file open."""
    while not any("devices/GPU" in target for target in descriptors(pid)):
        time.sleep(0.01)


def descriptors(pid):
    for name in os.listdir(f"/proc/{pid}/fd"):
        with contextlib.suppress(OSError):
            yield os.readlink(f"/proc/{pid}/fd/{name}")


def test_signal_handlers_run_while_it_waits(holder, python):
    process = python(
        "import genv, signal\n"
        "signal.signal(signal.SIGUSR1, lambda *_: print('handled', flush=True))\n"
        "print(flush=True)\n"
        "with genv.sdk.lock(): print('locked', flush=True)"
    )
    process.stdout.readline()
    wait_until_it_waits(process.pid)
    process.send_signal(signal.SIGUSR1)
    assert process.stdout.readline() == "handled\n"
    release(holder)
    assert process.stdout.readline() == "locked\n"


def test_a_forked_child_ends_nothing(genv_command):
    scope = genv.sdk.activate(eid="a", config=Config(gpus=1))
    with scope:
        pid = os.fork()
        if pid == 0:
            scope.__exit__()
            os._exit(1 if genv.sdk.active() else 0)
        assert os.waitpid(pid, 0)[1] == 0
        assert genv.sdk.refresh_attached() == [0]
    assert genv_command("envs", "query", "--query", "eid") == ""


def test_a_forked_child_does_not_keep_the_lock(env, python):
    reader, writer = os.pipe()
    with genv.sdk.lock():
        pid = os.fork()
        if pid == 0:
            os.close(writer)
            os.read(reader, 1)
            os._exit(0)
    os.close(reader)
    process = python("import genv\nwith genv.sdk.lock(timeout=60): print('locked', flush=True)")
    assert process.stdout.readline() == "locked\n"
    os.close(writer)
    assert os.waitpid(pid, 0)[1] == 0


def in_child(queue):
    with genv.sdk.lock():
        queue.put((genv.sdk.eid(), genv.sdk.attached(), genv.sdk.attach(index=3)))


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_children_of_multiprocessing_are_in_the_environment(env, method):
    context = multiprocessing.get_context(method)
    queue = context.Queue()
    process = context.Process(target=in_child, args=[queue])
    process.start()
    assert queue.get() == ("a", [0], [0, 3])
    process.join()
    assert process.exitcode == 0
    assert genv.sdk.refresh_attached() == [0, 3]


def test_scopes_are_decorators():
    @genv.sdk.activate(config=Config(gpus=1))
    def call(word):
        """Says it."""
        return word, genv.sdk.attached()

    @genv.sdk.activate(config=Config(gpus=2))
    def generate():
        yield genv.sdk.attached()

    @genv.sdk.lock()
    def locked():
        return "locked"

    assert [call("one"), call("two")] == [("one", [0]), ("two", [0])]
    assert call.__name__ == "call" and call.__doc__ == "Says it."
    assert list(generate()) == [[0, 1]]
    assert locked() == "locked"
    assert not genv.sdk.active()


def test_async_code_enters_as_well():
    @genv.sdk.activate(config=Config(gpus=1))
    async def call():
        await asyncio.sleep(0)
        return genv.sdk.attached()

    @genv.sdk.activate(config=Config(gpus=1))
    async def generate():
        yield genv.sdk.attached()

    async def main():
        async with genv.sdk.activate(config=Config(gpus=2)), genv.sdk.lock():
            first = genv.sdk.attached()
        return first, await call(), [value async for value in generate()]

    assert asyncio.run(main()) == ([0, 1], [0], [[0]])


def test_tasks_take_turns(env):
    inside = []

    async def use():
        async with genv.sdk.lock():
            assert not inside
            inside.append(None)
            await asyncio.sleep(0.001)
            inside.pop()

    async def main():
        await asyncio.gather(*[use() for _ in range(5)])

    asyncio.run(main())


def test_the_loop_runs_while_a_task_waits(holder):
    async def main():
        waiting = asyncio.ensure_future(locked())
        await asyncio.sleep(0.01)
        assert not waiting.done()
        with pytest.raises(genv.TimedOut):
            async with genv.sdk.lock(timeout=0.01):
                pass
        release(holder)
        return await waiting

    async def locked():
        async with genv.sdk.lock():
            return "locked"

    assert asyncio.run(main()) == "locked"


def test_a_task_that_is_cancelled_leaves_nothing(genv_command):
    async def enter():
        async with genv.sdk.activate(config=Config(gpus=1)):
            await asyncio.sleep(600)

    async def main():
        task = asyncio.ensure_future(enter())
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())
    assert genv_command("envs", "query", "--query", "eid") == ""


def test_a_driver_that_hangs_hangs_nobody(monkeypatch, tmp_path):
    (tmp_path / "machine.json").write_text('{"init_delay_ms": 3600000, "devices": [{"uuid": "GPU-1"}]}')
    monkeypatch.delenv("GENV_DEVICES")
    monkeypatch.setenv("GENV_SIMULATOR", str(tmp_path / "machine.json"))
    monkeypatch.setenv("LD_LIBRARY_PATH", os.environ["GENV_NVML"])
    monkeypatch.setenv("GENV_DRIVER_TIMEOUT", "1")
    with genv.sdk.activate(), pytest.raises(genv.TimedOut, match="did not respond"):
        genv.sdk.attach(index=0)


def test_subinterpreters_are_refused():
    program = (
        "import _xxsubinterpreters as i\n"
        "try: interpreter = i.create(isolated=False)\n"
        "except TypeError: interpreter = i.create()\n"
        "i.run_string(interpreter, '''import sys\n"
        f"sys.path[:] = {sys.path!r}\n"
        "try:\n    import genv\n"
        "except ImportError as error:\n    print(error)''')"
    )
    if sys.version_info >= (3, 13):
        pytest.skip("the module has another name there")
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert "genv cannot be used in a subinterpreter" in done.stdout, done.stderr


def test_importing_starts_nothing_and_loads_little():
    program = (
        "import sys, os, threading\n"
        "before = set(sys.modules)\n"
        "import genv\n"
        "heavy = {'dataclasses', 'asyncio', 'inspect', 'subprocess', 'typing', 'ray', 'IPython'} - before\n"
        "print(sorted(heavy & set(sys.modules)), threading.active_count(), len(os.listdir('/proc/self/task')))"
    )
    done = subprocess.run([sys.executable, "-S", "-c", program], capture_output=True, text=True)
    assert done.stdout.splitlines()[-1] == "[] 1 1", done.stderr
