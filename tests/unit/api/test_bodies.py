"""Whatever a client sends is a ticket or a problem that names the fault; nothing else may come out."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from brokers.fix import OrdType, Side, TimeInForce
from orders.api.bodies import INSTRUMENT_FIELDS, MAX_ERRORS, ORDER_FIELDS, read_ticket
from orders.api.parsers import loads
from orders.api.problems import Problem, problem_response
from orders.entry.reading.ticket import Ticket
from orders.entry.reading.ticket_texts import COLUMNS, by_column, ticket_from_texts
from orders.errors import TicketInvalid

GOOD = {
    "cl_ord_id": "a-1",
    "account": "DU1",
    "instrument": {"symbol": "BRK B"},
    "side": "SELL",
    "order_qty": "10",
    "ord_type": "STOP_LIMIT",
    "price": "1.5",
    "stop_px": 1.6,
    "max_age": 30,
}
scalars = (
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()
)
values = st.recursive(
    scalars, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=8
)
bodies = values | st.fixed_dictionaries({}, optional=dict.fromkeys([*ORDER_FIELDS, "other"], values))


def read(text: bytes) -> Ticket | Problem:
    try:
        return read_ticket(loads(text))
    except Problem as problem:
        return problem


def test_a_ticket_has_the_words_and_the_exact_numbers() -> None:
    ticket = read(json.dumps(GOOD).encode())
    assert isinstance(ticket, Ticket)
    assert (ticket.side, ticket.ord_type, ticket.time_in_force) == (
        Side.SELL,
        OrdType.STOP_LIMIT,
        TimeInForce.DAY,
    )
    assert (ticket.order_qty, ticket.price, ticket.stop_px) == (Decimal(10), Decimal("1.5"), Decimal("1.6"))
    assert (ticket.instrument.symbol, ticket.instrument.currency, ticket.max_age) == ("BRK B", "USD", 30)


def test_a_number_does_not_go_through_a_float() -> None:
    text = json.dumps(GOOD).replace('"1.5"', "123456789012345678.0123456789")
    ticket = read(text.encode())
    assert isinstance(ticket, Ticket)
    assert ticket.price == Decimal("123456789012345678.0123456789")


@given(bodies)
def test_any_json_is_a_ticket_or_a_problem(body: Any) -> None:
    found = read(json.dumps(body).encode())
    assert isinstance(found, Ticket | Problem)
    if isinstance(found, Problem):
        assert problem_response(found).status_code == 400


@given(st.binary(max_size=60) | st.text(max_size=60).map(lambda text: text.encode("utf-8", "surrogatepass")))
def test_any_bytes_are_a_ticket_or_a_problem(body: bytes) -> None:
    found = read(body)
    assert isinstance(found, Ticket | Problem)


@given(st.sampled_from(sorted(GOOD)), values)
def test_one_wrong_field_is_the_only_one_named(name: str, value: Any) -> None:
    found = read(json.dumps({**GOOD, name: value}).encode())
    if isinstance(found, Problem):
        assert {error.field.split(".")[0] for error in found.errors} == {name}


def test_a_body_of_only_typos_names_a_bounded_number() -> None:
    found = read(json.dumps({f"x{number}": 1 for number in range(10_000)}).encode())
    assert isinstance(found, Problem)
    assert len(found.errors) == MAX_ERRORS


@pytest.mark.parametrize("name", ["\ud800", "\x00", "a" * 5000, "é", "\n"])
def test_an_unknown_field_is_named_plainly(name: str) -> None:
    found = read(json.dumps({**GOOD, name: 1}).encode())
    assert isinstance(found, Problem)
    shown = problem_response(found).content.decode("ascii")
    assert len(shown) < 1000


@given(st.sampled_from(sorted(ORDER_FIELDS)), values)
def test_any_field_value_is_a_ticket_or_names_the_field(name: str, value: Any) -> None:
    found = read(json.dumps({**GOOD, name: value}).encode())
    if isinstance(found, Problem):
        assert {error.field.split(".")[0] for error in found.errors} == {name}


@given(st.sampled_from(sorted(INSTRUMENT_FIELDS)), values)
def test_any_value_in_an_instrument_names_its_field(name: str, value: Any) -> None:
    found = read(json.dumps({**GOOD, "instrument": {"symbol": "AAPL", name: value}}).encode())
    if isinstance(found, Problem):
        assert all(error.field.startswith(f"instrument.{name}") for error in found.errors)


@given(st.sampled_from(COLUMNS), st.text(max_size=70))
def test_any_column_text_is_a_ticket_or_names_the_column(name: str, text: str) -> None:
    good = {
        "cl_ord_id": "a",
        "account": "DU1",
        "symbol": "A",
        "side": "BUY",
        "order_qty": "1",
        "ord_type": "MKT",
    }
    wrong: set[str] = set()
    try:
        ticket_from_texts({**good, name: text})
    except TicketInvalid as error:
        wrong = set(by_column(error))
    assert wrong <= {name}


#: SHA-256 of orders without spelled defaults, as the books hold them since the first version.
STORED = [
    ({}, "f32dc3fe949369137fb3f289e10ffe5e371ec4b56a6924ce58a5edc0c004f9e7"),
    (
        {
            "conditions": [
                {"kind": "PRICE", "value": "10", "con_id": 7, "exchange": "SMART"},
                {"kind": "EXECUTION", "symbol": "X", "sec_type": "STK", "exchange": "NYSE", "join": "OR"},
            ],
            "algo": {"strategy": "VWAP", "participation_rate": "5", "speed_up": False},
        },
        "2178642125b8644acf1b8136329b80eaaba92084f6dbc01976139913a18685bd",
    ),
]
SENT = {
    **{"cl_ord_id": "a-1", "account": "DU1", "instrument": {"symbol": "AAPL"}, "side": "BUY"},
    **{"order_qty": "10.50", "ord_type": "LIMIT", "price": 229.95},
}


@pytest.mark.parametrize(("more", "stored"), STORED)
def test_a_fingerprint_is_that_of_earlier_versions(more: dict[str, Any], stored: str) -> None:
    ticket = read(json.dumps({**SENT, **more}).encode())
    assert isinstance(ticket, Ticket)
    assert ticket.fingerprint() == stored


@pytest.mark.parametrize("name", sorted(set(ORDER_FIELDS) - set(SENT)))
def test_a_default_spelled_out_leaves_the_fingerprint(name: str) -> None:
    default = ORDER_FIELDS[name].default
    ticket = read(json.dumps({**SENT, name: default if default not in ("", ()) else None}).encode())
    assert isinstance(ticket, Ticket)
    assert ticket.fingerprint() == STORED[0][1]


def test_every_field_of_an_order_is_read_and_described() -> None:
    assert set(ORDER_FIELDS) == set(Ticket.__struct_fields__)
    assert all(field.schema and field.label for field in ORDER_FIELDS.values())
