"""What /metrics says of hops, refusals, slippage, breakers, pacing and queues."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
import redis
from django.contrib.auth.models import User
from django.core.management import call_command
from django.test import Client
from django.utils import timezone

from brokers.fix import OrdType, Side
from brokers.models import GatewaySession, Instrument
from orders.entry.place import place_order
from orders.entry.reading.ticket import InstrumentKey, Ticket
from orders.instruments.prices import last_prices
from orders.models import Order, ReconciliationRun, Source
from orders.notify import redis_client
from tradedesk.metrics import hops, trading

NUMBERS = iter(range(1_000_000))


@pytest.fixture(autouse=True)
def desk(db: None, settings: Any) -> Iterator[None]:
    """The seeded rows with instruments resolved; nothing remembered of other tests."""
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]  # scrypt is slow by design
    call_command("seed")
    for number, instrument in enumerate(Instrument.objects.all(), start=1):
        instrument.con_id, instrument.last_px = number, Decimal(200)
        instrument.last_px_at = timezone.now()
        instrument.save()
    hops._closed.clear()
    trading._over.clear()
    last_prices.__init__()  # type: ignore[misc]
    yield
    hops._closed.clear()


def placed(side: Side = Side.BUY, qty: int = 10) -> Order:
    ticket = Ticket(
        cl_ord_id=f"m-{next(NUMBERS)}",
        account="DU1234567",
        instrument=InstrumentKey(symbol="AAPL"),
        side=side,
        order_qty=Decimal(qty),
        ord_type=OrdType.MARKET,
    )
    client, _ = User.objects.get_or_create(username="algo")
    return place_order(ticket, client=client, source=Source.API, received_at=timezone.now()).order


def changed(order: Order, **fields: Any) -> None:
    Order.objects.filter(pk=order.pk).update(**fields)


def metrics() -> dict[str, float]:
    """Every sample by its name and labels, as exposed."""
    text = Client().get("/metrics").content.decode()
    lines = (line.rpartition(" ") for line in text.splitlines() if not line.startswith("#"))
    return {name: float(value) for name, _, value in lines}


def test_a_hop_is_counted_in_every_bucket_that_it_fits() -> None:
    order = placed()
    changed(order, recorded_at=order.received_at + timedelta(milliseconds=5))
    found = metrics()
    name = 'tradedesk_hop_seconds_bucket{hop="record",le="%s"}'
    assert [found[name % bound] for bound in ("0.004", "0.006", "60.0", "+Inf")] == [0, 1, 1, 1]
    assert found['tradedesk_hop_seconds_sum{hop="record"}'] == pytest.approx(0.005)
    assert found['tradedesk_hop_seconds_count{hop="send"}'] == 0


def test_an_hour_that_is_over_is_read_no_more() -> None:
    now = datetime(2026, 3, 2, 14, 30, tzinfo=UTC)
    begin = now.replace(hour=12, minute=0)
    first = hops.hour_from(begin, now)
    assert hops.hour_from(begin, now) is first
    assert hops.hour_from(begin + timedelta(hours=1), now) is not hops.hour_from(
        begin + timedelta(hours=1), now
    )


def test_an_hour_whose_orders_are_over_is_read_again_only_after_a_while(
    django_assert_num_queries: Any,
) -> None:
    begin = datetime(2026, 3, 2, 12, tzinfo=UTC)
    now = begin + timedelta(hours=1, minutes=1)
    trading.hour_from(begin, now)
    with django_assert_num_queries(0):
        trading.hour_from(begin, now + trading.REMEMBERED / 2)
    with django_assert_num_queries(1):
        trading.hour_from(begin, now + trading.REMEMBERED)


def test_an_hour_with_an_order_that_lives_is_read_each_time(django_assert_num_queries: Any) -> None:
    order = placed()
    begin = order.received_at.replace(minute=0, second=0, microsecond=0)
    for _ in range(2):
        with django_assert_num_queries(1):
            assert trading.hour_from(begin, begin + timedelta(hours=2)) == {("CREATED", ""): 1}


def test_refusals_are_counted_by_reason() -> None:
    placed(qty=10)
    placed(qty=20_000)
    found = metrics()
    refused = 'tradedesk_orders_refused_total{reason="QTY_ABOVE_LIMIT",state="REJECTED"}'
    assert (found[refused], found["tradedesk_orders_recorded_total"]) == (1, 2)
    assert found["tradedesk_order_success_ratio"] == 0.5
    assert found["tradedesk_order_error_ratio"] == 0


@pytest.mark.parametrize(("side", "bps"), [(Side.BUY, 50), (Side.SELL, -50)])
def test_slippage_is_reported_against_the_price_at_receipt(side: Side, bps: float) -> None:
    changed(placed(side), cum_qty=10, avg_px=Decimal(201))
    found = metrics()
    assert found['tradedesk_slippage_bps{quantile="0.5"}'] == pytest.approx(bps)
    assert found["tradedesk_slippage_orders"] == 1


def test_breaker_and_comparisons_are_reported_by_session() -> None:
    GatewaySession.objects.update(breaker="OPEN")
    at = timezone.now() - timedelta(seconds=40)
    ReconciliationRun.objects.create(
        session_id="main", kind="ORDERS", started_at=at, finished_at=at, ok=False
    )
    found = metrics()
    assert found['tradedesk_session_breaker{session="main",state="OPEN"}'] == 1
    assert found['tradedesk_session_breaker{session="main",state="CLOSED"}'] == 0
    assert 40 <= found['tradedesk_reconciliation_age_seconds{kind="ORDERS",session="main"}'] < 100


def test_no_age_is_negative_for_what_changes_while_it_is_scraped() -> None:
    order = placed()
    changed(order, updated_at=timezone.now() + timedelta(seconds=5))
    assert metrics()['tradedesk_orders_oldest_seconds{state="CREATED"}'] == 0


def test_pacing_is_reported_as_a_share_of_what_is_allowed(settings: Any) -> None:
    settings.PACING_PER_SECOND = 2
    changed(placed(), claimed_at=timezone.now())
    assert metrics()['tradedesk_session_pacing_used_ratio{session="main"}'] == pytest.approx(0.05)


def test_celerys_queues_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    found = metrics()
    assert found["tradedesk_redis_up"] == 1
    assert found['tradedesk_celery_queue_messages{queue="default"}'] >= 0
    nobody = redis.Redis(port=1, retry=None, socket_connect_timeout=1)
    monkeypatch.setattr(redis_client, "request_client", lambda: nobody)
    found = metrics()
    assert found["tradedesk_redis_up"] == 0
    assert found["tradedesk_database_up"] == 1
