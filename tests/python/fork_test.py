"""Children that are forked while other threads use genv, and live on."""

import os
import threading

import genv
import pytest
from process_test import HOLD, descriptors, release, wait_until_it_waits


@pytest.fixture
def fork():
    """Forks children that live until the test ends; returns their PID."""
    reader, writer = os.pipe()
    children = []

    def fork():
        pid = os.fork()
        if pid == 0:
            os.close(writer)
            os.read(reader, 1)
            os._exit(0)
        children.append(pid)
        return pid

    yield fork
    os.close(writer)
    for pid in children:
        os.waitpid(pid, 0)
    os.close(reader)


def test_children_do_not_keep_the_state_locked(fork, monkeypatch):
    monkeypatch.setenv("GENV_STATE_TIMEOUT", "600")
    done = threading.Event()

    def change():
        while not done.is_set():
            genv.sdk.attach(0)
            genv.sdk.detach(0)

    with genv.sdk.activate():
        threads = [threading.Thread(target=change) for _ in range(2)]
        for thread in threads:
            thread.start()
        try:
            children = [fork() for _ in range(100)]
        finally:
            done.set()
        for thread in threads:
            thread.join()
        for pid in children:
            assert not any(target.endswith("genv.lock") for target in descriptors(pid))
        assert genv.sdk.attach(1) == [1]


def test_a_child_does_not_keep_a_lock_that_its_parent_waited_for(fork, python):
    with genv.sdk.activate(eid="a", config=genv.Env.Config(gpus=1)):
        eid = os.environ.pop("GENV_ENVIRONMENT_ID")
        holder = python(HOLD, eid)
        os.environ["GENV_ENVIRONMENT_ID"] = eid
        holder.stdout.readline()

        def wait():
            with genv.sdk.lock():
                pass

        thread = threading.Thread(target=wait)
        thread.start()
        wait_until_it_waits(os.getpid())
        fork()
        release(holder)
        thread.join()
        other = python("import genv\nwith genv.sdk.lock(timeout=0): print('locked', flush=True)")
        assert other.stdout.readline() == "locked\n"
