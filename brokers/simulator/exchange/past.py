"""The prices of an instrument before its simulated market opened.

A made-up past: a function of time, seed and instrument, so that every question about the same time gets the
same answer, at any bar size, without anything being kept. Smooth noise of growing periods is added up, each
as large as a random walk gets in that time; the path ends at the price at which the market opened.
"""

from __future__ import annotations

from decimal import Decimal
from math import exp, sqrt
from typing import NamedTuple

from brokers.simulator.exchange.instruments import Instrument

#: How far a price moves in a day, as a share of itself.
DAILY_VOLATILITY = 0.012
_DAY = 86_400
_PERIODS = [15 * 8**octave for octave in range(8)]
_AMPLITUDES = [DAILY_VOLATILITY * sqrt(period / _DAY) for period in _PERIODS]
_MASK = (1 << 64) - 1
#: Where within a bar its price is sampled, beside its ends.
_INSIDE = (0.2, 0.45, 0.7)


class Bar(NamedTuple):
    """Prices and volume from `start` (epoch seconds) on; `wap` is the average price."""

    start: int
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    volume: Decimal
    wap: Decimal
    trades: int


class Past:
    """One instrument's past up to `opened_at` (epoch seconds), where its price is the opening one."""

    def __init__(
        self, instrument: Instrument, seed: int, opened_at: float, price: Decimal | None = None
    ) -> None:
        self._instrument = instrument
        self._price = price or instrument.price
        self._key = _mixed(seed * 1_000_003 + instrument.con_id)
        self._lattice: dict[tuple[int, int], float] = {}
        self._offset = self._noise(opened_at)

    def price(self, moment: float) -> Decimal:
        """Return the price at a time, on tick."""
        relative = exp(self._noise(moment) - self._offset)
        return self._instrument.round_to_tick(self._price * Decimal(repr(relative)))

    def bar(self, start: int, seconds: int) -> Bar:
        """Return the bar of that length; the next one opens where it closes."""
        moments = [start, *(start + seconds * part for part in _INSIDE), start + seconds]
        prices = [self.price(moment) for moment in moments]
        volume = self.volume(start, seconds)
        average = round(sum(prices, start=Decimal(0)) / len(prices), 6)
        trades = max(int(volume / self._instrument.lot) // 50, 1)
        return Bar(start, prices[0], max(prices), min(prices), prices[-1], volume, average, trades)

    def volume(self, start: int, seconds: int) -> Decimal:
        """Return what traded: about what the makers show, every ten seconds."""
        lots = int(self._instrument.quote_size / self._instrument.lot) * seconds / 10
        return self._instrument.lot * max(int(lots * (1 + 0.5 * self._value(len(_PERIODS), start))), 1)

    def _noise(self, moment: float) -> float:
        total = 0.0
        for octave, period in enumerate(_PERIODS):
            index, rest = divmod(moment, period)
            part = rest / period
            # Smooth at the lattice, so that no bar size sees its corners.
            weight = part * part * (3 - 2 * part)
            left, right = self._value(octave, int(index)), self._value(octave, int(index) + 1)
            total += _AMPLITUDES[octave] * (left + (right - left) * weight)
        return total

    def _value(self, octave: int, index: int) -> float:
        """Return a number between -1 and 1 that belongs to this place."""
        place = octave, index
        known = self._lattice.get(place)
        if known is None:
            if len(self._lattice) > 20_000:
                self._lattice.clear()
            bits = _mixed(self._key ^ _mixed(octave * 0x9E3779B97F4A7C15 + index))
            known = self._lattice[place] = bits / (1 << 63) - 1
        return known


def _mixed(number: int) -> int:
    """Return 64 bits in which every bit of `number` counts (the finalizer of splitmix64)."""
    number &= _MASK
    number = ((number ^ (number >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
    number = ((number ^ (number >> 27)) * 0x94D049BB133111EB) & _MASK
    return number ^ (number >> 31)
