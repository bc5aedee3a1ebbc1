"""What the front end asks for, of a real server."""

import asyncio
import concurrent.futures
import fcntl
import http.cookiejar
import json
import os
import re
import subprocess
import sys
import time
import types
import urllib.error
import urllib.request

import genv
import pytest
from genv.sdk import host
from genv_jupyter.kernels import Kernel, NoProcess
from jupyter_client.provisioning.local_provisioner import LocalProvisioner

ROUTES = [
    ("GET", "state"),
    ("GET", "kernels/x"),
    ("POST", "kernels/x"),
    ("PUT", "kernels/x"),
    ("DELETE", "kernels/x"),
    ("DELETE", "environments/x"),
    ("GET", "devices"),
    ("GET", "envs"),
    ("GET", "find?kernel_id=x"),
    ("POST", "activate"),
]


class Server:
    def __init__(self, folder):
        log = folder / "log"
        with log.open("w") as stream:
            self.process = subprocess.Popen(
                [
                    *(sys.executable, "-m", "jupyter_server", "--no-browser", "--allow-root", "--port=0"),
                    *("--ServerApp.jpserver_extensions={'genv_jupyter': True}", "--ServerApp.base_url=/base/"),
                    f"--ServerApp.root_dir={folder / 'work'}",
                ],
                stderr=stream,
                stdout=stream,
            )
        file = folder / "runtime" / f"jpserver-{self.process.pid}.json"
        while not file.exists() or not file.read_text().endswith("}"):  # it is still being written
            assert self.process.poll() is None, log.read_text()
            time.sleep(0.05)
        told = json.loads(file.read_text())
        self.url, self.token = told["url"], told["token"]
        while not self.is_there():
            time.sleep(0.05)

    def is_there(self):
        try:
            return self.ask("GET", "api/status")[0] == 200
        except urllib.error.URLError:
            assert self.process.poll() is None
            return False

    def ask(self, method, path, body=None, **headers):
        """The status and the JSON of the answer; with the token, unless other headers are given."""
        request = urllib.request.Request(
            self.url + path,
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers=headers or {"Authorization": f"token {self.token}"},
        )
        try:
            with urllib.request.urlopen(request, timeout=60) as response:
                return response.status, json.loads(response.read() or "null")
        except urllib.error.HTTPError as error:
            text = error.read()
            return error.code, json.loads(text) if text.startswith(b"{") else text

    def genv(self, method, path, body=None):
        return self.ask(method, f"jupyterlab-genv/{path}", body)

    def start_kernel(self, name="python3"):
        status, kernel = self.ask("POST", "api/kernels", {"name": name})
        assert status == 201, kernel
        return kernel["id"]

    def end(self):
        self.process.terminate()
        self.process.wait()


@pytest.fixture
def server(tmp_path):
    started = Server(tmp_path)
    yield started
    started.end()


def test_nobody_is_answered_without_the_token(server):
    for method, path in ROUTES:
        body = {} if method in ("PUT", "POST") else None
        for headers in ({"Accept": "application/json"}, {"Authorization": "token x"}):
            status, _ = server.ask(method, f"jupyterlab-genv/{path}", body, **headers)
            assert status == 403, (method, path)


def test_a_page_of_somebody_else_cannot_forge_a_request(server):
    kernel_id = server.start_kernel()
    jar = http.cookiejar.CookieJar()
    opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(jar))
    opener.open(f"{server.url}api/status?token={server.token}", timeout=60)
    cookies = "; ".join(f"{cookie.name}={cookie.value}" for cookie in jar)
    assert server.ask("GET", f"jupyterlab-genv/kernels/{kernel_id}", Cookie=cookies)[0] == 200
    elsewhere = {"Origin": "http://elsewhere.example"}  # to which the server itself answers 404
    for headers, refusal in (({"Cookie": cookies}, 403), ({"Cookie": cookies, **elsewhere}, 404)):
        assert server.ask("PUT", f"jupyterlab-genv/kernels/{kernel_id}", {"gpus": 1}, **headers)[0] == refusal
        assert server.ask("DELETE", f"jupyterlab-genv/kernels/{kernel_id}", **headers)[0] == refusal
        assert server.ask("DELETE", f"api/kernels/{kernel_id}", **headers)[0] == refusal
    assert genv.sdk.envs() == []


def test_a_kernel_that_jupyter_started_gets_devices(server):
    kernel_id = server.start_kernel()
    status, state = server.genv("GET", f"kernels/{kernel_id}")
    assert status == 200 and state["env"] is None and state["managed"] is False
    status, state = server.genv("PUT", f"kernels/{kernel_id}", {"gpus": 2, "gpu_memory": "4g", "name": "a"})
    assert status == 200, state
    assert state["env"]["devices"] == [0, 1] and state["env"]["own"] is True
    assert state["variables"]["CUDA_VISIBLE_DEVICES"] == "0,1"
    assert state["shims"].endswith("/shims") or state["shims"].endswith("/shims-podman")
    assert host.look_up(kernel_id).pids and host.look_up(kernel_id).kernel_ids == [kernel_id]
    status, state = server.genv("PUT", f"kernels/{kernel_id}", {"gpus": 1, "name": "b"})
    assert state["env"]["devices"] == [0] and state["env"]["config"]["name"] == "b"
    status, state = server.genv("DELETE", f"kernels/{kernel_id}")
    assert status == 200 and state["env"]["devices"] == []
    assert state["variables"]["CUDA_VISIBLE_DEVICES"] == "-1"


def test_a_restart_keeps_the_devices_and_a_shutdown_frees_them(server):
    kernel_id = server.start_kernel()
    server.genv("PUT", f"kernels/{kernel_id}", {"gpus": 1})
    before = host.look_up(kernel_id).pids
    assert server.ask("POST", f"api/kernels/{kernel_id}/restart", {})[0] == 200
    assert host.look_up(kernel_id).devices == [0]
    status, state = server.genv("POST", f"kernels/{kernel_id}")
    assert status == 200 and state["env"]["pids"] and state["env"]["pids"] != before
    assert server.ask("DELETE", f"api/kernels/{kernel_id}")[0] == 204
    assert genv.sdk.envs() == []


def test_a_kernel_that_genv_started_is_known(server, command):
    command("install")
    kernel_id = server.start_kernel("python3-genv")
    status, state = server.genv("GET", f"kernels/{kernel_id}")
    assert status == 200 and state["managed"] is True and state["env"]["eid"] == kernel_id


def test_what_cannot_be_had_changes_nothing(server):
    kernel_id = server.start_kernel()
    server.genv("PUT", f"kernels/{kernel_id}", {"gpus": 1})
    other = subprocess.Popen(["sleep", "600"])
    host.enter("other", pid=other.pid, config=genv.Config(gpus=2))
    status, answer = server.genv("PUT", f"kernels/{kernel_id}", {"gpus": 3, "name": "x"})
    assert status == 409 and "3 devices" in answer["message"]
    assert host.look_up(kernel_id).devices == [0] and host.look_up(kernel_id).config.name is None
    status, state = server.genv("PUT", f"kernels/{kernel_id}", {"gpus": 3, "over_subscribe": True})
    assert status == 200 and len(state["env"]["devices"]) == 3
    other.kill()
    other.wait()


REFUSED = [
    [],
    {"gpus": "1"},
    {"gpus": True},
    {"gpus": -2},
    {"gpus": 10**12},
    {"gpu_memory": "4x"},
    {"name": "a\nb"},
    {"name": "x" * 200},
    {"name": "a\0b"},
    {"other": 1},
    {"gpus": 1, "over_subscribe": "yes"},
]


def test_what_is_not_understood_is_refused_with_a_sentence(server):
    kernel_id = server.start_kernel()
    for body in REFUSED:
        status, answer = server.genv("PUT", f"kernels/{kernel_id}", body)
        assert status == 400 and answer["message"], (body, answer)
        assert genv.sdk.envs() == [], body


def test_other_kernels_and_environments_are_not_found(server):
    for method in ("GET", "POST", "PUT", "DELETE"):
        body = {} if method in ("POST", "PUT") else None
        assert server.genv(method, "kernels/0f3b1d1e-0000-0000-0000-000000000000", body)[0] == 404
    assert server.genv("DELETE", "environments/nothing")[0] == 404


@pytest.fixture
def others_env(tmp_path):
    """An environment of another user, with a device."""
    if os.getuid() != 0:
        pytest.skip("needs root to be two users")
    other = subprocess.Popen(["sleep", "600"])
    host.enter("other", pid=other.pid, config=genv.Config(gpus=1))
    yield "other"
    other.kill()
    other.wait()


def give_away(tmp_path, eid, kernel_ids=()):
    """Makes the environment another user's, with kernels of those IDs."""
    file = tmp_path / "state" / "envs" / f"{eid}.json"
    theirs = tmp_path / "theirs"
    theirs.write_text("{}")
    os.chown(theirs, 60777, 60777)
    record = json.loads(file.read_text())
    record["kernels"] = [{"id": each, "connection_file": str(theirs)} for each in kernel_ids]
    record["processes"] = []
    file.write_text(json.dumps(record))
    os.chown(file, 60777, 60777)


def test_a_server_of_root_leaves_environments_of_others_alone(server, others_env, tmp_path):
    kernel_id = server.start_kernel()
    give_away(tmp_path, others_env, [kernel_id])
    assert host.find(kernel_id=kernel_id) == [others_env]
    status, answer = server.genv("DELETE", f"environments/{others_env}")
    assert status == 403 and "belongs to" in answer["message"]
    assert server.genv("POST", "activate", {"eid": others_env, "kernel_id": kernel_id})[0] == 403
    assert server.genv("GET", f"find?kernel_id={kernel_id}") == (200, "")
    assert server.genv("GET", f"kernels/{kernel_id}")[1]["env"] is None
    assert server.genv("DELETE", f"kernels/{kernel_id}")[1]["env"] is None
    env = host.look_up(others_env)
    assert env.devices == [0] and env.pids == []
    status, state = server.genv("PUT", f"kernels/{kernel_id}", {"gpus": 1})
    assert status == 200 and state["env"]["devices"] == [1]
    assert server.genv("GET", f"find?kernel_id={kernel_id}") == (200, kernel_id)


def test_a_change_says_whether_the_kernel_has_to_hear_of_it(server):
    kernel_id = server.start_kernel()
    wish = {"gpus": 1, "gpu_memory": "8g"}
    assert server.genv("PUT", f"kernels/{kernel_id}", wish)[1]["changed"] is True
    assert server.genv("PUT", f"kernels/{kernel_id}", wish)[1]["changed"] is False
    status, state = server.genv("PUT", f"kernels/{kernel_id}", {**wish, "gpu_memory": "4g"})
    assert state["changed"] is True and state["variables"]["GENV_GPU_MEMORY"] == "4g"
    assert server.genv("DELETE", f"kernels/{kernel_id}")[1]["changed"] is True
    assert state["language"] == "python" and state["late"] is False


@pytest.mark.parametrize(
    "provisioner,reason",
    [
        (None, "has not started it"),  # a kernel that is pending, or another program's
        (types.SimpleNamespace(pid=os.getpid()), "machine of the server"),  # a PID of elsewhere
        (LocalProvisioner(), "has ended"),
    ],
)
def test_a_process_is_registered_only_if_it_is_the_kernels(provisioner, reason):
    if isinstance(provisioner, LocalProvisioner):
        provisioner.pid = os.getpid()  # which stays when the process has ended
    manager = types.SimpleNamespace(provisioner=provisioner, connection_file="x")
    with pytest.raises(NoProcess, match=reason):
        asyncio.run(Kernel("k", manager).change(gpus=1))


@pytest.fixture
def simulator(tmp_path, monkeypatch):
    """Two devices that a driver knows; the function it returns says which process uses the first."""
    monkeypatch.delenv("GENV_DEVICES")
    monkeypatch.setenv("GENV_SIMULATOR", str(tmp_path / "machine.json"))
    monkeypatch.setenv("LD_LIBRARY_PATH", os.environ["GENV_NVML"])

    def set_users(*pids):
        users = [{"pid": pid, "used_memory": "1gi"} for pid in pids]
        machine = {"devices": [{"uuid": "GPU-a", "processes": users}, {"uuid": "GPU-b"}]}
        (tmp_path / "new").write_text(json.dumps(machine))
        (tmp_path / "new").rename(tmp_path / "machine.json")

    set_users()
    return set_users


def test_a_change_says_whether_the_kernel_uses_what_was_detached(simulator, server):
    """As the driver sees it, whatever library the kernel uses."""
    kernel_id = server.start_kernel()
    (pid,) = server.genv("PUT", f"kernels/{kernel_id}", {"gpus": 2})[1]["env"]["pids"]
    simulator(pid)
    assert server.genv("PUT", f"kernels/{kernel_id}", {"gpus": 1})[1]["late"] is False  # keeps the one it uses
    assert server.genv("DELETE", f"kernels/{kernel_id}")[1]["late"] is True
    assert server.genv("POST", f"kernels/{kernel_id}", {})[1]["late"] is True
    server.genv("PUT", f"kernels/{kernel_id}", {"gpus": 1})
    simulator(os.getpid())
    assert server.genv("DELETE", f"kernels/{kernel_id}")[1]["late"] is False


def test_the_state_has_everything_as_it_is(server):
    name = """<img src=x onerror="alert(1)">, 'a' "b" %s 日本語"""
    other = subprocess.Popen(["sleep", "600"])
    env = host.enter("other", pid=other.pid, config=genv.Config(gpus=1, name=name))
    status, state = server.genv("GET", "state")
    assert status == 200 and [device["index"] for device in state["devices"]] == [0, 1, 2, 3]
    assert state["devices"][0]["attachments"][0]["eid"] == "other"
    assert state["envs"][0]["config"]["name"] == name and state["envs"][0]["username"] == env.username
    assert server.genv("DELETE", "environments/other")[0] == 200
    assert host.look_up("other").devices == []
    assert server.genv("GET", "state")[1]["devices"][0]["attachments"] == []
    other.kill()
    other.wait()


def test_a_record_of_another_user_that_is_not_valid_hides_no_other(server, others_env, tmp_path):
    kernel_id = server.start_kernel()
    server.genv("PUT", f"kernels/{kernel_id}", {"gpus": 1, "name": "mine"})
    file = tmp_path / "state" / "envs" / f"{others_env}.json"
    valid = json.loads(file.read_text())
    for name in ("a\n<b>b</b>", "a\u202eb", "x" * 200, 7):
        file.write_text(json.dumps({**valid, "name": name}))
        os.chown(file, 60777, 60777)
        server.genv("POST", f"kernels/{kernel_id}")  # so that the server looks again at once
        status, state = server.genv("GET", "state")
        assert status == 200
        assert [env["config"]["name"] for env in state["envs"] if env["eid"] == kernel_id] == ["mine"]
        assert str(name) not in [env["config"]["name"] for env in state["envs"]]


def test_what_jupyterlab_genv_offers_is_there(server):
    kernel_id = server.start_kernel()
    assert server.genv("GET", f"find?kernel_id={kernel_id}") == (200, "")
    status, answer = server.genv("POST", "activate", {"eid": "mine", "kernel_id": kernel_id})
    assert status == 200, answer
    assert server.genv("GET", f"find?kernel_id={kernel_id}") == (200, "mine")
    host.attach("mine", gpus=1)
    assert server.genv("GET", "devices") == (200, [{"eid": "mine", "env": ""}, *([{"eid": "", "env": ""}] * 3)])
    status, envs = server.genv("GET", "envs")
    assert [each["eid"] for each in envs] == ["mine"] and re.match(r".+\(\d+\)$", envs[0]["user"])


def test_the_server_serves_others_while_it_waits_for_the_lock(server, tmp_path):
    kernel_id = server.start_kernel()
    server.genv("PUT", f"kernels/{kernel_id}", {"gpus": 1})
    with open(tmp_path / "state" / "genv.lock") as lock, concurrent.futures.ThreadPoolExecutor(1) as pool:
        fcntl.flock(lock, fcntl.LOCK_EX)
        waiting = pool.submit(server.genv, "PUT", f"kernels/{kernel_id}", {"gpus": 2})
        for _ in range(5):
            assert server.ask("GET", "api/status")[0] == 200
            assert not waiting.done()
        fcntl.flock(lock, fcntl.LOCK_UN)
        assert waiting.result()[1]["env"]["devices"] == [0, 1]


AUDIT = """
import sys

def note(event, arguments):
    if event in ("os.exec", "os.fork", "os.forkpty", "os.posix_spawn", "os.system", "subprocess.Popen"):
        with open({file!r}, "a") as stream:
            stream.write(event + "\\n")

sys.addaudithook(note)
"""


@pytest.fixture
def programs(tmp_path, monkeypatch):
    """The function it returns says how many programs the server's Python has started, however short-lived."""
    file = tmp_path / "audit"
    file.write_text("")
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "sitecustomize.py").write_text(AUDIT.format(file=str(file)))
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path / 'site'}{os.pathsep}{os.environ['PYTHONPATH']}")
    return lambda: len(file.read_text().splitlines())


def test_no_program_is_started_for_a_request(programs, server, tmp_path):
    """Everything is done in the process: nothing that somebody sends comes near a shell."""
    before = programs()
    kernel_id = server.start_kernel()
    started = programs()
    assert started > before  # the kernel: it would be noticed
    name = "$(touch a); `touch b`; touch c"
    status, state = server.genv("PUT", f"kernels/{kernel_id}", {"gpus": 1, "name": name})
    assert status == 200 and state["env"]["config"]["name"] == name
    for method, path in [("GET", "state"), ("POST", f"kernels/{kernel_id}"), ("DELETE", f"kernels/{kernel_id}")]:
        assert server.genv(method, path, {} if method == "POST" else None)[0] == 200
    assert programs() == started
    assert os.listdir(tmp_path / "work") == []
