"""What once passed is refused by every door, with the rule, the value and the limit."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from brokers.models import AccountValue, Instrument, Profit
from orders.instruments.prices import last_prices
from orders.models import AccountLimit, DeskJobRow
from orders.risk.catalogue import CATALOGUE, FIELDS
from tests.examples import one_in
from tests.integration.api.conftest import ACCOUNT, Api, body

NUMBERS = iter(range(1_000_000))


@pytest.fixture
def boss(desk: None) -> Client:
    client = Client()
    client.force_login(User.objects.create_superuser("boss"))
    return client


@dataclass(frozen=True, kw_only=True)
class Seen:
    """An order that once passed; `first` are the terms that a replace begins with."""

    order: dict[str, Any]
    code: str
    value: str
    limit: str
    limits: dict[str, Any] = field(default_factory=dict)
    before: tuple[dict[str, Any], ...] = ()
    first: dict[str, Any] = field(default_factory=lambda: {"order_qty": "1"})
    price_age: timedelta = timedelta(0)
    doors_without: tuple[str, ...] = ()


SPY = {"symbol": "SPY"}
LEGS = [
    {"con_id": 1, "ratio": 1, "side": "BUY", "exchange": "SMART"},
    {"con_id": 2, "ratio": 1, "side": "SELL", "exchange": "SMART"},
]
SPREAD = {"symbol": "AAPL,IBM", "sec_type": "BAG", "legs": LEGS}
CHEAP = {"order_qty": "10000", "price": "1"}
SELL = {"instrument": SPY, "side": "SELL", "order_qty": "10000", "price": "1.00"}
SEEN = {
    "sell far below the market": Seen(
        order=SELL, code="NOTIONAL_ABOVE_LIMIT", value="5899500 (at last_px 589.95", limit="5000000",
        first={"order_qty": "1", "price": "600"},
    ),
    "combination at zero": Seen(
        order={"instrument": SPREAD, "order_qty": "15000", "price": "0"},
        limits={"max_order_qty": 20_000},
        code="NOTIONAL_ABOVE_LIMIT", value="6000000 (at legs 400", limit="5000000",
    ),
    "a million shares": Seen(
        order={"order_qty": "1000000", "price": "1"}, code="QTY_ABOVE_LIMIT", value="1000000", limit="10000"
    ),
    "many orders at once": Seen(
        order=CHEAP, limits={"max_position_qty": 30_001}, before=(CHEAP,) * 3,
        code="POSITION_ABOVE_LIMIT", value="4000", limit="30001", first={"order_qty": "1", "price": "2"},
    ),
    "the same again and again": Seen(
        order=CHEAP, limits={"max_duplicates_per_minute": 2}, before=(CHEAP,) * 2,
        code="DUPLICATES_ABOVE_LIMIT", value="3", limit="2", doors_without=("replace",),
    ),
    "own buy against own sell": Seen(
        order={"order_qty": "1", "price": "300"}, limits={"refuse_self_trade": True},
        before=({"side": "SELL", "order_qty": "1", "price": "250"},),
        code="SELF_TRADE", value="an own order works at 250", limit="no own order",
        first={"order_qty": "1", "price": "100"},
    ),
    "a price thirty days old": Seen(
        order={"instrument": SPY, "side": "SELL", "order_qty": "2", "price": "600"},
        code="NO_REFERENCE_PRICE", value="the last price 589.95 is 720 hours old", limit="5000000",
        price_age=timedelta(days=30), first={"order_qty": "1", "price": "600"},
    ),
    "a slip of a digit": Seen(
        order={"order_qty": "1", "price": "2000"}, limits={"max_price_deviation_bps": 500},
        code="PRICE_OUTSIDE_COLLAR", value="price 2000 is 90000 bps through last_px 200", limit="500 bps",
        first={"order_qty": "1", "price": "200"},
    ),
}  # fmt: skip


def order_of(terms: dict[str, Any]) -> dict[str, Any]:
    return body(f"d-{next(NUMBERS)}", **terms)


def prepare(api: Api, seen: Seen) -> None:
    AccountLimit.objects.update(**seen.limits)
    for terms in seen.before:
        assert api.post("orders", order_of(terms)).status_code == 201
    at = timezone.now() - seen.price_age
    Instrument.objects.filter(symbol="SPY").update(last_px=Decimal("589.95"), last_px_at=at)
    last_prices.forget()


Report = list[dict[str, Any]]


def single(api: Api, boss: Client, seen: Seen) -> Report:
    return list(api.post("orders", order_of(seen.order)).json()["report"])


def bulk(api: Api, boss: Client, seen: Seen) -> Report:
    (line,) = api.post("orders/bulk", {"orders": [order_of(seen.order)]}).json()["results"]
    return list(line["problem"]["report"])


def group(api: Api, boss: Client, seen: Seen) -> Report:
    """A bracket whose entry is the order."""
    entry = order_of(seen.order)
    exit_ = {**order_of(seen.order), "side": "BUY" if entry["side"] == "SELL" else "SELL", "price": "301"}
    asked = {"list_id": f"l-{next(NUMBERS)}", "kind": "BRACKET", "orders": [entry, exit_]}
    return list(api.post("groups", asked).json()["report"])


def slices(api: Api, boss: Client, seen: Seen) -> Report:
    end = (timezone.now() + timedelta(minutes=9)).isoformat()
    return list(api.post("slices", {**order_of(seen.order), "slices": 1, "end_time": end}).json()["report"])


def preview(api: Api, boss: Client, seen: Seen) -> Report:
    return list(api.post("orders/preview", order_of(seen.order)).json()["checks"])


def ticket(api: Api, boss: Client, seen: Seen) -> str:
    return boss.post(reverse("desk:ticket_check"), typed(seen)).content.decode()


def typed(seen: Seen) -> dict[str, str]:
    order = order_of(seen.order)
    texts = {key: str(value) for key, value in order.pop("instrument").items() if key != "legs"} | order
    legs = [f"{leg['con_id']}:{leg['ratio']}:{leg['side']}:{leg['exchange']}" for leg in asked_legs(seen)]
    return texts | ({"legs": " ".join(legs)} if legs else {})


def asked_legs(seen: Seen) -> list[dict[str, Any]]:
    return list(seen.order.get("instrument", {}).get("legs", ()))


def basket(api: Api, boss: Client, seen: Seen) -> str:
    texts = typed(seen)
    row = ",".join(f'"{text}"' for text in texts.values())
    content = f"{','.join(texts)}\n{row}\n".encode()
    boss.post(reverse("desk:basket"), {"file": SimpleUploadedFile("b.csv", content)})
    return str(DeskJobRow.objects.get().errors)


DOORS: dict[str, Callable[[Api, Client, Seen], Any]] = {
    door.__name__: door for door in (single, bulk, group, slices, preview, ticket, basket)
}


#: Not where a door takes no such order, in whatever quantity.
THROUGH = [(name, door) for name, seen in SEEN.items() for door in DOORS if door not in seen.doors_without]


@pytest.mark.parametrize(("name", "door"), one_in(3, THROUGH))
def test_what_was_seen_is_refused_by_this_door(api: Api, boss: Client, name: str, door: str) -> None:
    seen = SEEN[name]
    prepare(api, seen)
    assert_refuses(DOORS[door](api, boss, seen), seen)


@pytest.mark.parametrize("name", [name for name, seen in SEEN.items() if "replace" not in seen.doors_without])
def test_what_was_seen_is_refused_as_a_replace(api: Api, name: str) -> None:
    seen = SEEN[name]
    first = order_of({**seen.order, **seen.first})
    prepare(api, Seen(**{**vars(seen), "price_age": timedelta(0), "before": (), "limits": {}}))
    placed = api.post("orders", first).json()
    prepare(api, seen)
    api.headers["If-Match"] = "*"
    wanted = {key: seen.order[key] for key in ("order_qty", "price")}
    answer = api.post(f"orders/{placed['id']}/replace", {"cl_ord_id": f"r-{next(NUMBERS)}", **wanted})
    assert_refuses(list(answer.json()["report"]), seen)


def assert_refuses(found: Report | str, seen: Seen) -> None:
    if isinstance(found, str):
        assert seen.code in found
        assert seen.value in found.replace("&#x27;", "'")
        return
    check = next(check for check in found if check["code"] == seen.code)  # an exit may break more
    assert check["value"].startswith(seen.value)
    assert check["limit"].startswith(seen.limit)
    assert check["scope"].startswith("account:")


def nothing() -> None:
    """No more than the limits themselves."""


def told_loss() -> None:
    told = {"account_id": ACCOUNT, "reported_at": timezone.now()}
    Profit.objects.create(con_id=0, daily=-1, **told)
    AccountValue.objects.create(key="NetLiquidation", currency="USD", value="1", **told)


def nothing_listed() -> None:
    AccountLimit.objects.get(account=ACCOUNT).allowed_instruments.clear()


def volume_told() -> None:
    Instrument.objects.update(average_volume=1_000)
    last_prices.forget()


#: By limit the value that lets nothing through; an order of 2 SPY to sell at 500 meets it.
NOTHING_PASSES: dict[str, tuple[Any, Callable[[], None]]] = {
    **dict.fromkeys(
        ("max_order_qty", "max_notional", "max_price_deviation_bps", "max_price_distance_bps",
         "max_position_qty", "max_gross_notional", "max_net_notional", "max_open_orders",
         "max_orders_per_minute", "max_messages_per_minute", "max_duplicates_per_minute",
         "max_daily_notional", "max_daily_orders", "max_order_to_trade", "max_repeated_executions"),
        (0, nothing),
    ),
    "max_price_age_s": (0, nothing),
    "max_daily_loss": (0, told_loss),
    "max_adv_share_bps": (0, volume_told),
    "allowed_ord_types": (["MARKET"], nothing),
    "refuse_closed_market": (True, nothing),
    "short_sales": ("none", nothing),
    "any_instrument": (False, nothing_listed),
    "refuse_self_trade": (True, nothing),
}  # fmt: skip
#: What a replace does not do again: it opens no order and is no copy of one.
NOT_OF_A_REPLACE = ("max_open_orders", "max_orders_per_minute", "max_duplicates_per_minute")


def test_the_cases_are_all_limits_of_the_catalogue() -> None:
    assert set(NOTHING_PASSES) == {field.name for field in CATALOGUE if field.code}


@pytest.mark.parametrize("name", one_in(2, NOTHING_PASSES))
def test_a_limit_that_lets_nothing_through_refuses_at_every_door(api: Api, boss: Client, name: str) -> None:
    value, happens = NOTHING_PASSES[name]
    price = "700" if name == "max_price_distance_bps" else "500"
    sell = {"instrument": SPY, "side": "SELL", "order_qty": "2", "price": price}
    seen = Seen(order=sell, code=FIELDS[name].code, value="", limit="")
    prepare(api, seen)
    assert api.post("orders", body("own", instrument=SPY, price="700", order_qty="1")).status_code == 201
    first = api.post("orders", order_of({**sell, "order_qty": "1", "price": "900"})).json()
    happens()
    AccountLimit.objects.filter(account=ACCOUNT).update(**{name: value, "currency": "USD"})
    for door in DOORS.values():
        found = door(api, boss, seen)
        codes = found if isinstance(found, str) else [check["code"] for check in found]
        assert seen.code in codes, (door.__name__, found)
        DeskJobRow.objects.all().delete()
    if name not in NOT_OF_A_REPLACE:
        api.headers["If-Match"] = "*"
        wanted = {"cl_ord_id": "r", "order_qty": "2", "price": price}
        found = api.post(f"orders/{first['id']}/replace", wanted).json()["report"]
        assert seen.code in [check["code"] for check in found], found


def test_a_combination_of_one_contract_twice_is_refused_with_words(api: Api) -> None:
    """Its legs would end each other, and it would count for nothing."""
    legs = [LEGS[0], {**LEGS[0], "side": "SELL"}]
    answer = api.post("orders", body(instrument={**SPREAD, "legs": legs}))
    assert answer.status_code == 400
    assert "another contract" in answer.content.decode()
