"""Whatever a client says in well-formed messages, the gateway answers or ignores it, and its books add up."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from brokers.simulator.exchange.accounts import Account
from brokers.simulator.gateway.gateway import STARTING_CASH
from brokers.simulator.wire import codec
from brokers.simulator.wire.layout import Layout
from brokers.simulator.wire.server import ErrMsg
from tests.examples import examples
from tests.unit.simulator.kit import AAPL, UNIVERSE, Bench, contract, only, place
from tests.unit.simulator.test_codec_properties import built, layouts

ES_DECEMBER = 515416632


@pytest.mark.parametrize("layout", layouts(codec.CLIENT_LAYOUTS))
@examples(10)
@given(data=st.data())
def test_no_message_breaks_the_gateway(layout: Layout, data: st.DataObject) -> None:
    bench = Bench()
    message = data.draw(built(layout.struct, layout.items, layout.nested))
    received = bench.send(codec.decode_client(178, codec.encode_client(178, message)))
    assert all(codec.encode_server(178, answer) for answer in received)


TERMS: dict[str, st.SearchStrategy[Any]] = {
    "action": st.sampled_from(["BUY", "SELL"]),
    "total_quantity": st.integers(1, 4000),
    "order_type": st.sampled_from(["MKT", "LMT", "STP", "STP LMT"]),
    "tif": st.sampled_from(["DAY", "GTC", "IOC", "FOK"]),
    "lmt_price": st.integers(22_800, 23_200).map(lambda cents: cents / 100),
    "aux_price": st.integers(22_800, 23_200).map(lambda cents: cents / 100),
}


class Day(RuleBasedStateMachine):
    """Two clients trade one stock and one future through a moving market."""

    def __init__(self) -> None:
        super().__init__()
        self.bench = Bench()
        self.links = [self.bench.link, self.bench.connect(2)]

    @rule(who=st.integers(0, 1), number=st.integers(1, 12), terms=st.fixed_dictionaries(TERMS))
    def place_or_modify(self, who: int, number: int, terms: dict[str, Any]) -> None:
        self.bench.send(place(number, **terms), self.links[who])

    @rule(who=st.integers(0, 1), number=st.integers(1, 5), action=TERMS["action"])
    def trade_a_future(self, who: int, number: int, action: str) -> None:
        es = contract("ES", sec_type="FUT", exchange="CME", last_trade_date="202612")
        self.bench.send(
            place(100 + number, contract=es, action=action, total_quantity=number), self.links[who]
        )

    @rule(who=st.integers(0, 1), number=st.integers(1, 12))
    def cancel(self, who: int, number: int) -> None:
        self.bench.cancel(number, self.links[who])

    @rule(price=st.integers(225, 235))
    def move(self, price: int) -> None:
        self.bench.move(str(price))

    @rule(steps=st.integers(1, 5))
    def wait(self, steps: int) -> None:
        self.bench.step(steps)

    @invariant()
    def positions_and_cash_are_the_sum_of_the_executions(self) -> None:
        state = self.bench.gateway.state
        counted = Account(name="again", cash={"USD": STARTING_CASH}, positions={})
        for fact in state.executions:
            quantity = fact.shares if fact.side == "BUY" else -fact.shares
            counted.trade(UNIVERSE[fact.con_id], quantity, fact.price, fact.commission)
        (account,) = state.accounts.values()
        assert account.cash == counted.cash
        assert account.positions == counted.positions

    @invariant()
    def orders_are_filled_by_their_executions_and_never_beyond_their_size(self) -> None:
        state = self.bench.gateway.state
        for record in state.orders.values():
            mine = [fact.shares for fact in state.executions if fact.perm_id == record.perm_id]
            assert sum(mine) == record.filled <= record.quantity
            assert (record.status == "Filled") == (record.filled == record.quantity)

    @invariant()
    def the_market_has_exactly_the_open_orders(self) -> None:
        gateway = self.bench.gateway
        working = {
            number for con_id in (AAPL, ES_DECEMBER) for number in gateway.exchange.market(con_id).orders
        }
        assert working == set(gateway.state.open)

    @invariant()
    def nobody_heard_an_error_without_an_order(self) -> None:
        for link in self.links:
            assert all(message.req_id > 0 for message in only(ErrMsg, link.outbox))


TestDay = Day.TestCase
TestDay.settings = examples(25, stateful_step_count=25)
