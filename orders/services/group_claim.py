"""Claiming a group: all of its orders that wait, or none.

An entry and its exits travel as a chain: all but the last are held at the gateway until the last has
arrived. So a crash in between leaves nothing at the broker, and an order of the group that is in doubt
makes the others wait: when it is proven absent, the whole chain goes out again.
"""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

import msgspec
from django.db import transaction
from django.utils import timezone

from brokers.lease import Lease
from brokers.messages import NewOrder
from orders.models import (
    AT_BROKER,
    EXECUTED,
    CommandKind,
    GroupKind,
    Order,
    OrderGroup,
    OutboxCommand,
    State,
    SubmissionAttempt,
)
from orders.services.claim import claim_orders

#: What happened to such an order must be known before its group is touched again.
IN_FLIGHT = (State.SENT, State.UNCONFIRMED)
OPEN = tuple(state for state in AT_BROKER if state not in IN_FLIGHT)


def claim_group(lease: Lease, *, limit: int) -> list[NewOrder]:
    """Claim the oldest group that can go out now and is not larger than `limit`; empty when there is none."""
    for group in _waiting_groups(lease.name):
        with transaction.atomic():
            members = list(Order.objects.select_for_update().filter(group=group).order_by("id"))
            members.sort(key=lambda order: order.group_rank or 0)
            ready = sendable(GroupKind(group.kind), members)
            commands = _due_commands(ready)
            if not ready or len(ready) > limit or len(commands) < len(ready):
                continue
            claimed = claim_orders(lease, limit=len(ready), commands=commands)
            if len(claimed) == len(ready):
                return _linked(group, members, claimed)
            transaction.set_rollback(True)  # the lease is lost, the session paused, or one became stale
    return []


def _waiting_groups(session: str) -> list[OrderGroup]:
    waiting = OutboxCommand.objects.filter(
        session_id=session,
        kind=CommandKind.NEW,
        done_at=None,
        not_before__lte=timezone.now(),
        order__group__isnull=False,
        order__state=State.CREATED,
    )
    groups = waiting.order_by("order_id").values_list("order__group_id", flat=True)[:50]
    found = OrderGroup.objects.in_bulk(list(dict.fromkeys(groups)))
    return [found[key] for key in dict.fromkeys(groups)]


def sendable(kind: GroupKind, members: Sequence[Order]) -> list[Order]:
    """The orders of a group to be sent now, in their order; empty while that is not known or not wanted."""
    unsent = [order for order in members if order.state == State.CREATED]
    if any(order.state in IN_FLIGHT for order in members):
        return []
    if kind == GroupKind.OCA:
        return [] if any(order.cum_qty for order in members) else unsent
    entry = members[0]
    if entry.state == State.CREATED:
        return unsent if len(unsent) == len(members) else []
    # The exits of an entry that is there were lost: they are sent after it.
    return unsent if entry.state in (*OPEN, *EXECUTED) else []


def _due_commands(orders: Sequence[Order]) -> list[int]:
    ids = [order.id for order in orders]
    due = OutboxCommand.objects.filter(
        order__in=ids, kind=CommandKind.NEW, done_at=None, not_before__lte=timezone.now()
    )
    return list(due.values_list("id", flat=True))


def _linked(group: OrderGroup, members: Sequence[Order], claimed: Sequence[NewOrder]) -> list[NewOrder]:
    """The frozen payloads with their chain, stored as they will be sent."""
    if group.kind != GroupKind.BRACKET:
        return list(claimed)
    ranks = {str(order.id): order.group_rank or 0 for order in members}
    chain = sorted(claimed, key=lambda order: ranks[order.order_id])
    linked = [
        msgspec.structs.replace(order, **_links(group, members[0], chain, order), wait_for_rest=waits)
        for order, waits in zip(chain, [True] * (len(chain) - 1) + [False], strict=True)
    ]
    for order in linked:
        _store(order)
    return linked


def _links(group: OrderGroup, entry: Order, chain: Sequence[NewOrder], order: NewOrder) -> dict[str, object]:
    if order.order_id == str(entry.id):
        return {}
    if chain[0].order_id == str(entry.id):
        return {"parent_broker_order_id": chain[0].broker_order_id}
    if entry.state in OPEN:
        return {"parent_broker_order_id": entry.broker_order_id or 0}
    # The entry is filled: nothing to be attached to, but one exit must still end the other.
    return {"oca_group": f"{oca_name(group.id)}-exits", "oca_type": 2}


def _store(order: NewOrder) -> None:
    attempt = SubmissionAttempt.objects.filter(order_id=order.order_id).latest("id")
    attempt.payload = msgspec.to_builtins(order)
    attempt.save(update_fields=["payload"])


def oca_name(group_id: UUID) -> str:
    """The group's name at the broker: unique for each use, short, plain ASCII."""
    return f"TD{group_id.hex}"
