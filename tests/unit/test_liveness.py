"""The heartbeat of a process, and the probe that reads it."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tradedesk.env import BASE_DIR
from tradedesk.liveness import FOLDER, Heartbeat, heard_of, main, what_is_wrong
from tradedesk.stack.polling import eventually

BEATING = "import time; from tradedesk.liveness import Heartbeat; Heartbeat('w').keep(); time.sleep(600)"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(FOLDER, str(tmp_path))
    return tmp_path


def test_who_beats_is_alive_and_says_what_it_does(folder: Path) -> None:
    Heartbeat("worker").beat()
    (told,) = heard_of(folder)
    assert (told.pid, told.name, told.state) == (os.getpid(), "worker", "working")
    assert what_is_wrong(folder, 600, ready=True) == []


def test_who_waits_for_a_server_is_alive_and_not_ready(folder: Path) -> None:
    heartbeat = Heartbeat("worker")
    with heartbeat.meanwhile("waits for Redis"):
        eventually(lambda: heard_of(folder)[0].state == "waits for Redis")
        assert (main("600"), main("600", "--ready")) == (0, 1)
    assert main("600", "--ready") == 0


def test_one_that_has_not_begun_is_not_alive(folder: Path) -> None:
    assert (main("600"), main("600", "--ready")) == (1, 1)
    Heartbeat("worker")
    assert (main("600"), main("600", "--ready")) == (0, 1)


def test_a_step_of_the_time_of_day_changes_nothing(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Heartbeat("worker").beat()
    monkeypatch.setattr(time, "time", lambda: 0.0)
    os.utime(folder / f"{os.getpid()}.json", (0, 0))
    assert main("600", "--ready") == 0


def test_the_dead_do_not_count_and_are_cleared_away(folder: Path) -> None:
    gone = subprocess.Popen(["true"])
    gone.wait()
    (folder / f"{gone.pid}.json").write_text('{"name": "worker", "state": "working", "at": 0}')
    assert heard_of(folder) == []
    Heartbeat("worker")
    assert [path.stem for path in folder.iterdir()] == [str(os.getpid())]


def test_one_stopped_process_of_two_is_seen_and_named(folder: Path) -> None:
    Heartbeat("other").keep()
    process = subprocess.Popen([sys.executable, "-c", BEATING], cwd=BASE_DIR)
    try:
        eventually(lambda: len(heard_of(folder)) == 2)
        process.send_signal(signal.SIGSTOP)
        named = f"w (pid {process.pid})"
        eventually(lambda: [wrong for wrong in what_is_wrong(folder, 3, ready=False) if named in wrong])
        process.send_signal(signal.SIGCONT)
        assert eventually(lambda: what_is_wrong(folder, 3, ready=True) == [])
    finally:
        process.kill()
        process.wait()


def test_a_door_that_does_not_answer_is_seen(folder: Path) -> None:
    Heartbeat("web").beat()
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))  # nobody listens
        assert main("600", "--ask", f"http://127.0.0.1:{closed.getsockname()[1]}/healthz") == 1


def test_a_full_disk_does_not_stop_a_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(FOLDER, "/proc/nowhere")
    Heartbeat("worker").beat()
    assert not Path("/proc/nowhere").exists()


def test_systemd_is_told_where_it_asks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(str(tmp_path / "notify"))
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        monkeypatch.delenv(FOLDER, raising=False)
        Heartbeat("worker")
        assert systemd.recv(100) == b"WATCHDOG=1"


def test_the_probe_starts_without_django(folder: Path) -> None:
    Heartbeat("worker").beat()
    command = [sys.executable, "-IS", "tradedesk/liveness.py", "600", "--ready"]
    done = subprocess.run(command, cwd=BASE_DIR, check=False, capture_output=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
