"""Closing a position, or turning it over: an ordinary limit order through the market."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from uuid import uuid4

from django.contrib.auth.models import User
from django.db import transaction

from brokers.fix import OrdType, Side
from brokers.models import Instrument, Position
from brokers.postgres import clock
from orders.controls.audit.acting import Acting, record
from orders.entry.place import Placed, place_order
from orders.entry.reading.ticket import InstrumentKey, Ticket
from orders.errors import OrderError
from orders.models import AccountLimit, Order, Source
from orders.store.use import Reading, read_use

#: How far through the last price it is limited.
COLLAR = Decimal("0.01")


class NotClosed(OrderError):
    """Nothing can be ordered that would close the position."""

    code = "NOT_CLOSED"


def close_position(
    account: str, con_id: int, *, client: User, source: Source, by: Acting, key: str = "", strategy: str = ""
) -> Placed:
    """Order what closes the position, less the exits that work; once for a key.

    Raises Position.DoesNotExist, NotClosed, and what an order raises.
    """

    def ticket(row: Position, cl_ord_id: str) -> Ticket:
        found = closing_ticket(row, cl_ord_id, COLLAR, strategy=strategy)
        if found is None:
            text = "Nothing is left to close: no position is held, or working exits close it already."
            raise NotClosed(text)
        return found

    return _place_once("close", account, con_id, ticket, client=client, source=source, by=by, key=key)


def reverse_position(
    account: str, con_id: int, *, client: User, source: Source, by: Acting, key: str = "", strategy: str = ""
) -> Placed:
    """Order what holds as much on the other side: one order of twice the position, once for a key.

    Two orders would leave the account flat, or at twice the size, where only one of them is taken. It opens a
    position, so every limit is asked of all of it, and a state that only lets reduce refuses it.
    Raises Position.DoesNotExist, NotClosed, and what an order raises.
    """

    def ticket(row: Position, cl_ord_id: str) -> Ticket:
        return reversing_ticket(row, cl_ord_id, strategy=strategy)

    return _place_once("reverse", account, con_id, ticket, client=client, source=source, by=by, key=key)


def _place_once(
    act: str,
    account: str,
    con_id: int,
    ticket_of: Callable[[Position, str], Ticket],
    *,
    client: User,
    source: Source,
    by: Acting,
    key: str,
) -> Placed:
    """Place what `ticket_of` makes of the position, unless it was placed under this key before."""
    row = Position.objects.get(account=account, con_id=con_id)
    name = hashlib.sha256(f"{account} {con_id} {key}".encode()).hexdigest()[:32] if key else uuid4().hex
    cl_ord_id = f"{act}-{name}"
    known = Order.objects.filter(client=client, cl_ord_id=cl_ord_id).select_related("instrument").first()
    if known:
        return Placed(order=known, created=False)
    placed = place_order(ticket_of(row, cl_ord_id), client=client, source=source, received_at=clock.now())
    with transaction.atomic():
        subject = f"{act} {row.symbol} {con_id}"
        record(f"POSITION_{act.upper()}", by, subject=subject, account=account, order_id=placed.order.id)
    return placed


def reversing_ticket(row: Position, cl_ord_id: str, *, strategy: str = "") -> Ticket:
    """The order that turns a position over. Raises NotClosed without one, or while exits of it work."""
    if not row.position_qty:
        raise NotClosed("No position is held, so there is none to reverse.")
    if left_to_close(row) != abs(row.position_qty):
        text = (
            "Orders that close it work, or have just executed: cancel them first, or it would turn too far."
        )
        raise NotClosed(text)
    return _through_the_market(
        row, cl_ord_id, abs(row.position_qty) * 2, COLLAR, reduce_only=False, strategy=strategy
    )


def closing_ticket(row: Position, cl_ord_id: str, collar: Decimal, *, strategy: str = "") -> Ticket | None:
    """The order that closes what no working exit does, as far as one order may; None when nothing is left.

    Raises NotClosed.
    """
    limit = AccountLimit.objects.filter(account=row.account_id).first()
    left = left_to_close(row)
    quantity = min(left, limit.max_order_qty) if limit else left
    if quantity <= 0:
        return None
    return _through_the_market(row, cl_ord_id, quantity, collar, reduce_only=True, strategy=strategy)


def _through_the_market(
    row: Position, cl_ord_id: str, quantity: Decimal, collar: Decimal, *, reduce_only: bool, strategy: str
) -> Ticket:
    """A limit order against the position, so far through the last price."""
    instrument = instrument_of(row)
    side = Side.SELL if row.position_qty > 0 else Side.BUY
    return Ticket(
        cl_ord_id=cl_ord_id,
        account=row.account_id,
        instrument=InstrumentKey.of(instrument),
        side=side,
        order_qty=quantity,
        ord_type=OrdType.LIMIT,
        price=collared(instrument, side, collar),
        reduce_only=reduce_only,
        strategy=strategy,
    )


def left_to_close(row: Position) -> Decimal:
    """The broker's position less the exits that work."""
    if not row.position_qty:
        return Decimal(0)
    use = read_use({row.account_id}, {row.con_id}, reading=Reading(positions=True, exits=True))
    sign = -1 if row.position_qty > 0 else 1
    return max(-sign * use.worst_with_exits((row.account_id, row.con_id), sign), Decimal(0))


def instrument_of(row: Position) -> Instrument:
    """Where the contract is ordered: its smart route where there is one. Raises NotClosed."""
    rows = Instrument.objects.listed().filter(con_id=row.con_id)
    found = rows.filter(exchange="SMART").first() or rows.first()
    if found is None:
        raise NotClosed(f"contract {row.con_id} is not known here")
    return found


def collared(instrument: Instrument, side: Side, collar: Decimal) -> Decimal:
    """A price so far through the last one, on the instrument's tick. Raises NotClosed without a price."""
    if instrument.last_px is None:
        raise NotClosed("there is no price to close it at")
    sign, tick = (1 if side == Side.BUY else -1), instrument.min_tick or Decimal("0.01")
    steps = instrument.last_px * (1 + sign * collar) / tick
    return steps.to_integral_value(ROUND_CEILING if sign > 0 else ROUND_FLOOR) * tick
