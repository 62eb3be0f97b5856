"""The system under chaos, with what a supervisor does for it: whatever ends is started again."""

from __future__ import annotations

import subprocess
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from functools import partial
from pathlib import Path

import httpx
import psycopg

from tradedesk.stack.polling import eventually
from tradedesk.stack.processes.commands import beat
from tradedesk.stack.processes.process import wait_until
from tradedesk.stack.system import System

STOP_LIMIT = 20.0  # seconds, as a supervisor grants before it kills
CONTROL_TIMEOUT, CONTROL_LIMIT = 3.0, 20.0  # seconds
STANDBY = "standby"


class Ground:
    """One running system. Used by one thread: the kernel ends a process with the thread that started it.

    `ended` counts processes that ended unasked, `stubborn` those that did not heed SIGTERM.
    """

    def __init__(self, system: System) -> None:
        self.system = system
        self.system.processes[STANDBY] = self.system.processes["broker"]
        self.system.processes["second_beat"] = beat(system.folder.run)  # with a schedule file of its own
        self.crowd: list[psycopg.Connection] = []
        self.stopping: dict[str, subprocess.Popen[bytes]] = {}
        self.ended: Counter[str] = Counter()
        self.stubborn: Counter[str] = Counter()
        self.control = httpx.Client(base_url=system.urls.control, timeout=CONTROL_TIMEOUT, trust_env=False)

    def supervise(self) -> None:
        """Start again what ended by itself."""
        for name, process in list(self.system.running.items()):
            if (code := process.poll()) is not None:
                self.ended[f"{name} (exit code {code})"] += 1
                self.system.launch(name)

    def ask_to_stop(self, name: str) -> None:
        """SIGTERM to the process itself; it is no longer supervised."""
        process = self.system.running.pop(name)
        self.stopping[name] = process
        process.terminate()

    def wait_until_stopped(self, name: str) -> None:
        """Wait for the end of what was asked to stop; SIGKILL when it takes too long."""
        process = self.stopping.pop(name, None)
        if process is None:
            return
        if not wait_until(lambda: process.poll() is not None, limit=STOP_LIMIT):
            self.stubborn[name] += 1
        self.system.running[name] = process
        self.system.kill(name)  # what it may have left behind, too

    def promote_standby(self) -> None:
        """The second broker worker goes by the name of the first, which is gone."""
        self.system.running["broker"] = self.system.running.pop(STANDBY)

    def set_clock(self, offset: object) -> None:
        """The broker worker starts again with a clock that is off by so many seconds."""
        worker = self.system.processes[STANDBY]
        self.system.processes["broker"] = replace(
            worker, env={**worker.env, "TRADEDESK_CLOCK_OFFSET": str(offset)}
        )
        self.system.kill("broker")
        self.system.launch("broker")

    def limit_redis(self, maxmemory: str) -> None:
        """Set how many bytes Redis may hold; "0" is no limit."""
        with self.system.redis.client() as client:
            client.config_set("maxmemory", maxmemory)

    def crowd_postgres(self) -> None:
        """Open connections until PostgreSQL refuses more."""
        with suppress(psycopg.OperationalError):
            while True:
                self.crowd.append(self.system.postgres.connect())

    def clear_postgres(self) -> None:
        """Close them."""
        while self.crowd:
            self.crowd.pop().close()

    def ask_gateway(self, kind: str, **fields: object) -> None:
        """Have the gateway make a fault; it may just be starting, so it is asked until it answers."""
        ask = partial(self.control.post, "/faults", json=[{"kind": kind, **fields}])
        eventually(lambda: ask().raise_for_status(), limit=CONTROL_LIMIT, pause=0.2)

    def move_market(self, symbol: str, price: str) -> None:
        """Have the makers quote around another price."""
        ask = partial(self.control.post, "/prices", json={"symbol": symbol, "price": price})
        eventually(lambda: ask().raise_for_status(), limit=CONTROL_LIMIT, pause=0.2)

    def heal(self) -> None:
        """Nothing is harmed any more: all run, no fault is armed."""
        system = self.system
        for server in (system.postgres, system.redis):
            if not server.alive:
                server.start()
        system.thaw(*system.running, "postgres", "redis")
        self.supervise()
        self.ask_gateway("clear")
        system.wait_until_ready()


@contextmanager
def prepared(folder: Path) -> Iterator[Ground]:
    """A system of its own in `folder`, up and ready."""
    with System(folder) as system:
        ground = Ground(system)
        with ground.control:
            yield ground
