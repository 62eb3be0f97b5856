"""Alerts: one open row per thing, raised and cleared with what it tells of."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.management import call_command
from django.db import transaction
from django.test import Client
from django.utils import timezone

from brokers.models import Instrument
from orders.models import Alert, AlertKind, Cause, Order, State
from orders.notify.alerts import clear_alert, clear_by_hand, follow_unconfirmed, raise_alert, see_alert
from orders.sending.unknown_outcome import mark_unconfirmed
from orders.store.orders import store_orders
from tests.integration.orders.test_any_order import NOW, Story


@pytest.fixture
def desk(db: None, settings: Any) -> User:
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    call_command("seed")
    Instrument.objects.filter(symbol="AAPL").update(con_id=265598, min_tick=Decimal("0.01"))
    return User.objects.create_user("algo")


def test_the_same_thing_again_only_counts(desk: User) -> None:
    first = raise_alert(AlertKind.SESSION, session="main", text="once")
    assert raise_alert(AlertKind.SESSION, session="main", text="twice") == first
    alert = Alert.objects.get()
    assert (alert.times, alert.text) == (2, "twice")


def test_things_of_one_kind_are_told_apart_by_their_subject(desk: User) -> None:
    for subject in ("AAPL", "MSFT"):
        raise_alert(AlertKind.BREAK, session="main", subject=subject, text="differs")
    clear_alert(AlertKind.BREAK, session="main", subject="AAPL")
    assert Alert.objects.get(cleared_at=None).subject == "MSFT"


def test_what_was_cleared_and_shows_again_is_a_new_alert(desk: User) -> None:
    raise_alert(AlertKind.SESSION, session="main", text="lost")
    assert clear_alert(AlertKind.SESSION, session="main")
    assert not clear_alert(AlertKind.SESSION, session="main")
    raise_alert(AlertKind.SESSION, session="main", text="lost")
    assert Alert.objects.count() == 2


def test_a_person_sees_and_clears_with_a_note(desk: User) -> None:
    key = raise_alert(AlertKind.SESSION, session="main", text="lost")
    assert see_alert(key, user=desk).seen_by == desk
    with pytest.raises(ValueError, match="what was done"):
        clear_by_hand(key, user=desk, note=" ")
    alert = clear_by_hand(key, user=desk, note="restarted it")
    assert (alert.cleared_by, alert.cleared_note) == ("desk:algo", "restarted it")


def changed(order: Order, act: str, text: str) -> None:
    with transaction.atomic():
        locked = Order.objects.select_for_update().get(pk=order.pk)
        getattr(locked, act)(Cause(actor="test", at=NOW, text=text))
        store_orders([locked])


def test_a_held_order_has_an_alert_until_it_is_released(desk: User) -> None:
    order = Story(desk).order
    changed(order, "hold", "nobody knows")
    assert Alert.objects.get(order=order).text == "nobody knows"
    changed(order, "release", "known")
    assert Alert.objects.get(order=order).cleared_at


def test_an_order_long_unconfirmed_has_an_alert_until_resolved(desk: User) -> None:
    order = Story(desk).order
    Order.objects.filter(pk=order.pk).update(state=State.SENT)
    with transaction.atomic():
        order = Order.objects.select_for_update().get(pk=order.pk)
        mark_unconfirmed(order, Cause(actor="test", at=timezone.now() - timedelta(minutes=1)))
        store_orders([order])
    for _ in range(2):
        follow_unconfirmed("main", {})
    alert = Alert.objects.get(kind=AlertKind.IN_DOUBT)
    assert (alert.order_id, alert.times) == (order.pk, 1)
    Order.objects.filter(pk=order.pk).update(state=State.PENDING)
    follow_unconfirmed("main", {})
    alert.refresh_from_db()
    assert alert.cleared_at


def test_open_alerts_are_in_the_metrics_by_kind(desk: User) -> None:
    raise_alert(AlertKind.OVERFILL, session="main", text="too much")
    assert 'tradedesk_alerts_open{kind="OVERFILL"} 1.0' in Client().get("/metrics").content.decode()
