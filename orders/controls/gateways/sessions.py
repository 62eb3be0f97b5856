"""What a person can do to a broker session: pause and resume sending, ask for a comparison."""

from __future__ import annotations

from collections.abc import Collection

from celery import current_app
from django.contrib.auth.models import User

from brokers.models import BrokerAccount
from orders.access import accounts_of_person
from orders.controls.halts.states import reactivate
from orders.controls.persons.people import NotAllowed
from orders.models import LostOrder, TradingState
from orders.notify import wakeup
from orders.notify.redis_client import REDIS_ERRORS
from orders.reconciliation.on_demand import TASKS
from orders.risk.scopes import ScopeKind, scope_text
from orders.store.states import put_state

ASKED_FOR = 20.0  # seconds; a question that no worker took by then is forgotten


def require_own(name: str, accounts: Collection[str]) -> None:
    """Raise NotAllowed for a session that carries accounts which are not all of the caller's."""
    if BrokerAccount.objects.filter(session=name).exclude(pk__in=accounts).exists():
        raise NotAllowed(f"The session {name} carries accounts that are not yours.")


def pause(name: str, *, user: User, reason: str) -> str:
    """HALTED: claim nothing new for this session; cancels still go, and what waits grows stale as always."""
    require_own(name, accounts_of_person(user))
    if put_state(scope_text(ScopeKind.SESSION, name), TradingState.HALTED, by=_actor(user), reason=reason):
        return "Paused: nothing new is sent. Cancels still go; waiting orders grow stale."
    return "It was paused already."


def resume(name: str, *, user: User, reason: str) -> str:
    """ACTIVE: send again; a person has decided about whatever the session was HALTED for."""
    require_own(name, accounts_of_person(user))
    if reactivate(name, by=_actor(user), reason=reason):
        return "Sending goes on: what is still fresh goes out now."
    return "It was not paused."


def _actor(user: User) -> str:
    return f"desk:{user.get_username()}"


def release(name: str, *, user: User, reason: str) -> str:
    """End a HALTED session's halt: a person has decided about what it was halted for."""
    require_own(name, accounts_of_person(user))
    return end_halt(name, by=_actor(user), reason=reason)


def end_halt(name: str, *, by: str, reason: str) -> str:
    """Let the session send again and say what stays as it is."""
    if not reactivate(name, by=by, reason=reason):
        return "It was not halted."
    left = LostOrder.objects.filter(session_id=name, rebuilt_at=None).count()
    told = f" {left} order(s) stay somebody else's, because they were not rebuilt." if left else ""
    return f"Released: what is still fresh goes out now.{told}"


def ask_for_comparison(name: str, *, user: User, reason: str) -> str:
    """Let the broker worker compare orders and positions now."""
    for task in TASKS:
        try:
            wakeup.require_redis()
            current_app.send_task(task, args=(name,), queue=f"broker.{name}", expires=ASKED_FOR)
        except REDIS_ERRORS:
            return "Redis does not answer, so the worker was not told; it compares by itself every minute."
    return "Asked. The result appears below when the broker has answered."
