"""Resolving breaks: at once, or above a value once a second person agrees.

`resolve` is the one way for every door, for one break as for many with one reason: what counts then is what
they are worth together, and in each account with what the same person has closed alone today: or many small
ones would pass where a large one may not. Those whose worth nobody can tell wait like large ones.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any

from django.conf import settings
from django.contrib.auth.models import User
from django.db import transaction

from brokers.formats import decimal_text
from brokers.postgres import clock, storable
from orders.controls.books.break_values import value_of
from orders.controls.persons.approvals import Act, needs_two, propose
from orders.controls.persons.people import Actor
from orders.errors import OrderError
from orders.models import Approval, ApprovalKind, ApprovalState, Break, BreakCause
from orders.reconciliation import breaks

MOST = 200  # breaks of one decision


class TooMany(OrderError):
    """More than a person can mean by one reason."""

    code = "INVALID"

    def __init__(self) -> None:
        super().__init__(f"Decide about {MOST} breaks at the most with one reason.")


@transaction.atomic
def resolve(
    break_ids: Collection[int], *, actor: Actor, reason: str, cause: str = "", ticket: str = ""
) -> list[Break] | Approval:
    """Resolve all of these, or let them wait for a second person; all or none.

    Asked again while one of them waits, that request is given. What is a matter of timing is not closed here
    and needs no second person. Raises TooMany, NotAllowed, ReasonNeeded, TicketNeeded, BreakClosed and
    Break.DoesNotExist.
    """
    why = {"reason": reason, "cause": cause, "ticket": ticket}
    if len(chosen := sorted(set(break_ids))) > MOST:
        raise TooMany
    # What one person closes at once by two doors must not be added up twice to half of it.
    User.objects.select_for_update(no_key=True).get(pk=actor.user.pk)
    rows = [breaks.resolvable(pk, user=actor.user, **why) for pk in chosen]
    for row in rows:
        row.value = storable.number(value_of(row))
    before = _closed_alone_today(actor.user, {row.account_id for row in rows})
    if cause == BreakCause.TIMING or _is_small(rows, before) or not needs_two(ApprovalKind.BREAK):
        return [breaks.resolve_break(row.pk, user=actor.user, worth=row.value, **why) for row in rows]
    return _waiting(rows) or _proposed(rows, before, actor=actor, **why)


def _is_small(rows: Sequence[Break], before: Mapping[str | None, Decimal]) -> bool:
    """Whether one person may close them alone, after what that person has closed before in their accounts."""
    worth = _together(rows)
    if worth is None or worth > settings.BREAKS_ABOVE:
        return False
    for account in {row.account_id for row in rows}:
        own = sum((row.value or Decimal(0) for row in rows if row.account_id == account), Decimal(0))
        if own and before.get(account, Decimal(0)) + own > settings.BREAKS_DAY_ABOVE:
            return False
    return True


def _together(rows: Iterable[Break]) -> Decimal | None:
    """What they are worth together; None where of one nobody can tell."""
    worths = [row.value for row in rows]
    known = [worth for worth in worths if worth is not None]
    return sum(known, Decimal(0)) if len(known) == len(worths) else None


def _closed_alone_today(user: User, accounts: Collection[str | None]) -> dict[str | None, Decimal]:
    """What this person has closed today without a second one, by account; what is about none under None."""
    midnight = clock.now().replace(hour=0, minute=0, second=0, microsecond=0)
    agreed = Approval.objects.filter(kind=ApprovalKind.BREAK, state=ApprovalState.APPROVED, maker=user)
    by_two = {said["break"] for asked in agreed.filter(decided_at__gte=midnight) for said in _said(asked)}
    mine = Break.objects.filter(closed_by=f"desk:{user.get_username()}", closed_at__gte=midnight)
    sums: dict[str | None, Decimal] = {}
    for row in mine.exclude(pk__in=by_two):
        if row.account_id in accounts:
            sums[row.account_id] = sums.get(row.account_id, Decimal(0)) + (row.value or Decimal(0))
    return sums


def _waiting(rows: Sequence[Break]) -> Approval | None:
    waiting = Approval.objects.filter(kind=ApprovalKind.BREAK, state=ApprovalState.WAITING)
    mine = {row.pk for row in rows}
    for asked in waiting.filter(expires_at__gt=clock.now()):
        if mine & {said["break"] for said in _said(asked)}:
            return asked
    return None


def _proposed(
    rows: Sequence[Break],
    before: Mapping[str | None, Decimal],
    *,
    actor: Actor,
    reason: str,
    cause: str,
    ticket: str,
) -> Approval:
    worth = _together(rows)
    told = "not known" if worth is None else decimal_text(round(worth, 2))
    first = f"{rows[0].get_kind_display()} break resolved: {rows[0].text}"
    return propose(
        ApprovalKind.BREAK,
        title=first if len(rows) == 1 else f"{len(rows)} breaks resolved with one reason",
        diff=[
            {"what": "worth in the base currency", "old": "", "new": told},
            *(_earlier(actor.user, account, money) for account, money in before.items() if money),
            *(line for row in rows for line in _lines(row, named=len(rows) > 1)),
            *([{"what": "cause", "old": "", "new": " ".join((cause, ticket)).strip()}] if cause else []),
        ],
        payload={
            "breaks": [{"break": row.pk, "ours": row.ours, "broker": row.broker} for row in rows],
            **{"cause": cause, "ticket": ticket},
        },
        accounts=sorted({row.account_id for row in rows if row.account_id}) if _all_have_one(rows) else [],
        actor=actor,
        reason=reason,
    )


def _all_have_one(rows: Sequence[Break]) -> bool:
    """Whether each is about an account; one that is about none is the firm's."""
    return all(row.account_id for row in rows)


def _earlier(user: User, account: str | None, money: Decimal) -> dict[str, str]:
    what = f"closed alone today by {user.get_username()} in {account or 'no account'}"
    return {"what": what, "old": "", "new": decimal_text(round(money, 2))}


def _lines(row: Break, *, named: bool) -> list[dict[str, str]]:
    what = [{"what": f"break {row.pk}", "old": "", "new": row.text}] if named else []
    return [
        *what,
        {"what": "ours", "old": "", "new": _words(row.ours)},
        {"what": "the broker's", "old": "", "new": _words(row.broker)},
    ]


def _words(evidence: Mapping[str, object]) -> str:
    return ", ".join(f"{name} {value}" for name, value in evidence.items()) or "nothing"


def _said(approval: Approval) -> list[dict[str, Any]]:
    """Each break of a request; one of an older version is about one alone."""
    payload: dict[str, Any] = approval.payload
    said: list[dict[str, Any]] = payload.get("breaks", [payload])
    return said


class BreakAct(Act):
    """Breaks of a large value, resolved."""

    kind = ApprovalKind.BREAK

    def why_outdated(self, approval: Approval) -> str:
        """Each must be open, and both sides must say what they said then."""
        return next(filter(None, map(_why_outdated, _said(approval))), "")

    def carry_out(self, approval: Approval) -> str:
        """Resolve them in the name of who asked."""
        reason = f"{approval.reason} (approved by {approval.decided_by})"
        more = {name: approval.payload.get(name, "") for name in ("cause", "ticket")}
        for said in _said(approval):
            breaks.resolve_break(said["break"], user=approval.maker, reason=reason, **more)
        return "Resolved. History was not changed."


def _why_outdated(said: Mapping[str, Any]) -> str:
    row = Break.objects.get(pk=said["break"])
    if row.closed_at:
        return f"the break was closed by {row.closed_by}."
    return "" if [row.ours, row.broker] == [said["ours"], said["broker"]] else "its evidence has changed."
