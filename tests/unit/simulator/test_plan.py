"""A plan keeps what the last message was made of; nobody may notice, however the next one differs."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from brokers.simulator.wire import codec
from brokers.simulator.wire.layout import Layout
from brokers.simulator.wire.order_reports import OPEN_ORDER, OpenOrder
from brokers.simulator.wire.place_order import PLACE_ORDER, PlaceOrder
from brokers.simulator.wire.records import Condition, Contract, Order, OrderState, TagValue
from brokers.simulator.wire.values import WireError
from tests.examples import examples
from tests.unit.simulator.kit import limit, place

TERMS: dict[str, Any] = {
    "order_type": ["MKT", "LMT", "PEG BENCH", "PEG BEST", "PEG MID"],
    "lmt_price": [None, Decimal(1), Decimal("1.0"), Decimal("1.00")],
    "conditions": [(), (Condition(kind=3, value="x"),), (Condition(kind=5), Condition(kind=1))],
    "algo_strategy": ["", "Vwap"],
    "algo_params": [(), (TagValue(tag="a", value="b"),)],
    "hedge_type": ["", "D"],
    "scale_price_increment": [None, Decimal(0), Decimal("0.1")],
    "delta_neutral_order_type": ["", "None", "MKT"],
    "outside_rth": [False, True, None],
    "order_ref": ["", "desk"],
}
ORDERS = st.builds(Order, **{name: st.sampled_from(values) for name, values in TERMS.items()})
CONTRACTS = st.builds(Contract, sec_type=st.sampled_from(["STK", "BAG"]), symbol=st.sampled_from("AB"))
PLACED = st.builds(PlaceOrder, order_id=st.integers(0, 9), contract=CONTRACTS, order=ORDERS)
OPEN = st.builds(
    OpenOrder,
    order_id=st.integers(0, 9),
    contract=CONTRACTS,
    order=ORDERS,
    state=st.builds(OrderState, status=st.sampled_from(["Filled", "Submitted"])),
)


def fresh(layout: Layout) -> Layout:
    return Layout(layout.struct, *layout.items, nested=layout.nested)


@pytest.mark.parametrize(("layout", "messages"), [(PLACE_ORDER, PLACED), (OPEN_ORDER, OPEN)])
@examples(40)
@given(data=st.data(), version=st.sampled_from([157, 170, 178]))
def test_a_message_reads_and_writes_as_if_it_were_the_first(
    layout: Layout, messages: st.SearchStrategy[Any], data: st.DataObject, version: int
) -> None:
    plan = fresh(layout).at(version)
    for message in data.draw(st.lists(messages, min_size=2, max_size=5)):
        fields = fresh(layout).at(version).write(message)
        assert plan.write(message) == fields
        assert plan.read(fields) == fresh(layout).at(version).read(fields)


def test_who_changes_a_message_that_was_read_changes_no_other() -> None:
    fields = codec.encode_client(178, place(1))
    first = codec.decode_client(178, fields)
    assert isinstance(first, PlaceOrder)
    first.order.total_quantity, first.contract.symbol = Decimal(7), "MSFT"
    assert codec.decode_client(178, fields) == place(1)


def test_a_message_changed_after_writing_is_written_anew() -> None:
    message = limit(1, "1.0")
    before = codec.encode_client(178, message)
    message.order.lmt_price = Decimal("1.00")
    after = codec.encode_client(178, message)
    assert [(a, b) for a, b in zip(before, after, strict=True) if a != b] == [("1.0", "1.00")]


def test_a_message_that_cannot_be_written_leaves_nothing_behind() -> None:
    plan = fresh(PLACE_ORDER).at(178)
    fields = plan.write(place(1))
    wrong = place(2)
    wrong.order.parent_id, wrong.contract.con_id = 5, 9
    with pytest.raises(AttributeError):
        plan.write(msgspec.structs.replace(wrong, order=None))
    assert plan.write(place(1)) == fields


def test_a_wrong_field_is_named_in_a_repeated_shape_too() -> None:
    fields = codec.encode_client(178, place(1))
    codec.decode_client(178, fields)
    fields[fields.index("100")] = "many"
    with pytest.raises(WireError, match="total_quantity: number expected, got 'many'"):
        codec.decode_client(178, fields)
