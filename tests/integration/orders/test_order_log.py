"""Every log line about an order names it, and is written once it is true."""

from __future__ import annotations

import logging
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import transaction
from django.utils import timezone

from brokers.models import BrokerAccount, GatewaySession, Instrument
from orders.models import Cause, Order, State
from orders.store.orders import record_orders


@pytest.fixture
def order(db: None) -> Order:
    """An order of no rules, not yet recorded."""
    session = GatewaySession.objects.create(name="log-test")
    account = BrokerAccount.objects.create(code="DU1", session=session)
    now = timezone.now()
    order = Order(
        client=User.objects.create(username="algo"),
        cl_ord_id="l-1",
        order_ref="TDLOG",
        account=account,
        session=session,
        instrument=Instrument.objects.create(symbol="AAPL", sec_type="STK"),
        side="BUY",
        order_qty=1,
        ord_type="MARKET",
        time_in_force="DAY",
        fresh_until=now,
        received_at=now,
        updated_at=now,
    )
    order.record_event("RECORDED", Cause(actor="test", at=now), from_state="")  # type: ignore[arg-type]
    return order


def lines(caplog: pytest.LogCaptureFixture) -> list[Any]:
    return [record for record in caplog.records if record.name == "orders.events"]


@pytest.mark.django_db(transaction=True)
def test_a_line_carries_every_name_of_its_order(order: Order, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    record_orders([order], queued=False)
    (said,) = lines(caplog)
    assert (said.cl_ord_id, said.order_ref, said.account) == ("l-1", "TDLOG", "DU1")
    assert (said.trace_id, said.state) == (order.id.hex, State.CREATED)


@pytest.mark.django_db(transaction=True)
def test_what_is_rolled_back_is_not_logged(order: Order, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    with transaction.atomic():
        record_orders([order], queued=False)
        transaction.set_rollback(True)
    assert lines(caplog) == []
