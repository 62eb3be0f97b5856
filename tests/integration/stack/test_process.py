"""One operating system process: started, ended, never left behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil

from tradedesk.env import BASE_DIR
from tradedesk.stack.processes.process import end, end_leftover, end_marked, is_gone, spawn, wait_until

SLEEP = ("sleep", "300")
STUBBORN = ("sh", "-c", "trap '' TERM; echo ready; while :; do sleep 0.1; done")


def run(tmp_path: Path, *argv: str, **env: str) -> subprocess.Popen[bytes]:
    return spawn(argv, env=os.environ | env, log=tmp_path / "log", cwd=tmp_path)


def test_what_ignores_the_signal_is_killed_after_the_grace(tmp_path: Path) -> None:
    process = run(tmp_path, *STUBBORN)
    assert wait_until(lambda: "ready" in (tmp_path / "log").read_text(), limit=60)
    end(process, grace=0.5)
    assert process.returncode == -signal.SIGKILL


def test_descendants_end_with_their_ancestor(tmp_path: Path) -> None:
    process = run(tmp_path, "sh", "-c", "sh -c 'sleep 300 & wait' & wait")
    assert wait_until(lambda: len(psutil.Process(process.pid).children(recursive=True)) == 2, limit=60)
    family = psutil.Process(process.pid).children(recursive=True)
    end(process)
    assert all(is_gone(member) for member in family)


def test_a_process_ends_when_whoever_started_it_is_killed(tmp_path: Path) -> None:
    parent = (
        "import os, pathlib, sys, time; from tradedesk.stack.processes.process import spawn;"
        "here = pathlib.Path(sys.argv[1]);"
        "child = spawn(['sleep', '300'], env=os.environ, log=here / 'child.log', cwd=here);"
        "print(child.pid, flush=True); time.sleep(300)"
    )
    started = subprocess.Popen(
        [sys.executable, "-c", parent, str(tmp_path)], cwd=BASE_DIR, stdout=subprocess.PIPE, text=True
    )
    assert started.stdout is not None
    child = psutil.Process(int(started.stdout.readline()))
    started.kill()
    started.communicate()
    assert wait_until(lambda: is_gone(child), limit=60)


def test_a_leftover_is_ended_only_when_it_carries_our_mark(tmp_path: Path) -> None:
    ours = run(tmp_path, *SLEEP, MARK_OF_THIS_TEST="ours")
    end_leftover(ours.pid, ("MARK_OF_THIS_TEST", "theirs"))
    assert ours.poll() is None
    end_leftover(ours.pid, ("MARK_OF_THIS_TEST", "ours"))
    assert is_gone(ours.pid)
    end(ours)


def test_marked_processes_are_found_wherever_they_hang(tmp_path: Path) -> None:
    mark = f"{os.getpid()}-{time.monotonic_ns()}"
    orphan = subprocess.run(
        ["sh", "-c", "sleep 300 >/dev/null 2>&1 & echo $!"],
        env=os.environ | {"MARK_OF_THIS_TEST": mark},
        stdout=subprocess.PIPE,
        check=True,
    )
    end_marked(("MARK_OF_THIS_TEST", mark))
    assert is_gone(int(orphan.stdout))


def test_a_process_that_is_gone_is_no_error(tmp_path: Path) -> None:
    process = run(tmp_path, "true")
    process.wait()
    end(process)
    end_leftover(process.pid, ("MARK_OF_THIS_TEST", "ours"))
    assert process.returncode == 0
