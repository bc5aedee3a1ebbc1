"""debug.py debugpy|pydevd INTERPRETER SCRIPT: debugs the script as an editor does, and prints what it prints."""
import json
import os
import socket
import subprocess
import sys

kind, python, script = sys.argv[1], os.path.abspath(sys.argv[2]), os.path.abspath(sys.argv[3])


def find(module, *names):
    code = f"import os, {module}; print(os.path.dirname({module}.__file__))"
    return os.path.join(subprocess.check_output([python, "-c", code], text=True).strip(), *names)


def debug_with_debugpy():
    """The adapter on standard streams, as Visual Studio Code starts it."""
    adapter = subprocess.Popen([python, find("debugpy", "adapter")], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    sequence = 0

    def send(command, **arguments):
        nonlocal sequence
        sequence += 1
        body = json.dumps({"seq": sequence, "type": "request", "command": command, "arguments": arguments}).encode()
        adapter.stdin.write(b"Content-Length: %d\r\n\r\n" % len(body) + body)
        adapter.stdin.flush()

    def receive():
        length = 0
        while (line := adapter.stdout.readline().strip()):
            length = int(line.split(b":")[1])
        return json.loads(adapter.stdout.read(length)) if length else None

    send("initialize", adapterID="python")
    send("launch", program=script, console="internalConsole", cwd=os.getcwd(), python=[python])
    while (message := receive()):
        event = message.get("event")
        if event == "initialized":
            send("configurationDone")
        elif event == "output" and message["body"].get("category") == "stdout":
            print(message["body"]["output"], end="")
        elif event == "terminated":
            send("disconnect")
        elif message.get("command") == "disconnect":
            break
    adapter.stdin.close()
    adapter.wait()


def debug_with_pydevd():
    """A server that the debugger connects to, as PyCharm has one."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        debugged = subprocess.Popen(
            [python, find("pydevd", "pydevd.py"), "--client", "127.0.0.1", "--port", str(server.getsockname()[1]), "--file", script],
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        connection, _ = server.accept()
        connection.sendall(b"501\t1\t1.1\tUNIX\n101\t3\t\n")  # the version, and: run
        print(debugged.communicate()[0], end="")


{"debugpy": debug_with_debugpy, "pydevd": debug_with_pydevd}[kind]()
