"""All order types at once: no book is crossed, nothing is gained or lost, and a day can be repeated."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from random import Random
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from brokers.simulator.exchange.accounts import Account
from brokers.simulator.exchange.book import Side
from brokers.simulator.exchange.orders import Auction
from brokers.simulator.gateway.gateway import STARTING_CASH
from brokers.simulator.gateway.orders.slicing import is_sliced
from brokers.simulator.wire import client as requests
from brokers.simulator.wire import codec
from brokers.simulator.wire.records import ComboLeg, Condition, Contract, TagValue
from tests.examples import examples
from tests.unit.simulator.kit import AAPL, UNIVERSE, Bench, place

NEAR, FAR = 515416632, 551601561
SPREAD = Contract(
    symbol="ES",
    sec_type="BAG",
    exchange="CME",
    currency="USD",
    combo_legs=(
        ComboLeg(con_id=NEAR, action="SELL", ratio=1),
        ComboLeg(con_id=FAR, action="BUY", ratio=1),
    ),
)
ADAPTIVE = (TagValue(tag="adaptivePriority", value="Urgent"),)
SCALE = {"scale_init_level_size": 2, "scale_subs_level_size": 1, "scale_price_increment": Decimal("0.01")}
ADJUSTS = {"trigger_price": Decimal("230.05"), "adjusted_trailing_amount": Decimal("0.03")}
BENCHMARK = {
    "reference_contract_id": NEAR,
    "starting_price": Decimal("230.00"),
    "pegged_change_amount": Decimal("0.01"),
    "reference_change_amount": Decimal("0.25"),
}
#: (terms, the prices they need), prices in ticks from 230.
KINDS: list[tuple[dict[str, Any], tuple[str, ...]]] = [
    *[({"order_type": name}, ()) for name in ("MKT", "MTL", "MOC", "MIDPRICE")],
    *[({"order_type": name}, ("lmt_price",)) for name in ("LMT", "LOC")],
    *[({"order_type": name}, ("aux_price",)) for name in ("STP", "MIT")],
    *[({"order_type": name}, ("lmt_price", "aux_price")) for name in ("STP LMT", "LIT")],
    ({"order_type": "TRAIL", "aux_price": "0.05"}, ()),
    ({"order_type": "TRAIL", "trailing_percent": Decimal("0.1")}, ()),
    ({"order_type": "TRAIL LIMIT", "aux_price": "0.05", "lmt_price_offset": Decimal("0.02")}, ()),
    ({"order_type": "REL", "aux_price": "0.01"}, ("lmt_price",)),
    *[({"order_type": name}, ()) for name in ("PEG MID", "PEG BEST", "SNAP MKT", "SNAP PRIM", "SNAP MID")],
    *[({"order_type": name, "aux_price": "0.03"}, ()) for name in ("PASSV REL", "PEG PRIM", "PEG MKT")],
    ({"order_type": "PEG BENCH", **BENCHMARK}, ()),
    ({"order_type": "LMT", "discretionary_amt": Decimal("0.05")}, ("lmt_price",)),
    ({"order_type": "LMT", **SCALE}, ("lmt_price",)),
    ({"order_type": "STP", "adjusted_order_type": "TRAIL", **ADJUSTS}, ("aux_price",)),
    *[({"order_type": "LMT", "tif": tif}, ("lmt_price",)) for tif in ("GTC", "IOC", "FOK", "OPG")],
    ({"order_type": "LMT", "tif": "GTD", "good_till_date": "20261123-12:00:03"}, ("lmt_price",)),
    ({"order_type": "MKT", "good_after_time": "20261123-12:00:02"}, ()),
    ({"order_type": "LMT", "display_size": 3}, ("lmt_price",)),
    ({"order_type": "LMT", "hidden": True}, ("lmt_price",)),
    ({"order_type": "LMT", "all_or_none": True}, ("lmt_price",)),
    ({"order_type": "LMT", "min_qty": 2}, ("lmt_price",)),
    ({"order_type": "MKT", "algo_strategy": "Adaptive", "algo_params": ADAPTIVE}, ()),
    (
        {"order_type": "MKT", "conditions": (Condition(kind=1, con_id=AAPL, is_more=True, value="230.03"),)},
        (),
    ),
    *[({"order_type": "LMT", "oca_group": "g", "oca_type": kind}, ("lmt_price",)) for kind in (1, 2, 3)],
    ({"order_type": "MKT", "contract": SPREAD}, ()),
    ({"order_type": "LMT", "contract": SPREAD, "lmt_price": "50"}, ()),
]
PRICES = st.integers(-15, 15).map(lambda ticks: Decimal(23_000 + ticks) / 100)


@st.composite
def terms(draw: st.DrawFn) -> dict[str, Any]:
    chosen, prices = draw(st.sampled_from(KINDS))
    quantity = draw(st.integers(3, 40) if "contract" not in chosen else st.integers(1, 5))
    return {
        "action": draw(st.sampled_from(["BUY", "SELL"])),
        "total_quantity": quantity,
        **chosen,
        **{name: draw(PRICES) for name in prices},
    }


class AnyOrder(RuleBasedStateMachine):
    """Two clients and every kind of order in one stock and one calendar spread."""

    def __init__(self) -> None:
        super().__init__()
        self.bench = Bench()
        self.links = [self.bench.link, self.bench.connect(2)]
        self.ids = 0

    def next_id(self) -> int:
        self.ids += 1
        return self.ids

    @rule(who=st.integers(0, 1), terms=terms())
    def send(self, who: int, terms: dict[str, Any]) -> None:
        self.bench.send(place(self.next_id(), **terms), self.links[who])

    @rule(who=st.integers(0, 1), number=st.integers(1, 12), terms=terms())
    def modify(self, who: int, number: int, terms: dict[str, Any]) -> None:
        if number <= self.ids:
            self.bench.send(place(number, **terms), self.links[who])

    @rule(who=st.integers(0, 1), entry=terms(), profit=PRICES, loss=PRICES)
    def bracket(self, who: int, entry: dict[str, Any], profit: Decimal, loss: Decimal) -> None:
        if "contract" in entry or "algo_strategy" in entry:
            return
        parent, link = self.next_id(), self.links[who]
        child = {
            "action": "SELL" if entry["action"] == "BUY" else "BUY",
            "total_quantity": entry["total_quantity"],
            "parent_id": parent,
        }
        self.bench.send(place(parent, **entry, transmit=False), link)
        legs = [{"order_type": "LMT", "lmt_price": profit}, {"order_type": "STP", "aux_price": loss}]
        for leg, transmit in zip(legs, (False, True), strict=True):
            self.bench.send(place(self.next_id(), **child, **leg, transmit=transmit), link)

    @rule(who=st.integers(0, 1), number=st.integers(1, 40))
    def cancel(self, who: int, number: int) -> None:
        self.bench.cancel(number, self.links[who])

    @rule(ticks=st.integers(-10, 10))
    def move(self, ticks: int) -> None:
        self.bench.move(str(Decimal(23_000 + ticks) / 100))

    @rule(steps=st.integers(1, 5))
    def wait(self, steps: int) -> None:
        self.bench.step(steps)

    @rule(auction=st.sampled_from(Auction))
    def auction(self, auction: Auction) -> None:
        self.bench.gateway.hold_auction("AAPL", auction)

    @invariant()
    def no_book_is_crossed(self) -> None:
        for con_id in (AAPL, NEAR, FAR):
            sides = self.bench.gateway.exchange.market(con_id).book.sides
            bid, ask = sides[Side.BUY].best, sides[Side.SELL].best
            assert bid is None or ask is None or bid < ask

    @invariant()
    def levels_add_up(self) -> None:
        for side in self.bench.gateway.exchange.market(AAPL).book.sides.values():
            for level in side.levels.values():
                orders = [*level.orders.values(), *level.hidden.values()]
                assert level.quantity == sum(order.displayed for order in orders)
                assert level.quantity + level.reserve == sum(order.remaining for order in orders)
                assert all(order.remaining > 0 for order in orders)

    @invariant()
    def positions_and_cash_are_the_sum_of_the_executions(self) -> None:
        state = self.bench.gateway.state
        counted = Account(name="again", cash={"USD": STARTING_CASH}, positions={})
        for fact in state.executions:
            if fact.con_id in UNIVERSE.instruments:
                quantity = fact.shares if fact.side == "BUY" else -fact.shares
                counted.trade(UNIVERSE[fact.con_id], quantity, fact.price, fact.commission)
        (account,) = state.accounts.values()
        assert account.cash == counted.cash
        assert account.positions == counted.positions

    @invariant()
    def orders_are_filled_by_their_executions_and_never_beyond_their_size(self) -> None:
        state = self.bench.gateway.state
        for record in state.orders.values():
            mine = [f for f in state.executions if (f.perm_id, f.con_id) == (record.perm_id, record.con_id)]
            assert sum(fact.shares for fact in mine) == record.filled <= record.quantity
            assert (record.status == "Filled") == (record.filled == record.quantity)

    @invariant()
    def an_open_order_is_in_its_market_or_kept_back(self) -> None:
        gateway = self.bench.gateway
        room = gateway._orders._waiting
        for record in gateway.state.orders.values():
            in_market = gateway.exchange.has(record.con_id, record.perm_id)
            assert not (in_market and (record.is_done or record.perm_id in room.held))
            waits = record.perm_id in room.held or is_sliced(record.order)
            assert record.is_done or in_market or waits
            if in_market and not is_sliced(record.order):
                assert gateway.exchange.working(record.con_id, record.perm_id) == record.remaining


TestAnyOrder = AnyOrder.TestCase
TestAnyOrder.settings = examples(40, stateful_step_count=30)


def a_day(seed: int, choices: int) -> Iterator[object]:
    """Yield everything that two clients receive in a day of random orders."""
    random = Random(choices)
    bench = Bench(seed=seed)
    links = [bench.link, bench.connect(2)]
    for number in range(1, 40):
        chosen, prices = random.choice(KINDS)
        levels = {name: Decimal(23_000 + random.randint(-15, 15)) / 100 for name in prices}
        link = links[number % 2]
        action = random.choice(["BUY", "SELL"])
        yield from bench.send(place(number, total_quantity=5, **{"action": action, **chosen, **levels}), link)
        bench.step(random.randint(0, 3))
        yield from bench.received(links[(number + 1) % 2])
    yield from bench.send(requests.ReqCompletedOrders())


@examples(5)
@given(seed=st.integers(0, 1000), choices=st.integers(0, 1000))
def test_the_same_seed_gives_the_same_day_for_all_order_types(seed: int, choices: int) -> None:
    assert list(a_day(seed, choices)) == list(a_day(seed, choices))


def test_every_kind_of_order_of_this_test_is_taken() -> None:
    bench = Bench()
    for number, (chosen, prices) in enumerate(KINDS, start=1):
        levels = dict.fromkeys(prices, "230.00")
        received = bench.send(place(number, total_quantity=3, **{"action": "BUY", **chosen, **levels}))
        assert codec.encode_server(178, received[0])
        assert number in [getattr(message, "order_id", None) for message in received], chosen
