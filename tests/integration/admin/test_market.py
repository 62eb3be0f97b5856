"""The market's part of a page: what is said when there is none, and how far what there is may be trusted."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from brokers.market import Level, MarketDataType, MarketView
from brokers.models import GatewaySession, Instrument
from orders.admin.market.live_market import condition_of, levels
from orders.instruments import market_views
from orders.instruments.market_views import PublishedView
from orders.notify import redis_client

GOOD = MarketView(con_id=1, bid=Decimal(199), ask=Decimal(201), feed=MarketDataType.LIVE, at=timezone.now())


def shown(link: str = "READY", ago: float = 0, **view: Any) -> PublishedView:
    changed = msgspec.structs.replace(GOOD, **view)
    return PublishedView(
        view=changed, link=link, link_reason="why", shown_at=timezone.now() - timedelta(seconds=ago)
    )


@pytest.mark.parametrize(
    ("what", "words", "usable"),
    [
        ({}, "Live.", True),
        ({"feed": MarketDataType.DELAYED}, "Delayed prices", True),
        ({"feed": MarketDataType.FROZEN}, "market is closed", True),
        ({"ago": 9}, "Stale since", False),
        ({"link": "DOWN"}, "the link is DOWN (why)", False),
        ({"link": "BROKER_LOST"}, "the link is BROKER_LOST", False),
        ({"problem": "354: not subscribed"}, "354: not subscribed", False),
        ({"at": None}, "No price has come yet", False),
    ],
)
def test_every_doubt_about_a_price_is_said(what: dict[str, Any], words: str, usable: bool) -> None:
    condition = condition_of(shown(**what))
    assert words in condition.words
    assert condition.usable is usable


def test_slots_stay_when_the_book_is_short(desk: None) -> None:
    view = msgspec.structs.replace(GOOD, bids=(Level(price=Decimal(199), size=Decimal(5)),))
    found = levels(view, Instrument.objects.all()[0], {("BUY", Decimal(199)): Decimal(7)}, 10)
    assert len(found) == 10
    assert (found[0]["bid"]["px"], found[0]["bid"]["ours"]) == ("199.00", "◂ ours 7")
    assert found[0]["ask"]["px"] == "–"


def test_a_gateway_outage_is_shown_beside_the_kept_price(boss: Client) -> None:
    GatewaySession.objects.update(link="DOWN", link_reason="connection refused")
    page = boss.get(reverse("desk:market", args=[Instrument.objects.all()[0].pk])).content.decode()
    assert "No live prices: the gateway is not connected (connection refused)" in page
    assert "200.00" in page
    assert "data-px" not in page  # an old price is not for clicking


@pytest.mark.parametrize(
    ("rights", "status"),
    [
        (["brokers.view_instrument", "orders.view_order"], 200),
        (["brokers.view_instrument"], 403),
        (["orders.view_order"], 403),
    ],
)
def test_an_instruments_page_shows_orders_and_needs_their_right(
    person: Callable[..., Client], rights: list[str], status: int
) -> None:
    url = reverse("admin:brokers_instrument_change", args=[Instrument.objects.all()[0].pk])
    assert person(*rights).get(url).status_code == status


def test_without_redis_it_is_said(boss: Client, settings: Any) -> None:
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    redis_client.forget_clients()
    page = boss.get(reverse("desk:market", args=[Instrument.objects.all()[0].pk])).content.decode()
    redis_client.forget_clients()
    assert "Redis does not answer" in page


def test_what_the_broker_worker_shows_is_on_the_page(boss: Client) -> None:
    instrument = Instrument.objects.all()[0]
    key = market_views.view_key("main", instrument.pk)
    redis_client.client().set(
        key, msgspec.json.encode(shown(bids=(Level(price=Decimal(198), size=Decimal(3)),)))
    )
    page = boss.get(reverse("admin:brokers_instrument_change", args=[instrument.pk])).content.decode()
    redis_client.client().delete(key)
    assert "Live." in page
    assert "198.00" in page
