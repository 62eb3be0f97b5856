"""Executions added up: what they come to in contracts and in cash."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal

from django.db.models import Case, DecimalField, ExpressionWrapper, F, QuerySet, Sum, When

from brokers.fix import Side
from orders.models import Execution

#: Marked to market daily: cash moves by the profit that the broker reports, not by the price.
MARKED = ("FUT", "CFD")
ZERO = Decimal(0)

Contract = tuple[str, int]  # account, con_id
Currency = tuple[str, str]  # account, currency


@dataclass(frozen=True, kw_only=True)
class TradedTotal:
    """What executions of one contract come to; quantity and value are signed, bought is positive."""

    con_id: int
    symbol: str
    sec_type: str
    currency: str
    quantity: Decimal
    value: Decimal
    realized: Decimal
    commission: Decimal
    commission_currency: str

    def cash(self) -> Iterator[tuple[str, Decimal]]:
        """(currency, amount) that this moved. A currency pair moves the bought currency as well."""
        if self.sec_type in MARKED:
            yield self.currency, self.realized  # the broker's figure is net of commissions
            return
        yield self.currency, -self.value
        if self.sec_type == "CASH":
            yield self.symbol, self.quantity
        yield self.commission_currency or self.currency, -self.commission


SIGN = Case(When(side=Side.BUY, then=Decimal(1)), default=Decimal(-1), output_field=DecimalField())
#: As it was executed: what splits made of it since is added when positions are read (`corporate_actions`).
QUANTITY = ExpressionWrapper(SIGN * F("last_qty"), output_field=DecimalField())
#: What is quoted in pence is paid in pounds.
UNIT = F("multiplier") / F("order__instrument__price_magnifier")
VALUE = ExpressionWrapper(SIGN * F("last_qty") * F("last_px") * UNIT, output_field=DecimalField())
GROUP = ("con_id", "symbol", "sec_type", "currency", "commission_currency")


def sums(rows: QuerySet[Execution]) -> Iterator[TradedTotal]:
    """One total for each contract and currency of commissions."""
    for row in (
        rows.order_by()
        .values(*GROUP)
        .annotate(
            quantity=Sum(QUANTITY),
            value=Sum(VALUE),
            realized=Sum("realized_pnl"),
            commission_sum=Sum("commission"),
        )
    ):
        yield TradedTotal(
            **{name: row[name] for name in GROUP},
            quantity=row["quantity"],
            value=row["value"],
            realized=row["realized"] or ZERO,
            commission=row["commission_sum"] or ZERO,
        )


def negative(one: TradedTotal) -> TradedTotal:
    """As if it were taken back."""
    return TradedTotal(
        con_id=one.con_id,
        symbol=one.symbol,
        sec_type=one.sec_type,
        currency=one.currency,
        commission_currency=one.commission_currency,
        quantity=-one.quantity,
        value=-one.value,
        realized=-one.realized,
        commission=-one.commission,
    )
