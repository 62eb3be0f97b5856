"""Which instruments come first when there are fewer lines of market data than instruments."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from django.utils import timezone

from brokers.models import Instrument, Position
from orders.instruments.watchlist import wanted
from orders.models import Order

PRICED = Decimal(1)


def test_orders_then_positions_then_those_without_a_price_come_first(order: Order, settings: Any) -> None:
    settings.MARKET_DATA_LINES = 5  # four are kept for these, one goes round
    Instrument.objects.update(con_id=None)
    made = [Instrument.objects.create(symbol=f"N{n}", con_id=n, last_px=PRICED) for n in range(1, 10)]
    Order.objects.update(instrument=made[8])
    Position.objects.create(
        account=order.account, con_id=8, position_qty=10, avg_cost=PRICED, reported_at=timezone.now()
    )
    Instrument.objects.filter(pk=made[6].pk).update(last_px=None)
    chosen = wanted("main")
    assert chosen[:3] == [made[8].pk, made[7].pk, made[6].pk]
    assert len(chosen) == 5
