"""The checks that one order passes by itself: its terms and its market against the limits in force.

Comes in: a ticket with its context. Goes out: the report, and what the order is worth. The facts are read
here, the rules are in `risk`.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from decimal import Decimal

from brokers.fix import Side
from brokers.models import Instrument
from brokers.postgres import clock
from orders.entry.limits.rules import OrderContext
from orders.entry.reading.ticket import Ticket
from orders.instruments.contracts import contract_key, contracts_of
from orders.instruments.prices import last_prices, max_price_age
from orders.instruments.rates import exchange_rates
from orders.models import Order
from orders.risk.catalogue import LimitSet
from orders.risk.intention import Content
from orders.risk.market import Known, value_price
from orders.risk.money import Rates
from orders.risk.order_rules import OrderFacts, lacks_price, order_checks
from orders.risk.overrides import with_warnings
from orders.risk.report import CheckResult
from orders.risk.states import shared_check, state_check
from orders.risk.terms import OrderTerms


def check_report(facts: OrderFacts, context: OrderContext) -> list[CheckResult]:
    """Every check on these terms alone, passed or not; an account without limits may order nothing."""
    state = [state_check(context.in_force)] if context.in_force else []
    if context.shared_in_force:
        state.append(shared_check(context.shared_in_force))
    if not context.limits:
        code = context.account.code
        no_limits = CheckResult(check="limits", passed=False, value=code, limit="none set", code="NO_LIMITS")
        return [*state, no_limits]
    return [*state, *limit_checks(facts, context)]


def limit_checks(facts: OrderFacts, context: OrderContext) -> list[CheckResult]:
    """What the limits of all its scopes say about an order, by these facts."""
    return [check for limits in context.limits for check in order_checks(facts, limits)]


def warned_report(
    facts: OrderFacts, context: OrderContext, overrides: Mapping[str, str]
) -> list[CheckResult]:
    """The same with breaches of soft limits as warnings, and who overrode them."""
    report = check_report(facts, context)
    if not any(limits.soft for limits in context.limits):
        return report
    meant = content_of(facts.terms, context.instrument, context.account.code)
    return with_warnings(report, context.limits, meant, overrides)


def content_of(terms: Order | OrderTerms, instrument: Instrument, account: str) -> Content:
    """What makes it another order than the next."""
    buys = terms.side == Side.BUY
    contract = contract_key(instrument)
    return Content(account, contract, buys, terms.order_qty, terms.ord_type, terms.price, terms.stop_px)


def order_facts(ticket: Ticket, context: OrderContext) -> OrderFacts:
    """What the rules must know about this order, with the market as it is now."""
    instrument = context.instrument
    foreign = any(limits.currency not in ("", instrument.currency) for limits in context.limits)
    return OrderFacts(
        terms=ticket,
        instrument=str(instrument),
        instrument_id=instrument.pk,
        contracts=contracts_of(instrument),
        instrument_allowed=context.instrument_allowed,
        currency=instrument.currency,
        unit=unit_of(instrument),
        legs=last_prices.legs(instrument),
        now=clock.now(),
        max_close_age=max_price_age(),
        rates=exchange_rates.of(context.account.code) if foreign else Rates(),
        rules=instrument,
    )


def unit_of(instrument: Instrument) -> Decimal:
    """Units of currency that one unit of price is worth."""
    return instrument.multiplier / instrument.price_magnifier


def price_wanted(ticket: Ticket, context: OrderContext) -> timedelta | None:
    """How young a price must be that a check needs and does not have; None where nothing is lacking."""
    facts = order_facts(ticket, context)
    lacking = [limits for limits in context.limits if lacks_price(facts, limits)]
    return min((facts.ages(limits).market for limits in lacking), default=None)


def order_value(ticket: Ticket, context: OrderContext) -> tuple[Known | None, Decimal | None]:
    """(the price and where it is from, what the whole order is worth at it, in its own currency)."""
    facts = order_facts(ticket, context)
    own = next(iter(context.limits), LimitSet(scope=""))
    known = value_price(ticket, facts.legs, facts.ages(own))
    return known, None if known is None else ticket.order_qty * known.px * facts.unit
