"""Restricted and allowed instruments: restricting holds at once, allowing waits for a second person."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.db import transaction

from brokers.models import Instrument
from brokers.postgres import clock
from orders.controls.limits.limit_changes import LimitsInvalid, accounts_of_scope, kind_of
from orders.controls.persons.approvals import Act, needs_two, propose
from orders.controls.persons.people import Actor
from orders.models import Approval, ApprovalKind, InstrumentRestriction, Scope
from orders.risk.restrictions import Effect


@dataclass(frozen=True, kw_only=True)
class WantedRestriction:
    """A row that is asked for; times are UTC, None is open, an empty side means both."""

    scope: str
    instrument: Instrument
    effect: Effect
    side: str = ""
    starts_at: datetime | None = None
    ends_at: datetime | None = None


@transaction.atomic
def add_restriction(
    wanted: WantedRestriction, *, actor: Actor, reason: str
) -> InstrumentRestriction | Approval:
    """Restrict at once, or ask for an instrument to be allowed; raises LimitsInvalid and NotAllowed."""
    kind_of(wanted.scope)
    if wanted.starts_at and wanted.ends_at and wanted.ends_at <= wanted.starts_at:
        raise LimitsInvalid({"ends_at": ["It ends before it begins."]})
    actor.require(Scope.RISK, accounts_of_scope(wanted.scope))
    if wanted.effect == Effect.ALLOWED and needs_two(ApprovalKind.RESTRICTION):
        return _propose(f"Allow {wanted.instrument}", wanted.scope, _payload(wanted), actor, reason)
    return _add(_payload(wanted), by=actor.name, reason=reason)


@transaction.atomic
def end_restriction(row_id: int, *, actor: Actor, reason: str) -> InstrumentRestriction | Approval:
    """End a row now: at once where it allows, after approval where it restricts.

    Raises InstrumentRestriction.DoesNotExist and NotAllowed.
    """
    row = InstrumentRestriction.objects.select_for_update(of=("self",)).get(pk=row_id)
    actor.require(Scope.RISK, accounts_of_scope(row.scope))
    if row.effect == Effect.RESTRICTED and needs_two(ApprovalKind.RESTRICTION):
        return _propose(f"End: {row}", row.scope, {"end": row.pk}, actor, reason)
    return _end(row)


def _payload(wanted: WantedRestriction) -> dict[str, str | int]:
    times = {"starts_at": wanted.starts_at, "ends_at": wanted.ends_at}
    return {
        "scope": wanted.scope,
        "instrument": wanted.instrument.pk,
        "effect": wanted.effect.value,
        "side": wanted.side,
        **{name: at.isoformat() for name, at in times.items() if at},
    }


def _propose(title: str, scope: str, payload: dict[str, str | int], actor: Actor, reason: str) -> Approval:
    lines = {name: str(value) for name, value in payload.items() if name not in ("instrument", "end")}
    return propose(
        ApprovalKind.RESTRICTION,
        title=title,
        diff=[
            {"what": title, "old": "", "new": "from now on" if "end" in payload else "allowed"},
            *({"what": name, "old": "", "new": text} for name, text in lines.items() if text),
        ],
        payload=payload,
        accounts=accounts_of_scope(scope),
        actor=actor,
        reason=reason,
    )


def _add(payload: dict[str, str | int], *, by: str, reason: str) -> InstrumentRestriction:
    times = {
        name: datetime.fromisoformat(str(payload[name]))
        for name in ("starts_at", "ends_at")
        if name in payload
    }
    return InstrumentRestriction.objects.create(
        scope=payload["scope"],
        instrument_id=payload["instrument"],
        effect=payload["effect"],
        side=payload["side"],
        reason=reason,
        made_by=by,
        **times,
    )


def _end(row: InstrumentRestriction) -> InstrumentRestriction:
    row.ends_at = clock.now()
    row.save(update_fields=["ends_at"])
    return row


class RestrictionAct(Act):
    """An instrument that is allowed, or not restricted any more."""

    kind = ApprovalKind.RESTRICTION

    def why_outdated(self, approval: Approval) -> str:
        """One that has ended meanwhile needs no end."""
        ended = InstrumentRestriction.objects.filter(pk=approval.payload.get("end"), ends_at__lte=clock.now())
        return "it has ended." if ended.exists() else ""

    def carry_out(self, approval: Approval) -> str:
        """Add the row, or end it."""
        if "end" in approval.payload:
            row = InstrumentRestriction.objects.select_for_update(of=("self",)).get(
                pk=approval.payload["end"]
            )
            return f"Ended: {_end(row)}."
        return f"In force: {_add(approval.payload, by=approval.made_by, reason=approval.reason)}."
