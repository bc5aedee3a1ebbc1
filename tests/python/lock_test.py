"""genv.sdk.lock() inside itself, in tasks, and as a decorator."""

import asyncio
import errno
import math
import os
import subprocess

import genv
import pytest


@pytest.fixture(autouse=True)
def env():
    with genv.sdk.activate(eid="a", config=genv.Env.Config(gpus=1)):
        yield


def is_locked():
    """For a program that is not started under the lock."""
    words = ["env", "-u", "GENV_LOCK", os.environ["GENV_BIN"], "lock", "-n", "true"]
    return subprocess.run(words, stderr=subprocess.DEVNULL, check=False).returncode != 0


def test_one_lock_may_be_entered_inside_itself():
    lock = genv.sdk.lock()
    with lock:
        with lock:
            pass
        assert is_locked()
        assert "GENV_LOCK" in os.environ
    assert not is_locked()
    assert "GENV_LOCK" not in os.environ
    with lock:
        assert is_locked()


def test_devices_that_were_attached_inside_are_locked_by_an_inner_lock():
    with genv.sdk.lock():
        outer = os.environ["GENV_LOCK"]
        genv.sdk.attach(2)  # is locked after device 0
        with genv.sdk.lock():
            assert os.environ["GENV_LOCK"] != outer
        assert os.environ["GENV_LOCK"] == outer
    assert not is_locked()


def test_plain_code_does_not_stop_the_loop_that_it_waits_for():
    async def hold(entered):
        async with genv.sdk.lock():
            entered.set()
            await asyncio.sleep(0.05)

    async def main():
        entered = asyncio.Event()
        holding = asyncio.ensure_future(hold(entered))
        await entered.wait()
        with pytest.raises(genv.Error, match="another task of this thread.*async with") as caught:
            genv.sdk.lock().__enter__()
        await holding
        with genv.sdk.lock():
            pass
        return caught.value.errno

    assert asyncio.run(main()) == errno.EDEADLK


def test_what_a_task_starts_under_the_lock_does_not_wait_for_it():
    def plain():
        with genv.sdk.lock(timeout=0):
            return is_locked()

    async def child(order):
        async with genv.sdk.lock(timeout=0):
            await asyncio.sleep(order / 100)
            return is_locked()

    async def main():
        async with genv.sdk.lock():
            asked = [asyncio.get_running_loop().run_in_executor(None, copied(plain))]
            return await asyncio.gather(*asked, *map(child, (2, 0, 1)))

    def copied(function):
        import contextvars

        context = contextvars.copy_context()
        return lambda: context.run(function)

    assert asyncio.run(main()) == [True] * 4
    assert not is_locked()
    assert "GENV_LOCK" not in os.environ


def test_a_task_that_outlives_the_lock_around_it_keeps_the_devices():
    async def child(entered, end):
        async with genv.sdk.lock():
            entered.set()
            await end.wait()
            return is_locked()

    async def main():
        entered, end = asyncio.Event(), asyncio.Event()
        async with genv.sdk.lock():
            task = asyncio.ensure_future(child(entered, end))
            await entered.wait()
        end.set()
        return await task

    assert asyncio.run(main())
    assert not is_locked()
    assert "GENV_LOCK" not in os.environ


@pytest.mark.parametrize("timeout", [math.nan, -1, -math.inf])
def test_timeouts_that_mean_nothing_are_refused(timeout):
    with pytest.raises(genv.Invalid, match=f"timeout is {timeout}") as caught:
        genv.sdk.lock(timeout)
    assert caught.value.errno == errno.EINVAL


@pytest.mark.parametrize("timeout", ["1", b"1", [], object()])
def test_timeouts_that_are_no_numbers_are_refused(timeout):
    with pytest.raises(TypeError, match="timeout must be a number of seconds, or None, not "):
        genv.sdk.lock(timeout)


@pytest.mark.parametrize("timeout", [math.inf, 1e300, None])
def test_timeouts_may_be_without_limit(timeout, python):
    process = python("import genv\nwith genv.sdk.lock(): print(flush=True); input()")
    process.stdout.readline()

    async def main():
        locked = asyncio.ensure_future(wait())
        await asyncio.sleep(0.01)
        process.stdin.close()
        await locked

    async def wait():
        async with genv.sdk.lock(timeout):
            pass

    asyncio.run(main())
    with genv.sdk.lock(timeout):
        pass


def test_async_generators_end_before_the_lock():
    events = []

    @genv.sdk.lock()
    async def echo():
        value = None
        try:
            while True:
                try:
                    value = yield value
                except KeyError as error:
                    value = repr(error)
        finally:
            await asyncio.sleep(0)
            events.append("GENV_LOCK" in os.environ)

    async def main():
        values = echo()
        await values.__anext__()
        answers = await values.asend("sent"), await values.athrow(KeyError("thrown"))
        await values.aclose()
        return answers

    assert asyncio.run(main()) == ("sent", "KeyError('thrown')")
    assert events == [True]


def test_what_cannot_be_decorated_is_refused():
    for thing in (object, staticmethod(len), classmethod(len), 1):
        with pytest.raises(TypeError, match="only functions can be decorated"):
            genv.sdk.lock()(thing)

    class Callable:
        async def __call__(self):
            return "GENV_LOCK" in os.environ

    assert asyncio.run(genv.sdk.lock()(Callable())())
