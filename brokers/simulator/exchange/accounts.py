"""Positions, average cost and cash of an account; every amount is exact to 1e-8.

A position's basis is what its open quantity was bought (or, negative, sold) for, multiplier and
commissions included, as IB counts average cost. So at any time and for every currency

    cash - starting cash = realized - sum of the bases of open positions

(for currency pairs the bought currency moves too). Futures are not paid for: what is shown as cash adds
their bases back.
"""

from __future__ import annotations

from collections import defaultdict
from decimal import ROUND_HALF_EVEN, Decimal

import msgspec

from brokers.simulator.exchange.instruments import Instrument

ZERO = Decimal(0)
_CENT_MILLIONTH = Decimal("0.00000001")


class Position(msgspec.Struct, kw_only=True):
    """An open (or, at quantity 0, closed) position; amounts in the instrument's currency."""

    quantity: Decimal = ZERO
    basis: Decimal = ZERO
    realized: Decimal = ZERO

    @property
    def average_cost(self) -> Decimal:
        """Cost of one unit, multiplier and commissions included; 0 when closed."""
        return self.basis / self.quantity if self.quantity else ZERO

    def market_value(self, instrument: Instrument, price: Decimal) -> Decimal:
        return self.quantity * price * instrument.multiplier

    def unrealized(self, instrument: Instrument, price: Decimal) -> Decimal:
        return self.market_value(instrument, price) - self.basis

    def trade(self, quantity: Decimal, value: Decimal, commission: Decimal) -> Decimal | None:
        """Book a trade of signed `quantity` and `value`; return what it realized, None if it only opened."""
        closing = min(abs(quantity), abs(self.quantity)) if quantity * self.quantity < 0 else ZERO
        if not closing:
            self.quantity += quantity
            self.basis += value + commission
            return None
        share = closing / abs(quantity)
        closed_value = _exact(value * share)
        closed_commission = _exact(commission * share)
        closed_basis = _exact(self.basis * closing / abs(self.quantity))
        realized = -closed_value - closed_basis - closed_commission
        self.quantity += quantity
        self.basis += value + commission - closed_value - closed_commission - closed_basis
        self.realized += realized
        return realized


class Account(msgspec.Struct, kw_only=True):
    """Cash by currency and positions by con_id."""

    name: str
    cash: dict[str, Decimal]
    positions: dict[int, Position]

    def trade(
        self, instrument: Instrument, quantity: Decimal, price: Decimal, commission: Decimal
    ) -> Decimal | None:
        """Book an execution of signed `quantity`; return the realized profit, None for an opening trade."""
        value = quantity * price * instrument.multiplier
        position = self.positions.setdefault(instrument.con_id, Position())
        self._pay(instrument.currency, -value - commission)
        if instrument.is_currency_pair:
            self._pay(instrument.symbol, quantity)
        return position.trade(quantity, value, commission)

    def reported_cash(self, instruments: dict[int, Instrument]) -> dict[str, Decimal]:
        """Return cash by currency as a statement shows it: futures are not paid for."""
        cash: defaultdict[str, Decimal] = defaultdict(Decimal, self.cash)
        for con_id, position in self.positions.items():
            if instruments[con_id].sec_type == "FUT":
                cash[instruments[con_id].currency] += position.basis
        return dict(cash)

    def _pay(self, currency: str, amount: Decimal) -> None:
        self.cash[currency] = self.cash.get(currency, ZERO) + amount


def _exact(amount: Decimal) -> Decimal:
    return amount.quantize(_CENT_MILLIONTH, ROUND_HALF_EVEN)
