"""Closing a position: sized by what the broker reports less working exits, once for a key."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

from brokers.models import Instrument
from orders.models import AccountLimit, AuditRecord, Order
from tests.integration.api.conftest import OTHER, Api
from tests.integration.api.test_trading_states import ACCOUNT, hold, put, sell


def path(symbol: str = "AAPL", account: str = ACCOUNT, act: str = "close") -> str:
    return f"positions/{account}/{Instrument.objects.get(symbol=symbol).con_id}/{act}"


def test_a_long_position_is_closed_by_a_limit_through_the_market(api: Api) -> None:
    hold(100)
    order = api.post(path(), {"reason": "end of the test"}).json()
    assert (order["side"], order["order_qty"], order["ord_type"]) == ("SELL", "100", "LIMIT")
    assert (order["price"], order["reduce_only"]) == ("198", True)
    assert AuditRecord.objects.filter(kind="POSITION_CLOSE", reason="end of the test").exists()


def test_a_short_position_is_bought_back_less_what_works(api: Api) -> None:
    hold(100)
    assert api.post("orders", sell(60)).status_code == 201
    assert api.post(path(), {"reason": "test"}).json()["order_qty"] == "40"
    left = api.post(path(), {"reason": "test"})
    assert (left.status_code, left.json()["code"]) == (409, "NOT_CLOSED")
    hold(-30, "MSFT")
    bought = api.post(path("MSFT"), {"reason": "test"}).json()
    assert (bought["side"], bought["order_qty"]) == ("BUY", "30")
    assert Decimal(bought["price"]) == 202


def test_the_same_key_closes_once(api: Api) -> None:
    hold(100)
    api.headers = {**api.headers, "Idempotency-Key": "k-1"}
    first, again = (api.post(path(), {"reason": "test"}) for _ in range(2))
    assert (first.status_code, again.status_code) == (201, 200)
    assert Order.objects.count() == 1


def test_a_close_passes_while_reducing_and_not_while_halted(api: Api) -> None:
    hold(100)
    put("firm", "REDUCING")
    assert api.post(path(), {"reason": "test"}).status_code == 201
    put("firm", "HALTED")
    hold(10, "MSFT")
    assert api.post(path("MSFT"), {"reason": "test"}).json()["code"] == "TRADING_HALTED"


def test_no_position_no_reason_no_right_no_order(api: Api, token: Callable[..., str]) -> None:
    assert api.post(f"positions/{ACCOUNT}/999999/close", {"reason": "test"}).status_code == 404
    hold(100)
    assert api.post(path(account=OTHER), {"reason": "test"}).status_code == 404
    assert api.post(path(), {}).status_code == 400
    assert Api(token("r", scopes=("read", "risk"))).post(path(), {"reason": "test"}).status_code == 403
    assert not Order.objects.exists()


def test_a_position_is_reversed_by_one_order_of_twice_its_size(api: Api) -> None:
    hold(100)
    order = api.post(path(act="reverse"), {"reason": "the signal turned"}).json()
    assert (order["side"], order["order_qty"], order["reduce_only"]) == ("SELL", "200", False)
    assert AuditRecord.objects.filter(kind="POSITION_REVERSE", reason="the signal turned").exists()
    hold(-30, "MSFT")
    bought = api.post(path("MSFT", act="reverse"), {"reason": "test"}).json()
    assert (bought["side"], bought["order_qty"]) == ("BUY", "60")


def test_a_reverse_passes_every_limit_and_no_state_that_only_reduces(api: Api) -> None:
    hold(100)
    AccountLimit.objects.filter(account=ACCOUNT).update(max_order_qty=150)
    assert api.post(path(act="reverse"), {"reason": "test"}).json()["code"] == "QTY_ABOVE_LIMIT"
    AccountLimit.objects.filter(account=ACCOUNT).update(max_order_qty=1000)
    put("firm", "REDUCING")
    refused = api.post(path(act="reverse"), {"reason": "test"})
    assert (refused.status_code, refused.json()["order"]["state"]) == (422, "REJECTED")


def test_nothing_is_reversed_while_its_exit_works_or_nothing_is_held(api: Api) -> None:
    hold(0)
    assert api.post(path(act="reverse"), {"reason": "test"}).json()["code"] == "NOT_CLOSED"
    hold(100)
    assert api.post("orders", sell(60)).status_code == 201
    assert api.post(path(act="reverse"), {"reason": "test"}).json()["code"] == "NOT_CLOSED"


def test_the_same_key_reverses_once(api: Api) -> None:
    hold(100)
    api.headers = {**api.headers, "Idempotency-Key": "k-1"}
    assert [api.post(path(act="reverse"), {"reason": "test"}).status_code for _ in range(2)] == [201, 200]
    assert Order.objects.count() == 1
