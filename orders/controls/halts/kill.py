"""The kill switch as it is pressed, read and released; the brokers' workers do it (`kill_work`)."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from django.db import transaction
from django.db.models import QuerySet

from brokers.models import BrokerAccount, GatewaySession
from brokers.postgres import clock
from orders.controls.halts.states import ScopeInvalid, require_scope, state_now
from orders.controls.persons.approvals import require_other
from orders.controls.persons.people import Actor
from orders.models import ApprovalKind, KillAction, KillStatus, KillSwitch, Order, Scope, TradingState
from orders.models.order import GROUP_ORDERS
from orders.notify.questions import HEARTBEAT_LIMIT
from orders.risk.scopes import ScopeKind, parse_scope
from orders.store.states import lock_state, put_state

#: What a session's `progress` lists of the broker.
SEEN = ("at_broker", "positions", "snapshots")


def press(scope: str, action: KillAction, *, actor: Actor, reason: str) -> KillSwitch:
    """Halt the scope at once, and have the rest worked at; nobody needs to approve it.

    Flattening begins as REDUCING, so that its own exits pass, and ends as HALTED. Raises ScopeInvalid.
    """
    kind, _ = require_scope(scope, [code for code in actor.accounts if code != GROUP_ORDERS])
    if not reason.strip():
        raise ScopeInvalid({"reason": ["Please say why."]})
    if action == KillAction.FLATTEN and kind == ScopeKind.STRATEGY:
        text = "Positions are of accounts, not of strategies: cancel, then close them or flatten the account."
        raise ScopeInvalid({"scope": [text]})
    with transaction.atomic():
        lock_state(scope, by=actor.name)
        kill = KillSwitch.objects.create(
            scope=scope,
            action=action,
            reason=reason.strip()[:500],
            maker=actor.user,
            maker_person=actor.person,
            made_by=actor.name[:150],
            state_before=before(scope),
        )
        state = TradingState.REDUCING if action == KillAction.FLATTEN else TradingState.HALTED
        put_state(scope, state, by=actor.name, reason=f"kill {kill.id}: {kill.reason}", of_kill=True)
    kill.refresh_from_db()
    return kill


def before(scope: str) -> str:
    """The state to which a release leads back: that before the oldest kill of the scope still stands."""
    standing = KillSwitch.objects.filter(scope=scope, released_at=None).order_by("id").first()
    return standing.state_before if standing else state_now(scope).state


def release(kill_id: UUID, *, actor: Actor, reason: str) -> KillSwitch:
    """Give the scope its former state back, once no other kill of it stands. Raises OwnApproval for its maker
    where a release needs two (`approvals.require_other`).

    Whoever stands behind the token with which it was pressed is its maker as well.
    """
    actor.require(Scope.RISK, ())
    if not reason.strip():
        raise ScopeInvalid({"reason": ["Please say why."]})
    with transaction.atomic():
        lock_state(KillSwitch.objects.values_list("scope", flat=True).get(pk=kill_id))
        kill = KillSwitch.objects.select_for_update().get(pk=kill_id)
        require_other(ApprovalKind.KILL_RELEASE, actor, kill)
        if kill.released_at:
            return kill
        kill.released_at, kill.released_by = clock.now(), actor.name[:150]
        kill.release_reason = reason.strip()[:500]
        kill.save(update_fields=["released_at", "released_by", "release_reason"])
        if not KillSwitch.objects.filter(scope=kill.scope, released_at=None).exists():
            text = f"kill {kill.id} released: {kill.release_reason}"
            state = TradingState(kill.state_before)
            put_state(kill.scope, state, by=actor.name, reason=text, of_kill=True)
    return kill


def sessions_of(scope: str) -> list[str]:
    """The sessions that carry what the scope is about."""
    kind, name = parse_scope(scope)
    if kind == ScopeKind.SESSION:
        return [name]
    accounts = BrokerAccount.objects.order_by().values_list("session", flat=True)
    if kind == ScopeKind.ACCOUNT:
        accounts = accounts.filter(pk=name)
    return sorted(set(accounts))


def orders_of(scope: str) -> QuerySet[Order]:
    """The orders of a scope."""
    kind, name = parse_scope(scope)
    named = {
        ScopeKind.ACCOUNT: {"account": name},
        ScopeKind.STRATEGY: {"strategy": name},
        ScopeKind.SESSION: {"session": name},
    }
    return Order.objects.filter(**named.get(kind, {}))


def blocking_of(kill: KillSwitch, sessions: Sequence[str] | None = None) -> list[str]:
    """What keeps the kill from being proven, sessions that nobody works for among it.

    `sessions` are those of its scope, for who has read them already.
    """
    if kill.status == KillStatus.PROVEN:
        return []
    found: list[str] = []
    rows = GatewaySession.objects.in_bulk(sessions_of(kill.scope) if sessions is None else sessions)
    for name, row in sorted(rows.items()):
        if row.link != "READY":
            found.append(f"session {name}: the link is {row.link} {row.link_reason}".strip())
        elif row.heartbeat_at is None or clock.now() - row.heartbeat_at > HEARTBEAT_LIMIT:
            # READY is what it wrote last: nobody is there to say otherwise.
            found.append(f"session {name}: its broker worker does not run, so nothing is done there")
        found += kill.progress.get(name, {}).get("blocking", [])
    return found


def gathered(kill: KillSwitch, sessions: Sequence[str]) -> dict[str, list[object]]:
    """What these sessions saw last: each list of `progress`, one session after the other."""
    seen = [kill.progress.get(name, {}) for name in sessions]
    return {what: [row for one in seen for row in one.get(what, [])] for what in SEEN}
