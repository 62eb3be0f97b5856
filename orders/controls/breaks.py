"""Resolving a break: at once, or above a value once a second person agrees.

`resolve` is the one way for every door. What a break is worth is reckoned from its own evidence; one whose
worth nobody can tell waits like a large one.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal, InvalidOperation

from django.conf import settings

from brokers.formats import decimal_text
from brokers.models import Instrument
from brokers.postgres import clock
from orders.controls.approvals import Act, needs_two, propose
from orders.controls.people import Actor
from orders.instruments.rates import in_base
from orders.models import Approval, ApprovalKind, ApprovalState, Break, BreakKind, Order
from orders.reconciliation import breaks


def resolve(
    break_id: int, *, actor: Actor, reason: str, cause: str = "", ticket: str = ""
) -> Break | Approval:
    """Resolve it, or let it wait for a second person.

    Asked again while it waits, the first request is given. Raises NotAllowed, ReasonNeeded, TicketNeeded,
    BreakClosed and Break.DoesNotExist.
    """
    why = {"reason": reason, "cause": cause, "ticket": ticket}
    row = breaks.resolvable(break_id, user=actor.user, **why)
    worth = value_of(row)
    if not needs_two(ApprovalKind.BREAK) or (worth is not None and worth <= settings.BREAKS_ABOVE):
        return breaks.resolve_break(break_id, user=actor.user, **why)
    waiting = Approval.objects.filter(kind=ApprovalKind.BREAK, state=ApprovalState.WAITING)
    if asked := waiting.filter(payload__break=row.pk, expires_at__gt=clock.now()).first():
        return asked
    told = "not known" if worth is None else decimal_text(round(worth, 2))
    return propose(
        ApprovalKind.BREAK,
        title=f"{row.get_kind_display()} break resolved: {row.text}",
        diff=[
            {"what": "worth in the base currency", "old": "", "new": told},
            {"what": "ours", "old": "", "new": _words(row.ours)},
            {"what": "the broker's", "old": "", "new": _words(row.broker)},
            *([{"what": "cause", "old": "", "new": " ".join((cause, ticket)).strip()}] if cause else []),
        ],
        payload={"break": row.pk, "ours": row.ours, "broker": row.broker, "cause": cause, "ticket": ticket},
        accounts=[row.account_id] if row.account_id else [],
        actor=actor,
        reason=reason,
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
            gap = breaks.gap_of(row)
            return None if gap is None else (gap, str(row.ours.get("currency", "")))
        case BreakKind.POSITION:
            return _at_last_price(breaks.gap_of(row), row.instrument)
        case BreakKind.STATEMENT:
            return _of_statement(row)
        case BreakKind.EXECUTION:
            return _of_execution(row)
        case BreakKind.COMMISSION:
            return Decimal(0), ""
        case _:
            return _of_order(row.order) if row.order else (Decimal(0), "")  # a difference in words alone


def _of_statement(row: Break) -> tuple[Decimal, str] | None:
    """Cash by its gap, a position at the last price, a trade by what was traded; words are worth nothing."""
    gap = breaks.gap_of(row)
    if gap is not None:
        currency = str(row.ours.get("currency", ""))
        return (gap, currency) if currency else _at_last_price(gap, row.instrument)
    return _of_execution(row) if "last_qty" in {*row.ours, *row.broker} else (Decimal(0), "")


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


def _words(evidence: Mapping[str, object]) -> str:
    return ", ".join(f"{name} {value}" for name, value in evidence.items()) or "nothing"


class BreakAct(Act):
    """A break of a large value, resolved."""

    kind = ApprovalKind.BREAK

    def why_outdated(self, approval: Approval) -> str:
        """It must be open, and both sides must say what they said then."""
        row = Break.objects.get(pk=approval.payload["break"])
        if row.closed_at:
            return f"the break was closed by {row.closed_by}."
        if [row.ours, row.broker] != [approval.payload["ours"], approval.payload["broker"]]:
            return "its evidence has changed."
        return ""

    def carry_out(self, approval: Approval) -> str:
        """Resolve it in the name of who asked."""
        reason = f"{approval.reason} (approved by {approval.decided_by})"
        said = approval.payload
        more = {"cause": said.get("cause", ""), "ticket": said.get("ticket", "")}
        breaks.resolve_break(said["break"], user=approval.maker, reason=reason, **more)
        return "Resolved. History was not changed."
