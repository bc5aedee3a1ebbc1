#!/usr/bin/env python3
"""Whether numbers of devices lead to the devices that they name, in every environment on a machine of four.

numbers.py world FOLDER DRIVER PROCESS=PID...   writes the machine; PROCESS is "13.3": of the environment on 1 and 3, on 3
numbers.py check FOLDER                         judges what programs printed: FOLDER/MODE@ENVIRONMENT[@NUMBER]
numbers.py ask                                  asks NVML through nvidia-ml-py and prints "NUMBER DEVICE WAY"
"""

import json
import os
import pathlib
import re
import sys

MODES = {
    # The number, and what tells which device it really is: the end of its UUID or name, or one of its figures.
    "table": r"^\|\s+(?P<number>\d+)\s+NVIDIA H20(?P<device>\d) ",
    "list": r"^GPU (?P<number>\d+): .*\(UUID: GPU-\S+(?P<device>\d)\)$",
    "query": r"GPU UUID +: GPU-\S+(?P<device>\d)$",
    "query_gpu": r"^(?P<number>\d+), GPU-\S+(?P<device>\d)$",
    "query_count": r"^(?P<number>\d+), GPU-\S+(?P<device>\d), (?P<count>\d+)$",
    "dmon": r"^ +(?P<number>\d+)(?: +\S+){3} +(?P<figure>\d+) ",
    "dmon_memory": r"^ +(?P<number>\d+) +(?P<figure>\d+) ",
    "pmon": r"^ +(?P<number>\d+) +(?P<pid>\d+) ",
    "topo": r"^GPU(?P<number>\d+)\t",
    "pci": r"^GPU (?P<number>\d+): NVIDIA H20(?P<device>\d) ",
    "encodersessions": r"^ +(?P<number>\d+) +\d+ +(?P<pid>\d+) ",
    "topo_near": r"^Device (?P<number>\d+) is ",
    "compute_policy": r"for GPU (?P<number>\d+) ",
    "nvitop": r"^\| +(?P<number>\d+) .*\| 00000000:(?P<bus>\d)0:00.0 ",
    "nvitop_visible": r"^\| +(?P<number>\d+) .*\| 00000000:(?P<bus>\d)0:00.0 ",
    "nvitop_index": r"^\| +(?P<number>\d+) .*\| 00000000:(?P<bus>\d)0:00.0 ",
    "ask": r"^(?P<number>\d+) (?P<device>\d) ",
    "gpustat": r'"index": (?P<number>\d+),\s+"uuid": "GPU-\S+(?P<device>\d)"',
}
FIGURES = [16, 32, 48, 64]  # in percent, and in MiB
COUNTED = {"nvitop"}  # counts devices, and shows no number of NVML's


def make_world(folder, driver, pids):
    devices = [
        {
            "uuid": f"GPU-5c1a6f3e-0000-4000-8000-00000000000{i}",
            "bus_id": f"00000000:{i}0:00.0",
            "name": f"NVIDIA H20{i}",
            "utilization": figure,
            "processes": [
                {"pid": pid, "used_memory": f"{figure}mi", "encoder": True}
                for name, pid in pids.items()
                if name.endswith(f".{i}")
            ],
        }
        for i, figure in enumerate(FIGURES)
    ]
    (folder / "world.json").write_text(json.dumps({"driver_version": driver, "devices": devices}))
    (folder / "pids.json").write_text(json.dumps(pids))


def device_of(match, pids, environment):
    """Which device a line is about; None where it does not tell."""
    if "pid" in match:
        names = [name for name, pid in pids.items() if pid == match["pid"]]
        return int(names[0][-1]) if names and names[0].startswith(f"{environment}.") else -1
    if "figure" in match:
        return FIGURES.index(match["figure"]) if match["figure"] in FIGURES else -1
    return match.get("device", match.get("bus"))


def judge(path, pids):
    mode, environment, *asked = path.name.split("@")
    text = path.read_text()
    devices = {int(digit) for digit in environment}
    wanted = {int(number) for number in asked} or devices
    reasons, seen = [], []
    for found in re.finditer(MODES[mode], text, re.MULTILINE):
        match = {key: int(value) for key, value in found.groupdict().items()}
        device, number = device_of(match, pids, environment), match.get("number")
        if device is not None and number is not None and mode not in COUNTED and device != number:
            reasons.append(f"device {device} is called {number}")
        if match.get("count", len(devices)) != len(devices):
            reasons.append(f"{match['count']} devices are counted")
        seen.append(number if device is None else device)
    if set(seen) != wanted:
        reasons.append(f"shown are {sorted(set(seen))}, not {sorted(wanted)}")
    if mode in ("table", "list", "query", "query_gpu", "dmon", "nvitop", "nvitop_visible", "nvitop_index", "gpustat") and len(
        set(seen)
    ) != len(seen):
        reasons.append(f"some are shown twice: {seen}")
    return [f"{path.name}: {reason}\n{text}" for reason in reasons]


def check(folder):
    pids = json.loads((folder / "pids.json").read_text())
    outputs = [path for path in sorted(folder.iterdir()) if "@" in path.name]
    reasons = [reason for path in outputs for reason in judge(path, pids)]
    print(*reasons, sep="\n")
    print(f"{len(outputs)} outputs, {len(reasons)} wrong")
    return 1 if reasons or not outputs else 0


def ask():
    import pynvml as nvml  # pylint: disable=import-outside-toplevel,import-error

    nvml.nvmlInit()
    for place in range(nvml.nvmlDeviceGetCount()):
        handle = nvml.nvmlDeviceGetHandleByIndex(place)
        number, uuid = nvml.nvmlDeviceGetIndex(handle), nvml.nvmlDeviceGetUUID(handle)
        back = nvml.nvmlDeviceGetUUID(nvml.nvmlDeviceGetHandleByIndex(number))
        print(number, uuid[-1], "counted")
        print(number, back[-1], "by its number")
    for number in os.environ["CUDA_VISIBLE_DEVICES"].split(","):
        if number.isdigit():
            print(number, nvml.nvmlDeviceGetUUID(nvml.nvmlDeviceGetHandleByIndex(int(number)))[-1], "by CUDA's number")


def main():
    match sys.argv[1:]:
        case ["world", folder, driver, *pids]:
            pairs = (pid.split("=") for pid in pids)
            make_world(pathlib.Path(folder), driver, {name: int(pid) for name, pid in pairs})
        case ["check", folder]:
            return check(pathlib.Path(folder))
        case ["ask"]:
            ask()
        case _:
            print(__doc__, file=sys.stderr)
            return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
