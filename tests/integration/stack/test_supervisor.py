"""The supervisor: all processes or none."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from tradedesk.env import BASE_DIR
from tradedesk.stack.process import end, spawn, wait_until
from tradedesk.stack.processes import Process
from tradedesk.stack.supervisor import Plan, pid_file, plan_for, write_plan

SLEEP = ("sh", "-c", "echo hello; exec sleep 300")
Start = Callable[..., tuple[subprocess.Popen[bytes], Plan]]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Start a supervisor for processes given by name; waits until each has said something."""
    started: list[subprocess.Popen[bytes]] = []

    def run(**commands: tuple[str, ...]) -> tuple[subprocess.Popen[bytes], Plan]:
        for folder in ("logs", "run"):
            (tmp_path / folder).mkdir()
        listed = [Process(name=name, argv=argv) for name, argv in commands.items()]
        plan = plan_for(listed, logs=tmp_path / "logs", run=tmp_path / "run", echo=False)
        argv = [sys.executable, "-m", "tradedesk.stack.supervisor", str(write_plan(plan))]
        started.append(spawn(argv, env=os.environ, log=tmp_path / "supervisor.log", cwd=BASE_DIR))
        assert wait_until(lambda: all("hello" in log(plan, name) for name in commands), limit=60)
        return started[0], plan

    yield run
    for supervisor in started:
        end(supervisor)


def log(plan: Plan, name: str) -> str:
    path = Path(plan.logs) / f"{name}.log"
    return path.read_text() if path.exists() else ""


def pid(plan: Plan, name: str) -> int:
    return int(pid_file(Path(plan.run), name).read_text())


def test_all_processes_end_with_the_first_that_dies(start: Start) -> None:
    supervisor, plan = start(one=SLEEP, two=SLEEP)
    other = pid(plan, "two")
    os.kill(pid(plan, "one"), signal.SIGKILL)
    assert supervisor.wait(60) == 1
    assert json.loads(plan.obituary.read_text()) == {"name": "one", "code": -9}
    assert not psutil.pid_exists(other)


def test_a_request_to_stop_is_no_failure(start: Start) -> None:
    supervisor, plan = start(one=SLEEP, two=SLEEP)
    supervisor.terminate()
    assert supervisor.wait(60) == 0
    assert not plan.obituary.exists()


def test_grandchildren_end_too(start: Start) -> None:
    supervisor, plan = start(one=("sh", "-c", "sleep 300 & echo hello; wait"))
    (grandchild,) = psutil.Process(pid(plan, "one")).children()
    supervisor.terminate()
    supervisor.wait(60)
    assert wait_until(lambda: not grandchild.is_running() or grandchild.status() == "zombie", limit=60)


def test_passwords_do_not_stay_on_disk(start: Start, tmp_path: Path) -> None:
    start(one=SLEEP)
    assert not (tmp_path / "run" / "plan.json").exists()


def test_each_process_has_its_own_log_and_the_former_is_kept(start: Start, tmp_path: Path) -> None:
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs" / "one.log").write_text("former run\n")
    (tmp_path / "logs").rename(tmp_path / "kept")
    supervisor, plan = start(one=SLEEP)
    assert log(plan, "one") == "hello\n"
    assert supervisor.poll() is None
