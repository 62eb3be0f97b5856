"""Trading states in the database: read for the rules cache, written with who and why."""

from __future__ import annotations

from django.db import transaction
from django.db.models.functions import Now

from brokers.models import GatewaySession
from orders.models.controls.kill import KillAction, KillStatus, KillSwitch
from orders.models.controls.trading_state import ScopeState, ScopeStateChange, TradingState
from orders.notify import wakeup
from orders.risk.scopes import FIRM, ScopeKind, parse_scope
from orders.risk.states import InForce, States

#: From the softest to the strictest.
SOFTEST_FIRST = (TradingState.ACTIVE, TradingState.REDUCING, TradingState.HALTED)


def read_states() -> States:
    """All states other than ACTIVE, as they are now."""
    rows = ScopeState.objects.exclude(state=TradingState.ACTIVE)
    return States({row.scope: _in_force(row) for row in rows})


def read_session_state(session: str) -> InForce | None:
    """The strictest state of the firm and of this session; None when both are ACTIVE."""
    return read_states().of_session(session)


def _in_force(row: ScopeState) -> InForce:
    return InForce(scope=row.scope, state=TradingState(row.state), reason=row.reason, set_at=row.set_at)


def lock_state(scope: str, *, by: str = "") -> ScopeState:
    """The row of a scope's state, locked until the end of the transaction.

    It is locked before any kill of the scope: what stops the scope while a kill is pressed, concluded or
    released comes whole before or whole after it, and nobody waits in a ring.
    """
    row, _ = ScopeState.objects.select_for_update().get_or_create(
        scope=scope, defaults={"state": TradingState.ACTIVE, "reason": "", "set_by": by[:150]}
    )
    return row


def put_state(scope: str, state: TradingState, *, by: str, reason: str, of_kill: bool = False) -> bool:
    """Set a scope's state; whether it was another one. Every process sees it with its next order.

    The reason is that of the last who asked, also where the state stays. Brokers' workers are told after the
    commit, so that nothing that is claimed at this moment is handed over. What stops the scope while a kill
    of it stands (lost history, a loss, a pause), and is no act `of_kill`, outlives the kill's release.
    """
    with transaction.atomic():
        row = lock_state(scope, by=by)
        before = TradingState(row.state)
        row.state, row.reason, row.set_by, row.set_at = state, reason[:500], by[:150], Now()
        row.save()
        if not of_kill:
            softer = SOFTEST_FIRST[: SOFTEST_FIRST.index(state)]
            standing = KillSwitch.objects.filter(scope=scope, released_at=None, state_before__in=softer)
            standing.update(state_before=state)
        ScopeStateChange.objects.create(
            scope=scope, from_state=before, to_state=state, reason=reason[:500], by=by[:150]
        )
        transaction.on_commit(tell_workers, robust=True)
    return before != state


def stop(scope: str, *, by: str, reason: str) -> bool:
    """HALTED, by a program; whether that is another state.

    While a kill flattens there the exits must pass, above all in a loss: it stays REDUCING then. The kill
    ends as HALTED, and so does its release.
    """
    with transaction.atomic():
        lock_state(scope, by=by)
        if not _is_being_flattened(scope):
            return put_state(scope, TradingState.HALTED, by=by, reason=reason)
        KillSwitch.objects.filter(scope=scope, released_at=None).update(state_before=TradingState.HALTED)
        known = scope in read_states().by_scope
        return not known and put_state(scope, TradingState.REDUCING, by=by, reason=reason, of_kill=True)


def _is_being_flattened(scope: str) -> bool:
    """Whether a kill closes positions in this scope; exits are of no strategy."""
    if parse_scope(scope)[0] not in (ScopeKind.FIRM, ScopeKind.ACCOUNT):
        return False
    flattens = KillSwitch.objects.filter(action=KillAction.FLATTEN, released_at=None)
    scopes = flattens.exclude(status=KillStatus.PROVEN).values_list("scope", flat=True)
    return any(FIRM in (scope, one) or one == scope or one.startswith(ScopeKind.SESSION) for one in scopes)


def tell_workers() -> None:
    """Have every session's worker look at the states, and send or give up what waits; tell desks."""
    for name in GatewaySession.objects.values_list("name", flat=True):
        wakeup.states_changed(name)
        wakeup.start_submission(name)
    wakeup.sessions_changed()
