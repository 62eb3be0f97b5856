"""One run: start, send and harm, heal, wait for quiet, compare."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import psycopg

from brokers.simulator.exchange.universe import load_universe
from orders.management.commands.seed import SYMBOLS
from tradedesk.chaos import evidence
from tradedesk.chaos.drills import run_drills
from tradedesk.chaos.evidence import Evidence
from tradedesk.chaos.ground import Ground, prepared
from tradedesk.chaos.injector import Injector
from tradedesk.chaos.invariants import Violation, broken
from tradedesk.chaos.plan import make_plan
from tradedesk.chaos.report import Document, Outcome, document
from tradedesk.chaos.sending import Answer, Sender
from tradedesk.demo.orders import Quote

QUIET_LIMIT = 240.0  # seconds for everything to come to rest
AGREE_LIMIT = 90.0  # seconds more for the books to become equal: reconciliation runs each minute
POLL = 0.5  # seconds

Say = Callable[[str], None]


@dataclass(frozen=True, kw_only=True)
class Size:
    """How much a run does: orders, faults with the mean seconds between two, drills with orders at rest."""

    orders: int
    faults: int
    gap: float
    drills: int = 0
    resting: int = 0


def run(folder: Path, size: Size, *, seed: int, say: Say) -> Document:
    """Run the chaos of this seed in a system of its own in `folder`; its report."""
    quotes = opening_quotes()
    plan = make_plan(orders=size.orders, faults=size.faults, seed=seed, quotes=quotes, gap=size.gap)
    clock = Clock()
    say(f"Starting a system in {folder} ...")
    with prepared(folder) as ground:
        clock.lap("start")
        say(f"{size.orders} orders and {size.faults} faults within {plan.duration:.0f} s ...")
        injector = Injector(ground, plan, quotes)
        with Sender(ground.system.api, plan) as sender:
            sender.start()
            injector.run()
            clock.lap("chaos")
            say("Healing, and waiting for the last answers ...")
            ground.heal()
            answers = sender.wait()
        clock.lap("healing")
        say("Waiting for quiet, then comparing ...")
        moving = quiet(ground)
        clock.lap("quiet")
        found, violations = compare(ground, answers)
        clock.lap("comparison")
        outcome = Outcome(
            plan=plan,
            made=injector.made,
            evidence=found,
            violations=violations,
            moving=moving,
            sent_at=evidence.moments_of_sending(ground.system),
            durations=clock.laps,
            repeats=sender.repeats,
        )
        report = document(outcome, ground)
        if size.drills:
            say(f"{size.drills} rounds of drills with {size.resting} orders at rest ...")
            report["drills"] = run_drills(ground, rounds=size.drills, resting=size.resting)
        return report


class Clock:
    """How long each part took, in seconds."""

    def __init__(self) -> None:
        self.laps: dict[str, float] = {}
        self._since = time.monotonic()

    def lap(self, name: str) -> None:
        """This part is over."""
        now = time.monotonic()
        self.laps[name], self._since = now - self._since, now


def opening_quotes() -> list[Quote]:
    """The instruments and their opening prices, known before any market runs: so a seed has one plan."""
    listed = load_universe().instruments.values()
    return [
        Quote(symbol=one.symbol, last_px=one.price, min_tick=one.min_tick)
        for one in sorted(listed, key=lambda one: one.symbol)
        if (one.symbol in SYMBOLS and one.sec_type == "STK" and one.currency == "USD")
    ]


def quiet(ground: Ground) -> list[str]:
    """Wait until nothing moves by itself any more; what still does after the limit."""
    deadline = time.monotonic() + QUIET_LIMIT
    while True:
        ground.supervise()
        try:
            moving = evidence.moving(ground.system)
        except psycopg.OperationalError as error:
            moving = [f"the database: {error}"]
        if not moving or time.monotonic() > deadline:
            return moving
        time.sleep(POLL)


def compare(ground: Ground, answers: Sequence[Answer]) -> tuple[Evidence, dict[str, list[Violation]]]:
    """Compare until both sides agree: a look may fall between a fill and its report."""
    deadline = time.monotonic() + AGREE_LIMIT
    while True:
        found = evidence.collect(ground.system, answers)
        violations = broken(found)
        if not any(violations.values()) or time.monotonic() > deadline:
            return found, violations
        ground.supervise()
        time.sleep(POLL)
