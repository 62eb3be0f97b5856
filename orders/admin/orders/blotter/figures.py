"""Figures of an order that the database computes: what a page shows is what it sorts by."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from django.db.models import Case, Count, DecimalField, ExpressionWrapper, F, Q, Sum, Value, When
from django.db.models.functions import Coalesce, Greatest, NullIf

from brokers.fix import OrdType, Side
from orders.models import ALIVE

MONEY: DecimalField[Decimal, Decimal] = DecimalField(max_digits=38, decimal_places=10)
ZERO = Value(Decimal(0), output_field=MONEY)
#: Their stop price is reached from the side on which a limit is.
TOUCHED = (OrdType.MIT, OrdType.LIT)


def money(expression: Any) -> ExpressionWrapper[Any]:
    """An expression whose value is a number of ours."""
    return ExpressionWrapper(expression, output_field=MONEY)


#: What may still execute; nothing of an order that is over.
LEAVES = Case(
    When(state__in=ALIVE, then=Greatest(money(F("order_qty") - F("cum_qty")), ZERO)),
    default=ZERO,
    output_field=MONEY,
)
LAST, BID, ASK = (F(f"instrument__{name}_px") for name in ("last", "bid", "ask"))
#: Currency that one unit of price is worth.
UNIT = money(F("instrument__multiplier") / F("instrument__price_magnifier"))
#: What an order is valued at: its own price, else what it executed at, else the last price.
OWN_PX = Coalesce(F("price"), F("stop_px"), NullIf(F("avg_px"), ZERO), LAST, output_field=MONEY)
NOTIONAL = money(F("order_qty") * OWN_PX * UNIT)

IS_STOP = Q(stop_px__isnull=False) & ~Q(ord_type__in=TOUCHED)
IS_BUY = Q(side=Side.BUY)
TARGET = Coalesce(F("stop_px"), F("price"), output_field=MONEY)
#: How far the market must move before a working order is reached: negative when it is reached already.
DISTANCE = Case(
    When(~Q(state__in=ALIVE), then=None),
    When(IS_STOP & IS_BUY, then=money(TARGET - LAST)),
    When(IS_STOP, then=money(LAST - TARGET)),
    When(IS_BUY, then=money(Coalesce(ASK, LAST) - TARGET)),
    default=money(TARGET - Coalesce(BID, LAST)),
    output_field=MONEY,
)
#: The same in percent of the order's own price, which tells orders of different instruments apart.
DISTANCE_PERCENT = money(DISTANCE * 100 / NullIf(TARGET, ZERO))
DISTANCES = {"distance": DISTANCE, "distance_percent": DISTANCE_PERCENT}

_LEFT_PX = Coalesce(F("price"), F("stop_px"), LAST, ZERO, output_field=MONEY)
_LEFT = Greatest(money(F("order_qty") - F("cum_qty")), ZERO)
_ALIVE = Q(state__in=ALIVE)
#: Sums of many orders of one currency. Nothing is computed of an order that adds nothing: most are over.
SUMS = {
    "count": Count("*"),
    "leaves": Coalesce(Sum(_LEFT, filter=_ALIVE), ZERO, output_field=MONEY),
    "value": Coalesce(Sum(money(_LEFT * _LEFT_PX * UNIT), filter=_ALIVE), ZERO, output_field=MONEY),
    "done": Coalesce(
        Sum(money(F("cum_qty") * F("avg_px") * UNIT), filter=Q(cum_qty__gt=0)), ZERO, output_field=MONEY
    ),
}
