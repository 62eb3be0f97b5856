"""Trading states as people and programs set them: which scopes exist for them, who set what and why."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction

from brokers.models import BrokerAccount, GatewaySession
from orders.controls.books import lost_history
from orders.controls.persons.approvals import needs_two
from orders.errors import TicketInvalid
from orders.models import ApprovalKind, KillSwitch, ScopeState, TradingState
from orders.models.order import GROUP_ORDERS
from orders.risk.scopes import FIRM, ScopeKind, parse_scope, scope_text
from orders.store.states import put_state

MAX_REASON = 500


class ScopeInvalid(TicketInvalid):
    """There is no such scope for this caller, or the reason is missing."""


@dataclass(frozen=True, kw_only=True)
class StateNow:
    """The state of one scope; `set_at` None where it was never set."""

    scope: str
    state: str
    reason: str = ""
    set_by: str = ""
    set_at: datetime | None = None


def set_state(
    scope: str, state: TradingState, *, by: str, reason: str, accounts: Collection[str] | None = None
) -> StateNow:
    """Set a scope's state; `accounts` are those of the caller, None for the shell's, who has all.

    ACTIVE for a session is also a person's decision about the history that it had lost. Raises ScopeInvalid.
    """
    kind, name = require_scope(scope, accounts)
    if not reason.strip():
        raise ScopeInvalid({"reason": ["Please say why."]})
    require_no_kill(scope)
    with transaction.atomic():
        if kind == ScopeKind.SESSION and state == TradingState.ACTIVE:
            lost_history.decide(name, by=by, reason=reason)
        put_state(scope, state, by=by, reason=reason.strip())
    return state_now(scope)


def reactivate(session: str, *, by: str, reason: str) -> bool:
    """ACTIVE again: a person has decided about what a session was HALTED for; whether it was another state.

    Raises ScopeInvalid while a kill of it stands.
    """
    scope = scope_text(ScopeKind.SESSION, session)
    require_no_kill(scope)
    with transaction.atomic():
        lost_history.decide(session, by=by, reason=reason)
        return put_state(scope, TradingState.ACTIVE, by=by, reason=reason)


def require_no_kill(scope: str) -> None:
    """Raise ScopeInvalid where a kill stands: only its release gives the state back."""
    if KillSwitch.objects.filter(scope=scope, released_at=None).exists():
        whose = " by a second person" if needs_two(ApprovalKind.KILL_RELEASE) else ""
        text = f"A kill of this scope stands: its release{whose} gives the state back."
        raise ScopeInvalid({"scope": [text]})


def require_scope(scope: str, accounts: Collection[str] | None) -> tuple[ScopeKind, str]:
    """What the scope names; raises ScopeInvalid for one that is none for a caller of these accounts."""
    try:
        kind, name = parse_scope(scope)
    except ValueError as error:
        raise ScopeInvalid({"scope": [str(error)]}) from None
    if kind == ScopeKind.USER or (kind == ScopeKind.STRATEGY and len(name) > 32):
        raise ScopeInvalid({"scope": ["A trading state is for firm, account:X, strategy:X or session:X."]})
    touched = _touched(kind, name)
    if touched is None or (kind == ScopeKind.ACCOUNT and accounts is not None and name not in accounts):
        raise ScopeInvalid({"scope": [f"There is no such {kind}."]})
    if accounts is not None and not touched <= set(accounts):
        raise ScopeInvalid({"scope": [f"{scope} is about accounts that are not yours."]})
    return kind, name


def _touched(kind: ScopeKind, name: str) -> set[str] | None:
    """The accounts that a scope may touch; None when there is no such scope."""
    rows = BrokerAccount.objects.values_list("pk", flat=True)
    if kind == ScopeKind.ACCOUNT:
        return set(rows.filter(pk=name)) or None
    if kind == ScopeKind.SESSION:
        return set(rows.filter(session=name)) if GatewaySession.objects.filter(pk=name).exists() else None
    return set(rows)  # the firm's, and a strategy may trade in any


def state_now(scope: str) -> StateNow:
    """The state of one scope."""
    row = ScopeState.objects.filter(pk=scope).first()
    return _now(row) if row else StateNow(scope=scope, state=TradingState.ACTIVE.value)


def states_now(accounts: Collection[str]) -> list[StateNow]:
    """The firm's state, those of these accounts and their sessions, and of every strategy that has one."""
    set_ones = {row.scope: _now(row) for row in ScopeState.objects.all()}
    codes = sorted(code for code in accounts if code != GROUP_ORDERS)
    sessions = BrokerAccount.objects.filter(pk__in=codes).order_by().values_list("session", flat=True)
    names = [
        FIRM,
        *(scope_text(ScopeKind.ACCOUNT, code) for code in codes),
        *(scope_text(ScopeKind.SESSION, name) for name in sorted(set(sessions))),
        *(scope for scope in sorted(set_ones) if scope.startswith(f"{ScopeKind.STRATEGY}:")),
    ]
    return [set_ones.get(scope) or StateNow(scope=scope, state=TradingState.ACTIVE.value) for scope in names]


def not_active(accounts: Collection[str]) -> list[StateNow]:
    """What is not ACTIVE, for who may see these accounts; one query while all is."""
    if not ScopeState.objects.exclude(state=TradingState.ACTIVE).exists():
        return []
    return [row for row in states_now(accounts) if row.state != TradingState.ACTIVE]


def _now(row: ScopeState) -> StateNow:
    return StateNow(scope=row.scope, state=row.state, reason=row.reason, set_by=row.set_by, set_at=row.set_at)
