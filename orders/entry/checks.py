"""The checks that one order passes by itself: its terms and its market against the limits in force.

Comes in: a ticket with its context. Goes out: the report, and what the order is worth. The facts are read
here, the rules are in `risk`.
"""

from __future__ import annotations

from decimal import Decimal

from brokers.fix import Side
from brokers.models import Instrument
from orders.entry.rules import OrderContext
from orders.entry.ticket import Ticket
from orders.instruments import prices
from orders.instruments.prices import last_prices
from orders.models import AccountLimit
from orders.risk.checks import CheckResult, Exposure, run_checks
from orders.risk.market import (
    Ages,
    Collar,
    Known,
    collar_checks,
    is_priced,
    reference_price,
    value_price,
    why_unpriced,
)


def check_report(ticket: Ticket, context: OrderContext) -> list[CheckResult]:
    """Every check on these terms, passed or not; an account without limits may order nothing."""
    limit, instrument = context.limit, context.instrument
    if limit is None:
        code = context.account.code
        return [CheckResult(check="limits", passed=False, value=code, limit="none set", code="NO_LIMITS")]
    ages, legs = ages_of(limit), last_prices.legs(instrument)
    known = value_price(ticket, legs, ages)
    return [
        *run_checks(
            Exposure(
                order_qty=ticket.order_qty,
                reference_px=known.px if known else None,
                reference=str(known or ""),
                no_reference="" if known else why_unpriced(legs, ages),
                instrument=str(instrument),
                instrument_allowed=context.instrument_allowed,
                multiplier=unit_of(instrument),
                max_order_qty=limit.max_order_qty,
                max_notional=limit.max_notional,
            )
        ),
        *collar_checks(ticket, legs, collar_of(limit), ages),
    ]


def ages_of(limit: AccountLimit | None) -> Ages:
    """How old prices may be for orders under these limits."""
    return prices.ages(getattr(limit, "max_price_age_s", None))


def collar_of(limit: AccountLimit) -> Collar:
    """How far from the market they may be."""
    return Collar(through_bps=getattr(limit, "max_price_deviation_bps", None))


def unit_of(instrument: Instrument) -> Decimal:
    """Units of currency that one unit of price is worth."""
    return instrument.multiplier / instrument.price_magnifier


def lacks_price(ticket: Ticket, instrument: Instrument, limit: AccountLimit | None) -> bool:
    """Whether a check needs a price that is not there, or is too old: the broker may tell one."""
    ages = ages_of(limit)
    collar = limit is not None and collar_of(limit).is_on
    if not collar and ticket.side == Side.BUY and ticket.price is not None and not instrument.legs:
        return False
    legs = last_prices.legs(instrument)
    if not is_priced(ticket, legs) and value_price(ticket, legs, ages) is None:
        return True
    return collar and reference_price(legs, buys=ticket.side == Side.BUY, ages=ages) is None


def order_value(
    ticket: Ticket, instrument: Instrument, limit: AccountLimit | None
) -> tuple[Known | None, Decimal | None]:
    """(the price and where it is from, what the whole order is worth at it, in its own currency)."""
    known = value_price(ticket, last_prices.legs(instrument), ages_of(limit))
    return known, None if known is None else ticket.order_qty * known.px * unit_of(instrument)
