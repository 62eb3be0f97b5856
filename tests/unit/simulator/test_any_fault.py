"""Whatever goes wrong on the way to a client, the gateway's own books add up and its answers can be read."""

from __future__ import annotations

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from brokers.simulator.exchange.book import ZERO
from brokers.simulator.faults.fault import Fault
from brokers.simulator.faults.kinds import KINDS, Site
from brokers.simulator.gateway.gateway import STARTING_CASH
from brokers.simulator.wire import codec
from brokers.simulator.wire.records import Record
from tests.examples import examples
from tests.unit.simulator.kit import AAPL, Bench, limit

WAITING = [name for name, kind in KINDS.items() if kind.site is not Site.NOW and not name.startswith("cut")]
FAULTS = st.builds(
    lambda kind, delay_ms, count: Fault(
        kind=kind, count=count, delay_ms=delay_ms if "delay_ms" in KINDS[kind].fields else 0
    ),
    st.sampled_from(WAITING),
    st.sampled_from([0, 100, 300]),
    st.sampled_from([1, 3, "always"]),
)
STEPS = st.lists(
    st.tuples(st.sampled_from(["buy", "sell", "rest", "cancel", "move", "wait"]), st.integers(1, 8)),
    max_size=15,
)


def step(bench: Bench, what: str, number: int) -> list[Record]:
    match what:
        case "buy" | "sell":
            return bench.place(number, action=what.upper())
        case "rest":
            return bench.send(limit(number, 230 - number))
        case "cancel":
            return bench.cancel(number)
        case "move":
            return bench.move(str(226 + number))
    return bench.step(number)


@examples(60)
@given(faults=st.lists(FAULTS, max_size=5), steps=STEPS)
def test_the_books_add_up_whatever_goes_wrong(faults: list[Fault], steps: list[tuple[str, int]]) -> None:
    bench = Bench()
    bench.gateway.faults.add(*faults)
    for what, number in steps:
        assert all(codec.encode_server(178, message) for message in step(bench, what, number))
    assert all(codec.encode_server(178, message) for message in bench.step(3))
    assert_books_add_up(bench)


def assert_books_add_up(bench: Bench) -> None:
    state = bench.gateway.state
    fills = [fact for fact in state.executions if not fact.is_superseded]
    for record in state.orders.values():
        mine = [fact for fact in fills if fact.perm_id == record.perm_id]
        own = [fact for fact in mine if fact.side == record.order.action]  # one may have been turned
        assert sum(fact.shares for fact in own) == record.filled <= record.quantity
        assert sum(fact.commission for fact in mine) == record.commission
        assert (record.status == "Filled") == (record.filled == record.quantity)
        assert (record.perm_id in state.open) == (not record.is_done)
        working = ZERO if record.is_done else record.remaining
        assert bench.gateway.exchange.working(AAPL, record.perm_id) == working
    (account,) = state.accounts.values()
    signed = [(fact.shares if fact.side == "BUY" else -fact.shares, fact) for fact in fills]
    held = account.positions[AAPL].quantity if AAPL in account.positions else 0
    assert held == sum(quantity for quantity, _ in signed)
    paid = sum((quantity * fact.price + fact.commission for quantity, fact in signed), Decimal(0))
    assert account.cash["USD"] == STARTING_CASH - paid
