"""An order's terms as the market works them: price, trigger, trail, peg, auction, display."""

from __future__ import annotations

from decimal import Decimal

from brokers.simulator.exchange.book import ZERO, BookOrder, Side
from brokers.simulator.exchange.exchange import Exchange
from brokers.simulator.exchange.instruments import Instrument
from brokers.simulator.exchange.orders import (
    LAST_TRADE,
    Auction,
    MarketOrder,
    TimeInForce,
    Trail,
    Trigger,
)
from brokers.simulator.exchange.pegs import passive_tick
from brokers.simulator.gateway.memory.facts import OrderRecord
from brokers.simulator.gateway.orders import pegging
from brokers.simulator.gateway.orders.slicing import scale_limit
from brokers.simulator.wire.records import Order

#: Types whose limit the client says.
LIMITED = frozenset({"LMT", "STP LMT", "LIT", "LOC"})
#: Types that wait for a price given in aux_price, and those whose trigger follows the market.
STOPS, TOUCHED = frozenset({"STP", "STP LMT", "STP PRT"}), frozenset({"MIT", "LIT"})
TRAILING = frozenset({"TRAIL", "TRAIL LIMIT"})
TRIGGERED = STOPS | TOUCHED | TRAILING
#: Types whose price follows something; `pegging.py` says what.
PEGGED = frozenset(
    {
        *("REL", "PASSV REL", "MIDPRICE", "MKT PRT", "STP PRT", "SNAP MKT", "SNAP MID", "SNAP PRIM", "VOL"),
        *("PEG PRIM", "PEG MKT", "PEG MID", "PEG BEST", "PEG STK", "PEG BENCH"),
    }
)
_TO_LIMIT = frozenset({"MTL", "BOX TOP"})
AT_CLOSE = frozenset({"MOC", "LOC"})

#: Where shares trade between 20:00 and 3:50 in New York.
NIGHT_VENUES = frozenset(("OVERNIGHT", "IBEOS"))


def market_order(record: OrderRecord, exchange: Exchange, quantity: Decimal) -> MarketOrder:
    """Return the order for `quantity` of what remains, as the market of now makes it."""
    instrument = exchange.universe[record.con_id]
    last = exchange.last_price(record.con_id)
    order, side = record.order, Side(record.order.action)
    trail = _trail(order, side)
    trigger = None if record.elected else _trigger(record, side, trail, last, instrument)
    peg = pegging.peg_of(order, instrument, exchange)
    return MarketOrder(
        BookOrder(
            record.perm_id,
            side,
            quantity,
            _limit(record, side, trail, trigger, instrument),
            display=_display(order),
            is_pegged=peg is not None,
        ),
        _time_in_force(record),
        trigger,
        trail=trail if trigger else None,
        peg=peg,
        minimum=ZERO if record.filled else Decimal(order.min_qty or 0),
        all_or_none=bool(order.all_or_none),
        to_limit=order.order_type in _TO_LIMIT and record.limit is None,
        auction=_auction(record),
        outside_rth=bool(order.outside_rth) and order.order_type != "MKT",
        works_at_night=works_at_night(record),
        works_by_day=record.exchange not in NIGHT_VENUES,
        discretion=order.discretionary_amt or ZERO,
        watched=order.trigger_method or LAST_TRADE,
    )


def works_at_night(record: OrderRecord) -> bool:
    """Whether the order is for the overnight session, alone or as well."""
    return record.exchange in NIGHT_VENUES or bool(record.order.include_overnight)


def _auction(record: OrderRecord) -> Auction | None:
    """Return the auction that the order is for."""
    if record.order.order_type in AT_CLOSE:
        return Auction.CLOSE
    return Auction.OPEN if _time_in_force(record) in (TimeInForce.OPG, TimeInForce.AUC) else None


def _time_in_force(record: OrderRecord) -> TimeInForce:
    """An order for the opening auction that has its price from it is a limit order of that day."""
    # The gateway ends what works for minutes; to its market it is good till canceled.
    tif = TimeInForce.GTC if record.order.tif == "Minutes" else TimeInForce(record.order.tif)
    return TimeInForce.DAY if tif is TimeInForce.AUC and record.limit is not None else tif


def trailing_trigger(order: Order, last: Decimal, instrument: Instrument) -> Decimal | None:
    """Return where a trailing order's trigger starts; None for other orders."""
    side = Side(order.action)
    trail = _trail(order, side)
    if trail is None:
        return None
    if order.trail_stop_price is not None:
        return order.trail_stop_price
    return passive_tick(last + side.sign * trail.distance(last), side.other, instrument)


def _trail(order: Order, side: Side) -> Trail | None:
    if order.order_type not in TRAILING:
        return None
    offset = None
    if order.order_type == "TRAIL LIMIT":
        offset = order.lmt_price_offset
        if offset is None and order.lmt_price is not None and order.trail_stop_price is not None:
            offset = side.sign * (order.lmt_price - order.trail_stop_price)
    return Trail(order.aux_price or ZERO, (order.trailing_percent or ZERO) / 100, offset)


def _trigger(
    record: OrderRecord, side: Side, trail: Trail | None, last: Decimal, instrument: Instrument
) -> Trigger | None:
    order = record.order
    is_buy = side is Side.BUY
    if order.order_type in TOUCHED and order.aux_price is not None:
        return Trigger(order.aux_price, rising=not is_buy)
    price = order.aux_price if order.order_type in STOPS else None
    if trail is not None:
        price = record.trigger or trailing_trigger(order, last, instrument)
    return None if price is None else Trigger(price, rising=is_buy)


def _limit(
    record: OrderRecord, side: Side, trail: Trail | None, trigger: Trigger | None, instrument: Instrument
) -> Decimal | None:
    if record.limit is not None:
        return record.limit
    if record.order.order_type in LIMITED:
        return scale_limit(record)
    if trail is None or trail.limit_offset is None or trigger is None:
        return None
    return passive_tick(trigger.price + side.sign * trail.limit_offset, side, instrument)


def _display(order: Order) -> Decimal | None:
    if order.hidden:
        return ZERO
    return Decimal(order.display_size) if order.display_size else None
