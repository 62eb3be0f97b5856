"""Instruments of every kind through the wire: resolved once, ordered, refused by their own rules."""

from __future__ import annotations

from typing import Any

import pytest

from tradedesk.stack.polling import eventually
from tradedesk.stack.system import System

ESZ6, ESH7 = 515416632, 551601561
FUTURE = {"symbol": "ES", "sec_type": "FUT", "exchange": "CME", "currency": "USD"}
SPREAD = {
    **{"symbol": "ES", "sec_type": "BAG", "exchange": "CME", "currency": "USD"},
    "legs": [
        {"con_id": ESZ6, "ratio": 1, "side": "SELL", "exchange": "CME"},
        {"con_id": ESH7, "ratio": 1, "side": "BUY", "exchange": "CME"},
    ],
}
PAIR = {"symbol": "EUR", "sec_type": "CASH", "exchange": "IDEALPRO", "currency": "USD"}

INSTRUMENTS: list[tuple[dict[str, Any], dict[str, Any]]] = [
    ({**FUTURE, "maturity": "202612"}, {"con_id": ESZ6, "min_tick": "0.25", "multiplier": "50"}),
    (PAIR, {"con_id": 12087792, "min_tick": "0.00005"}),
    ({"symbol": "INFY", "sec_type": "STK", "exchange": "NSE", "currency": "INR"}, {"con_id": 44652017}),
]


def resolve(stack: System, instrument: dict[str, Any]) -> dict[str, Any]:
    answer = stack.api.post("/instruments", json=instrument)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def order(stack: System, instrument: dict[str, Any], **terms: Any) -> dict[str, Any]:
    return stack.api.placed(instrument=instrument, **{"order_qty": "1"} | terms)


@pytest.mark.parametrize(("described", "told"), INSTRUMENTS, ids=lambda part: part.get("sec_type", ""))
def test_an_instrument_is_resolved_with_its_rules_and_ordered(
    stack: System, described: dict[str, Any], told: dict[str, Any]
) -> None:
    found = resolve(stack, described)
    assert {name: found[name] for name in told} == told
    assert found["resolved_at"] and found["trading_hours"] and "LIMIT" in found["order_types"]
    eventually(lambda: resolve(stack, described)["last_px"])
    placed = order(stack, described, order_qty="5000" if described is PAIR else "1")
    eventually(lambda: stack.api.state(placed["id"]) == "COMPLETED", limit=90)
    (row,) = [row for row in stack.control.orders() if row["order_ref"] == placed["order_ref"]]
    assert row["con_id"] == told["con_id"]


def test_an_option_is_resolved_and_ordered(stack: System) -> None:
    described = {"symbol": "AAPL", "sec_type": "OPT", "exchange": "SMART", "currency": "USD"}
    several = stack.api.post("/instruments", json=described)
    assert (several.status_code, several.json()["code"]) == (400, "AMBIGUOUS_INSTRUMENT")
    one = next(found for found in several.json()["candidates"] if found["put_or_call"] == "CALL")
    told = {name: one[name] for name in ("maturity", "strike_price", "put_or_call", "trading_class")}
    placed = order(stack, {**described, **told}, ord_type="LIMIT", price="900")
    eventually(lambda: stack.api.state(placed["id"]) == "COMPLETED", limit=90)
    assert placed["instrument"]["con_id"] == one["con_id"]


def test_a_description_that_fits_several_is_refused_with_them(stack: System) -> None:
    answer = stack.api.place(instrument=FUTURE)
    assert (answer.status_code, answer.json()["code"]) == (400, "AMBIGUOUS_INSTRUMENT")
    assert {"con_id": ESZ6, "maturity": "20261218"}.items() <= answer.json()["candidates"][0].items()


def test_an_instrument_that_nobody_knows_is_refused(stack: System) -> None:
    answer = stack.api.place(symbol="NOSUCHTHING")
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (400, "instrument.symbol")


def test_what_is_resolved_is_found_by_symbol_and_by_name(stack: System) -> None:
    resolve(stack, {**FUTURE, "maturity": "202612"})
    for words in ("ESZ6", "e-mini"):
        found = stack.api.get("/instruments", params={"q": words}).json()["results"]
        assert ESZ6 in [row["con_id"] for row in found]
    assert stack.api.get(f"/instruments/{found[0]['id']}").json()["id"] == found[0]["id"]


@pytest.mark.parametrize(
    ("terms", "field"),
    [
        ({"ord_type": "LIMIT", "price": "5900.10"}, "price"),
        ({"ord_type": "RELATIVE", "peg_offset": "0.25"}, "ord_type"),
        ({"ord_type": "MARKET", "order_qty": "1.5"}, "order_qty"),
        ({"ord_type": "MARKET", "side": "SELL_SHORT"}, "side"),
        ({"ord_type": "MARKET", "time_in_force": "OPG"}, "time_in_force"),
    ],
)
def test_the_contracts_own_rules_refuse_with_the_field(
    stack: System, terms: dict[str, Any], field: str
) -> None:
    answer = stack.api.place(instrument={**FUTURE, "maturity": "202612"}, **{"order_qty": "1"} | terms)
    assert answer.status_code == 400, answer.text
    assert field in [error["field"] for error in answer.json()["errors"]]


@pytest.mark.parametrize(
    ("described", "terms", "field"),
    [
        (INSTRUMENTS[2][0], {"ord_type": "LIMIT", "price": "1500.001"}, "price"),
        (INSTRUMENTS[2][0], {"ord_type": "LIMIT", "price": "1500", "order_qty": "0.5"}, "order_qty"),
        (PAIR, {"ord_type": "LIMIT", "price": "1.100001", "order_qty": "20000"}, "price"),
        (PAIR, {"ord_type": "MARKET", "order_qty": "20000", "side": "SELL_SHORT"}, "side"),
        (SPREAD, {"ord_type": "STOP", "stop_px": "1"}, "ord_type"),
        (SPREAD, {"ord_type": "LIMIT", "price": "0.001"}, "price"),
    ],
)
def test_each_kind_of_instrument_refuses_by_its_own_rules(
    stack: System, described: dict[str, Any], terms: dict[str, Any], field: str
) -> None:
    answer = stack.api.place(instrument=described, **{"order_qty": "1"} | terms)
    assert answer.status_code == 400, answer.text
    assert field in [error["field"] for error in answer.json()["errors"]]


def test_an_option_refuses_a_price_between_two_steps(stack: System) -> None:
    described = {"symbol": "AAPL", "sec_type": "OPT", "exchange": "SMART", "currency": "USD"}
    one = stack.api.post("/instruments", json=described).json()["candidates"][0]
    told = {name: one[name] for name in ("maturity", "strike_price", "put_or_call", "trading_class")}
    answer = stack.api.place(instrument=described | told, order_qty="1", ord_type="LIMIT", price="1.003")
    assert [error["field"] for error in answer.json()["errors"]] == ["price"]


def test_a_combination_fills_with_an_execution_for_each_leg(stack: System) -> None:
    placed = order(stack, SPREAD, ord_type="LIMIT", price="500")
    eventually(lambda: stack.api.state(placed["id"]) == "COMPLETED", limit=90)
    done = stack.api.order(placed["id"])
    executions = stack.api.get("/executions", params={"order_id": placed["id"]}).json()["results"]
    assert (done["cum_qty"], len(executions)) == ("1", 3)
    terms = next(row for row in stack.control.orders() if row["order_ref"] == placed["order_ref"])
    assert terms["sec_type"] == "BAG"
    eventually(lambda: "ES" in {row["symbol"] for row in stack.api.get("/positions").json()["results"]})


def test_a_combination_of_an_unknown_leg_is_refused(stack: System) -> None:
    legs = [SPREAD["legs"][0], {**SPREAD["legs"][1], "con_id": 7}]
    answer = stack.api.place(instrument={**SPREAD, "legs": legs}, ord_type="LIMIT", price="1")
    assert answer.json()["errors"][0]["field"] == "instrument.legs.1.con_id"


def test_a_preview_says_margin_and_commission_and_places_nothing(stack: System) -> None:
    body = {
        **{"account": "DU1234567", "instrument": {"symbol": "AAPL"}, "side": "BUY"},
        **{"order_qty": "100", "ord_type": "LIMIT", "price": "200"},
    }
    before = len(stack.control.orders())
    answer = stack.api.post("/orders/preview", json=body)
    assert answer.status_code == 200, answer.text
    told = answer.json()
    assert told["passed"] and float(told["broker"]["init_margin_change"]) > 0
    assert float(told["broker"]["commission"] or told["broker"]["min_commission"]) == 1
    assert len(stack.control.orders()) == before
    refused = stack.api.post("/orders/preview", json={**body, "order_qty": "999999"}).json()
    assert (refused["passed"], refused["broker"]) == (False, None)


def test_a_preview_of_what_the_broker_would_reject_says_its_words(stack: System) -> None:
    price = resolve(stack, {**FUTURE, "maturity": "202612"})["last_px"]
    body = {"account": "DU1234567", "instrument": {**FUTURE, "maturity": "202612"}, "side": "BUY"}
    terms = {"order_qty": "1", "ord_type": "MIDPRICE", "price": price}
    answer = stack.api.post("/orders/preview", json={**body, **terms})
    assert answer.status_code == 400


def test_the_broker_that_can_not_be_asked_is_a_503(stack: System) -> None:
    stack.kill("simgateway")
    try:
        eventually(lambda: stack.api.get("/sessions").json()["results"][0]["link"] == "DOWN")
        answer = stack.api.post("/instruments", json={"symbol": "GOOGL"})
        assert (answer.status_code, answer.json()["code"]) == (503, "BROKER_UNAVAILABLE")
        refused = stack.api.place(symbol="GOOGL")
        assert (refused.status_code, refused.json()["errors"][0]["field"]) == (400, "instrument.symbol")
    finally:
        stack.start("simgateway")
        stack.wait_until_ready()
