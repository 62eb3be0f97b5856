"""Orders whose price follows something: their aim in words of the market.

REL, PASSV REL and PEG PRIM follow their own side, PEG MKT the other one, MIDPRICE and PEG MID the middle,
PEG BEST competes with the best. PEG STK follows the underlying, PEG BENCH another instrument, VOL a model.
SNAP orders aim once; those with protection (PRT) are limit orders a little beyond the market.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from math import sqrt

from brokers.simulator.exchange import pegs
from brokers.simulator.exchange.exchange import Exchange
from brokers.simulator.exchange.instruments import Instrument
from brokers.simulator.exchange.options import option_price, years_until
from brokers.simulator.wire.records import Order

ZERO = Decimal(0)
#: How far beyond the market a protected order may trade.
_PROTECTION_TICKS = 40
#: What PEG BEST offers more than the best, if the client says nothing.
_USUAL_IMPROVEMENT = Decimal("0.02")
_TRADING_DAYS = 252

_ONCE = frozenset({"SNAP PRIM", "SNAP MKT", "SNAP MID", "MKT PRT", "STP PRT"})
_WITHOUT_CAP = frozenset({"MKT PRT", "STP PRT", "PEG STK", "VOL"})


def peg_of(order: Order, instrument: Instrument, exchange: Exchange) -> pegs.Peg | None:
    """Return what the order's price follows; None if it follows nothing."""
    make, work_out = _AIMS.get(order.order_type), _MODELS.get(order.order_type)
    if make is None and work_out is None:
        return None
    once = order.order_type in _ONCE or (order.order_type == "VOL" and not order.continuous_update)
    cap = None if order.order_type in _WITHOUT_CAP else order.lmt_price or None
    if make is not None:
        return pegs.Peg(make(order, instrument), cap, once)
    assert work_out is not None  # noqa: S101 - one of the two is there
    aim = pegs.elsewhere(lambda: work_out(order, instrument, exchange))
    # A market that is asked for must not begin in the middle of a market step.
    exchange.market(_reference(order, instrument))
    return pegs.Peg(aim, cap, once)


def invalid_reason(order: Order, instrument: Instrument) -> str:
    """Return what is wrong with the terms of an order that follows something, nothing if they will do."""
    offset = order.compete_against_best_offset
    if order.order_type == "PEG BEST" and offset not in ("", "Infinite") and _number(offset) is None:
        return "Please enter a valid competeAgainstBestOffset"
    if order.order_type == "VOL" and not (order.volatility and 0 < order.volatility < 1000):
        return "Please enter a valid volatility"
    if order.order_type == "PEG STK" and None in (order.starting_price, order.delta):
        return "Please enter a valid starting price and delta"
    if order.order_type == "PEG BENCH" and not (
        order.reference_contract_id and order.reference_change_amount and order.starting_price
    ):
        return "Please enter a reference contract, its change amount and a starting price"
    return ""


def complete(order: Order, instrument: Instrument, exchange: Exchange) -> None:
    """Fill in where the reference stands, for orders that leave it open."""
    if order.order_type in ("PEG STK", "PEG BENCH") and order.stock_ref_price is None:
        reference = _reference(order, instrument)
        if reference in exchange.universe.instruments:
            order.stock_ref_price = exchange.last_price(reference)


def _offset(order: Order) -> Decimal:
    return order.aux_price or ZERO


def _number(text: str) -> Decimal | None:
    whole, _, rest = text.partition(".")
    return Decimal(text) if (whole + rest).isdecimal() and len(text) < 20 else None


def _middle(order: Order, instrument: Instrument) -> pegs.Aim:
    at_whole, at_half = order.mid_offset_at_whole or ZERO, order.mid_offset_at_half or ZERO
    return pegs.middle(at_whole or _offset(order), at_half or _offset(order), instrument.min_tick)


def _compete(order: Order, instrument: Instrument) -> pegs.Aim:
    if order.compete_against_best_offset == "Infinite":
        return _middle(order, instrument)
    improvement = _number(order.compete_against_best_offset)
    return pegs.ahead_of_best(_USUAL_IMPROVEMENT if improvement is None else improvement)


def _reference(order: Order, instrument: Instrument) -> int:
    return (order.reference_contract_id or 0) if order.order_type == "PEG BENCH" else instrument.under_con_id


def _by_stock(order: Order, instrument: Instrument, exchange: Exchange) -> Decimal | None:
    """`delta` is in percent; a put falls as its underlying rises."""
    last = exchange.last_price(instrument.under_con_id)
    low, high = order.stock_range_lower or ZERO, order.stock_range_upper or last
    if not low <= last <= high:
        return None
    change = (order.delta or ZERO) / 100 * (last - (order.stock_ref_price or last))
    return (order.starting_price or ZERO) + (change if instrument.right == "C" else -change)


def _by_benchmark(order: Order, instrument: Instrument, exchange: Exchange) -> Decimal | None:
    last = exchange.last_price(order.reference_contract_id or 0)
    steps = (last - (order.stock_ref_price or last)) / (order.reference_change_amount or Decimal(1))
    change = steps * (order.pegged_change_amount or ZERO)
    return (order.starting_price or ZERO) + (-change if order.is_pegged_change_amount_decrease else change)


def _by_volatility(order: Order, instrument: Instrument, exchange: Exchange) -> Decimal | None:
    """Volatility is in percent, a day (1) or a year (2)."""
    volatility = (
        float(order.volatility or 0) / 100 * (sqrt(_TRADING_DAYS) if order.volatility_type == 1 else 1)
    )
    last = float(exchange.last_price(instrument.under_con_id))
    years = years_until(instrument.expiry, exchange.now)
    price = option_price(instrument.right, last, float(instrument.strike), years, volatility)
    return Decimal(repr(price))


_AIMS: dict[str, Callable[[Order, Instrument], pegs.Aim]] = {
    "MIDPRICE": lambda order, instrument: pegs.middle(),
    "REL": lambda order, instrument: pegs.own_side(_offset(order), order.percent_offset or ZERO),
    "PASSV REL": lambda order, instrument: pegs.own_side(-_offset(order), -(order.percent_offset or ZERO)),
    "PEG PRIM": lambda order, instrument: pegs.own_side(_offset(order)),
    "PEG MKT": lambda order, instrument: pegs.far_side(_offset(order)),
    "PEG MID": _middle,
    "PEG BEST": _compete,
    "SNAP PRIM": lambda order, instrument: pegs.own_side(_offset(order)),
    "SNAP MKT": lambda order, instrument: pegs.far_side(_offset(order)),
    "SNAP MID": lambda order, instrument: pegs.middle(_offset(order), _offset(order), instrument.min_tick),
    "MKT PRT": lambda order, instrument: pegs.far_side(-_PROTECTION_TICKS * instrument.min_tick),
    "STP PRT": lambda order, instrument: pegs.far_side(-_PROTECTION_TICKS * instrument.min_tick),
}
_MODELS: dict[str, Callable[[Order, Instrument, Exchange], Decimal | None]] = {
    "PEG STK": _by_stock,
    "PEG BENCH": _by_benchmark,
    "VOL": _by_volatility,
}
