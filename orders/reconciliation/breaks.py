"""Breaks: written by every comparison, closed by two that agree or by a person who says why."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.contrib.auth.models import User
from django.db import transaction

from brokers.postgres import clock
from orders.booking import commissions
from orders.errors import OrderError
from orders.models import AlertKind, Break, BreakCause, BreakKind, BreakNote, Execution
from orders.notify.alerts import clear_alert, raise_alert
from orders.reconciliation import baseline

#: A difference closes itself only when this many comparisons in a row do not show it.
AGREEING_RUNS = 2
#: A statement is a whole book and final: the first that agrees closes what an older one showed.
AGREEING_RUNS_OF = {BreakKind.STATEMENT: 1}
#: Positions and cash are compared when nothing moves, so they are told at once; what one look shows of
#: an order is often resolved by the next. Of lost history an alert of its own tells at once.
TOLD_AT = {BreakKind.POSITION: 1, BreakKind.CASH: 1, BreakKind.STATEMENT: 1, BreakKind.LOST_HISTORY: 0}


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One difference that a comparison found; `ours` and `broker` are both sides' evidence."""

    kind: BreakKind
    key: str
    text: str
    ours: dict[str, str] = field(default_factory=dict)
    broker: dict[str, str] = field(default_factory=dict)
    account: str | None = None
    instrument_id: int | None = None
    order_id: UUID | None = None

    def as_difference(self) -> dict[str, str]:
        """As a comparison's result lists it."""
        about = {"account": self.account} if self.account else {}
        return {"kind": self.kind.value.lower(), **about, "difference": self.text}


class NotAllowed(OrderError):
    """The person has no right to decide about breaks."""

    code = "FORBIDDEN"


class ReasonNeeded(OrderError):
    """A decision without a reason is none."""

    code = "REASON_NEEDED"

    def __init__(self) -> None:
        super().__init__("Please give a reason: it stays with the break.")


class BreakClosed(OrderError):
    """The break is closed; its history is not rewritten."""

    code = "BREAK_CLOSED"

    def __init__(self, row: Break) -> None:
        super().__init__(f"The break was closed by {row.closed_by}; nothing was changed.")


class TicketNeeded(OrderError):
    """Whoever calls it the broker's error has told the broker."""

    code = "INVALID"

    def __init__(self) -> None:
        super().__init__("Please give the broker's ticket number: a broker's error is one that it knows of.")
        self.errors = {"ticket": [str(self)]}


# --- by comparisons -----------------------------------------------------------------------------------
def record(
    session: str, kinds: Collection[BreakKind], findings: Iterable[Finding], not_judged: Collection[str] = ()
) -> list[Finding]:
    """Write what a comparison of these kinds found; the findings that nobody has accepted before.

    `not_judged` are keys that this comparison could not look at: they neither differ nor agree.
    """
    now = clock.now()
    with transaction.atomic():
        rows = Break.objects.select_for_update().filter(session_id=session, kind__in=kinds, closed_at=None)
        open_ones = {(row.kind, row.key): row for row in rows.order_by("id")}
        found = {(str(finding.kind), finding.key): finding for finding in findings}
        new = {name: finding for name, finding in found.items() if name not in open_ones}
        accepted = _accepted(session, new)
        Break.objects.bulk_create(
            [_row(session, finding, now) for name, finding in new.items() if name not in accepted],
            ignore_conflicts=True,  # the same comparison, run twice at once
        )
        for name, row in open_ones.items():
            if name in found:
                _seen_again(row, found[name], now)
            elif row.key not in not_judged:
                _agreed(row, now)
        _tell(session, kinds)
    return [finding for name, finding in found.items() if name not in accepted]


def _row(session: str, finding: Finding, now: datetime) -> Break:
    return Break(
        session_id=session,
        kind=finding.kind,
        key=finding.key,
        account_id=finding.account,
        instrument_id=finding.instrument_id,
        order_id=finding.order_id,
        text=finding.text,
        ours=finding.ours,
        broker=finding.broker,
        first_seen=now,
        last_seen=now,
    )


def _accepted(session: str, new: dict[tuple[str, str], Finding]) -> set[tuple[str, str]]:
    """Differences that a person resolved as they are: shown again only when the evidence changes."""
    keys = [key for _, key in new]
    resolved = Break.objects.filter(session_id=session, key__in=keys, closed_by__startswith="desk:")
    latest = {(row.kind, row.key): row for row in resolved.order_by("id")}
    return {
        name
        for name, row in latest.items()
        if name in new and (row.ours, row.broker) == (new[name].ours, new[name].broker)
    }


def _seen_again(row: Break, finding: Finding, now: datetime) -> None:
    if (row.ours, row.broker) != (finding.ours, finding.broker):
        row.due_at = None  # it is worth something else now
    row.text, row.ours, row.broker = finding.text, finding.ours, finding.broker
    row.last_seen, row.times, row.agreeing_runs = now, row.times + 1, 0
    names = ["text", "ours", "broker", "last_seen", "times", "agreeing_runs", "due_at"]
    row.save(update_fields=names)


def _agreed(row: Break, now: datetime) -> None:
    row.agreeing_runs += 1
    needed = AGREEING_RUNS_OF.get(BreakKind(row.kind), AGREEING_RUNS)
    if row.agreeing_runs < needed:
        row.save(update_fields=["agreeing_runs"])
    else:
        _close(
            row,
            by="system",
            resolution=f"Both sides agreed in {needed} comparison{'' if needed == 1 else 's'}.",
            at=now,
        )


def _close(row: Break, *, by: str, resolution: str, at: datetime) -> None:
    row.closed_at, row.closed_by, row.resolution = at, by, resolution
    row.save(
        update_fields=["closed_at", "closed_by", "resolution", "cause", "ticket", "value", "agreeing_runs"]
    )
    act = "CLOSED" if by == "system" else "RESOLVED"
    BreakNote.objects.create(parent=row, by=by, act=act, text=resolution)
    for kind in (AlertKind.BREAK, AlertKind.BREAK_OVERDUE):
        clear_alert(kind, session=row.session_id, subject=subject_of(row), by=by)


def _tell(session: str, kinds: Collection[BreakKind]) -> None:
    for row in Break.objects.filter(session_id=session, kind__in=kinds, closed_at=None, agreeing_runs=0):
        if row.times == TOLD_AT.get(BreakKind(row.kind), 2):
            raise_alert(AlertKind.BREAK, session=session, subject=subject_of(row), text=row.text)


def subject_of(row: Break) -> str:
    """By which its alerts are told apart."""
    return f"{row.kind} {row.key}"


def is_open(session: str, kind: BreakKind) -> bool:
    """Whether a break of this kind is open."""
    return Break.objects.filter(session_id=session, kind=kind, closed_at=None).exists()


def times_seen(session: str, kind: BreakKind, key: str) -> int:
    """In how many comparisons the open break of this thing was seen; 0 when there is none."""
    rows = Break.objects.filter(session_id=session, kind=kind, key=key, closed_at=None, agreeing_runs=0)
    return rows.values_list("times", flat=True).first() or 0


def open_about(session: str, order_ids: Iterable[UUID], said: Collection[str]) -> list[UUID]:
    """Those orders of which the comparison before found that the broker says one of these."""
    rows = Break.objects.filter(
        session_id=session,
        kind=BreakKind.ORDER,
        key__in=[str(pk) for pk in order_ids],
        broker__status__in=list(said),
        closed_at=None,
        agreeing_runs=0,
    )
    return list(rows.values_list("order_id", flat=True))


# --- by people ----------------------------------------------------------------------------------------
def own_break(break_id: int, *, user: User) -> Break:
    """A person takes it on. Raises NotAllowed, BreakClosed, Break.DoesNotExist."""
    with transaction.atomic():
        row = _locked(break_id, user)
        row.owner = user
        row.save(update_fields=["owner"])
        _note(row, user, "OWNED", "")
    return row


def note_break(break_id: int, *, user: User, text: str) -> Break:
    """A person says something about it. Raises NotAllowed, ReasonNeeded, BreakClosed, Break.DoesNotExist."""
    with transaction.atomic():
        row = _locked(break_id, user)
        _note(row, user, "NOTE", _reason(text))
    return row


def resolvable(break_id: int, *, user: User, reason: str, cause: str = "", ticket: str = "") -> Break:
    """The break, where this person could resolve it so now; raises like `resolve_break`."""
    with transaction.atomic():
        row = _locked(break_id, user)
        _reason(reason)
        _ticket(cause, ticket)
    return row


def resolve_break(
    break_id: int,
    *,
    user: User,
    reason: str,
    cause: str = "",
    ticket: str = "",
    worth: Decimal | None = None,
) -> Break:
    """A person accepts the difference and says why; executions and orders stay as they are.

    Of positions and cash the broker's figure becomes what later comparisons start from; an execution
    without a commission was free, and its order is completed. Any other difference is shown again only when
    its evidence changes. What is a matter of timing stays open: the comparison that finds both sides equal
    closes it, and nothing is accepted meanwhile. `worth` is in the base currency, as who decided saw it.
    Raises like `note_break`, and TicketNeeded.
    """
    with transaction.atomic():
        row = _locked(break_id, user)
        row.cause, row.ticket = cause, _ticket(cause, ticket)
        if cause == BreakCause.TIMING:
            _await_other_side(row, user, _reason(reason))
            return row
        if row.kind in (BreakKind.POSITION, BreakKind.CASH):
            baseline.accept(row)
        elif row.kind == BreakKind.COMMISSION:
            _accept_free(row, by=f"desk:{user.get_username()}", reason=_reason(reason))
        row.value = worth if worth is not None else row.value
        _close(row, by=f"desk:{user.get_username()}", resolution=_reason(reason), at=clock.now())
    return row


def _await_other_side(row: Break, user: User, reason: str) -> None:
    """Explained, and so no alert any more; one is raised when its time is over and it still differs."""
    row.save(update_fields=["cause", "ticket"])
    _note(row, user, "NOTE", f"Timing, closes itself when both sides agree: {reason}")
    clear_alert(
        AlertKind.BREAK,
        session=row.session_id,
        subject=subject_of(row),
        by=f"desk:{user.get_username()}",
    )


def _accept_free(row: Break, *, by: str, reason: str) -> None:
    executions = Execution.objects.filter(order=row.order, exec_id=row.key)
    commissions.book_free(list(executions.values_list("pk", flat=True)), actor=by, why=reason)


def _locked(break_id: int, user: User) -> Break:
    if not user.has_perm("orders.resolve_break"):
        raise NotAllowed("You may not decide about breaks.")
    row = Break.objects.select_for_update().get(pk=break_id)
    if row.closed_at:
        raise BreakClosed(row)
    return row


def _note(row: Break, user: User, act: str, text: str) -> None:
    BreakNote.objects.create(parent=row, by=f"desk:{user.get_username()}", act=act, text=text)


def _reason(text: str) -> str:
    if not text.strip():
        raise ReasonNeeded
    return text.strip()


def _ticket(cause: str, ticket: str) -> str:
    if cause == BreakCause.BROKER_ERROR and not ticket.strip():
        raise TicketNeeded
    return ticket.strip()


def as_evidence(**values: Any) -> dict[str, str]:
    """Values of one side as JSON text."""
    return {name: str(value) for name, value in values.items() if value not in (None, "")}
