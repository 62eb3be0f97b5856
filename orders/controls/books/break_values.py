"""What an open break is worth and until when it should be closed; a person is told of what is overdue.

Worth is reckoned from a break's own evidence, at the last price and the broker's rates.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal, InvalidOperation

from brokers.models import Instrument
from brokers.postgres import clock, storable
from orders.instruments.rates import in_base
from orders.models import Alert, AlertKind, Break, BreakKind, Order
from orders.notify.alerts import raise_alert
from orders.reconciliation import breaks
from orders.reconciliation.ageing import due_at
from orders.reconciliation.statements import findings

AT_ONCE = 1000  # breaks of one run


def keep_values() -> int:
    """Value open breaks whose evidence is new, and tell a person of those whose time is over; how many."""
    open_ones = Break.objects.filter(closed_at=None).order_by("pk")
    for row in open_ones.filter(due_at=None).select_related("instrument", "order__instrument")[:AT_ONCE]:
        found = storable.number(value_of(row))
        mine = Break.objects.filter(pk=row.pk, closed_at=None, last_seen=row.last_seen)
        mine.update(value=found, due_at=due_at(row.first_seen, found))
    late = list(open_ones.filter(due_at__lte=clock.now()).select_related("owner")[:AT_ONCE])
    told = set(
        Alert.objects.filter(kind=AlertKind.BREAK_OVERDUE, cleared_at=None).values_list("session", "subject")
    )
    for row in late:
        if (row.session_id, breaks.subject_of(row)) not in told:
            _tell_overdue(row)
    return len(late)


def _tell_overdue(row: Break) -> None:
    owner = row.owner.get_username() if row.owner else "nobody"
    raise_alert(
        AlertKind.BREAK_OVERDUE,
        session=row.session_id,
        subject=breaks.subject_of(row),
        text=f"Open beyond its time, owner {owner}: {row.text}",
    )


def value_of(row: Break) -> Decimal | None:
    """What the difference is worth in the account's base currency; None where nobody can tell."""
    found = _value(row)
    worth = None if found is None else in_base(found[0], found[1], row.account_id or "")
    return None if worth is None else abs(worth)


def _value(row: Break) -> tuple[Decimal, str] | None:
    """(amount, currency) of the difference. A commission that never came is money that nobody asked for."""
    match row.kind:
        case BreakKind.CASH:
            gap = row.gap
            return None if gap is None else (gap, str(row.ours.get("currency", "")))
        case BreakKind.POSITION:
            return _at_last_price(row.gap, row.instrument)
        case BreakKind.STATEMENT:
            return _of_statement(row)
        case BreakKind.EXECUTION:
            return _of_execution(row)
        case BreakKind.COMMISSION:
            return Decimal(0), ""
        case _:
            return _of_order(row.order) if row.order else (Decimal(0), "")  # a difference in words alone


def _of_statement(row: Break) -> tuple[Decimal, str] | None:
    """Cash by its gap, a position at the last price, a trade by what was traded; words are worth nothing.

    Nor is a corporate action: it is a thing to look at, and what it moved is a break of the position.
    """
    gap = row.gap
    if gap is not None:
        currency = str(row.ours.get("currency", ""))
        return (gap, currency) if currency else _at_last_price(gap, row.instrument)
    if "last_qty" in {*row.ours, *row.broker}:
        return _of_execution(row)
    part = row.key.split(" ")[1:2]
    return _of_row(row) if part in ([findings.GONE], [findings.TRADE]) else (Decimal(0), "")


def _of_row(row: Break) -> tuple[Decimal, str] | None:
    """What a row of a statement, word for word, moved: its money, else its quantity at its price."""
    said, currency = row.broker, str(row.broker.get("currency", ""))
    if money := _first(said, "proceeds", "amount", "positionAmount", "cashTransfer"):
        return money, currency
    quantity, px = _first(said, "quantity", "position"), _first(said, "tradePrice", "price", "transferPrice")
    if not quantity:
        return Decimal(0), ""
    if not px:
        return _at_last_price(quantity, row.instrument)
    return quantity * px * (_unit(row.instrument) if row.instrument else 1), currency


def _first(evidence: Mapping[str, object], *names: str) -> Decimal | None:
    """The first of these that is a number and not zero."""
    return next(filter(None, (_number(evidence, name) for name in names)), None)


def _of_execution(row: Break) -> tuple[Decimal, str] | None:
    """What the side that has it says it was worth, in the contract's units where that is known."""
    said = row.broker if "last_qty" in row.broker else row.ours
    quantity, px = _number(said, "last_qty"), _number(said, "last_px")
    if quantity is None or px is None:
        return None
    place = row.instrument
    return (quantity * px * _unit(place), place.currency) if place else (quantity * px, "")


def _of_order(order: Order) -> tuple[Decimal, str] | None:
    if order.price is None:
        return _at_last_price(order.order_qty, order.instrument)
    return order.order_qty * order.price * _unit(order.instrument), order.instrument.currency


def _at_last_price(quantity: Decimal | None, place: Instrument | None) -> tuple[Decimal, str] | None:
    if quantity is None or place is None or place.last_px is None:
        return None
    return quantity * place.last_px * _unit(place), place.currency


def _unit(place: Instrument) -> Decimal:
    return place.multiplier / place.price_magnifier


def _number(evidence: Mapping[str, object], name: str) -> Decimal | None:
    try:
        number = Decimal(str(evidence[name]))
    except (KeyError, InvalidOperation):
        return None
    return number if number.is_finite() else None
