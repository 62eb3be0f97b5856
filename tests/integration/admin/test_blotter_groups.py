"""The blotter in groups: by symbol, strategy and parent, with sums; what is asked of a parent as a whole."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from orders.models import GroupKind, Order, OrderGroup, SlicedOrder, SliceState
from tests.integration.admin.test_people import member
from tests.integration.api.conftest import ACCOUNT, placed

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("desk", "groups")]
BLOTTER = "admin:orders_order_changelist"


def rows(client: Client, **query: str) -> list[dict[str, Any]]:
    """The rows of the page."""
    return list(client.get(reverse(BLOTTER), query).context["rows"])


def heads(client: Client, **query: str) -> dict[str, dict[str, Any]]:
    """The heads of the groups of the page, by title."""
    return {row["head"]["title"]: row["head"] for row in rows(client, **query) if "head" in row}


def added(client: Client, **query: str) -> dict[str, dict[str, Any]]:
    """The sums of the groups of the page, as it asks for them when its rows are there."""
    told = client.get(reverse("desk:sums"), query).context["heads"]
    return {head["title"]: head["sums"][0] for head in told}


def tied(*names: str) -> OrderGroup:
    """Orders of which one cancels the others."""
    orders = [placed(name) for name in names]
    group = OrderGroup.objects.create(
        client=User.objects.get(username="algo"),
        list_id="exits",
        request_hash="x",
        kind=GroupKind.OCA,
        session=orders[0].session,
        received_at=timezone.now(),
    )
    for rank, order in enumerate(orders):
        Order.objects.filter(pk=order.pk).update(group=group, group_rank=rank)
    return group


def slices(*names: str, state: SliceState = SliceState.RUNNING) -> SlicedOrder:
    """An order in slices, with these."""
    orders, now = [placed(name) for name in names], timezone.now()
    parent = SlicedOrder.objects.create(
        client=User.objects.get(username="algo"),
        cl_ord_id="twap",
        request_hash="x",
        account=orders[0].account,
        session=orders[0].session,
        instrument=orders[0].instrument,
        ticket={"side": "BUY", "ord_type": "LIMIT"},
        order_qty=1000,
        slices=10,
        made=len(names),
        state=state,
        start_time=now,
        end_time=now + timedelta(hours=1),
        received_at=now,
        history=[{"at": now.isoformat(), "state": "RUNNING", "actor": "x", "text": ""}],
    )
    Order.objects.filter(cl_ord_id__in=names).update(parent=parent)
    return parent


def test_rows_are_grouped_by_symbol_with_sums() -> None:
    trader = member("trader", ACCOUNT)
    for number, symbol in enumerate(("MSFT", "AAPL", "MSFT")):
        placed(f"o-{number}", symbol=symbol)
    assert list(heads(trader, group="symbol")) == ["AAPL", "MSFT"]
    assert {title: sum["leaves"] for title, sum in added(trader, group="symbol").items()} == {
        "AAPL": 100,
        "MSFT": 200,
    }
    assert [row["order"].cl_ord_id for row in rows(trader, group="symbol")] == ["o-1", "o-2", "o-0"]


def test_rows_are_grouped_by_strategy_whatever_its_name() -> None:
    trader = member("trader", ACCOUNT)
    for name in ("none", 'a"]<b>'):
        Order.objects.filter(pk=placed(name).pk).update(strategy="" if name == "none" else name)
    page = trader.get(reverse(BLOTTER), {"group": "strategy"}).content.decode()
    assert "no strategy" in page
    assert "<b>a&quot;]&lt;b&gt;</b>" in page


def test_sums_of_a_group_are_of_the_whole_view_not_of_the_page() -> None:
    trader = member("trader", ACCOUNT)
    for number in range(3):
        placed(f"o-{number}")
    Order.objects.filter(cl_ord_id="o-0").update(state="CANCELED")
    assert added(trader, group="symbol", view="open")["AAPL"]["count"] == 2
    assert added(trader, group="symbol")["AAPL"]["count"] == 3


def test_totals_are_the_same_however_rows_are_grouped() -> None:
    trader = member("trader", ACCOUNT)
    for number, symbol in enumerate(("MSFT", "AAPL", "MSFT")):
        placed(f"o-{number}", symbol=symbol)
    Order.objects.filter(cl_ord_id="o-1").update(cum_qty=40, avg_px=230)
    ways = ("none", "symbol", "strategy", "parent")
    told = [trader.get(reverse("desk:sums"), {"group": how}).context["totals"] for how in ways]
    assert told == told[:1] * len(ways)
    assert [(sum["count"], sum["leaves"], sum["done"]) for sum in told[0]] == [(3, 260, 9200)]


def test_what_reads_the_whole_view_is_added_up_after_the_rows() -> None:
    trader, _ = member("trader", ACCOUNT), tied("profit", "stop")
    assert heads(trader, group="symbol")["AAPL"]["sums"] is None
    assert heads(trader, group="parent")["exits"]["sums"][0]["count"] == 2


def test_the_first_view_shows_a_parent_as_one_row() -> None:
    trader = member("trader", ACCOUNT)
    placed("alone")
    tied("profit", "stop")
    slices("s-1", "s-2")
    page = trader.get(reverse(BLOTTER))
    assert {row["order"].cl_ord_id for row in page.context["rows"] if "group" not in row} == {"alone"}
    assert set(heads(trader)) == {"exits", "twap"}
    assert page.content.decode().count(" hidden data-id") == 4
    assert heads(trader, sort="qty") == {}
    assert heads(trader, group="none") == {}


def test_a_cancel_of_a_whole_group_names_what_goes_with_it() -> None:
    trader, group = member("trader", ACCOUNT), tied("profit", "stop")
    head = heads(trader)["exits"]
    url = reverse("desk:act", args=[head["cancel_from"].pk, "cancel_group"])
    assert url in trader.get(reverse(BLOTTER)).content.decode()
    page = trader.get(url).content.decode()
    assert "Order profit of" in page and "stop: BUY 100 left of 100" in page
    key = uuid4()
    for _ in range(2):
        trader.post(url, {"key": key, "reason": "done", "next": "/admin/orders/order/"})
    assert set(group.orders.values_list("state", flat=True)) == {"CANCELED"}
    viewer = member("viewer", ACCOUNT)
    assert viewer.get(url).status_code == 403
    assert member("trader").get(url).status_code == 404


@pytest.mark.parametrize(
    ("state", "acts"),
    [
        (SliceState.RUNNING, ["pause", "cancel"]),
        (SliceState.PAUSED, ["resume", "cancel"]),
        (SliceState.DONE, []),
    ],
)
def test_a_parent_is_asked_what_its_state_allows(state: SliceState, acts: list[str]) -> None:
    trader, parent = member("trader", ACCOUNT), slices("s-1", state=state)
    assert [act["name"] for act in heads(trader)["twap"]["acts"]] == acts
    page = trader.get(reverse("desk:sliced_ask", args=[parent.pk, "cancel"])).content.decode()
    assert "s-1: BUY 100 left of 100" in page


def test_sums_and_progress_are_told_again_without_the_rows() -> None:
    trader = member("trader", ACCOUNT)
    slices("s-1")
    Order.objects.filter(cl_ord_id="s-1").update(cum_qty=40, avg_px=230)
    answer = trader.get(reverse("desk:sums")).content.decode()
    assert "40 of 1,000 executed" in answer
