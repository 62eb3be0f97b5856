"""A split that a person knows of before, or without, a statement: it counts when a second person agrees."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import date
from typing import Any

from django.db import transaction

from brokers.models import Instrument
from orders.controls.persons.approvals import Act, needs_two, propose
from orders.controls.persons.people import Actor, NotAllowed
from orders.errors import OrderError
from orders.models import Approval, ApprovalKind, Split
from orders.models.middle_office.corporate_actions import known_split
from orders.reconciliation.corporate_actions import enter

RIGHT = "orders.resolve_break"
LARGEST = 2**31 - 1


class SplitInvalid(OrderError):
    """It cannot be entered so; the text says why."""

    code = "INVALID"


@dataclass(frozen=True, kw_only=True)
class WantedSplit:
    """`numerator` units for `denominator` from `ex_date` on; `new_con_id` 0 keeps the contract's id."""

    con_id: int
    ex_date: date
    numerator: int
    denominator: int
    new_con_id: int = 0


def request_split(wanted: WantedSplit, *, actor: Actor, reason: str) -> Split | Approval:
    """Enter it, or let it wait for a second person. Raises NotAllowed and SplitInvalid."""
    if not actor.user.has_perm(RIGHT):
        raise NotAllowed(f"{actor.name} may not enter splits.")
    symbol = _checked(wanted)
    if not needs_two(ApprovalKind.SPLIT):
        with transaction.atomic():
            return enter(_row(wanted, symbol, reason, actor.name))
    said = asdict(wanted) | {"ex_date": wanted.ex_date.isoformat(), "symbol": symbol}
    return propose(
        ApprovalKind.SPLIT,
        title=f"{symbol}: {wanted.numerator} for {wanted.denominator} from {wanted.ex_date}",
        diff=[{"what": name, "old": "", "new": str(value)} for name, value in said.items() if value],
        payload=said,
        accounts=[],
        actor=actor,
        reason=reason,
    )


def _checked(wanted: WantedSplit) -> str:
    """What the contract is called."""
    if not all(0 < number <= LARGEST for number in (wanted.numerator, wanted.denominator)):
        raise SplitInvalid("A split is so many for so many: two whole numbers above zero.")
    if wanted.numerator == wanted.denominator and wanted.new_con_id in (0, wanted.con_id):
        raise SplitInvalid("That changes nothing.")
    if known := known_split(wanted.con_id, wanted.ex_date):
        raise SplitInvalid(f"It is known already: {known} ({known.source}).")
    instrument = Instrument.objects.filter(con_id=wanted.con_id).first()
    if instrument is None:
        raise SplitInvalid(f"No contract with the id {wanted.con_id} is known here.")
    return instrument.symbol


def _row(wanted: WantedSplit, symbol: str, reason: str, entered_by: str, **facts: Any) -> Split:
    return Split(
        con_id=wanted.con_id,
        new_con_id=wanted.new_con_id or wanted.con_id,
        symbol=symbol,
        ex_date=wanted.ex_date,
        numerator=wanted.numerator,
        denominator=wanted.denominator,
        source=reason[:200],
        entered_by=entered_by,
        **facts,
    )


class SplitAct(Act):
    """A split entered by hand."""

    kind = ApprovalKind.SPLIT

    def why_outdated(self, approval: Approval) -> str:
        """A statement may have told it meanwhile."""
        known = known_split(approval.payload["con_id"], date.fromisoformat(approval.payload["ex_date"]))
        return f"it is known already: {known} ({known.source})." if known else ""

    def carry_out(self, approval: Approval) -> str:
        """Enter it."""
        said = dict(approval.payload)
        symbol = said.pop("symbol")
        wanted = WantedSplit(**{**said, "ex_date": date.fromisoformat(said["ex_date"])})
        facts = {"approved_by": approval.decided_by, "approval": approval}
        return f"Counted: {enter(_row(wanted, symbol, approval.reason, approval.made_by, **facts))}."
