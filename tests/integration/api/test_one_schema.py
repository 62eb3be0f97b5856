"""One order, five ways in: alone, in a bulk, in a group, as a basket's row and on the ticket.

Each takes and refuses the same, in the same words; only the path of the field differs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import transaction
from django.utils import timezone

from brokers.models import Instrument
from orders.admin.orders.baskets.basket import checked_rows
from orders.admin.orders.ticket.ticket import NAMES
from orders.entry.place import place_order
from orders.entry.reading.ticket_texts import COLUMNS, by_column, ticket_from_texts
from orders.errors import TicketInvalid
from orders.models import Order, Source
from tests.integration.api.conftest import ACCOUNT, Api, body

Words = set[tuple[str, str]]

#: Changes of a good order that a text can say too.
CHANGES: list[dict[str, Any]] = [
    {},
    *({"order_qty": text} for text in ("1", "10.0", "0", "-1", "1e3", "1_0", "NaN", ".5", "1" * 19)),
    *({"price": text} for text in ("1", "0", "-1", "229.951", "x", "1.00000000001", "0x10")),
    *({"side": text} for text in ("SELL", "UP", "SELL_SHORT")),
    *({"ord_type": text} for text in ("MARKET", "STOP", "NOPE", "TRAIL")),
    *({"time_in_force": text} for text in ("GTC", "GTD", "OPG", "FOREVER")),
    *({"cl_ord_id": text} for text in ("a|b", "x" * 64, "x" * 65, "a b", "é")),
    *({"account": text} for text in ("DU0", "DU 1", "é")),
    *({"max_age": text} for text in ("30", "0", "86401", "x")),
    *({"on_unconfirmed": text} for text in ("hold", "never")),
    *({"if_broker_down": text} for text in ("queue", "panic")),
    *({"strategy": text} for text in ("momentum 1", "x" * 32, "x" * 33, "é")),
    *({"display_qty": text} for text in ("10", "0", "1000")),
    *(
        {"instrument": text}
        for text in ({"symbol": "MSFT"}, {"symbol": "é"}, {"symbol": "AAPL", "currency": "US"})
    ),
    {"instrument": {"symbol": "AAPL", "exchange": "SMART", "currency": "USD", "sec_type": "STK"}},
    {"instrument": {"symbol": "AAPL", "put_or_call": "BOTH", "strike_price": "x"}},
    {"instrument": {"symbol": "AAPL", "sec_type": "TULIP", "maturity": "soon"}},
    {"effective_time": "tomorrow", "min_qty": "1e1", "locate_broker": "a b"},
    {"quantity": "5"},
    {"side": ..., "ord_type": ...},
]


@contextmanager
def undone() -> Iterator[None]:
    """What is recorded here is forgotten: each way in sees the same books."""
    with transaction.atomic():
        yield
        transaction.set_rollback(True)


def words(problem: dict[str, Any], prefix: str = "") -> Words:
    """(field, message) of each error."""
    return {(error["field"].removeprefix(prefix), error["message"]) for error in problem.get("errors", ())}


def alone(api: Api, order: dict[str, Any]) -> Words:
    answer = api.post("orders", order)
    assert answer.status_code in (201, 400), answer.content
    return words(answer.json())


def in_a_bulk(api: Api, order: dict[str, Any]) -> Words:
    (result,) = api.post("orders/bulk", {"orders": [order]}).json()["results"]
    return words(result["problem"] or {})


def in_a_group(api: Api, order: dict[str, Any]) -> Words:
    group = {"list_id": "g", "kind": "OCA", "orders": [order, {**order, "cl_ord_id": "other"}]}
    answer = api.post("groups", group)
    assert answer.status_code in (201, 400), answer.content
    found = words(answer.json(), "orders.0.")
    return {(field, text) for field, text in found if not field.startswith("orders.1.")}


def texts_of(order: dict[str, Any]) -> dict[str, str]:
    instrument: dict[str, str] = order["instrument"]
    return {name: value for name, value in order.items() if name != "instrument"} | instrument


def on_a_row(api: Api, order: dict[str, Any]) -> Words:
    ((_, errors),) = checked_rows([texts_of(order)], "digest", frozenset({ACCOUNT}), user="algo")
    return {(name, text) for name, texts in errors.items() for text in texts}


def on_the_ticket(api: Api, order: dict[str, Any]) -> Words:
    """As the page reads what was typed, without the page's own account list."""
    try:
        ticket = ticket_from_texts(texts_of(order))
        if ticket.account != ACCOUNT:
            raise TicketInvalid({"account": ["There is no such account."]})
        with undone():
            place_order(
                ticket,
                client=User.objects.get(username="algo"),
                source=Source.DESK,
                received_at=timezone.now(),
            )
    except TicketInvalid as error:
        return {(name, text) for name, texts in by_column(error).items() for text in texts}
    return set()


WAYS: list[Callable[[Api, dict[str, Any]], Words]] = [in_a_bulk, in_a_group, on_a_row, on_the_ticket]


@pytest.mark.parametrize("changes", CHANGES, ids=str)
def test_every_way_in_refuses_the_same_in_the_same_words(api: Api, changes: dict[str, Any]) -> None:
    order = body(**changes)
    with undone():
        expected = {(field.removeprefix("instrument."), text) for field, text in alone(api, order)}
    for way in WAYS:
        with undone():
            found = {(field.removeprefix("instrument."), text) for field, text in way(api, order)}
        assert found == expected, way.__name__


def in_other_words() -> list[dict[str, Any]]:
    """The same order by its contract, with defaults in force, and as our answer shows it."""
    aapl = Instrument.objects.get(symbol="AAPL", sec_type="STK").con_id
    contract = {"symbol": "AAPL", "con_id": aapl}
    shown = {"symbol": "AAPL", "sec_type": "STK", "exchange": "SMART", "currency": "USD", "legs": None}
    return [body(instrument=contract), body(instrument={**shown, "con_id": aapl}), body(max_age="300")]


def test_the_same_order_in_other_words_is_a_repeat_by_every_way_in(api: Api) -> None:
    first = api.post("orders", body()).json()["id"]
    for other in in_other_words():
        alone, bulk = api.post("orders", other), api.post("orders/bulk", {"orders": [other]})
        assert (alone.status_code, alone.json()["id"]) == (200, first), other
        assert bulk.json()["results"][0]["order_id"] == first


def test_a_sliced_order_in_other_words_is_a_repeat(api: Api) -> None:
    how = {"slices": 4, "end_time": (timezone.now() + timedelta(hours=1)).isoformat()}
    first = api.post("slices", body() | how)
    again = api.post("slices", in_other_words()[1] | how)
    other = api.post("slices", body(instrument={"symbol": "MSFT"}) | how)
    assert (first.status_code, again.status_code, other.status_code) == (201, 200, 409), again.content


@pytest.mark.parametrize(
    "changes",
    [
        {"instrument": {"symbol": "MSFT"}},
        {"max_age": "299"},
        {"price": "229.96"},
        {"time_in_force": "GTC"},
        {"if_broker_down": "reject"},
        {"display_qty": "10"},
        {"instrument": {"symbol": "AAPL", "con_id": 77}},
    ],
)
def test_another_order_under_the_same_id_stays_409(api: Api, changes: dict[str, Any]) -> None:
    api.post("orders", body())
    assert api.post("orders", body(**changes)).status_code == 409


def test_every_field_of_the_form_is_a_column_of_baskets() -> None:
    assert set(NAMES) <= set(COLUMNS)


SPELLED: list[dict[str, Any]] = [
    {"instrument": {"symbol": "AAPL"}},
    {"instrument": {"symbol": "AAPL", "exchange": "SMART"}},
    {"instrument": {"symbol": "AAPL", "currency": "USD", "con_id": None, "legs": None}},
    {"time_in_force": "DAY", "on_unconfirmed": "resend", "if_broker_down": "queue"},
    {"strategy": None, "reduce_only": False},
    {"conditions": [], "conditions_action": "ACTIVATE", "all_or_none": False, "algo": None},
    {"order_qty": "100.0", "price": 229.95, "stop_px": None},
]


@pytest.mark.parametrize("spelled", SPELLED, ids=str)
def test_defaults_spelled_out_are_the_same_request(api: Api, spelled: dict[str, Any]) -> None:
    first = api.post("orders", body(instrument={"symbol": "AAPL"}))
    again = api.post("orders", body(**spelled))
    assert (first.status_code, again.status_code) == (201, 200), again.content
    assert again["Idempotent-Replayed"] == "true"


@pytest.mark.parametrize("spelled", SPELLED[:-1], ids=str)
def test_a_bulk_with_defaults_spelled_out_is_the_same_request(api: Api, spelled: dict[str, Any]) -> None:
    keyed = Api()
    keyed.headers = {**api.headers, "Idempotency-Key": "k-1"}
    first = keyed.post("orders/bulk", {"orders": [body(instrument={"symbol": "AAPL"})]})
    again = keyed.post("orders/bulk", {"mode": "per_item", "orders": [body(**spelled)]})
    assert (first.status_code, again.status_code) == (200, 200), again.content
    assert again["Idempotent-Replayed"] == "true"
    assert Order.objects.count() == 1


@pytest.mark.parametrize("spelled", SPELLED, ids=str)
def test_a_group_with_defaults_spelled_out_is_the_same_request(api: Api, spelled: dict[str, Any]) -> None:
    plain = body(instrument={"symbol": "AAPL"})
    other = {**plain, "cl_ord_id": "other"}
    first = api.post("groups", {"list_id": "g", "kind": "OCA", "orders": [plain, other]})
    orders = [body(**spelled), {**body(**spelled), "cl_ord_id": "other"}]
    again = api.post("groups", {"list_id": "g", "kind": "OCA", "oca_type": "CANCEL", "orders": orders})
    assert (first.status_code, again.status_code) == (201, 200), again.content
    assert Order.objects.count() == 2


@pytest.mark.parametrize("spelled", SPELLED, ids=str)
def test_a_sliced_order_with_defaults_spelled_out_is_the_same_request(
    api: Api, spelled: dict[str, Any]
) -> None:
    window = {"slices": 5, "end_time": (timezone.now() + timedelta(hours=1)).isoformat()}
    first = api.post("slices", {**body(instrument={"symbol": "AAPL"}), **window})
    asked = {**body(**spelled), **window, "strategy": "TWAP", "start_time": None, "if_late": "SPREAD"}
    again = api.post("slices", asked)
    assert (first.status_code, again.status_code) == (201, 200), again.content
