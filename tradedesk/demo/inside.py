"""What the demo needs to know from inside the system: prices, and its own comparisons with the broker."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

from brokers.fix import SecType
from brokers.models import BrokerAccount, Instrument
from orders.management.commands.seed import SYMBOLS
from orders.reconciliation.on_demand import reconcile_now
from tradedesk.demo.checks import Reconciliation
from tradedesk.demo.orders import Quote

T = TypeVar("T")
LIMIT = 180.0  # seconds


def eventually(ask: Callable[[], T], limit: float = LIMIT) -> T:
    """Ask until the answer is true and return it; after `limit` seconds the last answer, whatever it is."""
    deadline = time.monotonic() + limit
    while not (answer := ask()) and time.monotonic() < deadline:
        time.sleep(0.25)
    return answer


def quotes() -> list[Quote]:
    """The sample instruments, as far as the broker has resolved them and shown a price."""
    known = (
        Instrument.objects.listed()
        .filter(symbol__in=SYMBOLS, sec_type=SecType.STK, exchange="SMART", currency="USD")
        .exclude(con_id=None)
    )
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
    return [
        Reconciliation(kind=run.kind, ok=run.ok, differences=run.differences, error=run.error)
        for run in reconcile_now(session, limit=LIMIT)
    ]
