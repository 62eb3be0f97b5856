"""A seeded desk and a person who is logged in."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client
from django.utils import timezone

import tradedesk.urls  # noqa: F401 - a login before the first page counts for its step-up too
from brokers.models import AccountValue, BrokerAccount, InboxMessage, Position
from orders.models import DeskProfile, Execution, Order, ReconciliationRun
from tests.integration.api.conftest import ACCOUNT, desk, groups, placed

__all__ = ["desk", "groups"]
HOSTILE = '"><script>x()</script>{{7*7}}'


@pytest.fixture
def person(desk: None) -> Callable[..., Client]:
    """Log in a person of the desk with these rights: person("orders.view_order")."""

    def login(*rights: str, superuser: bool = False) -> Client:
        number = User.objects.filter(username__startswith="jo-").count() + 1
        user = User.objects.create(username=f"jo-{number}", is_staff=True, is_superuser=superuser)
        DeskProfile.objects.create(user=user).accounts.set(BrokerAccount.objects.all())
        for right in rights:
            app, codename = right.split(".")
            user.user_permissions.add(Permission.objects.get(content_type__app_label=app, codename=codename))
        client = Client()
        client.force_login(user)
        return client

    return login


@pytest.fixture
def boss(person: Callable[..., Client]) -> Client:
    """A superuser."""
    return person(superuser=True)


def fill(count: int) -> None:
    """So many rows in every table that the desk looks at; texts of the broker are hostile."""
    now = timezone.now()
    for number in range(count):
        order = placed(f"o-{number}", symbol=("AAPL", "MSFT", "IBM")[number % 3])
        Order.objects.filter(pk=order.pk).update(reason_text=HOSTILE)
        Execution.objects.create(
            order=order,
            account_id=ACCOUNT,
            exec_id=f"{HOSTILE}{number}",
            exec_root=str(number),
            con_id=number,
            side="BUY",
            last_qty=5,
            last_px=200,
            transact_time=now,
            received_at=now,
            venue=HOSTILE[:30],
        )
        Position.objects.create(
            account_id=ACCOUNT,
            con_id=number,
            symbol=HOSTILE[:30],
            position_qty=number,
            avg_cost=1,
            reported_at=now,
        )
        AccountValue.objects.create(account_id=ACCOUNT, key=f"K{number}", value=HOSTILE, reported_at=now)
        InboxMessage.objects.create(
            session_id="main",
            dedup_key=f"{HOSTILE}{number}",
            kind="order",
            event={"a": HOSTILE},
            raw={"text": HOSTILE},
            received_at=now,
            error=HOSTILE,
        )
        ReconciliationRun.objects.create(
            session_id="main",
            kind="ORDERS",
            started_at=now - timedelta(seconds=1),
            finished_at=now,
            ok=False,
            counts={"orders": 3},
            differences=[{"what": HOSTILE, "ours": "1"}, {"what": "x", "broker": "2"}],
        )
