"""Ports of workers, seen from another address: open without --isolate, closed with it."""

import json
import os
import shutil
import subprocess
import sys

import pytest

from tests.support.processes import LAUNCHER, ROOT, environment, finish, start

# Listens on all interfaces, as TensorFlow's server does, and looks around.
LISTENING_WORKER = """
import json, os, pathlib, socket, sys, time
folder = pathlib.Path(sys.argv[1])
config = json.loads(os.environ["TF_CONFIG"])
index = config["task"]["index"]
ports = [int(each.rpartition(":")[2]) for each in config["cluster"]["worker"]]
server = socket.create_server(("0.0.0.0", ports[index]))
(folder / f"{index}.json").write_text(json.dumps(ports[index]))
while len(list(folder.glob("?.json"))) < 2:
    time.sleep(0.05)
peer = socket.create_connection(("localhost", ports[1 - index]), timeout=5)
print("reached the peer as user", os.getuid(), flush=True)
while not (folder / "done").exists():
    time.sleep(0.05)
"""
# A machine with the address 10.9.8.1 and, at the other end of a cable, another one with 10.9.8.2.
# Runs in namespaces of its own, so that this machine's network stays as it is.
TWO_MACHINES = """
import json, pathlib, socket, subprocess, sys, time
folder, command = pathlib.Path(sys.argv[1]), sys.argv[2:]
PEER = '''
import socket, sys
print("up", flush=True)
for line in sys.stdin:
    host, port = line.split()
    try:
        socket.create_connection((host, int(port)), timeout=2).close()
        print("open", flush=True)
    except OSError as error:
        print("closed", flush=True)
'''
other = subprocess.Popen(
    ["unshare", "-n", sys.executable, "-c", PEER],
    stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
assert other.stdout.readline() == "up\\n"
inside = ["nsenter", "-n", "-t", str(other.pid)]
for each in (
    ["ip", "link", "set", "lo", "up"],
    ["ip", "link", "add", "cable0", "type", "veth",
     "peer", "name", "cable1", "netns", str(other.pid)],
    ["ip", "address", "add", "10.9.8.1/24", "dev", "cable0"],
    ["ip", "link", "set", "cable0", "up"],
    [*inside, "ip", "address", "add", "10.9.8.2/24", "dev", "cable1"],
    [*inside, "ip", "link", "set", "cable1", "up"],
):
    subprocess.run(each, check=True)
launcher = subprocess.Popen(
    [sys.executable, *command], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
try:
    output = ""
    while output.count("reached the peer") < 2:
        line = launcher.stdout.readline()
        assert line, output
        output += line
    found = []
    for index in range(2):
        port = json.loads((folder / f"{index}.json").read_text())
        other.stdin.write(f"10.9.8.1 {port}\\n")
        other.stdin.flush()
        found.append(other.stdout.readline().strip())
finally:
    (folder / "done").touch()
    output += launcher.communicate()[0]
    other.stdin.close()
    other.wait()
print(json.dumps({"found": found, "status": launcher.returncode, "output": output}))
"""


def namespaces_are_allowed() -> bool:
    tools = [shutil.which(tool) for tool in ("unshare", "nsenter", "ip")]
    return (
        all(tools)
        and not subprocess.run(
            ["unshare", "-Urn", "unshare", "-Urn", "true"], capture_output=True
        ).returncode
    )


@pytest.mark.skipif(not namespaces_are_allowed(), reason="needs network namespaces and iproute2")
@pytest.mark.parametrize("isolated", [False, True])
def test_ports_seen_from_another_machine(tmp_path, isolated):
    script = tmp_path / "listening.py"
    script.write_text(LISTENING_WORKER)
    options = ["--isolate"] if isolated else []
    command = [*LAUNCHER, "--workers", "2", *options, str(script), str(tmp_path)]
    run = subprocess.run(
        ["unshare", "-Urn", sys.executable, "-c", TWO_MACHINES, str(tmp_path), *command],
        capture_output=True,
        text=True,
        env=environment(),
        cwd=ROOT,
        timeout=60,
    )
    assert run.returncode == 0, run.stderr
    result = json.loads(run.stdout)
    assert result["found"] == (["closed"] * 2 if isolated else ["open"] * 2)
    assert result["status"] == 0
    assert ("listens on all network interfaces" in result["output"]) is not isolated


@pytest.mark.skipif(not namespaces_are_allowed(), reason="needs network namespaces")
def test_an_isolated_worker_is_the_same_user_with_loopback_alone(tmp_path):
    script = tmp_path / "look.py"
    script.write_text(
        "import json, os, socket, pathlib\n"
        "pathlib.Path(__file__).with_name('written').touch()\n"
        "print(json.dumps([os.getuid(), os.getgid(), [n for _, n in socket.if_nameindex()]]))\n"
    )
    status, output = finish(start(*LAUNCHER, "--workers", 1, "--isolate", script), 30)
    assert status == 0, output
    user, group, interfaces = json.loads(output[output.index("] [") + 2 :])
    assert (user, group) == (os.getuid(), os.getgid())
    # The kernel may put unconfigured devices such as tunnels into every namespace.
    assert "lo" in interfaces
    assert not {name for name in interfaces if name.startswith(("eth", "en", "wl", "veth"))}
    assert (tmp_path / "written").stat().st_uid == os.getuid()


def test_where_it_is_not_allowed_it_says_why_and_starts_nothing(tmp_path):
    script = tmp_path / "script.py"
    script.write_text("print('began')")
    refuse = (
        "import sys; from keras_negact import _isolation, launch\n"
        "class Library:\n"
        "    def unshare(self, flags):\n"
        "        _isolation.ctypes.set_errno(28)\n"
        "        return -1\n"
        "_isolation.ctypes.CDLL = lambda *_, **__: Library()\n"
        "sys.exit(launch.main(sys.argv[1:]))\n"
    )
    status, output = finish(start("-c", refuse, "--workers", 1, "--isolate", script), 60)
    assert status == 2
    assert "--isolate: this machine allows no network namespace (No space left on device" in output
    assert "began" not in output
    assert "Traceback" not in output
