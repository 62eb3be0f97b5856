"""Whatever a client sends is a ticket or a problem that names the fault; nothing else may come out."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from brokers.fix import OrdType, Side, TimeInForce
from orders.api.bodies import MAX_ERRORS, ORDER_FIELDS, read_ticket
from orders.api.parsers import loads
from orders.api.problems import Problem, problem_response
from orders.entry.ticket import Ticket

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
