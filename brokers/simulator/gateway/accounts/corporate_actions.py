"""What changes positions without an order, and without a word to clients: splits, the ends of options."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

import msgspec

from brokers.simulator.exchange.instruments import Instrument
from brokers.simulator.gateway.memory.facts import PositionChanged
from brokers.simulator.gateway.memory.state import State

ZERO = Decimal(0)
#: Fractions of a unit are kept so far; what is below a whole one is paid in cash.
_STEP = Decimal("0.0001")


class Split(msgspec.Struct, forbid_unknown_fields=True):
    """`POST /split`: so many units for so many, now; the price moves accordingly."""

    symbol: str
    numerator: int
    denominator: int = 1


class End(StrEnum):
    """How an option ends."""

    EXPIRATION = "EXPIRATION"
    EXERCISE = "EXERCISE"
    ASSIGNMENT = "ASSIGNMENT"


class OptionEnd(msgspec.Struct, forbid_unknown_fields=True):
    """`POST /option-end`: every position in this option (by its local symbol) is gone."""

    symbol: str
    how: End = End.EXPIRATION


class CorporateActions:
    """Changes the positions of every account that holds the contract."""

    def __init__(self, state: State, clock: Callable[[], datetime]) -> None:
        self._state = state
        self._clock = clock

    def split(self, instrument: Instrument, split: Split, price: Decimal) -> None:
        """Give every holder its units; a fraction is paid at `price`, that of one new unit."""
        for account, held in self._holders(instrument):
            became = (held * split.numerator / split.denominator).quantize(_STEP)
            self._change(account, instrument, "SPLIT", became - held)
            if fraction := became % 1:  # of the sign of the position
                self._change(account, instrument, "CASH_IN_LIEU", -fraction, price)

    def end(self, option: Instrument, underlying: Instrument, how: End) -> None:
        """Take the option away; exercised or assigned, its underlying comes or goes at the strike."""
        for account, held in self._holders(option):
            self._change(account, option, how, -held)
            if how != End.EXPIRATION:
                units = held * option.multiplier * (1 if option.right == "C" else -1)
                self._change(account, underlying, how, units, option.strike, of_option=option.con_id)

    def _holders(self, instrument: Instrument) -> list[tuple[str, Decimal]]:
        known = ((name, account.positions) for name, account in self._state.accounts.items())
        found = ((name, positions.get(instrument.con_id)) for name, positions in known)
        return [(name, position.quantity) for name, position in found if position and position.quantity]

    def _change(
        self,
        account: str,
        instrument: Instrument,
        kind: str,
        quantity: Decimal,
        price: Decimal = ZERO,
        of_option: int = 0,
    ) -> None:
        self._state.apply(
            PositionChanged(
                account=account,
                con_id=instrument.con_id,
                kind=str(kind),
                quantity=quantity,
                price=price,
                of_option=of_option,
                at=self._clock(),
            )
        )
