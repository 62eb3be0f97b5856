"""What the demo needs to know from inside the system: prices, and its own comparisons with the broker."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import TypeVar

from django.utils import timezone

from brokers.fix import SecType
from brokers.models import BrokerAccount, Instrument
from orders.management.commands.seed import SYMBOLS
from orders.models import ReconciliationKind, ReconciliationRun
from orders.tasks import reconcile_orders, reconcile_positions
from tradedesk.demo.checks import Reconciliation
from tradedesk.demo.orders import Quote

T = TypeVar("T")
LIMIT = 180.0  # seconds
ASK_AGAIN = 20.0  # seconds; a task that Redis lost is asked for again


def eventually(ask: Callable[[], T], limit: float = LIMIT) -> T:
    """Ask until the answer is true and return it; after `limit` seconds the last answer, whatever it is."""
    deadline = time.monotonic() + limit
    while not (answer := ask()) and time.monotonic() < deadline:
        time.sleep(0.25)
    return answer


def quotes() -> list[Quote]:
    """The sample instruments, as far as the broker has resolved them and shown a price."""
    known = Instrument.objects.filter(
        symbol__in=SYMBOLS, sec_type=SecType.STK, exchange="SMART", currency="USD"
    ).exclude(con_id=None)
    return [
        Quote(symbol=row.symbol, last_px=row.last_px, min_tick=row.min_tick)
        for row in known.order_by("symbol")
        if row.last_px and row.min_tick
    ]


def all_quotes() -> list[Quote]:
    """The same once all are there; empty before."""
    found = quotes()
    return found if len(found) == len(SYMBOLS) else []


def account_on(session: str) -> str:
    """The code of the first account that this session carries; empty when there is none."""
    return (
        BrokerAccount.objects.filter(session=session).order_by("code").values_list("pk", flat=True).first()
        or ""
    )


def reconcile(session: str) -> list[Reconciliation]:
    """Have the broker worker compare orders and positions with the broker now, and give the results."""
    asked_at = timezone.now()

    def ask() -> list[Reconciliation]:
        for task in (reconcile_orders, reconcile_positions):
            task.apply_async(args=(session,), queue=f"broker.{session}", expires=ASK_AGAIN)
        return eventually(lambda: newest(session, asked_at), ASK_AGAIN)

    return eventually(ask)


def newest(session: str, since: datetime) -> list[Reconciliation]:
    """The newest comparison of each kind that started after `since`; empty until there is one of each."""
    runs = ReconciliationRun.objects.filter(session=session, started_at__gt=since).order_by("-id")
    found: Sequence[ReconciliationRun | None] = [
        runs.filter(kind=kind).first() for kind in ReconciliationKind
    ]
    return [
        Reconciliation(kind=run.kind, ok=run.ok, differences=run.differences, error=run.error)
        for run in found
        if run is not None and all(found)
    ]
