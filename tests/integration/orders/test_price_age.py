"""What has no price of its own is valued only at a price that the broker told lately."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from threading import Thread
from time import sleep
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from brokers.models import GatewaySession, Instrument
from orders.instruments import prices
from orders.instruments.prices import last_prices
from orders.models import Order
from tests.integration.api.conftest import Api, api, body, desk, groups, token

__all__ = ["api", "desk", "groups", "token"]


def priced(px: int | None, at: datetime | None) -> None:
    Instrument.objects.update(last_px=px, last_px_at=at)
    last_prices.forget()


def market(api: Api, **changes: Any) -> Any:
    return api.post("orders", body(ord_type="MARKET", price=..., **changes))


@pytest.mark.parametrize(
    ("age", "words"),
    [(timedelta(days=30), "the last price 200 is 720 hours old, at most 96"), (None, "of unknown age")],
)
def test_an_order_without_a_price_is_not_valued_at_an_old_one(
    api: Api, age: timedelta | None, words: str
) -> None:
    priced(200, timezone.now() - age if age else None)
    refused = market(api)
    assert (refused.status_code, refused.json()["code"]) == (422, "NO_REFERENCE_PRICE")
    assert words in refused.json()["report"][-1]["value"]
    assert api.post("orders", body("a-2")).status_code == 201, "a limit order has a price of its own"


def test_a_price_of_friday_holds_until_monday(api: Api) -> None:
    priced(200, timezone.now() - timedelta(hours=66))
    assert market(api).status_code == 201


@pytest.fixture
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """An order waits for its price longer than a slow machine takes for an order."""
    monkeypatch.setitem(prices.await_prices.__kwdefaults__, "timeout", 120.0)


def test_without_a_session_nobody_waits_for_a_price(api: Api, patience: None) -> None:
    priced(None, None)
    began = timezone.now()
    assert market(api).status_code == 422
    assert timezone.now() - began < timedelta(seconds=60)


@pytest.mark.django_db(transaction=True)
def test_the_first_market_order_waits_for_its_price(api: Api, patience: None) -> None:
    priced(None, None)
    GatewaySession.objects.update(link="READY", heartbeat_at=timezone.now())

    def tell() -> None:
        sleep(0.5)
        Instrument.objects.update(last_px=Decimal(200), last_px_at=timezone.now())
        connection.close()

    broker = Thread(target=tell)
    broker.start()
    answers = [market(api), api.post("orders/bulk", {"orders": [body("b-1", ord_type="MARKET", price=...)]})]
    broker.join()
    assert [answer.status_code for answer in answers] == [201, 200], answers[0].content
    assert set(Order.objects.values_list("state", flat=True)) == {"CREATED"}
