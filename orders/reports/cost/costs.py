"""What trading cost, in money: plain arithmetic, no database.

Sources: A. Perold, "The Implementation Shortfall: Paper versus Reality", J. Portfolio Management 1988;
W. Wagner and M. Edwards 1993 (delay and timing apart); R. Kissell 2006 (the expanded form). Positive is a
cost: of a buy the sign is +1, of a sell -1. A figure is None where a price that it needs is not known, never
zero. Money is added up first and divided then; basis points are never averaged.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal

from brokers.fix import Side

ZERO, ONE = Decimal(0), Decimal(1)
BPS = Decimal(10_000)
Px = Decimal | None


@dataclass(frozen=True, kw_only=True)
class Fill:
    """One execution; `qty` and `px` as they were booked."""

    qty: Decimal
    px: Decimal


@dataclass(frozen=True, kw_only=True)
class Traded:
    """An order as its cost sees it.

    `decision_px` is the mid when the request came, `arrival_px` when it reached the broker, `end_px` when the
    order ended (None while it works, unless nothing is left of it). `fees` are what the broker charged.
    """

    side: str
    order_qty: Decimal
    fills: Sequence[Fill]
    decision_px: Px
    arrival_px: Px
    end_px: Px
    fees: Decimal | None
    multiplier: Decimal = ONE

    @property
    def filled_qty(self) -> Decimal:
        """What was executed."""
        return sum((fill.qty for fill in self.fills), ZERO)

    @property
    def paid(self) -> Decimal:
        """Quantity times price of all that was executed: exact, where the average is rounded."""
        return sum((fill.qty * fill.px for fill in self.fills), ZERO)

    @property
    def avg_px(self) -> Px:
        """What it was executed at; None when nothing was."""
        qty = self.filled_qty
        return self.paid / qty if qty else None


@dataclass(frozen=True, kw_only=True)
class Shortfall:
    """The cost of an order in its currency; `paper` is what the whole order was worth at the decision."""

    delay: Decimal | None
    trading: Decimal | None
    opportunity: Decimal | None
    fees: Decimal | None
    paper: Decimal | None

    @property
    def total(self) -> Decimal | None:
        """Perold's shortfall: what the paper portfolio earned and the real one did not."""
        parts = (self.delay, self.trading, self.opportunity, self.fees)
        return None if None in parts else sum((part for part in parts if part is not None), ZERO)

    @property
    def bps(self) -> Decimal | None:
        """The same against the value of the whole order at the decision."""
        return in_bps(self.total, self.paper)


def sign_of(side: str) -> int:
    """+1 for a buy, -1 for every kind of sell."""
    return 1 if side == Side.BUY else -1


def in_bps(cost: Decimal | None, value: Decimal | None) -> Decimal | None:
    """Cost against value; None where either is unknown, or the value is not above zero (spreads, oil)."""
    return None if cost is None or value is None or value <= 0 else cost / value * BPS


def shortfall(order: Traded) -> Shortfall:
    """Delay, trading, opportunity and fees."""
    sign, qty = sign_of(order.side), order.filled_qty
    left = order.order_qty - qty
    scale = order.multiplier * sign
    return Shortfall(
        delay=_moved(order.decision_px, order.arrival_px, qty * scale),
        trading=_traded(order, scale),
        opportunity=_moved(order.decision_px, order.end_px, max(left, ZERO) * scale),
        fees=order.fees,
        paper=None if order.decision_px is None else order.order_qty * order.decision_px * order.multiplier,
    )


def _moved(before: Px, after: Px, qty: Decimal) -> Decimal | None:
    """What a price's move cost for this signed quantity; for nothing it cost nothing, whatever the prices."""
    if not qty:
        return ZERO
    return None if before is None or after is None else qty * (after - before)


def _traded(order: Traded, scale: Decimal) -> Decimal | None:
    qty = order.filled_qty
    if not qty:
        return ZERO
    return None if order.arrival_px is None else scale * (order.paid - qty * order.arrival_px)


def slippage_bps(side: str, avg_px: Px, benchmark: Px) -> Decimal | None:
    """How much worse than a benchmark (arrival, VWAP, TWAP) the executed part was."""
    if avg_px is None or benchmark is None:
        return None
    return in_bps(sign_of(side) * (avg_px - benchmark), benchmark)


# --- spreads ----------------------------------------------------------------------------------------------
@dataclass(frozen=True, kw_only=True)
class SpreadPaid:
    """One execution against the quote at its time, per unit: `capture` 1 bought at the bid, -1 at the ask."""

    effective: Decimal
    quoted: Decimal
    ratio: Decimal | None
    capture: Decimal | None


def spread_paid(side: str, px: Decimal, bid: Px, ask: Px) -> SpreadPaid | None:
    """Effective and quoted spread; None without both sides of a quote."""
    if bid is None or ask is None:
        return None
    mid, quoted = (bid + ask) / 2, ask - bid
    effective = 2 * sign_of(side) * (px - mid)
    if quoted <= 0:  # a locked or crossed quote has no spread to compare with
        return SpreadPaid(effective=effective, quoted=quoted, ratio=None, capture=None)
    ratio = effective / quoted
    return SpreadPaid(effective=effective, quoted=quoted, ratio=ratio, capture=-ratio)


@dataclass(frozen=True, kw_only=True)
class Realised:
    """What was left of the effective spread some time later, and what the market moved meanwhile."""

    realised: Decimal
    impact: Decimal


def realised_spread(side: str, px: Decimal, mid: Decimal, mid_later: Decimal) -> Realised:
    """Effective is realised plus impact."""
    sign = sign_of(side)
    return Realised(realised=2 * sign * (px - mid_later), impact=2 * sign * (mid_later - mid))


# --- benchmarks of an interval ----------------------------------------------------------------------------
def vwap(prints: Iterable[Fill]) -> Px:
    """The volume-weighted price of prints, our own among them; None without any."""
    rows = list(prints)
    volume = sum((row.qty for row in rows), ZERO)
    return sum((row.qty * row.px for row in rows), ZERO) / volume if volume else None


def twap(bars: Sequence[Px]) -> Px:
    """The plain mean of the prices of equal bars; None where a bar has none."""
    known = [bar for bar in bars if bar is not None]
    return sum(known, ZERO) / len(known) if known and len(known) == len(bars) else None
