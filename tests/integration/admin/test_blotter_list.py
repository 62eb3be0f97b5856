"""The blotter as a person chose it: columns, order, days, first view, figures."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db.models import F
from django.test import Client
from django.urls import reverse

from brokers.models import Instrument
from orders import statistics
from orders.admin.orders.blotter.columns import COLUMNS
from orders.models import Order, SavedView
from orders.models.references import first_id_at
from tests.integration.admin.test_people import member
from tests.integration.api.conftest import ACCOUNT, placed

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("desk", "groups")]

BLOTTER = "admin:orders_order_changelist"


def shown(client: Client, **query: str) -> list[str]:
    """The cl_ord_ids of the page's rows, in their order."""
    return [row["order"].cl_ord_id for row in client.get(reverse(BLOTTER), query).context["rows"]]


def headings(client: Client) -> list[str]:
    """The names of the columns that the page shows."""
    return [head["column"].name for head in client.get(reverse(BLOTTER)).context["headings"]]


def test_columns_are_kept_per_person_in_their_order() -> None:
    trader, other = member("trader", ACCOUNT), member("trader", ACCOUNT)
    placed("one")
    trader.post(reverse("desk:columns"), {"column": ["notional", "state", "strategy", "order", "nonsense"]})
    assert headings(trader) == ["notional", "state", "strategy", "order"]
    assert headings(other) == [column.name for column in COLUMNS if column.is_chosen]
    trader.post(reverse("desk:columns"), {"column": ["state"], "reset": "1"})
    assert headings(trader) == headings(other)


def test_the_link_to_the_order_is_in_no_choice_left_out() -> None:
    trader = member("trader", ACCOUNT)
    trader.post(reverse("desk:columns"), {"column": ["state"]})
    assert headings(trader) == ["state", "order"]


def test_a_live_answer_has_the_columns_that_the_person_sees() -> None:
    trader, order = member("trader", ACCOUNT), placed("one")
    trader.post(reverse("desk:columns"), {"column": ["notional", "order"]})
    answer = trader.get(reverse("desk:rows"), {"ids": str(order.id)}).content.decode()
    assert re.findall(r"data-c=(\w+)", answer) == ["notional", "order"]


@pytest.mark.soak
def test_every_column_sorts_in_both_directions() -> None:
    trader = member("trader", ACCOUNT)
    for name in ("one", "two", "three"):
        placed(name)
    for column in COLUMNS:
        for sort in (column.name, f"-{column.name}"):
            assert sorted(shown(trader, sort=sort)) == ["one", "three", "two"], sort


def test_rows_are_sorted_over_all_pages_and_without_a_value_last() -> None:
    trader = member("trader", ACCOUNT)
    for name, price in (("b", 2), ("none", None), ("a", 1), ("c", 3)):
        Order.objects.filter(pk=placed(name).pk).update(price=price)
    assert shown(trader, sort="limit") == ["a", "b", "c", "none"]
    assert shown(trader, sort="-limit") == ["c", "b", "a", "none"]


def copied(order: Order, name: str, at: datetime, state: str) -> None:
    """An order like this one that came at another time."""
    copy = Order.objects.get(pk=order.pk)
    copy.pk, copy.cl_ord_id, copy.order_ref = first_id_at(at), name, name
    copy.received_at = copy.updated_at = at
    copy._state.adding = True
    copy.save(force_insert=True)
    Order.objects.filter(pk=copy.pk).update(state=state)


def test_days_are_chosen_and_the_first_view_is_open_and_today() -> None:
    trader, midnight = member("trader", ACCOUNT), statistics.midnight()
    order = placed("today")
    copied(order, "yesterday", midnight - timedelta(hours=1), "CANCELED")
    copied(order, "open", midnight - timedelta(days=500), "PENDING")
    copied(order, "old", midnight - timedelta(days=400), "CANCELED")
    assert shown(trader) == ["today", "open"]
    assert shown(trader, sort="-order") == ["today", "open"]
    assert shown(trader, view="yesterday") == ["yesterday"]
    assert shown(trader, view="today") == ["today"]
    assert shown(trader, view="all") == ["today", "yesterday", "old", "open"]
    assert "today" in shown(trader, view="week") and "old" not in shown(trader, view="month")


@pytest.mark.parametrize("state", ["COMPLETED", "CANCELED", "EXPIRED"])
def test_an_older_order_that_ended_today_is_seen_first(state: str) -> None:
    trader, midnight = member("trader", ACCOUNT), statistics.midnight()
    copied(placed("today"), "old", midnight - timedelta(days=40), "PENDING")
    Order.objects.filter(cl_ord_id="old").update(state=state, cum_qty=F("order_qty"), updated_at=midnight)
    assert shown(trader) == ["today", "old"]
    assert shown(trader, view="today") == ["today"]


def test_who_searches_in_the_first_view_searches_all_orders() -> None:
    trader = member("trader", ACCOUNT)
    copied(placed("today"), "old", statistics.midnight() - timedelta(days=400), "CANCELED")
    assert shown(trader, q="old") == ["old"]
    assert shown(trader, state__in="CANCELED") == ["old"]


MARKET = {"bid_px": "99", "ask_px": "101", "last_px": "100"}


@pytest.mark.parametrize(
    ("terms", "away", "percent"),
    [
        ({"side": "BUY", "price": 98}, "3", "3.06"),  # the ask must come down to it
        ({"side": "SELL", "price": 102}, "3", "2.94"),  # the bid must rise to it
        ({"side": "BUY", "price": 102}, "-1", "-0.98"),  # it is reached already
        ({"side": "BUY", "price": None, "stop_px": 105, "ord_type": "STOP"}, "5", "4.76"),
        ({"side": "SELL", "price": None, "stop_px": 90, "ord_type": "STOP"}, "10", "11.11"),
        ({"side": "BUY", "price": None, "stop_px": 95, "ord_type": "MIT"}, "6", "6.32"),
        ({"side": "BUY", "price": None, "ord_type": "MARKET"}, None, None),
    ],
)
def test_distance_is_what_the_market_must_move(
    terms: dict[str, Any], away: str | None, percent: str | None
) -> None:
    trader, order = member("trader", ACCOUNT), placed("one")
    Order.objects.filter(pk=order.pk).update(**terms)
    Instrument.objects.filter(pk=order.instrument_id).update(
        **MARKET, **dict.fromkeys(TIMES, order.received_at)
    )
    (row,) = trader.get(reverse(BLOTTER)).context["rows"]
    found = row["order"]
    assert found.distance == (away and Decimal(away))
    assert (found.distance_percent and round(found.distance_percent, 2)) == (percent and Decimal(percent))


TIMES = ("bid_px_at", "ask_px_at", "last_px_at")


def test_prices_are_told_without_anything_happening_to_the_order() -> None:
    trader, order = member("trader", ACCOUNT), placed("one")
    Instrument.objects.filter(pk=order.instrument_id).update(
        **MARKET, **dict.fromkeys(TIMES, order.received_at)
    )
    told = trader.get(reverse("desk:prices"), {"ids": f"{order.pk},nonsense"}).json()
    assert ">100.00<" in told[str(order.pk)]["last"]
    assert set(told[str(order.pk)]) == {"last", "distance"}


def test_notional_counts_the_multiplier() -> None:
    trader, order = member("trader", ACCOUNT), placed("one")
    Instrument.objects.filter(pk=order.instrument_id).update(multiplier=100)
    trader.post(reverse("desk:columns"), {"column": ["notional"]})
    assert "2,299,500.00" in trader.get(reverse(BLOTTER)).content.decode()
    (sums,) = trader.get(reverse("desk:sums")).context["totals"]
    assert (sums["leaves"], sums["value"]) == (100, Decimal(2_299_500))


def test_a_view_is_saved_with_its_sorting_and_grouping() -> None:
    trader = member("trader", ACCOUNT)
    trader.post(reverse("desk:view_save"), {"name": "mine", "query": "view=open&sort=-limit&p=3"})
    assert SavedView.objects.get().query == "view=open&sort=-limit"
