#!/usr/bin/env python3
"""What programs show of GPUs, compared with what is true.

programs.py world FOLDER DRIVER NAME=PID...   writes simulated machines and, for everyone who looks, what is right
programs.py check MODE TRUTH < OUTPUT         compares what a program showed; says what is wrong and returns 1
programs.py ask                               asks NVML through nvidia-ml-py, as JSON
"""

import json
import pathlib
import re
import sys
from xml.etree import ElementTree

# The machine, in MiB. Totals differ, so that one device can't pass for another.
TOTALS = [16384, 24576, 32768, 49152]
# (process, device, MiB); "as" is who it is to whom.
PROCESSES = [
    ("a", 0, 1024),  # registered in A
    ("a", 2, 512),
    ("a-child", 2, 3072),  # started in A, with its variable
    ("b", 1, 1536),
    ("c", 1, 2048),
    ("liar", 0, 768),  # of another user, says that it is A's
    ("stranger", 3, 5120),  # of no environment
    ("stranger", 0, 256),
    ("b", 2, 128),  # of another environment, on a device of A
    ("a", 3, 128),  # on a device that A is not attached to
]
CAPACITY = 4096
# Whose processes, on which devices, with which capacity.
VIEWS = {
    "bare": (None, [0, 1, 2, 3], None),
    "a": ({"a", "a-child"}, [0, 2], None),
    "b": ({"b"}, [1], CAPACITY),
    "c": ({"c"}, [1], CAPACITY),
}


def uuid_of(index):
    return f"GPU-5c1a6f3e-0000-4000-8000-00000000000{index}"


def bus_of(index):
    return f"00000000:{0x10 * (index + 1):02X}:00.0"


def program_of(name):
    """What NVML calls the process: a word of its own, wherever it appears."""
    return f"run_by_{name.replace('-', '_')}"


def make_world(folder, driver, pids):
    """Writes the machine, as it is and as it may become, and truth-NAME.json into the folder."""

    def write(name, devices, **more):
        (folder / f"{name}.json").write_text(json.dumps({"driver_version": driver, "devices": devices} | more))

    devices = [
        {
            "uuid": uuid_of(i),
            "bus_id": bus_of(i),
            "name": "NVIDIA H200",
            "total_memory": f"{total}mi",
            "utilization": 11 * (i + 1),
        }
        for i, total in enumerate(TOTALS)
    ]
    write("none", [])
    write("idle", devices)
    idle = [dict(device) for device in devices]
    for i, device in enumerate(devices):
        device["processes"] = [
            {"pid": pids[name], "used_memory": f"{used}mi", "utilization": 5, "name": program_of(name)}
            for name, on, used in PROCESSES
            if on == i
        ]
    write("world", devices)
    lost, forbidden = {"handle": "gpu_is_lost", "query": "gpu_is_lost"}, {"handle": "no_permission"}
    write("other-lost", devices[:3] + [devices[3] | lost])
    write("other-forbidden", devices[:3] + [devices[3] | forbidden])
    write("own-lost", devices[:2] + [devices[2] | lost, devices[3]])
    own = [{"pid": pids["a"], "used_memory": "1024mi", "utilization": 5}]
    write("strange-table", devices, private_table_size=1000)
    write("strange-driver", devices, driver_version="999.10", private_table_moved=True)
    write("strange-entries", devices, driver_version="999.10", private_entry_size=4160)
    write("unified", [device | {"unified_memory": True} for device in devices])
    write("later", devices, driver_version="615.71.09")
    write("like-own-lost", [idle[0] | {"processes": own}, idle[2] | lost])
    write("like-own-lost-by-number", [idle[0] | {"processes": own}, idle[1] | forbidden, idle[2] | lost])
    for name, view in VIEWS.items():
        (folder / f"truth-{name}.json").write_text(json.dumps(truth_of(view, pids)))


def truth_of(view, pids):
    names, indices, capacity = view
    truth = {"devices": [], "processes": [], "foreign": foreign_to(names, indices, pids)}
    for position, index in enumerate(indices):
        shown = [(n, used) for n, on, used in PROCESSES if on == index and (names is None or n in names)]
        used = sum(used for _, used in shown)
        total = capacity or TOTALS[index]
        place = {"index": index, "position": position, "uuid": uuid_of(index), "bus": bus_of(index)}
        truth["devices"].append(place | {"total": total, "used": used, "free": total - used})
        truth["processes"] += [place | {"pid": pids[n], "used": used} for n, used in shown]
    return truth


def foreign_to(names, indices, pids):
    """What must appear nowhere. A short PID may be any number; the name tells of its process all the same."""
    others = [i for i in range(len(TOTALS)) if i not in indices]
    strangers = [name for name in pids if names is not None and name not in names]
    foreign = [f(i) for f in (uuid_of, bus_of) for i in others] + [program_of(name) for name in strangers]
    return foreign + [str(pids[name]) for name in strangers if pids[name] > 9999 and pids[name] not in TOTALS]


# ---- Parsers: text -> (devices, processes), each a list of dictionaries with the keys that the mode shows, or None
# ---- where it has no such list.


def rows(pattern, text, *names):
    """A dictionary for each match; groups of digits are numbers."""
    found = re.findall(pattern, text, re.MULTILINE)
    found = [match if isinstance(match, tuple) else (match,) for match in found]
    return [
        {name: int(value) if value.isdigit() else value for name, value in zip(names, match)} for match in found
    ]


def parse_table(text):
    devices = rows(
        r"^\|\s+(\d+)\s+\S.*?\s(?:On|Off)\s+\|\s*([0-9A-F:.]+)\s.*\n\|[^|]*\|\s*(\d+)MiB /\s*(\d+)MiB",
        text, "index", "bus", "used", "total",
    )
    return devices, rows(r"^\|\s+(\d+)\s+\S+\s+\S+\s+(\d+)\s+[CGM+]+\s.*?(\d+)MiB \|$", text, "index", "pid", "used")


def parse_list(text):
    return rows(r"^GPU (\d+): .*\(UUID: (\S+)\)$", text, "index", "uuid"), None


def parse_query(text):
    devices, processes = [], []
    for bus, body in re.findall(r"^GPU (\S+)\n(.*?)(?=^GPU |\Z)", text, re.MULTILINE | re.DOTALL):
        memory = re.search(r"FB Memory Usage\n(.*?)BAR1", body, re.DOTALL)[1]
        figures = {key: int(value) for key, value in re.findall(r"(\w+) +: (\d+) MiB", memory)}
        uuid = re.search(r"GPU UUID +: (\S+)", body)[1]
        devices.append(
            {"bus": bus, "uuid": uuid, "total": figures["Total"], "used": figures["Used"], "free": figures["Free"]}
        )
        for pid, used in re.findall(r"Process ID +: (\d+)\n.*?Used GPU Memory +: (\d+) MiB", body, re.DOTALL):
            processes.append({"bus": bus, "pid": int(pid), "used": int(used)})
    assert int(re.search(r"Attached GPUs +: (\d+)", text)[1]) == len(devices), "wrong number of attached GPUs"
    return devices, processes


def mib_of(text):
    return int(text.removesuffix(" MiB"))


def parse_xml(text):
    root = ElementTree.fromstring(text)
    devices, processes = [], []
    for gpu in root.findall("gpu"):
        memory = gpu.find("fb_memory_usage")
        device = {key: mib_of(memory.findtext(key)) for key in ("total", "used", "free")}
        devices.append(device | {"bus": gpu.get("id"), "uuid": gpu.findtext("uuid")})
        for process in gpu.findall("processes/process_info"):
            used = mib_of(process.findtext("used_memory"))
            processes.append({"bus": gpu.get("id"), "pid": int(process.findtext("pid")), "used": used})
    assert int(root.findtext("attached_gpus")) == len(devices), "wrong number of attached GPUs"
    return devices, processes


def parse_query_gpu(text):
    pattern = r"^(\d+), (\S+), (\d+) MiB, (\d+) MiB, (\d+) MiB"
    return rows(pattern, text, "index", "uuid", "total", "used", "free"), None


def parse_query_apps(text):
    return None, rows(r"^(\d+), [^,]*, (\d+) MiB, (\S+)$", text, "pid", "used", "uuid")


def unique(entries):
    return [entry for i, entry in enumerate(entries) if entry not in entries[:i]]


def parse_pmon(text):
    return unique(rows(r"^ +(\d+) ", text, "index")), rows(r"^ +(\d+) +(\d+) +[CGM+]+ ", text, "index", "pid")


def parse_pmon_memory(text):
    fields = rows(r"^ +(\d+) +(\d+) +[CGM+]+ +(\d+) ", text, "index", "pid", "used")
    return unique(rows(r"^ +(\d+) ", text, "index")), fields


def parse_dmon(text):
    return rows(r"^ +(\d+) ", text, "index"), None


def parse_dmon_memory(text):
    return rows(r"^ +(\d+) +(\d+) ", text, "index", "used"), None


def parse_topo(text):
    text = re.sub(r"\x1b\[[0-9;]*m", "", text)
    header = re.search(r"^\t(GPU\d+.*)$", text, re.MULTILINE)[1]
    lines = rows(r"^GPU(\d+)\t", text, "index")
    assert re.findall(r"GPU(\d+)", header) == [str(line["index"]) for line in lines], "columns differ from rows"
    return lines, None


def parse_gpustat(text):
    devices, processes = [], []
    for gpu in json.loads(text)["gpus"]:
        place = {"index": gpu["index"], "uuid": gpu["uuid"]}
        devices.append(place | {"used": gpu["memory.used"], "total": gpu["memory.total"]})
        processes += [place | {"pid": p["pid"], "used": p["gpu_memory_usage"]} for p in gpu["processes"]]
    return devices, processes


def size_of(text):
    """MiB in "512MiB", "80.00GiB", "1.500Gi" or "0B"."""
    number, unit = re.fullmatch(r"([\d.]+)([KMGT]?)i?B?", text).groups()
    return round(float(number) * {"": 1 / 1048576, "K": 1 / 1024, "M": 1, "G": 1024, "T": 1048576}[unit])


def sized(entries):
    sizes = ("used", "total")
    return [{key: size_of(value) if key in sizes else value for key, value in entry.items()} for entry in entries]


def parse_nvitop(text):
    devices = rows(
        r"^\| +(\d+) .*\| ([0-9A-F:.]+) .*\n\|[^|]*\| +([\d.]+\w+) / ([\d.]+\w+) \|", text,
        "position", "bus", "used", "total",
    )
    processes = rows(r"^\| +(\d+) +(\d+) [CGX] +\S+ +([\d.]+\w+) ", text, "position", "pid", "used")
    return sized(devices), sized(processes)


def parse_nvtop(text):
    devices = rows(r"Device (\d+) \[", text, "position")
    memory = rows(r"MEM\[[^]]*?([\d.]+\wi)/([\d.]+\wi)\]", text, "used", "total")
    assert len(devices) == len(memory), "not each device has its memory"
    processes = rows(r"^ *(\d+) +\S+ +(\d+) +(?:Compute|Graphic|Both) +.*?(\d+MiB) ", text, "pid", "position", "used")
    return sized([device | figures for device, figures in zip(devices, memory)]), sized(processes)


def parse_ask(text):
    answer = json.loads(text)
    assert answer["count"] == len(answer["devices"]), "wrong count"
    return answer["devices"], answer["processes"]


def parse_nothing(_):
    """Only what is of others counts."""
    return None, None


def compare(what, seen, right):
    """Each entry seen is a right one, in the keys that it has, and each right one is seen once. The reasons, if not."""
    if seen is None:
        return []
    right = list(right)
    reasons = []
    for entry in seen:
        match = next((r for r in right if all(r[key] == value for key, value in entry.items())), None)
        if match is None:
            reasons.append(f"{what} that should not be there, or not so: {entry}")
        else:
            right.remove(match)
    return reasons + [f"{what} not seen: {entry}" for entry in right]


def check(mode, truth_path, text):
    truth = json.loads(pathlib.Path(truth_path).read_text())
    try:
        devices, processes = globals()[f"parse_{mode}"](text)
        reasons = compare("device", devices, truth["devices"]) + compare("process", processes, truth["processes"])
    except Exception as error:  # whatever a program shows that the parser did not expect
        reasons = [f"{mode} not understood: {error!r}"]
    leaks = [foreign for foreign in truth["foreign"] if re.search(rf"\b{re.escape(foreign)}\b", text)]
    reasons += [f"of others: {foreign}" for foreign in leaks]
    for reason in reasons:
        print(reason)
    if reasons:
        print("The program showed:", text, sep="\n")
    return 1 if reasons else 0


def ask():
    """Every way to the devices, memory and processes that nvidia-ml-py has; ways that differ are an entry of each."""
    import pynvml as nvml  # pylint: disable=import-outside-toplevel,import-error

    nvml.nvmlInit()
    count = nvml.nvmlDeviceGetCount()
    answer = {"count": count, "devices": [], "processes": []}
    for position in range(count):
        handle = nvml.nvmlDeviceGetHandleByIndex(position)
        uuid, bus = nvml.nvmlDeviceGetUUID(handle), nvml.nvmlDeviceGetPciInfo(handle).busId
        same = [nvml.nvmlDeviceGetHandleByUUID(uuid), nvml.nvmlDeviceGetHandleByPciBusId(bus)]
        figures = nvml.nvmlDeviceGetMemoryInfo(handle)
        newer = nvml.nvmlDeviceGetMemoryInfo(handle, version=nvml.nvmlMemory_v2)
        assert all(nvml.nvmlDeviceGetUUID(other) == uuid for other in same), "handles differ"
        assert (figures.total, figures.used, figures.free) == (newer.total, newer.used, newer.free), "versions differ"
        place = {"index": nvml.nvmlDeviceGetIndex(handle), "position": position, "uuid": uuid, "bus": bus}
        answer["devices"].append(
            place | {"total": figures.total >> 20, "used": figures.used >> 20, "free": figures.free >> 20}
        )
        lists = [nvml.nvmlDeviceGetComputeRunningProcesses_v2, nvml.nvmlDeviceGetComputeRunningProcesses_v3]
        found = [[(p.pid, p.usedGpuMemory) for p in function(handle)] for function in lists]
        assert found[0] == found[1], "lists differ"
        answer["processes"] += [place | {"pid": pid, "used": used >> 20} for pid, used in found[0]]
        samples = {sample.pid for sample in samples_of(nvml, handle)}
        assert samples <= {pid for pid, _ in found[0]}, "utilisation of others"
    answer["reachable"] = [i for i in range(len(TOTALS)) if is_reachable(nvml, i)]
    assert len(answer["reachable"]) == count, "devices of others can be reached"
    print(json.dumps(answer))


def samples_of(nvml, handle):
    try:
        return nvml.nvmlDeviceGetProcessUtilization(handle, 0)
    except nvml.NVMLError as error:
        assert error.value == nvml.NVML_ERROR_NOT_FOUND, error
        return []


def is_reachable(nvml, index):
    """Whether there is a way to the machine's device by what identifies it."""
    reached = 0
    for function, key in (
        (nvml.nvmlDeviceGetHandleByUUID, uuid_of(index)),
        (nvml.nvmlDeviceGetHandleByPciBusId, bus_of(index)),
    ):
        try:
            function(key.encode())
            reached += 1
        except nvml.NVMLError as error:
            assert error.value in (nvml.NVML_ERROR_NOT_FOUND, nvml.NVML_ERROR_NO_PERMISSION), error
    return reached > 0


def main():
    match sys.argv[1:]:
        case ["world", folder, driver, *pids]:
            pairs = (pid.split("=") for pid in pids)
            make_world(pathlib.Path(folder), driver, {name: int(pid) for name, pid in pairs})
        case ["check", mode, truth]:
            return check(mode, truth, sys.stdin.read())
        case ["ask"]:
            ask()
        case _:
            print(__doc__, file=sys.stderr)
            return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
