"""What waits for a second person, and what a silent client had working, at the gateway itself."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

from django.utils import timezone

from brokers.models import BrokerAccount
from orders.controls.persons import approvals
from orders.controls.persons.tokens import make_token
from orders.models import ApiToken, Approval, State
from orders.session.runtime import SessionRuntime
from tests.integration.broker.conftest import ACCOUNT, Desk
from tests.integration.broker.gateway import Gateway
from tests.integration.persons import person


def test_a_large_order_reaches_the_gateway_only_once_it_is_approved(
    desk: Desk, runtime: SessionRuntime, gateway: Gateway, settings: Any
) -> None:
    settings.ORDERS_ABOVE = Decimal(1_000)
    large, small = desk.rest(order_qty=Decimal(2_000)), desk.rest(order_qty=Decimal(1))
    desk.wait(small, State.PENDING)
    assert gateway.orders_of(large) == []
    approvals.approve(Approval.objects.get().pk, actor=person("bob"), reason="agreed")
    runtime.look_soon()
    desk.wait(large, State.PENDING)
    assert len(gateway.orders_of(large)) == 1


def test_a_silent_client_has_nothing_working_at_the_gateway(
    desk: Desk, runtime: SessionRuntime, gateway: Gateway
) -> None:
    order = desk.wait(desk.rest(), State.PENDING)
    make_token(
        "algo", accounts=list(BrokerAccount.objects.filter(pk=ACCOUNT)), scopes=["trade"], heartbeat=30
    )
    ApiToken.objects.update(beat_within=30, due_at=timezone.now() - timedelta(seconds=1))
    desk.wait(order, State.CANCELED)
    assert {row["status"] for row in gateway.orders_of(order)} == {"Cancelled"}
