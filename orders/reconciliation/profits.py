"""Profit and loss as the broker reckons it: followed while the broker worker runs, kept minute by minute."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal, InvalidOperation

from django.db.models import Max
from django.db.models.functions import TruncHour

from brokers.inbox.writer import InboxWriter
from brokers.models import AccountValue, BrokerAccount, Position, Profit, ProfitPoint
from brokers.port import BrokerSession
from brokers.postgres import clock, storable
from orders.reconciliation.reported import store_reported

#: Positions of one session that are followed at once, each a subscription at the gateway.
MAX_FOLLOWED = 100
FIGURES = ("daily", "unrealized", "realized", "value")
#: A figure older than this is not of the minute that is kept: a gap is drawn, no guess.
FRESH = timedelta(minutes=2)
MINUTES_KEPT = timedelta(days=2)
HOURS_KEPT = timedelta(days=400)
NET = "NetLiquidation"


def follow(session: str, broker: BrokerSession, writer: InboxWriter) -> None:
    """Have every account and open position of the session told, and store what was told since."""
    accounts = BrokerAccount.objects.filter(session_id=session).values_list("pk", flat=True)
    held = Position.objects.filter(account__session_id=session).exclude(position_qty=0)
    positions = held.order_by("account", "con_id").values_list("account_id", "con_id")[:MAX_FOLLOWED]
    broker.follow_profits({*((account, 0) for account in accounts), *positions})
    _store(set(accounts), writer)


def _store(accounts: set[str], writer: InboxWriter) -> None:
    told, writer.profits = writer.profits, {}
    now = clock.now()
    rows = [
        Profit(
            account_id=report.account,
            con_id=report.con_id,
            reported_at=now,
            **{name: storable.number(getattr(report, name)) for name in FIGURES},
        )
        for report in told.values()
        if report.account in accounts
    ]
    store_reported(Profit, rows, ["account", "con_id"], FIGURES)


def keep_minute() -> int:
    """Keep what every account and position is at in this minute; how many. Twice a minute is as once."""
    now = clock.now()
    minute = now.replace(second=0, microsecond=0)
    worth = net_liquidations()
    points = [
        ProfitPoint(
            account_id=row.account_id,
            con_id=row.con_id,
            at=minute,
            daily=row.daily,
            unrealized=row.unrealized,
            realized=row.realized,
            value=row.value if row.con_id else worth.get(row.account_id),
        )
        for row in Profit.objects.filter(reported_at__gt=now - FRESH)
    ]
    return len(ProfitPoint.objects.bulk_create(points, ignore_conflicts=True))


def net_liquidations() -> dict[str, Decimal]:
    """What each account is worth as the broker says; one that is not a number is left out."""
    found = {}
    for account, text in AccountValue.objects.filter(key=NET).values_list("account_id", "value"):
        try:
            worth = storable.number(Decimal(text))
        except InvalidOperation:
            continue
        if worth is not None:
            found[account] = worth
    return found


def history(account: str, con_id: int, since: datetime) -> list[ProfitPoint]:
    """The kept minutes of an account (con_id 0) or of a position, oldest first."""
    return list(ProfitPoint.objects.filter(account=account, con_id=con_id, at__gte=since))


def forget_old_points() -> int:
    """Thin minutes of past days to the last of each hour, and forget very old hours; how many went."""
    now = clock.now()
    past = ProfitPoint.objects.filter(at__lt=now - MINUTES_KEPT)
    hours = past.annotate(hour=TruncHour("at")).order_by().values("account", "con_id", "hour")
    thinned, _ = past.exclude(pk__in=hours.annotate(latest=Max("pk")).values("latest")).delete()
    gone, _ = past.filter(at__lt=now - HOURS_KEPT).delete()
    return thinned + gone
