"""Hedge orders: children that cover what their parent has traded, by delta, beta, ratio or in its currency.

A child goes to its market once the parent is executed: when the parent is done, for all that it filled.
Until then its quantity is not known (IB asks for 0), afterwards it is what this module works out.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from decimal import Decimal, InvalidOperation

from brokers.simulator.exchange.exchange import Exchange
from brokers.simulator.exchange.instruments import Instrument
from brokers.simulator.exchange.options import greeks, implied_volatility, years_until
from brokers.simulator.gateway.memory.facts import Hedged, OrderRecord
from brokers.simulator.gateway.memory.state import State
from brokers.simulator.gateway.texts.refusals import (
    BAD_BETA,
    BAD_DELTA_HEDGE,
    BAD_HEDGE_RATIO,
    BAD_HEDGE_TYPE,
    MISSING_PARENT,
    Refused,
    validation,
)
from brokers.simulator.wire.records import Order

ZERO = Decimal(0)
DELTA, BETA, FX, PAIR = "D", "B", "F", "P"
_LARGEST_FACTOR = 1_000


class Hedges:
    """Checks hedge orders and works out how much they have to trade."""

    def __init__(self, state: State, exchange: Exchange, clock: Callable[[], datetime]) -> None:
        self._state = state
        self._exchange = exchange
        self._clock = clock

    def check(self, order: Order, instrument: Instrument, parent: Instrument | None) -> None:
        """Raise Refused unless `order` can hedge an order in the instrument `parent`."""
        if not order.hedge_type:
            return
        if parent is None:
            raise Refused(MISSING_PARENT)
        if order.hedge_type not in (DELTA, BETA, FX, PAIR) or instrument.legs or parent.legs:
            raise Refused(BAD_HEDGE_TYPE)
        if order.hedge_type == DELTA and instrument.con_id != parent.under_con_id:
            raise Refused(BAD_DELTA_HEDGE)
        if order.hedge_type == FX:
            _check_fx(order, instrument, parent)
        elif order.hedge_type in (BETA, PAIR) and _factor(order) is None:
            raise Refused(BAD_BETA if order.hedge_type == BETA else BAD_HEDGE_RATIO)

    def has_size(self, child: OrderRecord, parent: OrderRecord) -> bool:
        """Give a hedge its quantity, now that its parent is done; False if there is nothing to hedge."""
        if child.order.hedge_type:
            quantity = self.quantity(child.order, self._state.universe[child.con_id], parent)
            self._state.apply(Hedged(perm_id=child.perm_id, quantity=quantity))
        return child.remaining > 0

    def quantity(self, order: Order, instrument: Instrument, parent: OrderRecord) -> Decimal:
        """Return how much of `instrument` covers what `parent` has filled, in whole lots."""
        hedged = self._state.universe[parent.con_id]
        value = parent.filled * parent.average_price * hedged.multiplier
        if order.hedge_type == PAIR:
            wanted = parent.filled * (_factor(order) or ZERO)
        elif order.hedge_type == DELTA:
            wanted = parent.filled * hedged.multiplier * abs(self._delta(hedged))
        elif order.hedge_type == BETA:
            in_base = value * self._state.universe.rate(hedged.currency) * (_factor(order) or ZERO)
            wanted = in_base / (self._worth(instrument) * self._state.universe.rate(instrument.currency))
        else:
            is_bought_in = instrument.symbol == hedged.currency
            wanted = value if is_bought_in else value / self._worth(instrument)
        return wanted // instrument.lot * instrument.lot

    def _worth(self, instrument: Instrument) -> Decimal:
        return self._exchange.last_price(instrument.con_id) * instrument.multiplier

    def _delta(self, option: Instrument) -> Decimal:
        """Return the option's delta at the present prices."""
        price = float(self._exchange.last_price(option.con_id))
        under = float(self._exchange.last_price(option.under_con_id))
        years = years_until(option.expiry, self._clock())
        volatility = implied_volatility(option.right, price, under, float(option.strike), years)
        # Below its intrinsic value an option moves as its underlying does, or not at all.
        found = greeks(option.right, under, float(option.strike), years, volatility or 0.0)
        return Decimal(str(round(found.delta, 6)))


def _check_fx(order: Order, pair: Instrument, parent: Instrument) -> None:
    if not pair.is_currency_pair or parent.currency not in (pair.symbol, pair.currency):
        raise Refused(BAD_HEDGE_TYPE)
    if order.total_quantity:
        raise Refused(validation("The size of an FX hedge order must be zero"))


def _factor(order: Order) -> Decimal | None:
    """Return the beta or the ratio, which may be written as `0.5` or `beta=0.5`; None if it is none."""
    try:
        factor = Decimal(order.hedge_param.rpartition("=")[2].strip())
    except InvalidOperation:
        return None
    return factor if factor.is_finite() and 0 < factor <= _LARGEST_FACTOR else None
