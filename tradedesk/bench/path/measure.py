"""Orders one by one through a system whose web, stream and broker worker run under the profiler."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import httpx

from tradedesk.bench.figures import Document
from tradedesk.bench.ground import Ground, MeasuredSystem
from tradedesk.bench.path import legs
from tradedesk.bench.path.legs import Passage, Sent
from tradedesk.bench.path.recorder import CALLS_FILE, WRITE_EVERY
from tradedesk.bench.path.trace import Trace, read_trace
from tradedesk.bench.stream import FillWatch
from tradedesk.stack.processes.commands import PYTHON, Process

PROFILED = ("web", "stream", "broker")
APPLICATIONS = {
    "tradedesk.wsgi:application": "tradedesk.bench.path.entrances:wsgi",
    "tradedesk.asgi:application": "tradedesk.bench.path.entrances:asgi",
}
RECORDER = (PYTHON, "-m", "tradedesk.bench.path.recorder")
#: Seconds between two orders: longer than anything that one order leaves to be done later, and uneven, so
#: that what runs every second does not always fall into the same place.
PAUSE, UNEVEN = 1.3, 0.4
ORDER = {"side": "BUY", "instrument": {"symbol": "AAPL", "sec_type": "STK"}}
LEGS: dict[str, tuple[str, Callable[[Trace, Sent], Passage]]] = {
    "post": ("web", legs.post),
    "claim": ("broker", legs.claim),
    "callbacks": ("broker", legs.callbacks),
    "stream": ("stream", legs.stream),
}


class ProfiledSystem(MeasuredSystem):
    """A system without what no order passes; the other processes write down their calls."""

    def __init__(self, folder: Path, accounts: Sequence[str], sessions: int, **settings: str) -> None:
        super().__init__(folder, accounts, sessions, **settings)
        self.without = frozenset({"flower", "worker", "beat"})

    def _start_servers(self, undo: Any) -> None:
        super()._start_servers(undo)
        for name in PROFILED:
            self.processes[name] = profiled(self.processes[name], self.calls_file(name))

    def calls_file(self, name: str) -> Path:
        """Where a process writes its calls."""
        return self.folder.path / f"calls-{name}"


def profiled(process: Process, file: Path) -> Process:
    """The process under the profiler: servers by another application, programs by a runner."""
    argv = tuple(APPLICATIONS.get(argument, argument) for argument in process.argv)
    if argv == process.argv:
        argv = (*RECORDER, *argv[1:])
    return replace(process, argv=argv, env={**process.env, CALLS_FILE: str(file)})


def path(ground: Ground, *, orders: int, functions: bool) -> Document:
    """Each leg of these orders; with the names of all functions if they are wanted."""
    system = cast(ProfiledSystem, ground.system)
    with FillWatch(ground) as watch:
        sent = [follow(ground, watch, number) for number in range(orders)]
    time.sleep(10 * WRITE_EVERY)
    traces = {name: read_trace(system.calls_file(name)) for name in PROFILED}
    passed = {name: passages(traces[process], cut, sent) for name, (process, cut) in LEGS.items()}
    found = {name: legs.leg(passages, functions=functions) for name, passages in passed.items()}
    found["post"] |= legs.returns(passed["post"])
    return {"orders": orders, "legs": found}


def passages(trace: Trace, cut: Callable[[Trace, Sent], Passage], sent: Sequence[Sent]) -> list[Passage]:
    """One leg of every order."""
    try:
        return [cut(trace, order) for order in sent]
    except LookupError as error:
        raise AssertionError(f"the leg {cut.__name__} was not recorded: {error}") from None


def follow(ground: Ground, watch: FillWatch, number: int) -> Sent:
    """Place an order, wait until it is COMPLETED and told, then until all is quiet again."""
    sent_at = time.monotonic_ns()
    answer = ground.own_connection().place(ground.order(number, **ORDER))
    if answer.status != httpx.codes.CREATED:
        raise AssertionError(f"an order was not taken: {answer.status} {answer.document}")
    order_id = str(answer.document["id"])
    ground.wait_until_done()
    completed_at = time.monotonic_ns()
    watch.wait_for([order_id])
    time.sleep(PAUSE + random.uniform(0, UNEVEN))  # noqa: S311 - not a secret
    return Sent(
        order_id=order_id,
        order_ref=str(answer.document["order_ref"]),
        sent_at=sent_at,
        completed_at=completed_at,
    )
