"""SIGKILL of every single process of `make up` while orders flow: how long each is missed, and by whom."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import count, pairwise, zip_longest
from pathlib import Path
from random import Random
from statistics import median
from typing import Any, Self

import httpx

from tradedesk.chaos import evidence
from tradedesk.chaos.evidence import Books
from tradedesk.chaos.invariants import Violation, broken
from tradedesk.chaos.report import Document, verdict
from tradedesk.chaos.up import Up
from tradedesk.stack.clients import Api
from tradedesk.stack.polling import eventually

RATE = 10.0  # orders a second
SENDERS = 4
PAUSE = 0.1  # seconds before a request is repeated
CALM = 2.0  # seconds of orders between a return and the next kill
BACK_LIMIT = 120.0  # seconds
QUIET_LIMIT = 240.0  # seconds
SIDES = ("BUY", "SELL")  # in turn, so that no limit on positions is ever met

Say = Callable[[str], None]


class Flow:
    """Market orders, so many a second; each is repeated with the same ids until it is answered."""

    def __init__(self, api: Api, name: str = "kills", *, rate: float = RATE) -> None:
        self.api = api
        self.name = name
        self.rate = rate
        self.numbers = count()
        self.taken: list[str] = []
        self.statuses: Counter[int] = Counter()
        self.repeats: Counter[str] = Counter()
        self.over = threading.Event()
        self.threads = [threading.Thread(target=self._send) for _ in range(SENDERS)]

    def __enter__(self) -> Self:
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self.over.set()
        for thread in self.threads:
            thread.join()

    def _send(self) -> None:
        while not self.over.wait(SENDERS / self.rate):
            number = next(self.numbers)
            order = {"cl_ord_id": f"{self.name}-{number}", "side": SIDES[number % 2], "max_age": "3600"}
            answer = self._until_answered(order)
            self.statuses[answer.status_code] += 1
            if answer.is_success:
                self.taken.append(answer.json()["id"])

    def _until_answered(self, order: dict[str, str]) -> httpx.Response:
        """Every order is brought to its answer, also when it is over meanwhile."""
        deadline = time.monotonic() + BACK_LIMIT
        while True:
            try:
                answer = self.api.place("MSFT", **order)
                if not answer.is_server_error or time.monotonic() > deadline:
                    return answer
                self.repeats[str(answer.status_code)] += 1
            except httpx.TransportError as error:
                if time.monotonic() > deadline:
                    raise
                self.repeats[type(error).__name__] += 1
            time.sleep(PAUSE)


@dataclass(frozen=True, kw_only=True)
class Kill:
    """One SIGKILL: seconds until all that ended by it served again, and the longest time without a send."""

    name: str
    back: float
    gap: float


def run(folder: Path, *, rounds: int, say: Say, minutes: float = 0, seed: int = 0) -> Document:
    """Kill everything in turn, so many rounds, on a `make up` of its own in `folder`; the report.

    Then, for so many minutes, one that chance chooses after another.
    """
    say(f"make up in {folder} ...")
    with Up(folder) as up:
        eventually(lambda: up.api.placed("MSFT", max_age="3600"), limit=BACK_LIMIT)
        with Flow(up.api) as flow:
            time.sleep(CALM)
            kills = [kill(up, name, say) for _ in range(rounds) for name in up.names]
            kills += [kill(up, name, say) for name in at_random(up.names, minutes, seed)]
        moving = quiet(up)
        violations = compare(up, flow.taken) | {"nobody died but who was killed": strangers(up, kills)}
        return {
            "ok": not moving and not any(violations.values()),
            "rounds": rounds,
            "minutes_at_random": minutes,
            "seed": seed,
            "kills": len(kills),
            "seconds": {name: figures(kills, name) for name in sorted({each.name for each in kills})},
            "orders": {"statuses": dict(flow.statuses), "requests_repeated": dict(flow.repeats)},
            "invariants": {name: verdict(found) for name, found in violations.items()},
            "still_moving": moving,
        }


def at_random(names: Sequence[str], minutes: float, seed: int) -> Iterator[str]:
    """Names by chance until the time is up."""
    chance, end = Random(seed), time.monotonic() + minutes * 60  # noqa: S311 - which is killed is no secret
    while time.monotonic() < end:
        yield chance.choice(names)


def kill(up: Up, name: str, say: Say) -> Kill:
    """SIGKILL this one process, and wait until it is back and orders have flowed for a while."""
    ended = up.ended_by(name)
    before = {each: up.pid(each) for each in ended}
    logs = {each: up.log_size(each) for each in ended}

    def is_back(each: str) -> bool:
        return up.pid(each) not in (0, before[each]) and up.serves(each, logs[each])

    killed_at, since = datetime.now(UTC), time.monotonic()
    up.kill(name)
    for each in ended:
        eventually(partial(is_back, each), limit=BACK_LIMIT, pause=0.05)
    back = time.monotonic() - since
    time.sleep(CALM)
    eventually(lambda: longest_gap(up, killed_at) is not None, limit=BACK_LIMIT)
    done = Kill(name=name, back=back, gap=longest_gap(up, killed_at) or 0.0)
    say(f"{name}: back after {done.back:.1f} s, no order sent for {done.gap:.1f} s")
    return done


def longest_gap(books: Books, killed_at: datetime) -> float | None:
    """The longest time between two orders handed to the gateway, from just before a kill until now.

    None while nothing has been sent since.
    """
    moments = evidence.moments_of_sending(books)
    since = [at for at in moments if at > killed_at - timedelta(seconds=CALM / 2)]
    if not since or since[-1] < killed_at:
        return None
    return max((after - before).total_seconds() for before, after in pairwise(since)) if since[1:] else None


def strangers(up: Up, kills: list[Kill]) -> list[Violation]:
    """Deaths that no kill explains, and kills that nobody noticed."""
    pairs = zip_longest((up.who(each.name) for each in kills), up.deaths(), fillvalue="nobody")
    return [{"killed": who, "said": death} for who, death in pairs if not death.startswith(f"{who} ")]


def quiet(books: Books) -> list[str]:
    """Wait until nothing moves by itself any more; what still does after the limit."""
    deadline = time.monotonic() + QUIET_LIMIT
    while (moving := evidence.moving(books)) and time.monotonic() < deadline:
        time.sleep(PAUSE)
    return moving


def compare(books: Books, taken: Sequence[str]) -> dict[str, list[Violation]]:
    """Compare until both sides agree: reconciliation runs each minute."""
    deadline = time.monotonic() + QUIET_LIMIT / 2
    while True:
        found = evidence.collect(books, [])
        violations = broken(found)
        states = {order.id: order.state for order in found.orders.values()}
        violations["every order that was taken is completed"] = [
            {"order": order_id, "is": states.get(order_id, "gone")}
            for order_id in taken
            if states.get(order_id) != "COMPLETED"
        ]
        if not any(violations.values()) or time.monotonic() > deadline:
            return violations
        time.sleep(PAUSE * 5)


def figures(kills: list[Kill], name: str) -> dict[str, Any]:
    """Median and longest of both times over the rounds."""
    mine = [each for each in kills if each.name == name]
    return {
        what: {"median": round(median(values), 2), "max": round(max(values), 2)}
        for what, values in (("back", [k.back for k in mine]), ("gap", [k.gap for k in mine]))
    }
