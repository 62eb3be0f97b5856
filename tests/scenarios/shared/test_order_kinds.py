"""Every kind of order from the body to the wire: what the gateway received, and how it ended."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pytest

from tradedesk.stack.polling import eventually
from tradedesk.stack.system import System

Act = Callable[[System, dict[str, Any]], None]
AAPL = 265598
START = "230"  # every case begins with this price


def soon(seconds: float) -> str:
    return (datetime.now(UTC) + timedelta(seconds=seconds)).isoformat()


def set_price(stack: System, price: str) -> None:
    stack.control.post("/prices", json={"symbol": "AAPL", "price": price}).raise_for_status()


def move(*prices: str) -> Act:
    """Let the market trade at these prices, one after the other."""

    def act(stack: System, order: dict[str, Any]) -> None:
        for price in prices:
            set_price(stack, price)

    return act


def auction(which: str) -> Act:
    def act(stack: System, order: dict[str, Any]) -> None:
        stack.control.post("/auction", json={"symbol": "AAPL", "auction": which}).raise_for_status()

    return act


def cancel(stack: System, order: dict[str, Any]) -> None:
    stack.api.cancel(order["id"])


def wait(stack: System, order: dict[str, Any]) -> None:
    """Nothing: it ends by itself."""


@dataclass(frozen=True)
class Case:
    """One kind: what is asked, what the gateway must have received, what is done, how it ends."""

    name: str
    asked: dict[str, Any]
    received: dict[str, Any]
    act: Act = wait
    ends: str = "COMPLETED"
    soon: dict[str, float] = field(default_factory=dict)  # fields that are so many seconds ahead

    def body(self) -> dict[str, Any]:
        return self.asked | {name: soon(seconds) for name, seconds in self.soon.items()}


def condition(**words: Any) -> dict[str, Any]:
    return {"ord_type": "MARKET", "side": "SELL", "conditions": [words]}


REST = {"ord_type": "LIMIT", "price": "220"}
ALGO = {"ord_type": "LIMIT", "price": "240"}
FAR_ALGO = {"ord_type": "LIMIT", "price": "200"}
ON_AAPL = {"con_id": AAPL, "exchange": "SMART"}

CASES = [
    Case("market", {"ord_type": "MARKET"}, {"order_type": "MKT", "tif": "DAY", "action": "BUY"}),
    Case("limit", {"ord_type": "LIMIT", "price": "240"}, {"order_type": "LMT", "lmt_price": "240"}),
    Case("stop", {"ord_type": "STOP", "stop_px": "240"},
         {"order_type": "STP", "aux_price": "240"}, move("241")),
    Case("stop_limit", {"ord_type": "STOP_LIMIT", "stop_px": "240", "price": "245"},
         {"order_type": "STP LMT", "aux_price": "240", "lmt_price": "245"}, move("241")),
    Case("trail_amount", {"ord_type": "TRAIL", "side": "SELL", "trail_amount": "5"},
         {"order_type": "TRAIL", "aux_price": "5"}, move("240", "234")),
    Case("trail_percent", {"ord_type": "TRAIL", "side": "SELL", "trail_percent": "2", "stop_px": "225"},
         {"order_type": "TRAIL", "trailing_percent": "2", "trail_stop_price": "225"}, move("224")),
    Case("trail_limit",
         {"ord_type": "TRAIL_LIMIT", "side": "SELL", "trail_amount": "5", "limit_offset": "3"},
         {"order_type": "TRAIL LIMIT", "aux_price": "5", "lmt_price_offset": "3"}, move("224.50")),
    Case("mit", {"ord_type": "MIT", "stop_px": "220"},
         {"order_type": "MIT", "aux_price": "220"}, move("219")),
    Case("lit", {"ord_type": "LIT", "stop_px": "220", "price": "221"},
         {"order_type": "LIT", "aux_price": "220", "lmt_price": "221"}, move("219")),
    Case("moc", {"ord_type": "MOC"}, {"order_type": "MOC"}, auction("close")),
    Case("loc", {"ord_type": "LOC", "price": "235"},
         {"order_type": "LOC", "lmt_price": "235"}, auction("close")),
    Case("moo", {"ord_type": "MARKET", "time_in_force": "OPG"},
         {"order_type": "MKT", "tif": "OPG"}, auction("open")),
    Case("loo", {"ord_type": "LIMIT", "price": "235", "time_in_force": "OPG"},
         {"order_type": "LMT", "tif": "OPG", "lmt_price": "235"}, auction("open")),
    Case("relative", {"ord_type": "RELATIVE", "peg_offset": "0.05", "price": "229"},
         {"order_type": "REL", "aux_price": "0.05", "lmt_price": "229"}, cancel, "CANCELED"),
    Case("relative_percent", {"ord_type": "RELATIVE", "peg_percent": "0.5", "price": "229"},
         {"order_type": "REL", "percent_offset": "0.005", "lmt_price": "229"}, cancel, "CANCELED"),
    Case("midprice", {"ord_type": "MIDPRICE", "price": "200"},
         {"order_type": "MIDPRICE", "lmt_price": "200"}, cancel, "CANCELED"),
    Case("market_to_limit", {"ord_type": "MARKET_TO_LIMIT"}, {"order_type": "MTL"}),
    Case("iceberg", {**REST, "order_qty": "500", "display_qty": "100"},
         {"order_type": "LMT", "display_size": 100}, move("219")),
    Case("day", REST, {"order_type": "LMT", "tif": "DAY", "lmt_price": "220"}, move("219")),
    Case("gtc", {**REST, "time_in_force": "GTC"}, {"tif": "GTC"}, move("219")),
    Case("gtd", {**REST, "time_in_force": "GTD"}, {"tif": "GTD"}, ends="EXPIRED", soon={"expire_time": 6}),
    Case("ioc", {**REST, "time_in_force": "IOC"}, {"tif": "IOC"}, ends="CANCELED"),
    Case("fok", {**REST, "time_in_force": "FOK"}, {"tif": "FOK"}, ends="CANCELED"),
    Case("outside_hours", {**REST, "outside_regular_hours": True}, {"outside_rth": True}, move("219")),
    Case("good_after", {"ord_type": "MARKET"}, {"order_type": "MKT"}, soon={"effective_time": 5}),
    Case("all_or_none", {**REST, "all_or_none": True}, {"all_or_none": True}, move("219")),
    Case("min_qty", {**REST, "min_qty": "5"}, {"min_qty": 5}, move("219")),
    Case("short", {"ord_type": "MARKET", "side": "SELL_SHORT"}, {"action": "SELL"}),
    Case("short_located", {"ord_type": "MARKET", "side": "SELL_SHORT", "locate_broker": "MSCO"},
         {"action": "SELL", "short_sale_slot": 2, "designated_location": "MSCO"}),
    Case("price_condition", condition(kind="PRICE", value="235", **ON_AAPL),
         {"conditions": [{"kind": 1, "conjunction": "a", "is_more": True, "value": "235", **ON_AAPL,
                          "trigger_method": 0}]},
         move("236")),
    Case("percent_condition", condition(kind="PERCENT_CHANGE", value="50", **ON_AAPL),
         {"conditions": [{"kind": 7, "conjunction": "a", "is_more": True, "value": "50", **ON_AAPL}]},
         cancel, "CANCELED"),
    Case("volume_condition", condition(kind="VOLUME", value="1", **ON_AAPL),
         {"conditions": [{"kind": 6, "conjunction": "a", "is_more": True, "value": "1", **ON_AAPL}]}),
    Case("margin_condition", condition(kind="MARGIN", direction="BELOW", value="100"),
         {"conditions": [{"kind": 4, "conjunction": "a", "is_more": False, "value": "100"}]}),
    Case("execution_condition",
         condition(kind="EXECUTION", symbol="AAPL", sec_type="STK", exchange="SMART"),
         {"conditions": [{"kind": 5, "conjunction": "a", "sec_type": "STK", "exchange": "SMART",
                          "symbol": "AAPL"}]},
         lambda stack, order: stack.api.placed() and None),
    Case("stop_limit_with_time_and_margin_conditions",
         {"ord_type": "STOP_LIMIT", "side": "SELL", "stop_px": "225", "price": "200",
          "conditions": [{"kind": "TIME", "direction": "BELOW", "time": "2099-01-01T00:00:00Z"},
                         {"kind": "MARGIN", "direction": "BELOW", "value": "100"}]},
         {"order_type": "STP LMT", "aux_price": "225", "lmt_price": "200",
          "conditions": [{"kind": 3, "conjunction": "a", "is_more": False, "value": "20990101-00:00:00"},
                         {"kind": 4, "conjunction": "a", "is_more": False, "value": "100"}]},
         move("224")),
    Case("canceling_condition",
         {**REST, "conditions_action": "CANCEL",
          "conditions": [{"kind": "PRICE", "value": "235", **ON_AAPL}]},
         {"conditions_cancel_order": True}, move("236"), "CANCELED"),
    Case("adaptive", {**ALGO, "algo": {"strategy": "ADAPTIVE", "priority": "URGENT"}},
         {"algo_strategy": "Adaptive", "algo_params": [{"tag": "adaptivePriority", "value": "Urgent"}]}),
    Case("twap", {**FAR_ALGO, "algo": {"strategy": "TWAP", "trade_style": "MIDPOINT"}},
         {"algo_strategy": "Twap", "algo_params": [{"tag": "strategyType", "value": "Midpoint"}]},
         cancel, "CANCELED"),
    Case("vwap", {**FAR_ALGO, "algo": {"strategy": "VWAP", "participation_rate": "10", "speed_up": True}},
         {"algo_strategy": "Vwap",
          "algo_params": [{"tag": "maxPctVol", "value": "0.1"}, {"tag": "speedUp", "value": "1"}]},
         cancel, "CANCELED"),
    Case("arrival_price", {**ALGO, "algo": {"strategy": "ARRIVAL_PRICE", "risk_aversion": "GET_DONE"}},
         {"algo_strategy": "ArrivalPx", "algo_params": [{"tag": "riskAversion", "value": "Get Done"}]}),
]  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_the_gateway_receives_the_kind_and_works_it(stack: System, case: Case) -> None:
    set_price(stack, START)
    order = stack.api.placed(**case.body())
    row = eventually(partial(received, stack, order), pause=0.05)
    assert {name: row["terms"].get(name) for name in case.received} == case.received
    eventually(lambda: stack.api.state(order["id"]) in ("ACCEPTED", "PENDING", case.ends), pause=0.05)
    case.act(stack, order)
    eventually(lambda: stack.api.state(order["id"]) == case.ends, limit=90)


def test_an_order_waits_for_the_time_of_its_condition(stack: System) -> None:
    at = datetime.now(UTC) + timedelta(seconds=8)
    order = stack.api.placed(conditions=[{"kind": "TIME", "time": at.isoformat()}])
    eventually(lambda: stack.api.state(order["id"]) == "COMPLETED", limit=90)
    filled = datetime.fromisoformat(stack.api.order(order["id"])["timestamps"]["first_fill"])
    assert filled >= at.replace(microsecond=0)


@pytest.fixture(autouse=True)
def nothing_left(stack: System) -> Iterator[None]:
    yield
    for order in stack.api.get("/orders", params={"open": "true"}).json()["results"]:
        stack.api.cancel(order["id"])


def received(stack: System, order: dict[str, Any]) -> dict[str, Any] | None:
    rows = [row for row in stack.control.orders() if row["order_ref"] == order["order_ref"]]
    return rows[0] if rows else None


BAD: list[tuple[dict[str, Any], str]] = [
    ({"ord_type": "MARKET", "price": "1"}, "price"),
    ({"ord_type": "LIMIT"}, "price"),
    ({"ord_type": "STOP"}, "stop_px"),
    ({"ord_type": "STOP", "stop_px": "1", "price": "1"}, "price"),
    ({"ord_type": "STOP_LIMIT", "stop_px": "1"}, "price"),
    ({"ord_type": "MOC", "time_in_force": "IOC"}, "time_in_force"),
    ({"ord_type": "LOC", "price": "1", "time_in_force": "FOK"}, "time_in_force"),
    ({"ord_type": "TRAIL"}, "trail_amount"),
    ({"ord_type": "TRAIL", "trail_amount": "5", "trail_percent": "2"}, "trail_amount"),
    ({"ord_type": "TRAIL", "trail_percent": "100"}, "trail_percent"),
    ({"ord_type": "TRAIL_LIMIT", "trail_amount": "5"}, "limit_offset"),
    ({"ord_type": "MIT"}, "stop_px"),
    ({"ord_type": "LIT", "stop_px": "220"}, "price"),
    ({"ord_type": "MOC", "time_in_force": "GTC"}, "time_in_force"),
    ({"ord_type": "LOC"}, "price"),
    ({"ord_type": "STOP", "stop_px": "1", "time_in_force": "OPG"}, "time_in_force"),
    ({"ord_type": "RELATIVE", "price": "229"}, "peg_offset"),
    ({"ord_type": "MIDPRICE", "time_in_force": "GTC"}, "time_in_force"),
    ({"ord_type": "MARKET_TO_LIMIT", "price": "1"}, "price"),
    ({**REST, "display_qty": "11"}, "display_qty"),
    ({"ord_type": "MARKET", "display_qty": "1"}, "display_qty"),
    ({**REST, "time_in_force": "GTD"}, "expire_time"),
    ({**REST, "time_in_force": "GTD", "expire_time": "2020-01-01T00:00:00Z"}, "expire_time"),
    ({**REST, "expire_time": "2030-01-01T00:00:00Z"}, "expire_time"),
    ({**REST, "time_in_force": "IOC", "effective_time": "2030-01-01T00:00:00Z"}, "effective_time"),
    ({"ord_type": "MOC", "outside_regular_hours": True}, "outside_regular_hours"),
    ({**REST, "all_or_none": True, "min_qty": "5"}, "all_or_none"),
    ({**REST, "price": "220.005"}, "price"),
    ({**REST, "min_qty": "0.5"}, "min_qty"),
    ({**REST, "locate_broker": "MSCO"}, "locate_broker"),
    ({**REST, "conditions": [{"kind": "PRICE", "value": "1"}]}, "conditions.0.con_id"),
    ({**REST, "conditions": [{"kind": "TIME"}]}, "conditions.0.time"),
    (
        {**REST, "conditions": [{"kind": "PRICE", "value": "1", "con_id": 7, "exchange": "SMART"}]},
        "conditions.0.con_id",
    ),
    (
        {**REST, "conditions": [{"kind": "VOLUME", "value": "1", "con_id": AAPL, "exchange": "NSE"}]},
        "conditions.0.exchange",
    ),
    ({**REST, "conditions": [{"kind": "MARGIN", "value": "101"}]}, "conditions.0.value"),
    ({**REST, "conditions": [{"kind": "VOLUME", "value": "1.5", **ON_AAPL}]}, "conditions.0.value"),
    ({**REST, "conditions": [{"kind": "PERCENT_CHANGE", **ON_AAPL}]}, "conditions.0.value"),
    ({**REST, "conditions": [{"kind": "EXECUTION", "symbol": "AAPL"}]}, "conditions.0.sec_type"),
    ({**REST, "algo": {"strategy": "ADAPTIVE"}}, "algo.priority"),
    ({**REST, "algo": {"strategy": "TWAP", "priority": "URGENT"}}, "algo.priority"),
    ({**REST, "algo": {"strategy": "VWAP", "participation_rate": "51"}}, "algo.participation_rate"),
    ({**REST, "algo": {"strategy": "ARRIVAL_PRICE"}}, "algo.risk_aversion"),
    ({"ord_type": "MIT", "stop_px": "1", "algo": {"strategy": "TWAP"}}, "algo"),
]


@pytest.mark.parametrize(("body", "wrong"), BAD, ids=lambda part: part if isinstance(part, str) else "")
def test_a_wrong_order_is_refused_with_the_field_that_is_wrong(
    stack: System, body: dict[str, Any], wrong: str
) -> None:
    answer = stack.api.place(**body)
    assert (answer.status_code, answer.json()["code"]) == (400, "INVALID"), answer.text
    assert wrong in [error["field"] for error in answer.json()["errors"]]
