"""The claim: many commands become "may be at the broker" in one statement, before a byte is sent.

One of the few places with SQL by hand (docs/decisions/0020). The states come from the lifecycle's own
`claim`. Every claim is fenced: it moves nothing unless this process holds the session's lease at this
epoch. Rows are locked as they come, because a claim waits for none that others hold; the session's row last
and briefly.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import msgspec
from django.conf import settings
from django.db import transaction

from brokers import registry
from brokers.gate.lease import Lease
from brokers.gate.order_ids import USED_UP_FROM
from brokers.messages import CancelOrder, NewOrder, ReplaceOrder
from brokers.postgres import clock, prepared
from orders.models import (
    AT_BROKER,
    EXECUTED,
    OPEN_REQUESTS,
    CommandKind,
    EventKind,
    GroupKind,
    Order,
    OrderGroup,
    OutboxCommand,
    State,
    SubmissionAttempt,
)
from orders.models.controls.ruleset import NO_RULESET
from orders.models.terms import only_lowers_sql
from orders.risk.exits import covered_qty, exit_of, total_qty
from orders.sending.waiting import (
    CHECKED,
    CHECKED_WITHIN,
    CLAIMED,
    CLAIMED_FROM,
    GROUPS_SEEN,
    GROWING,
    WAITS,
    checked,
)

BATCH = 100
#: The broker has acknowledged the order and works it.
ACKNOWLEDGED = (State.ACCEPTED, State.PENDING, State.PARTIALLY_FILLED)
#: What happened to such an order must be known before its group is touched again.
IN_FLIGHT = (State.SENT, State.UNCONFIRMED)
OPEN = tuple(state for state in AT_BROKER if state not in IN_FLIGHT)

#: Scopes of an order `o` that may have a trading state.
ORDER_SCOPES = """(
    'firm', 'account:' || o.account_id, 'strategy:' || o.strategy, 'session:' || o.session_id)"""

#: What goes out for an order `o` in its instrument `i`.
_PAYLOAD = """jsonb_build_object(
        'order_id', o.id, 'order_ref', o.order_ref, 'broker_order_id', o.broker_order_id,
        'account', o.account_id, 'side', o.side, 'ord_type', o.ord_type, 'time_in_force', o.time_in_force,
        'order_qty', trim_scale(o.order_qty)::text, 'fresh_until', o.fresh_until,
        'price', trim_scale(o.price)::text,
        'stop_px', trim_scale(o.stop_px)::text,
        'instrument', jsonb_build_object('symbol', i.symbol, 'sec_type', i.sec_type, 'exchange', i.exchange,
            'currency', i.currency, 'con_id', COALESCE(i.con_id, 0), 'legs', i.legs)) || o.special || o.links
"""

# What goes first (`risk.priority`) is taken, of one priority the oldest, and only while the checks of all of
# them hold: none passes those that `entry.recheck` has to check again because the rules have changed since,
# or because they have waited for long.
# A put-back order has no broker_order_id: it is claimed as if for the first time. A resent one has:
# it keeps id and reference if no higher id was given out since (the gateway then treats a surviving
# first copy as a no-op modify), else it gets a new attempt. A group keeps its ids only if it can keep all of
# them (`whole`): the entry's must be the lowest.
CLAIM_ORDERS = f"""
WITH holder AS (
    SELECT name, client_id, next_broker_order_id FROM brokers_gatewaysession
    WHERE name = %(session)s AND lease_owner = %(owner)s AND lease_epoch = %(epoch)s AND lease_until > now()
      AND NOT EXISTS (
          SELECT FROM orders_scopestate s WHERE s.scope = 'session:' || name AND s.state = 'HALTED')
      AND NOT order_ids_used_up AND next_broker_order_id < %(used_up_from)s
      AND NOT (%(if_alone)s AND EXISTS (SELECT FROM orders_outboxcommand
               WHERE session_id = %(session)s AND kind <> 'NEW' AND done_at IS NULL AND not_before <= now()))
), picked AS (
    SELECT c.id AS command_id, o.id AS order_id,
           o.broker_order_id IS NOT NULL AS again,
           COALESCE(o.broker_order_id = h.next_broker_order_id - 1
                    AND o.broker_client_id = h.client_id, false) AS same_id,
           COALESCE(o.broker_order_id >= h.next_broker_order_id - %(limit)s
                    AND o.broker_client_id = h.client_id, false) AS among_last,
           c.priority, o.group_id, o.group_rank,
           {CHECKED} AS checked
    FROM orders_outboxcommand c
    JOIN orders_order o ON o.id = c.order_id JOIN holder h ON h.name = c.session_id
    WHERE {WAITS}
      AND CASE WHEN %(commands)s::bigint[] IS NULL THEN o.group_id IS NULL ELSE c.id = ANY(%(commands)s) END
    ORDER BY c.priority, c.id LIMIT %(limit)s FOR UPDATE OF o, c SKIP LOCKED
), whole AS (
    SELECT command_id, order_id, priority, group_rank, again, CASE WHEN group_rank IS NULL THEN same_id
        ELSE bool_and(among_last) OVER (PARTITION BY group_id) END AS same_id
    FROM picked WHERE (SELECT bool_and(checked) FROM picked)
), numbered AS (
    SELECT *,
        row_number() OVER (PARTITION BY same_id ORDER BY group_rank, priority, command_id) - 1 AS nth
    FROM whole
), session AS (
    UPDATE brokers_gatewaysession s
    SET next_broker_order_id = s.next_broker_order_id + (SELECT count(*) FROM numbered WHERE NOT same_id)
    FROM holder h WHERE s.name = h.name RETURNING h.next_broker_order_id AS first_id, s.client_id
), claimed AS (
    UPDATE orders_order o SET
        state = %(to)s,
        attempt = o.attempt + (n.again AND NOT n.same_id)::int,
        order_ref = CASE WHEN n.again AND NOT n.same_id
            THEN split_part(o.order_ref, '-', 1) || '-' || (o.attempt + 1) ELSE o.order_ref END,
        broker_order_id = CASE WHEN n.same_id THEN o.broker_order_id ELSE s.first_id + n.nth END,
        broker_client_id = s.client_id, lease_epoch = %(epoch)s,
        claimed_at = clock_timestamp(), updated_at = clock_timestamp(), sent_at = NULL,
        ack_deadline = clock_timestamp() + make_interval(secs => %(ack_deadline)s),
        unconfirmed_at = NULL, absent_rounds = 0, absent_snapshot = '', version = o.version + 1
    FROM numbered n, session s WHERE o.id = n.order_id RETURNING o.*
), noted AS (
    INSERT INTO orders_orderevent
        (order_id, version, kind, from_state, to_state, cum_qty, avg_px, actor, text, data, at)
    SELECT id, version, %(kind)s, %(from_state)s, state, cum_qty, avg_px, %(actor)s, '',
           jsonb_build_object('broker_order_id', broker_order_id, 'order_ref', order_ref), claimed_at
    FROM claimed
), done AS (
    UPDATE orders_outboxcommand c SET done_at = now(), attempts = c.attempts + 1
    FROM numbered n WHERE c.id = n.command_id
)
INSERT INTO orders_submissionattempt
    (order_id, attempt, order_ref, broker_client_id, broker_order_id, lease_epoch, claimed_at, payload)
SELECT o.id, o.attempt, o.order_ref, o.broker_client_id, o.broker_order_id, o.lease_epoch, o.claimed_at,
    {_PAYLOAD}
FROM claimed o JOIN brokers_instrument i ON i.id = o.instrument_id
RETURNING payload::text
"""  # noqa: S608 - our own words

# A cancel needs no gate and no id of its own, only that the order may be at the broker. Of several orders
# there behind one reference each is canceled.
CLAIM_CANCELS = """
WITH holder AS (
    SELECT name, client_id FROM brokers_gatewaysession
    WHERE name = %(session)s AND lease_owner = %(owner)s AND lease_epoch = %(epoch)s AND lease_until > now()
), picked AS (
    SELECT c.id AS command_id, c.request_id, o.id AS order_id, h.client_id,
        CASE WHEN o.state = ANY(%(at_broker)s) THEN o.broker_order_id END AS broker_order_id
    FROM orders_outboxcommand c
    JOIN orders_order o ON o.id = c.order_id JOIN holder h ON h.name = c.session_id
    WHERE c.kind = 'CANCEL' AND c.done_at IS NULL AND c.not_before <= now()
      AND (o.state = ANY(%(at_broker)s) AND o.broker_order_id IS NOT NULL
           OR EXISTS (SELECT FROM orders_duplicateorder d WHERE d.order_id = o.id AND NOT d.is_over))
    ORDER BY o.id LIMIT %(limit)s FOR UPDATE OF o, c SKIP LOCKED
), requests AS (
    UPDATE orders_orderrequest r SET state = 'SENT', sent_at = clock_timestamp()
    FROM picked p WHERE r.id = p.request_id
), versioned AS (
    UPDATE orders_order o SET version = o.version + 1, updated_at = clock_timestamp()
    FROM picked p WHERE o.id = p.order_id RETURNING o.*
), noted AS (
    INSERT INTO orders_orderevent
        (order_id, version, kind, from_state, to_state, cum_qty, avg_px, actor, text, data, at)
    SELECT o.id, o.version, %(kind)s, o.state, o.state, o.cum_qty, o.avg_px, %(actor)s, '', '{}', o.updated_at
    FROM versioned o
), done AS (
    UPDATE orders_outboxcommand c SET done_at = now(), attempts = c.attempts + 1
    FROM picked p WHERE c.id = p.command_id
)
SELECT order_id::text, broker_order_id FROM picked WHERE broker_order_id IS NOT NULL
UNION SELECT p.order_id::text, d.broker_order_id FROM picked p JOIN orders_duplicateorder d
    ON d.order_id = p.order_id AND NOT d.is_over AND d.broker_order_id IS NOT NULL
    AND d.broker_client_id = p.client_id
"""

# The payload is that of the last attempt, so that whatever else the order carries stays as it is, but for a
# parent that is over: naming it is refused (IB: 135). An order that was rebuilt after lost history has no
# attempt: its own terms then (see `entry.replace`). A request on the wire holds back the next one, and a
# cancel holds back every replace. An entry becomes smaller only after its exits (`entry.group_watch`). In a
# trading state that came after it was asked only a lower quantity goes.
CLAIM_REPLACES = f"""
WITH holder AS (
    SELECT name FROM brokers_gatewaysession
    WHERE name = %(session)s AND lease_owner = %(owner)s AND lease_epoch = %(epoch)s AND lease_until > now()
      AND NOT EXISTS (
          SELECT FROM orders_scopestate s WHERE s.scope = 'session:' || name AND s.state = 'HALTED')
), picked AS (
    SELECT c.id AS command_id, r.id AS request_id, o.id AS order_id, o.cum_qty,
        COALESCE(a.payload, {_PAYLOAD}) - 'wait_for_rest' || jsonb_build_object(
            'order_qty', trim_scale(r.order_qty)::text, 'fresh_until', r.fresh_until,
            'price', trim_scale(r.price)::text,
            'stop_px', trim_scale(r.stop_px)::text, 'time_in_force', r.time_in_force)
        || CASE WHEN EXISTS (SELECT FROM orders_order entry WHERE entry.group_id = o.group_id
                AND entry.group_rank = 0 AND entry.id <> o.id AND NOT entry.state = ANY(%(at_broker)s))
            THEN '{{"parent_broker_order_id": 0}}'::jsonb ELSE '{{}}'::jsonb END AS payload
    FROM orders_outboxcommand c JOIN holder h ON h.name = c.session_id
    JOIN orders_orderrequest r ON r.id = c.request_id JOIN orders_order o ON o.id = c.order_id
    JOIN brokers_instrument i ON i.id = o.instrument_id
    LEFT JOIN LATERAL (SELECT payload FROM orders_submissionattempt a
                       WHERE a.order_id = o.id ORDER BY a.id DESC LIMIT 1) a ON true
    WHERE c.kind = 'REPLACE' AND c.done_at IS NULL AND c.not_before <= now()
      AND r.state = 'REQUESTED' AND r.fresh_until > clock_timestamp() AND NOT o.held_for_desk
      AND ({only_lowers_sql("o", "r")}
           OR {checked("r")} AND NOT EXISTS (
               SELECT FROM orders_scopestate s WHERE s.state <> 'ACTIVE' AND s.scope IN {ORDER_SCOPES}
               AND (s.state = 'HALTED' OR s.set_at >= r.requested_at)))
      AND (o.state = ANY(%(acknowledged)s) OR o.state = ANY(%(raisable)s) AND r.order_qty > o.cum_qty)
      AND NOT EXISTS (
          SELECT FROM orders_orderrequest other WHERE other.order_id = o.id AND other.id <> r.id AND (
              other.state IN ('SENT', 'UNCONFIRMED')
              OR other.state = 'REQUESTED' AND (other.kind = 'CANCEL' OR other.id < r.id)))
      AND NOT (o.group_rank = 0 AND r.order_qty < o.order_qty AND EXISTS (
          SELECT FROM orders_ordergroup g
          WHERE g.id = o.group_id AND g.kind = 'BRACKET' AND g.settled_at IS NULL AND (
              g.covered_qty > GREATEST(r.order_qty, o.cum_qty)
              OR EXISTS (SELECT FROM orders_orderrequest x JOIN orders_order e ON e.id = x.order_id
                         WHERE e.group_id = g.id AND e.group_rank > 0 AND x.state = ANY(%(open)s)))))
    ORDER BY o.id LIMIT %(limit)s FOR UPDATE OF o, c, r SKIP LOCKED
), requests AS (
    UPDATE orders_orderrequest r SET state = 'SENT', sent_at = clock_timestamp(),
        ack_deadline = clock_timestamp() + make_interval(secs => %(ack_deadline)s)
    FROM picked p WHERE r.id = p.request_id RETURNING r.cl_ord_id, r.order_id
), versioned AS (
    UPDATE orders_order o SET version = o.version + 1, updated_at = clock_timestamp()
    FROM picked p WHERE o.id = p.order_id RETURNING o.*
), noted AS (
    INSERT INTO orders_orderevent
        (order_id, version, kind, from_state, to_state, cum_qty, avg_px, actor, text, data, at)
    SELECT o.id, o.version, %(kind)s, o.state, o.state, o.cum_qty, o.avg_px, %(actor)s, '',
           jsonb_build_object('cl_ord_id', r.cl_ord_id), o.updated_at
    FROM versioned o JOIN requests r ON r.order_id = o.id
), done AS (
    UPDATE orders_outboxcommand c SET done_at = now(), attempts = c.attempts + 1
    FROM picked p WHERE c.id = p.command_id
)
SELECT jsonb_build_object('order_id', order_id, 'request_id', request_id,
    'cum_qty', trim_scale(cum_qty)::text, 'order', payload)::text FROM picked
"""  # noqa: S608 - our own words


def claim_orders(
    lease: Lease, *, limit: int, commands: Sequence[int] | None = None, if_alone: bool = False
) -> list[NewOrder]:
    """Claim up to `limit` fresh new orders of the session, by priority; the frozen payloads to send.

    `if_alone`: none while a cancel or a replace waits, which go first. Orders of groups are claimed by
    `group_claim` only, which names the `commands` of a whole group.
    """
    facts = {
        **fence(lease),
        "limit": min(limit, BATCH),
        "used_up_from": USED_UP_FROM,
        "from": list(CLAIMED_FROM),
        "from_state": CLAIMED_FROM[0],
        "to": CLAIMED,
        "kind": EventKind.CLAIMED.value,
        "if_alone": if_alone,
        "commands": list(commands) if commands is not None else None,
        "ack_deadline": settings.ACK_DEADLINE,
        "no_ruleset": NO_RULESET,
        "checked_within": CHECKED_WITHIN,
        "growing": GROWING,
    }
    claimed = prepared.rows(CLAIM_ORDERS, facts)
    orders = [msgspec.json.decode(payload, type=NewOrder) for (payload,) in claimed]
    return sorted(orders, key=lambda order: order.broker_order_id)


def claim_cancels(lease: Lease, *, limit: int) -> list[CancelOrder]:
    """Claim up to `limit` cancels of orders that may be at the broker."""
    facts = {
        **fence(lease),
        "limit": min(limit, BATCH),
        "at_broker": [state.value for state in AT_BROKER],
        "kind": EventKind.CANCEL_SENT.value,
    }
    claimed = prepared.rows(CLAIM_CANCELS, facts)
    return [CancelOrder(order_id=key, broker_order_id=number) for key, number in claimed]


def claim_replaces(lease: Lease, *, limit: int) -> list[ReplaceOrder]:
    """Claim up to `limit` replaces of orders that the broker works; the frozen payloads to send."""
    facts = {
        **fence(lease),
        "limit": min(limit, BATCH),
        "acknowledged": [state.value for state in ACKNOWLEDGED],
        "raisable": [state.value for state in raisable(lease.name)],
        "at_broker": [state.value for state in AT_BROKER],
        "open": [state.value for state in OPEN_REQUESTS],
        "kind": EventKind.REPLACE_SENT.value,
        "ack_deadline": settings.ACK_DEADLINE,
        "checked_within": CHECKED_WITHIN,
        "no_ruleset": NO_RULESET,
    }
    claimed = prepared.rows(CLAIM_REPLACES, facts)
    return [msgspec.json.decode(payload, type=ReplaceOrder) for (payload,) in claimed]


def raisable(session: str) -> tuple[State, ...]:
    """The states of a filled order in which the session's broker may be asked for more (FIX C.1.c)."""
    config = settings.BROKER_SESSIONS.get(session)  # None: no longer configured, nothing is sent there
    return EXECUTED if config and registry.capabilities(config.adapter).raises_filled else ()


def fence(lease: Lease) -> dict[str, Any]:
    """What every claim gives, so that only the holder of the lease can claim."""
    return {
        "session": lease.name,
        "owner": lease.owner,
        "epoch": lease.epoch,
        "actor": f"session:{lease.name}",
    }


# --- groups -----------------------------------------------------------------------------------------------
# An entry and its exits travel as a chain: all but the last are held at the gateway until the last has
# arrived. So a crash in between leaves nothing at the broker, and an order of the group that is in doubt
# makes the others wait: when it is proven absent, the whole chain goes out again.
def claim_group(lease: Lease, *, limit: int) -> list[NewOrder]:
    """Claim the first group that can go out now and has at most `limit` orders; empty when there is none."""
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
        not_before__lte=clock.now(),
        order__group__isnull=False,
        order__state=State.CREATED,
    )
    groups = waiting.order_by("priority", "id").values_list("order__group_id", flat=True)[:GROUPS_SEEN]
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
        whole = all(order.state == State.CREATED or _was_canceled_here(order) for order in members)
        return unsent if whole and not _are_too_large(entry, members[1:]) else []
    # The exits of an entry that is there were lost: they are sent after it.
    return unsent if entry.state in (*OPEN, *EXECUTED) else []


def _was_canceled_here(order: Order) -> bool:
    """Whether it never left us because somebody asked for its cancel: the others do without it."""
    return order.state == State.CANCELED and order.reason_code == "CANCELED_BEFORE_SENDING"


def _are_too_large(entry: Order, exits: Sequence[Order]) -> bool:
    """Whether the entry was made smaller and its exits were not yet: the sweep does that (`group_watch`)."""
    return total_qty([exit_of(order, order.order_qty) for order in exits]) > covered_qty(entry)


def _due_commands(orders: Sequence[Order]) -> list[int]:
    ids = [order.id for order in orders]
    due = OutboxCommand.objects.filter(
        order__in=ids, kind=CommandKind.NEW, done_at=None, not_before__lte=clock.now()
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
    if order.oca_group:
        return {}
    # The entry is filled: nothing to be attached to, but one exit must still end the other.
    return {"oca_group": f"{oca_name(group.id)}-exits", "oca_type": 2}


def _store(order: NewOrder) -> None:
    attempt = SubmissionAttempt.objects.filter(order_id=order.order_id).latest("id")
    attempt.payload = msgspec.to_builtins(order)
    attempt.save(update_fields=["payload"])


def oca_name(group_id: UUID) -> str:
    """The group's name at the broker: unique for each use, short, plain ASCII."""
    return f"TD{group_id.hex}"
