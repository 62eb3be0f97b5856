"""Starting and ending one operating system process."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import psutil

PR_SET_PDEATHSIG = 1  # prctl(2)
LIBC = ctypes.CDLL(None) if sys.platform == "linux" else None


@dataclass(frozen=True, kw_only=True)
class Account:
    """The operating system account that a process runs as."""

    uid: int
    gid: int


def identity(account: Account | None) -> dict[str, Any]:
    """The arguments of `subprocess` that make a process run as this account; none for our own."""
    return {"user": account.uid, "group": account.gid, "extra_groups": []} if account else {}


def spawn(
    argv: Sequence[str],
    *,
    env: Mapping[str, str],
    log: Path | None,
    cwd: Path,
    account: Account | None = None,
    orphan_signal: int = signal.SIGTERM,
) -> subprocess.Popen[bytes]:
    """Start a process in a session of its own, its output in `log`, which starts afresh (None: ours).

    It gets `orphan_signal` when this process dies (Linux), so that not even SIGKILL leaves it behind.
    The kernel looks at the thread that called: call from one that lives as long as the process should.
    """
    with open_log(log) as output:
        return subprocess.Popen(
            argv,
            env=dict(env),
            cwd=cwd,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT if output else None,
            start_new_session=True,  # Ctrl-C in the terminal is for the stack, which ends this in order
            **identity(account),
            preexec_fn=death_notice(orphan_signal),  # noqa: PLW1509 - one prctl call, it takes no locks
        )


def open_log(log: Path | None) -> AbstractContextManager[IO[bytes] | None]:
    """An empty log to write to; nothing when the output goes where ours goes."""
    if log is None:
        return nullcontext()
    log.parent.mkdir(parents=True, exist_ok=True)
    return log.open("wb")


def death_notice(number: int) -> Callable[[], None]:
    """What a new process runs to be sent signal `number` when its parent dies; nothing outside Linux."""

    def ask() -> None:
        if LIBC is not None:
            LIBC.prctl(PR_SET_PDEATHSIG, number)

    return ask


def end(process: subprocess.Popen[bytes], number: int = signal.SIGTERM, *, grace: float = 20) -> None:
    """Send a signal, wait up to `grace` seconds, then SIGKILL whatever is left of it and its descendants."""
    family = family_of(process.pid)
    if process.poll() is None:
        process.send_signal(number)
        with suppress(subprocess.TimeoutExpired):
            process.wait(grace)
    kill(family)
    kill_group(process.pid)
    process.wait()


def kill_group(leader: int) -> None:
    """SIGKILL the process group of a leader that may itself be gone: its orphans are still in it."""
    with suppress(ProcessLookupError, PermissionError):  # macOS says EPERM when only zombies are left
        os.killpg(leader, signal.SIGKILL)


def family_of(pid: int) -> list[psutil.Process]:
    """A process and all its descendants; empty when it is gone."""
    try:
        process = psutil.Process(pid)
        return [process, *process.children(recursive=True)]
    except psutil.Error:
        return []


def kill(family: Sequence[psutil.Process]) -> None:
    """SIGKILL these processes and wait until they are gone; psutil sees to it that no pid was reused."""
    for member in family:
        with suppress(psutil.Error):
            member.kill()
    wait_until(lambda: all(is_gone(member) for member in family), limit=10, pause=0.01)


def is_gone(process: psutil.Process | int) -> bool:
    """Whether a process, or the one with this pid, has ended; its parent may not have taken notice yet."""
    try:
        known = psutil.Process(process) if isinstance(process, int) else process
        return bool(known.status() == psutil.STATUS_ZOMBIE)
    except psutil.Error:
        return True


def end_leftover(pid: int, mark: tuple[str, str], number: int = signal.SIGTERM, *, grace: float = 20) -> None:
    """End a process that a dead stack left behind, and its descendants.

    `mark` is a variable and value of its environment: by it alone do we know it as ours, because the
    number may meanwhile belong to somebody else.
    """
    family = family_of(pid)
    if family and pid != os.getpid() and carries(family[0], mark):
        with suppress(psutil.Error):
            family[0].send_signal(number)
            wait_until(lambda: is_gone(family[0]), limit=grace)
        kill(family)


def end_marked(mark: tuple[str, str], *, grace: float = 10) -> None:
    """End every process that carries this variable and value in its environment, wherever it hangs now."""
    found = marked(mark)
    for process in found:
        with suppress(psutil.Error):
            process.terminate()
    wait_until(lambda: all(is_gone(process) for process in found), limit=grace)
    kill(found)


def marked(mark: tuple[str, str]) -> list[psutil.Process]:
    """All other processes that carry this variable and value in their environment."""
    return [one for one in psutil.process_iter() if one.pid != os.getpid() and carries(one, mark)]


def carries(process: psutil.Process, mark: tuple[str, str]) -> bool:
    """Whether a variable of the process's environment has this value, as far as we may read it."""
    try:
        return bool(process.environ().get(mark[0]) == mark[1])
    except psutil.Error:
        return False


def wait_until(condition: Callable[[], bool], *, limit: float, pause: float = 0.05) -> bool:
    """Poll until `condition()` holds; False when it did not within `limit` seconds."""
    deadline = time.monotonic() + limit
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(pause)
    return True
