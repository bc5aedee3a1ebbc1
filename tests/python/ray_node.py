"""A Ray node that genv ray starts and stops: for ray_test.py, which runs it where there are no other processes, since
`ray stop` ends all of the user's. The argument is a folder with a short path."""

import os
import subprocess
import sys
import time

import genv
import genv.ray
import ray

ADDRESS = "127.0.0.1"
PORT = 26379
OPTIONS = [
    "--head",
    f"--port={PORT}",
    f"--node-ip-address={ADDRESS}",
    "--num-cpus=4",
    "--include-dashboard=false",
    f"--object-store-memory={80 << 20}",
    f"--temp-dir={sys.argv[1]}",
]


def run(*words):
    return subprocess.run([os.environ["GENV_BIN"], *words], check=True, stdout=subprocess.PIPE, text=True).stdout


@genv.ray.remote(num_gpus=1)
def look():
    return genv.sdk.eid(), os.environ["CUDA_VISIBLE_DEVICES"]


def check_node():
    """The node has the environment's two devices, no others, and its tasks are in it."""
    (env,) = genv.sdk.envs()
    with open(f"/proc/{env.pids[0]}/comm") as file:
        assert len(env.pids) == 1, env
        name = file.read().strip()
    ray.init(address=f"{ADDRESS}:{PORT}", log_to_driver=False)
    assert ray.cluster_resources()["GPU"] == 2
    assert sorted(ray.get([look.remote(), look.remote()])) == [(env.eid, "0"), (env.eid, "1")]
    ray.shutdown()
    return name


assert "Ray is running in environment" in run("ray", "start", "--gpus", "2", *OPTIONS)
assert check_node() == "raylet"
run("ray", "stop")
assert genv.sdk.envs() == []

node = subprocess.Popen([os.environ["GENV_BIN"], "ray", "start", "--block", "--num-gpus=2", *OPTIONS])
while True:
    try:
        name = check_node()
        break
    except (ConnectionError, ValueError):  # it is starting
        assert node.poll() is None
        time.sleep(0.2)
assert name == "ray"
node.terminate()
node.wait()
assert genv.sdk.envs() == []
print("done")
