"""Whether a process hangs: it renews a file of its own, and a probe looks at how old that is.

    python -IS tradedesk/liveness.py 60      # exit code 0 when all processes of the container live, else 1
    python -IS tradedesk/liveness.py 60 --ready
    python -IS tradedesk/liveness.py 60 --ask http://localhost:8000/healthz     # and its door answers

Slow is not hung: who waits for PostgreSQL or Redis renews it all the same, and says so; it is not ready then.
The probe needs neither Django nor this project's packages: 30 ms of processor time, where asking a worker by
Celery takes two seconds and, without Redis, gets no answer. Ages are of the monotonic clock, which all
processes of a machine share: no step of the time of day makes anything look dead.
"""

from __future__ import annotations

import json
import os
import socket
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

FOLDER = "TRADEDESK_HEARTBEATS"  # in the environment; without it nobody looks, and nothing is written
EVERY = 1.0  # seconds
WORKING = "working"
STANDING_BY = "standing by"
READY = (WORKING, STANDING_BY)
ANSWER_LIMIT = 10.0  # seconds
SIZE = 200  # bytes: each beat has the room of the last, so that a full disk does not stop it


class Heartbeat:
    """What one process says of itself: `beat()` as often as you like, it writes once a second.

    Called by what does the process's work, never by a thread beside it, or it would prove nothing.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self._told: tuple[float, str] = (float("-inf"), "")
        self._file = -1
        if folder := os.environ.get(FOLDER, ""):
            with suppress(OSError):  # the probe finds nothing, and says so
                self._file = open_file(Path(folder))
        self.beat("starting")

    def beat(self, state: str = WORKING) -> None:
        """It lives, and this is what it does."""
        now = time.monotonic()
        if now - self._told[0] < EVERY and state == self._told[1]:
            return
        self._told = (now, state)
        if self._file >= 0:
            text = json.dumps({"name": self.name, "state": state, "at": round(now, 3)})
            with suppress(OSError):
                os.pwrite(self._file, text.ljust(SIZE).encode(), 0)
        tell_systemd("WATCHDOG=1")

    @contextmanager
    def meanwhile(self, state: str) -> Iterator[None]:
        """Beats by itself around one wait that comes to its end by itself, such as that for a server."""
        over = threading.Event()
        thread = threading.Thread(target=self._until, args=(over, state), name="heartbeat", daemon=True)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()
            self.beat()

    def keep(self) -> None:
        """Beats for as long as the interpreter runs; for a server whose door is asked besides."""
        if self._file < 0 and "NOTIFY_SOCKET" not in os.environ:
            return
        thread = threading.Thread(
            target=self._until, args=(threading.Event(), WORKING), name="heartbeat", daemon=True
        )
        thread.start()

    def _until(self, over: threading.Event, state: str) -> None:
        self.beat(state)
        while not over.wait(EVERY):
            self.beat(state)


def open_file(folder: Path) -> int:
    """A file for this process; those of the dead go, for their numbers may come again."""
    folder.mkdir(parents=True, exist_ok=True)
    for path in folder.glob("*.json"):
        if not is_running(int(path.stem)):
            path.unlink(missing_ok=True)
    return os.open(folder / f"{os.getpid()}.json", os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o644)


def is_running(pid: int) -> bool:
    """Whether there is a process of this number, stopped or not."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True


def tell_systemd(text: str) -> None:
    """What `WatchdogSec=` of a unit waits for; nothing where systemd did not start us."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if address:
        with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify:
            notify.connect(f"\0{address[1:]}" if address.startswith("@") else address)
            notify.send(text.encode())


@dataclass(frozen=True)
class Alive:
    """What a process last said, and how many seconds ago."""

    pid: int
    name: str
    state: str
    age: float

    def __str__(self) -> str:
        return f"{self.name} (pid {self.pid}), {self.state}, was last heard of {self.age:.0f} s ago"


def heard_of(folder: Path) -> list[Alive]:
    """All processes of this folder that run, or are stopped."""
    now, found = time.monotonic(), []
    for path in sorted(folder.glob("*.json")):
        with suppress(OSError, ValueError, KeyError):
            told = json.loads(path.read_text())
            if is_running(pid := int(path.stem)):
                found.append(Alive(pid, told["name"], told["state"], now - told["at"]))
    return found


def what_is_wrong(folder: Path, limit: float, *, ready: bool) -> list[str]:
    """Who hangs; with `ready` also who cannot work now. A process that has not begun yet is wrong too."""
    found = heard_of(folder)
    if not found:
        return [f"Nobody has said anything in {folder} yet."]
    wrong = [each for each in found if each.age > limit or (ready and each.state not in READY)]
    return [f"{each}." for each in wrong]


def asked(url: str) -> list[str]:
    """What is wrong with a door: the process may live and serve nobody."""
    from urllib.request import urlopen  # most probes have no door, and it is slow to load

    try:
        with urlopen(url, timeout=ANSWER_LIMIT):  # noqa: S310 - it stands in a manifest
            return []
    except OSError as error:
        return [f"{url}: {error}"]


def main(limit: str, *options: str) -> int:
    """The exit code of a probe."""
    folder = Path(os.environ.get(FOLDER, "/nowhere"))
    wrong = what_is_wrong(folder, float(limit), ready="--ready" in options)
    if not wrong and "--ask" in options:
        wrong += asked(options[options.index("--ask") + 1])
    print("\n".join(wrong), end="\n" if wrong else "")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
