"""The history of profit and loss: a point a minute, thinned to hours."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

from django.core.management import call_command
from django.utils import timezone

from brokers.models import AccountValue, Profit, ProfitPoint
from orders.reconciliation import profits
from tradedesk.stack.clients import ACCOUNT


def told(con_id: int = 0, ago: float = 0) -> Profit:
    at = timezone.now() - timedelta(seconds=ago)
    return Profit.objects.create(account_id=ACCOUNT, con_id=con_id, daily=Decimal("1.5"), reported_at=at)


def test_a_minute_is_kept_once_however_often_beat_runs(db: None) -> None:
    call_command("seed")
    told()
    AccountValue.objects.create(
        account_id=ACCOUNT, key="NetLiquidation", currency="USD", value="1000.25", reported_at=timezone.now()
    )
    profits.keep_minute()
    first = set(ProfitPoint.objects.values_list("at", flat=True))
    profits.keep_minute()
    point = ProfitPoint.objects.order_by("at")[0]
    assert (point.daily, point.value) == (Decimal("1.5"), Decimal("1000.25"))
    assert ProfitPoint.objects.filter(at__in=first).count() == len(first) == 1


def test_an_old_figure_is_a_gap(db: None) -> None:
    call_command("seed")
    told(con_id=1, ago=600)
    assert profits.keep_minute() == 0


def test_past_days_keep_the_last_minute_of_each_hour(db: None) -> None:
    call_command("seed")
    day = (timezone.now() - timedelta(days=5)).replace(minute=0, second=0, microsecond=0)
    for minutes in (0, 20, 59, 60, 61):
        ProfitPoint.objects.create(account_id=ACCOUNT, at=day + timedelta(minutes=minutes), daily=minutes)
    ProfitPoint.objects.create(account_id=ACCOUNT, at=timezone.now() - timedelta(hours=1), daily=7)
    profits.forget_old_points()
    assert [int(point.daily or 0) for point in ProfitPoint.objects.all()] == [59, 61, 7]
