"""The codec is its own inverse, whatever stands in the fields."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import suppress
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from brokers.simulator.wire import client, codec, server
from brokers.simulator.wire.layout import Field, Item, Layout, Repeat, When
from brokers.simulator.wire.place_order import PlaceOrder
from brokers.simulator.wire.values import WireError
from tests.examples import examples
from tests.unit.simulator.kit import limit

TEXTS = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=12)
NUMBERS = st.none() | st.decimals(
    allow_nan=False, allow_infinity=False, min_value=-(10**12), max_value=10**12, places=4
)
INTEGERS = st.integers(-(2**31), 2**31 - 2)
VALUES: Mapping[str, st.SearchStrategy[Any]] = {
    "text": TEXTS,
    "escaped": st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=12),
    "id": INTEGERS,
    "long": st.integers(-(2**63), 2**63 - 1),
    "integer": st.none() | INTEGERS,
    "number": NUMBERS,
    "whole": NUMBERS,
    "flag": st.none() | st.booleans(),
    "client integer": st.none() | INTEGERS,
    "client number": NUMBERS,
    "client flag": st.booleans(),
}
# Orders take other ways through their layout for these.
CHOICES = {
    "order_type": st.sampled_from(["LMT", "PEG BENCH", "PEG BEST", "PEG MID"]),
    "sec_type": st.sampled_from(["STK", "BAG", "FUND"]),
    "compete_against_best_offset": st.sampled_from(["", "0.02", "Infinite"]),
    "exchange": st.sampled_from(["SMART", "IBKRATS"]),
    "kind": st.sampled_from([1, 3, 4, 5, 6, 7]),
}


def built(
    struct: type[Any], items: Iterable[Item], nested: Mapping[str, type[Any]]
) -> st.SearchStrategy[Any]:
    """Build `struct` with a value in every field that its layout knows."""
    values: dict[str, dict[str, st.SearchStrategy[Any]]] = {part: {} for part in ("", *nested)}
    collect(items, values)
    own = values.pop("")
    parts = {part: st.builds(nested[part], **fields) for part, fields in values.items()}
    return st.builds(struct, **own, **parts)


def collect(items: Iterable[Item], values: dict[str, dict[str, st.SearchStrategy[Any]]]) -> None:
    for item in items:
        if isinstance(item, When):
            collect(item.items, values)
        elif isinstance(item, (Field, Repeat)):
            part, _, name = item.path.rpartition(".")
            values[part][name] = strategy(item, name)


def strategy(item: Field | Repeat, name: str) -> st.SearchStrategy[Any]:
    if isinstance(item, Repeat):
        return st.lists(built(item.struct, item.items, {}), max_size=2).map(tuple)
    return CHOICES[name] if name in CHOICES else VALUES[item.codec.name]


def layouts(table: Mapping[int, Layout]) -> list[Any]:
    return [pytest.param(layout, id=layout.struct.__name__) for layout in table.values()]


VERSIONS = st.integers(codec.OLDEST_VERSION, codec.NEWEST_VERSION)


@pytest.mark.parametrize("layout", layouts(codec.CLIENT_LAYOUTS))
@examples(15)
@given(data=st.data(), version=VERSIONS)
def test_what_a_client_says_survives_the_wire(layout: Layout, data: st.DataObject, version: int) -> None:
    fields = codec.encode_client(version, data.draw(built(layout.struct, layout.items, layout.nested)))
    assert codec.encode_client(version, codec.decode_client(version, fields)) == fields


@pytest.mark.parametrize("layout", layouts(codec.SERVER_LAYOUTS))
@examples(15)
@given(data=st.data(), version=VERSIONS)
def test_what_the_gateway_says_survives_the_wire(layout: Layout, data: st.DataObject, version: int) -> None:
    fields = codec.encode_server(version, data.draw(built(layout.struct, layout.items, layout.nested)))
    assert codec.encode_server(version, codec.decode_server(version, fields)) == fields


@examples(200)
@given(
    fields=st.lists(TEXTS, min_size=1),
    number=st.sampled_from(sorted(codec.CLIENT_LAYOUTS)),
    version=VERSIONS,
)
def test_any_fields_decode_or_are_refused_as_a_wire_error(
    fields: list[str], number: int, version: int
) -> None:
    with suppress(WireError):
        assert codec.encode_client(version, codec.decode_client(version, [str(number), *fields]))


@pytest.mark.parametrize(
    "text", ["1.7976931348623157E308", "1.79769313486232E+308", "-1.79769313486232E+308"]
)
def test_every_spelling_of_unset_is_none_from_a_client(text: str) -> None:
    fields = codec.encode_client(178, client.ReqContractData(req_id=1, contract=client.Contract()))
    fields[fields.index("0.0")] = text
    message = codec.decode_client(178, fields)
    assert isinstance(message, client.ReqContractData)
    assert message.contract.strike is None


def test_server_text_outside_ascii_is_escaped() -> None:
    message = server.ErrMsg(req_id=1, code=399, text="naïve €")
    assert codec.encode_server(178, message)[4] == "na\\xefve \\u20ac"


def test_numbers_are_written_without_exponent() -> None:
    message = server.TickSize(req_id=1, tick_type=0, size=Decimal("1E+6"))
    assert codec.encode_server(178, message)[-1] == "1000000"


@pytest.mark.parametrize("text", ["1" * 30, "2147483648", "-2147483649", "1_000", " 7", "\u0663", "1.0", "x"])
def test_an_order_id_is_an_integer_as_java_reads_one(text: str) -> None:
    fields = codec.encode_client(178, client.CancelOrder(order_id=1))
    fields[2] = text
    with pytest.raises(WireError, match="order_id: integer expected"):
        codec.decode_client(178, fields)
    assert codec.request_id(fields) == -1


def test_the_largest_ids_of_the_protocol_can_be_read() -> None:
    fields = codec.encode_client(178, client.CancelOrder(order_id=2147483647))
    assert codec.decode_client(178, fields) == client.CancelOrder(order_id=2147483647)


@pytest.mark.parametrize(
    "text",
    ["NaN", "nan", "inf", "1_0", "\u0661", "1,5", "0x10", "--1", "1e999999999", "-", "e5", "1e", "\t1"],
)
def test_a_number_is_one_as_java_reads_it(text: str) -> None:
    fields = codec.encode_client(178, limit(1, "200"))
    fields[fields.index("200")] = text
    with pytest.raises(WireError, match="lmt_price: number expected"):
        codec.decode_client(178, fields)


@pytest.mark.parametrize("text", ["Infinity", "-Infinity", "1e400", "1.7976931348623157e+308", "1E999"])
def test_a_number_beyond_all_doubles_is_none_from_a_client(text: str) -> None:
    fields = codec.encode_client(178, limit(1, "200"))
    fields[fields.index("200")] = text
    message = codec.decode_client(178, fields)
    assert isinstance(message, PlaceOrder)
    assert message.order.lmt_price is None


@pytest.mark.parametrize("text", ["1e3", " 5", "5 ", "+5", ".5", "5.", "1E-5"])
def test_other_spellings_of_numbers_are_read(text: str) -> None:
    fields = codec.encode_client(178, limit(1, "200"))
    fields[fields.index("200")] = text
    message = codec.decode_client(178, fields)
    assert isinstance(message, PlaceOrder)
    assert message.order.lmt_price == Decimal(text.strip())
