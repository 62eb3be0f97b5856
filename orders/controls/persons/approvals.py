"""Four eyes: what one person makes takes effect when another one approves it.

A kind of act brings an `Act`: how it is checked again at the moment of approval, carried out, and dropped. It
is registered at start (`orders.apps`). Approving is single use: the row is locked, so of two approvers one
decides.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping, Sequence
from datetime import timedelta
from typing import Any, ClassVar
from uuid import UUID

from django.conf import settings
from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import Q

from brokers.postgres import clock
from orders.controls.persons.people import RIGHTS, Actor, NotAllowed
from orders.errors import OrderError
from orders.models import ApiToken, Approval, ApprovalKind, ApprovalState, KillSwitch, Scope

#: What may need two (`TRADEDESK_FOUR_EYES`), by kind.
FOUR_EYES = {
    ApprovalKind.LIMITS: "limits",
    ApprovalKind.RESTRICTION: "limits",
    ApprovalKind.KILL_RELEASE: "kill_release",
    ApprovalKind.TOKEN: "tokens",
    ApprovalKind.EXECUTION: "manual_executions",
    ApprovalKind.SPLIT: "manual_executions",
    ApprovalKind.BREAK: "breaks_above",
    ApprovalKind.ORDER: "orders_above",
}
DIFFERENT = "Changed meanwhile"


class ApprovalOver(OrderError):
    """It was decided, has expired, or does not fit any more; nothing was changed."""

    code = "APPROVAL_OVER"


class OwnApproval(NotAllowed):
    """Nobody approves what he made himself, or what a token did that he answers for."""

    def __init__(self) -> None:
        super().__init__(
            "You made this, yourself, through a token, or at a login that you made or changed and nobody has"
            " confirmed: a second person must approve it."
        )


class Act(ABC):
    """What a kind of approval does."""

    kind: ClassVar[ApprovalKind]
    lifetime: ClassVar[timedelta] = timedelta(days=1)

    def prepare(self, approval_id: UUID) -> None:  # noqa: B027 - most need nothing
        """Ask others for what carrying it out needs, before the transaction that does."""

    def why_outdated(self, approval: Approval) -> str:
        """Why it does not fit any more what is there now; empty when it does."""
        return ""

    @abstractmethod
    def carry_out(self, approval: Approval) -> str:
        """Do it, in the transaction that approves it; what came of it, in words. May raise OrderError."""

    def drop(self, approval: Approval) -> None:  # noqa: B027 - most have nothing to take back
        """It was rejected or has expired."""


ACTS: dict[str, Act] = {}


def register(act: Act) -> None:
    """Let approvals of this kind be made."""
    ACTS[act.kind] = act


def needs_two(kind: ApprovalKind) -> bool:
    """Whether acts of this kind wait for a second person."""
    return kind in FOUR_EYES and FOUR_EYES[kind] in settings.FOUR_EYES


def require_other(kind: ApprovalKind, actor: Actor, row: Approval | KillSwitch) -> None:
    """Raise OwnApproval for one of its makers, where acts of this kind need a second person."""
    if needs_two(kind) and actor.made(row):
        raise OwnApproval


def propose(
    kind: ApprovalKind,
    *,
    title: str,
    diff: Sequence[Mapping[str, str]],
    payload: Mapping[str, Any],
    accounts: Collection[str],
    actor: Actor,
    reason: str,
) -> Approval:
    """Let an act wait for a second person; raises NotAllowed where the maker may not see what it concerns."""
    if not actor.may_see(accounts):
        raise NotAllowed("This concerns accounts that are not yours.")
    approval = Approval.objects.create(
        kind=kind,
        title=title[:300],
        accounts=sorted(accounts),
        diff=[dict(line) for line in diff],
        payload=dict(payload),
        reason=reason,
        maker=actor.user,
        maker_person=actor.person if actor.person != actor.user else None,
        made_by=actor.name,
        expires_at=clock.now() + ACTS[kind].lifetime,
    )
    approval.refresh_from_db(fields=["made_at"])
    return approval


def approve(approval_id: UUID, *, actor: Actor, reason: str) -> Approval:
    """Carry it out; raises Approval.DoesNotExist, OwnApproval, NotAllowed, ApprovalOver.

    One that does not fit any more what is there is rejected with the reason, and ApprovalOver is raised.
    """
    asked = Approval.objects.get(pk=approval_id)
    _require_approvable(asked, actor)
    ACTS[asked.kind].prepare(approval_id)
    with transaction.atomic():
        approval = _locked(approval_id)
        _require_approvable(approval, actor)
        act = ACTS[approval.kind]
        outdated = act.why_outdated(approval) or _why_maker_cannot(approval)
        if outdated:
            act.drop(approval)
            _decide(approval, ApprovalState.REJECTED, actor, reason, outcome=f"{DIFFERENT}: {outdated}")
        else:
            _decide(approval, ApprovalState.APPROVED, actor, reason)
            approval.outcome = act.carry_out(approval)
            approval.save(update_fields=["outcome"])
    if outdated:
        raise ApprovalOver(f"{DIFFERENT}, so it was not carried out: {outdated}")
    return approval


def reject(approval_id: UUID, *, actor: Actor, reason: str) -> Approval:
    """Do not do it; its maker may take it back so. Raises Approval.DoesNotExist, ApprovalOver."""
    with transaction.atomic():
        approval = _locked(approval_id)
        _require_waiting(approval, actor)
        if not actor.made(approval):
            actor.require(Scope.APPROVE, approval.accounts)
        ACTS[approval.kind].drop(approval)
        _decide(approval, ApprovalState.REJECTED, actor, reason)
    return approval


def expire() -> int:
    """End what nobody decided in time; how many."""
    waiting = Approval.objects.filter(state=ApprovalState.WAITING, expires_at__lte=clock.now())
    late = list(waiting.values_list("pk", flat=True))
    for approval_id in late:
        with transaction.atomic():
            approval = Approval.objects.select_for_update().get(pk=approval_id)
            if approval.state == ApprovalState.WAITING:
                _expire(approval)
    return len(late)


def visible(actor: Actor, *, state: str | None = None, limit: int = 200) -> list[Approval]:
    """What concerns this actor's accounts, the newest first."""
    rows = Approval.objects.filter(**({"state": state} if state else {}))
    return [row for row in rows[:limit] if actor.may_see(row.accounts)]


def to_decide(actor: Actor) -> int:
    """How many wait for this person."""
    waiting = Approval.objects.filter(state=ApprovalState.WAITING, expires_at__gt=clock.now())
    return sum(actor.may_see(row.accounts) and not actor.made(row) for row in waiting)


def _locked(approval_id: UUID) -> Approval:
    return Approval.objects.select_for_update().get(pk=approval_id)


def _require_waiting(approval: Approval, actor: Actor) -> None:
    if not actor.may_see(approval.accounts):
        raise Approval.DoesNotExist
    if approval.state != ApprovalState.WAITING:
        raise ApprovalOver(f"It is {approval.get_state_display().lower()} already; nothing was changed.")
    if approval.expires_at <= clock.now():
        raise ApprovalOver("It has expired; make it anew if it is still wanted.")


def _require_approvable(approval: Approval, actor: Actor) -> None:
    """Raise unless it waits, and this actor may approve it and has not made it."""
    _require_waiting(approval, actor)
    actor.require(Scope.APPROVE, approval.accounts)
    if actor.person is None:
        raise NotAllowed("No person answers for this token, so it cannot approve.")
    if not actor.person.has_perm(RIGHTS[Scope.APPROVE]):
        raise NotAllowed(f"{actor.person} may not approve, so this token may not either.")
    if actor.made(approval):
        raise OwnApproval


def _why_maker_cannot(approval: Approval) -> str:
    gone = [user for user in (approval.maker, approval.maker_person) if user and not user.is_active]
    if gone:
        return f"{gone[0]} is not active any more."
    if approval.made_by.startswith("client:") and _has_lost_tokens(approval.maker):
        return f"no token of {approval.maker} works any more."
    return ""


def _has_lost_tokens(client: User) -> bool:
    """Whether a client's tokens were revoked or have ended: whoever did so stopped it, not the approver."""
    tokens = ApiToken.objects.filter(user=client)
    living = tokens.filter(Q(expiry=None) | Q(expiry__gt=clock.now()), revoked_at=None, waiting=False)
    return tokens.exists() and not living.exists()


def _decide(
    approval: Approval, state: ApprovalState, actor: Actor, reason: str, *, outcome: str = ""
) -> None:
    approval.state, approval.decided_at = state, clock.now()
    approval.approver, approval.decided_by = actor.person or actor.user, actor.name
    approval.decision, approval.outcome = reason, outcome
    approval.save()


def _expire(approval: Approval) -> None:
    ACTS[approval.kind].drop(approval)
    approval.state, approval.decided_at = ApprovalState.EXPIRED, clock.now()
    approval.outcome = "Nobody decided in time."
    approval.save(update_fields=["state", "decided_at", "outcome"])
