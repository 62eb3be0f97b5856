"""Sending the samples by REST, and following them until nothing more is expected."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime

import httpx
from rich.console import Console

from orders.models import State
from orders.models.states import DEAD
from tradedesk.demo.client import CONNECTIONS, Document, Gateway
from tradedesk.demo.orders import MOVE, Outcome, Quote, Sample, market_moves, signed
from tradedesk.demo.progress import Advance, stage, tally
from tradedesk_client import ApiError, Tradedesk

#: Orders a second: below what IB lets through, so that latencies are the system's and not a queue's.
RATE = 25.0
LIMIT = 60.0  # seconds without any progress after which waiting ends; only a failure takes that long
POLL = 0.25  # seconds
REPEATS = 3
NO_MORE = (*DEAD, State.COMPLETED)
AT_REST = (State.ACCEPTED, State.PENDING)


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What the API said to one sample; `order` is the order's document, empty when there is none."""

    sample: Sample
    status: int
    order: Document
    replayed: bool = False

    @property
    def taken(self) -> bool:
        """Whether the order was recorded to be sent."""
        return self.status == httpx.codes.CREATED


def now() -> str:
    """The time as the API writes times."""
    return datetime.now(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def place(desk: Tradedesk, sample: Sample) -> Answer:
    """Send one sample."""
    try:
        placed = desk.place(sample.body)
    except ApiError as refused:
        order = refused.problem.get("order", {})
        return Answer(sample=sample, status=refused.status, order=order, replayed=refused.replayed)
    status = httpx.codes.OK if placed.replayed else httpx.codes.CREATED
    return Answer(sample=sample, status=status, order=placed.order, replayed=placed.replayed)


def send_all(desk: Tradedesk, samples: Sequence[Sample], console: Console) -> list[Answer]:
    """Send every sample, at RATE, over several connections; answers in the order of the samples."""
    with (
        stage(console, "Sending orders", len(samples)) as advance,
        ThreadPoolExecutor(CONNECTIONS) as pool,
    ):
        started = time.monotonic()
        sent: list[Future[Answer]] = []
        for number, sample in enumerate(samples):
            time.sleep(max(0.0, started + number / RATE - time.monotonic()))
            sent.append(pool.submit(place, desk, sample))
            advance(sum(future.done() for future in sent), "")
        answers = [future.result() for future in sent]
        advance(len(answers), tally(str(answer.status) for answer in answers))
    return answers


def send_again(desk: Tradedesk, answers: Iterable[Answer]) -> list[Answer]:
    """Send some that were taken once more, as a client does that missed the answer."""
    taken = [answer for answer in answers if answer.taken]
    return [place(desk, answer.sample) for answer in taken[:REPEATS]]


class Follower:
    """Asks the API what became of the orders of one run."""

    def __init__(self, desk: Tradedesk, account: str, since: str, answers: Sequence[Answer]) -> None:
        self.desk, self.account, self.since = desk, account, since
        self.samples = {answer.order["id"]: answer.sample for answer in answers if answer.taken}
        self.orders: dict[str, Document] = {}

    def look(self) -> None:
        """Read all orders of the run as they are now."""
        found = self.desk.orders(account=self.account, since=self.since)
        self.orders = {order["id"]: order for order in found if order["id"] in self.samples}

    def of(self, outcome: Outcome) -> list[str]:
        """Ids of the orders that were meant to come to this."""
        return [order_id for order_id, sample in self.samples.items() if sample.outcome is outcome]

    def wait(self, ids: Sequence[str], there: Callable[[str, str], bool], advance: Advance) -> None:
        """Look until `there(id, state)` holds for all of these, or for no further one within LIMIT."""
        deadline, most = time.monotonic() + LIMIT, 0
        while True:
            self.look()
            states = {order_id: self.orders[order_id]["state"] for order_id in ids if order_id in self.orders}
            done = sum(there(order_id, state) for order_id, state in states.items())
            advance(done, tally(states.values()))
            if done == len(ids) or time.monotonic() > deadline:
                return
            if done > most:
                deadline, most = time.monotonic() + LIMIT, done
            time.sleep(POLL)

    def settled(self, order_id: str, state: str) -> bool:
        """Whether nothing more is expected: as it was meant to be, or over in some other way."""
        return self.samples[order_id].is_settled(state) or state in NO_MORE


def arrived(order_id: str, state: str) -> bool:
    """Whether the broker has the order, or it is over."""
    return state in AT_REST or state in NO_MORE


def cancel_some(follower: Follower, console: Console) -> None:
    """Cancel those that are there to be canceled, once the broker has them."""
    ids = follower.of(Outcome.CANCELED)
    with stage(console, "Canceling orders", len(ids)) as advance, ThreadPoolExecutor(CONNECTIONS) as pool:
        follower.wait(ids, arrived, lambda done, note: None)
        for done, _ in enumerate(pool.map(follower.desk.cancel, ids), start=1):
            advance(done, "")


def move_markets(follower: Follower, gateway: Gateway, quotes: Sequence[Quote], console: Console) -> None:
    """Move every market to trigger the stops that wait for it, and back when they have filled."""
    ids = follower.of(Outcome.TRIGGERED)
    with stage(console, "Triggering stops", len(ids)) as advance:
        follower.wait(ids, arrived, lambda done, note: None)
        for quote in quotes:
            gateway.move(quote.symbol, quote.at(signed(MOVE, market_moves(quotes)[quote.symbol])))
        follower.wait(ids, follower.settled, advance)
        for quote in quotes:
            gateway.move(quote.symbol, quote.last_px)


def follow_all(follower: Follower, console: Console) -> None:
    """Wait until every order is as it was meant to be, or over."""
    ids = list(follower.samples)
    with stage(console, "Following orders", len(ids)) as advance:
        follower.wait(ids, follower.settled, advance)
