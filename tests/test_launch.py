"""The launcher, with scripts that need no TensorFlow."""

import json
import signal
import textwrap
import time

import pytest

from keras_negact.launch import cpus_of_worker, free_ports, main, worker_environment
from tests.support.processes import LAUNCHER, finish, read_until, start


@pytest.fixture
def script(tmp_path):
    def write(text: str) -> str:
        path = tmp_path / "script.py"
        path.write_text("import json, os, signal, sys, time\n" + textwrap.dedent(text))
        return str(path)

    return write


def run(*arguments) -> int:
    return main([str(argument) for argument in arguments])


def test_environment_arguments_and_prefixes(script, capfd):
    path = script(
        """
        task = json.loads(os.environ["TF_CONFIG"])
        timeout = os.environ["KERAS_NEGACT_TIMEOUT"]
        print(json.dumps({**task, "argv": sys.argv[1:], "timeout": timeout}))
        print("to stderr", file=sys.stderr)
        """
    )
    assert run("--workers", 3, "--timeout", 7, path, "--workers", "9", "x") == 0
    lines = capfd.readouterr().out.splitlines()
    seen = {}
    for line in lines:
        prefix, _, text = line.partition("] ")
        if text.startswith("{"):
            seen[prefix] = json.loads(text)
    assert set(seen) == {"[worker 0", "[worker 1", "[worker 2"}
    clusters = [each["cluster"]["worker"] for each in seen.values()]
    assert clusters[0] == clusters[1] == clusters[2]
    assert len(set(clusters[0])) == 3
    for prefix, each in seen.items():
        assert each["task"] == {"type": "worker", "index": int(prefix[-1])}
        assert each["argv"] == ["--workers", "9", "x"]
        assert each["timeout"] == "7"
    assert sum(line.endswith("] to stderr") for line in lines) == 3


def test_status_of_the_first_worker_that_fails_and_the_end_of_the_others(script, capfd):
    path = script(
        """
        if json.loads(os.environ["TF_CONFIG"])["task"]["index"] == 1:
            sys.exit(5)
        time.sleep(100)
        """
    )
    began = time.monotonic()
    assert run("--workers", 2, "--grace", 1, path) == 5
    assert time.monotonic() - began < 20
    output = capfd.readouterr().out
    assert "[launch] worker 1 failed with the exit status 5" in output
    assert "by SIGTERM" in output


def test_worker_that_ignores_sigterm_is_killed(script, capfd):
    path = script(
        """
        if json.loads(os.environ["TF_CONFIG"])["task"]["index"] == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        time.sleep(100)
        """
    )
    assert run("--workers", 2, "--grace", 1, path) == 128 + signal.SIGKILL
    output = capfd.readouterr().out
    assert "worker 0 was ended by SIGKILL" in output
    assert "ending the workers that are left by SIGKILL" in output


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_signals_are_passed_on(script, number):
    path = script(
        """
        def leave(*_):
            print("leaving", flush=True)
            sys.exit(0)
        signal.signal(signal.SIGTERM, leave)
        signal.signal(signal.SIGINT, leave)
        print("ready", flush=True)
        time.sleep(100)
        """
    )
    process = start(*LAUNCHER, "--workers", 2, path)
    read_until(process, "ready")
    read_until(process, "ready")
    process.send_signal(number)
    status, output = finish(process)
    assert status == 128 + number
    assert output.count("leaving") == 2


def test_progress_bars_come_as_their_last_state(script, capfd):
    path = script(r'print("1/3\r2/3\r3/3")')
    assert run("--workers", 1, path) == 0
    assert "[worker 0] 3/3\n" in capfd.readouterr().out


@pytest.mark.parametrize(
    ("option", "values"),
    {
        "--workers": ("0", "-1", "2.5", "two", ""),
        "--cpus-per-worker": ("0", "-1", "1.5", "all", "1000000"),
        "--timeout": ("0", "-5", "nan", "inf", "soon", ""),
        "--grace": ("-1", "nan", "inf", "soon"),
    }.items(),
)
def test_refuses_wrong_values(script, capsys, option, values):
    path = script('print("began")')
    for value in values:
        with pytest.raises(SystemExit) as ended:
            run("--workers=1", f"{option}={value}", path)
        assert ended.value.code == 2
        shown = capsys.readouterr()
        assert f"`{option}` must be" in shown.err
        assert "Received: " in shown.err
        assert "began" not in shown.out


def test_refuses_a_script_that_is_not_there(tmp_path, capsys):
    for path in (tmp_path / "absent.py", tmp_path):
        with pytest.raises(SystemExit):
            run("--workers", 2, path)
        assert f"`script` must be a file that is there. Received: '{path}'" in (
            capsys.readouterr().err
        )


@pytest.mark.parametrize("text", ["nan", "-5", "0", "soon"])
def test_refuses_a_wrong_timeout_of_the_environment(script, capsys, monkeypatch, text):
    monkeypatch.setenv("KERAS_NEGACT_TIMEOUT", text)
    with pytest.raises(SystemExit):
        run("--workers", 1, script(""))
    assert "`KERAS_NEGACT_TIMEOUT` must be" in capsys.readouterr().err
    assert run("--workers", 1, "--timeout", 3, script("")) == 0


def test_says_who_reaches_the_ports_of_several_workers(script, capfd):
    assert run("--workers", 1, script("")) == 0
    assert "listens" not in capfd.readouterr().out
    assert run("--workers", 2, script("")) == 0
    lines = capfd.readouterr().out.splitlines()
    assert lines[0].startswith("[launch] TensorFlow's server in each worker listens on all network")
    assert "--isolate" in lines[0]


def test_launcher_holds_neither_keras_nor_tensorflow(script):
    path = script(
        """
        parent = os.getppid()
        status = open(f"/proc/{parent}/status").read()
        maps = open(f"/proc/{parent}/maps").read()
        print(json.dumps({"rss": status.split("VmRSS:")[1].split()[0], "tf": "tensorflow" in maps}))
        """
    )
    status, output = finish(start(*LAUNCHER, "--workers", 1, path))
    assert status == 0, output
    seen = json.loads(output[output.index("{") :])
    assert not seen["tf"]
    assert int(seen["rss"]) < 60_000


def test_ports_are_different_and_cpus_are_shared_out():
    assert len(set(free_ports(5))) == 5
    assert cpus_of_worker(0, 1)
    assert len(cpus_of_worker(1, 1)) == 1
    assert worker_environment(["a:1"], 0, 60)["KERAS_NEGACT_TIMEOUT"] == "60"
