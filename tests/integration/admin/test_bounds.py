"""However much there is, a page of the desk takes the same queries."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from django.contrib.auth.models import Group, User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from brokers.models import BrokerAccount, CashBalance, Instrument, LinkChange, Position, Profit, ProfitPoint
from orders.models import Alert, Break, BreakNote, DeskJob, DeskJobRow, DeskProfile, Order
from tests.integration.admin.conftest import fill
from tests.integration.admin.test_pages import copy
from tests.integration.api.conftest import ACCOUNT

GOOD = {
    **{"account": ACCOUNT, "symbol": "AAPL", "side": "BUY", "order_qty": "1", "ord_type": "LIMIT"},
    **{"price": "200", "time_in_force": "DAY", "cl_ord_id": "a"},
}


def grow(job: DeskJob, start: int, stop: int) -> None:
    """More of everything that these pages show."""
    now, first = timezone.now(), Order.objects.order_by("id")[0]
    seen = {"first_seen": now, "last_seen": now}
    parent, _ = Break.objects.get_or_create(
        session_id="main", kind="ORDER", key="k", defaults={"ours": {"a": "1"}, **seen}
    )
    for number in range(start, stop):
        LinkChange.objects.create(session_id="main", link="READY", at=now)
        Break.objects.create(session_id="main", kind="CASH", key=str(number), account_id=ACCOUNT, **seen)
        BreakNote.objects.create(parent=parent, by="desk:jo", act="NOTE", text="x")
        Alert.objects.create(
            kind="SESSION", session_id="main", subject=str(number), raised_at=now, last_raised_at=now
        )
        DeskJob.objects.create(kind="CANCEL", owner=job.owner, name=f"job {number}")
        DeskJobRow.objects.create(job=job, line=number, account_id=ACCOUNT, order=first, fields=GOOD)
        user = User.objects.create(username=f"p-{number}")
        user.groups.add(Group.objects.get_or_create(name="viewer")[0])
        DeskProfile.objects.create(user=user).accounts.add(ACCOUNT)
        CashBalance.objects.create(account_id=ACCOUNT, currency=f"C{number}", amount=1, reported_at=now)
        Position.objects.create(
            account_id=ACCOUNT, con_id=1000 + number, symbol="X", position_qty=1, avg_cost=1, reported_at=now
        )
        Profit.objects.create(account_id=ACCOUNT, con_id=1000 + number, reported_at=now)
        ProfitPoint.objects.create(account_id=ACCOUNT, at=now.replace(microsecond=number))
        BrokerAccount.objects.create(code=f"DU9{number:05}", session_id="main")
    copy(first, start + 1000, stop + 1000)


def pages(job: DeskJob) -> dict[str, str]:
    """The pages, by name."""
    lists = {
        name: reverse(f"admin:{name}_changelist") for name in ("orders_break", "orders_alert", "auth_user")
    }
    lists |= {
        name: reverse(f"admin:{name}_changelist") for name in ("brokers_brokeraccount", "brokers_position")
    }
    lists |= {name: reverse(f"desk:{name}") for name in ("ticket", "basket", "jobs", "sums", "attention")}
    instrument, position = Instrument.objects.get(symbol="AAPL"), Position.objects.order_by("id")[0]
    ones = {
        "brokers_gatewaysession": "main",
        "brokers_brokeraccount": ACCOUNT,
        "brokers_position": position.pk,
        "brokers_instrument": instrument.pk,
        "orders_break": Break.objects.order_by("id")[0].pk,
        "orders_alert": Alert.objects.order_by("id")[0].pk,
    }
    own = {f"one {name}": reverse(f"admin:{name}_change", args=[pk]) for name, pk in ones.items()}
    own["market"] = reverse("desk:market", args=[instrument.pk])
    return {**lists, **own, "job": reverse("desk:job", args=[job.pk])}


def looks(client: Client, job: DeskJob) -> dict[str, Callable[[], int]]:
    """How to count the queries of each page, and of the ticket's check."""
    found = {name: partial(looked, client, url) for name, url in pages(job).items()}
    return {**found, "check": partial(checked, client)}


def looked(client: Client, url: str) -> int:
    """Queries of a page."""
    with CaptureQueriesContext(connection) as captured:
        assert client.get(url).status_code == 200, url
    return len(captured)


def checked(client: Client) -> int:
    """Queries of a check."""
    with CaptureQueriesContext(connection) as captured:
        assert client.post(reverse("desk:ticket_check"), GOOD).status_code == 200
    return len(captured)


def test_every_page_takes_the_same_queries_for_thirty_rows(boss: Client, memories_last: None) -> None:
    fill(1)
    job = DeskJob.objects.create(kind="PLACE", owner=User.objects.get(username="jo-1"), name="basket")
    grow(job, 0, 3)
    few = {name: min(look(), look()) for name, look in looks(boss, job).items()}
    grow(job, 3, 30)
    for name, look in looks(boss, job).items():
        # What is remembered for a moment may end in any look on a slow machine: one of them has as few.
        assert any(look() == few[name] for _ in range(3)), name
    # Trading states, sessions, waiting approvals and the place in the events stand in every page's header.
    assert max(few.values()) <= 25, few  # the account asks too which of its positions is a break
