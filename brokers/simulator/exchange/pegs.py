"""Prices that follow a market: relative, pegged and snap orders, and those worked by a model."""

from __future__ import annotations

from collections.abc import Callable
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from typing import NamedTuple

from brokers.simulator.exchange.book import ZERO, Side
from brokers.simulator.exchange.instruments import Instrument

#: Where an order of a side wants to stand, at a best bid and ask that follow nobody; None: nowhere now.
Aim = Callable[[Side, Decimal, Decimal], Decimal | None]


class Peg(NamedTuple):
    """`cap` is the worst price allowed; with `once` the price found first stays."""

    aim: Aim
    cap: Decimal | None = None
    once: bool = False

    def price(self, side: Side, bid: Decimal, ask: Decimal, instrument: Instrument) -> Decimal | None:
        """Return where the order stands in this market, on tick and never beyond the cap."""
        wanted = self.aim(side, bid, ask)
        if wanted is None:
            return None
        wanted = passive_tick(wanted, side, instrument)
        if self.cap is None:
            return wanted
        return min(wanted, self.cap) if side is Side.BUY else max(wanted, self.cap)


def own_side(amount: Decimal = ZERO, rate: Decimal = ZERO) -> Aim:
    """Stand `amount`, or `rate` of the price, ahead of the own side's best (behind if negative)."""

    def aim(side: Side, bid: Decimal, ask: Decimal) -> Decimal:
        own = bid if side is Side.BUY else ask
        return own + side.sign * (amount or own * rate)

    return aim


def far_side(offset: Decimal = ZERO) -> Aim:
    """Stand `offset` away from the best order of the other side (beyond it if negative)."""

    def aim(side: Side, bid: Decimal, ask: Decimal) -> Decimal:
        return (ask if side is Side.BUY else bid) - side.sign * offset

    return aim


def middle(at_whole: Decimal = ZERO, at_half: Decimal = ZERO, tick: Decimal = Decimal("0.01")) -> Aim:
    """Stand in the middle, or that far behind it where the middle is on a tick or between two."""

    def aim(side: Side, bid: Decimal, ask: Decimal) -> Decimal:
        center = (bid + ask) / 2
        return center - side.sign * (at_half if center % tick else at_whole)

    return aim


def ahead_of_best(improvement: Decimal) -> Aim:
    """Stand ahead of the best order of the own side, but not beyond the middle."""

    def aim(side: Side, bid: Decimal, ask: Decimal) -> Decimal:
        own, center = bid if side is Side.BUY else ask, (bid + ask) / 2
        wanted = own + side.sign * improvement
        return min(wanted, center) if side is Side.BUY else max(wanted, center)

    return aim


def elsewhere(price: Callable[[], Decimal | None]) -> Aim:
    """Stand at a price that something else decides: another instrument, a model."""
    return lambda side, bid, ask: price()


def passive_tick(price: Decimal, side: Side, instrument: Instrument) -> Decimal:
    """Return the nearest price on tick that is no better for the other side."""
    increment = instrument.increment(price)
    rounding = ROUND_FLOOR if side is Side.BUY else ROUND_CEILING
    return max((price / increment).to_integral_value(rounding), Decimal(1)) * increment
