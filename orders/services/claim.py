"""The claim: many commands become "may be at the broker" in one statement, before a byte is sent.

One of the few places with SQL by hand (docs/decisions/0020). The states come from the lifecycle's own
`claim`. Every claim is fenced: it moves nothing unless this process holds the session's lease at this
epoch. Rows are locked in id order like everywhere, the session's row last and briefly.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
from django.conf import settings

from brokers import prepared
from brokers.lease import Lease
from brokers.messages import CancelOrder, NewOrder
from orders.models import AT_BROKER, CommandKind, EventKind, Order
from orders.models.lifecycle import states_of

BATCH = 100

# A put-back order has no broker_order_id: it is claimed as if for the first time. A resent one has:
# it keeps id and reference if no higher id was given out since (the gateway then treats a surviving
# first copy as a no-op modify), else it gets a new attempt. A group keeps its ids only if it can keep all of
# them (`whole`): the entry's must be the lowest.
CLAIM_ORDERS = """
WITH holder AS (
    SELECT name, client_id, next_broker_order_id FROM brokers_gatewaysession
    WHERE name = %(session)s AND lease_owner = %(owner)s AND lease_epoch = %(epoch)s AND lease_until > now()
      AND paused_at IS NULL
      AND NOT (%(if_alone)s AND EXISTS (SELECT FROM orders_outboxcommand
               WHERE session_id = %(session)s AND kind <> 'NEW' AND done_at IS NULL AND not_before <= now()))
), picked AS (
    SELECT c.id AS command_id, o.id AS order_id,
           o.broker_order_id IS NOT NULL AS again,
           COALESCE(o.broker_order_id = h.next_broker_order_id - 1
                    AND o.broker_client_id = h.client_id, false) AS same_id,
           COALESCE(o.broker_order_id >= h.next_broker_order_id - %(limit)s
                    AND o.broker_client_id = h.client_id, false) AS among_last,
           o.group_id, o.group_rank
    FROM orders_outboxcommand c
    JOIN orders_order o ON o.id = c.order_id JOIN holder h ON h.name = c.session_id
    WHERE c.kind = 'NEW' AND c.done_at IS NULL AND c.not_before <= now()
      AND o.state = ANY(%(from)s) AND o.fresh_until > now()
      AND CASE WHEN %(commands)s::bigint[] IS NULL THEN o.group_id IS NULL ELSE c.id = ANY(%(commands)s) END
    ORDER BY o.id LIMIT %(limit)s FOR UPDATE OF o, c SKIP LOCKED
), whole AS (
    SELECT command_id, order_id, group_rank, again, CASE WHEN group_rank IS NULL THEN same_id
        ELSE bool_and(among_last) OVER (PARTITION BY group_id) END AS same_id
    FROM picked
), numbered AS (
    SELECT *, row_number() OVER (PARTITION BY same_id ORDER BY group_rank, order_id) - 1 AS nth FROM whole
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
    jsonb_build_object(
        'order_id', o.id, 'order_ref', o.order_ref, 'broker_order_id', o.broker_order_id,
        'account', o.account_id, 'side', o.side, 'ord_type', o.ord_type, 'time_in_force', o.time_in_force,
        'order_qty', trim_scale(o.order_qty)::text, 'price', trim_scale(o.price)::text,
        'stop_px', trim_scale(o.stop_px)::text,
        'instrument', jsonb_build_object('symbol', i.symbol, 'sec_type', i.sec_type, 'exchange', i.exchange,
            'currency', i.currency, 'con_id', COALESCE(i.con_id, 0), 'legs', i.legs)) || o.special || o.links
FROM claimed o JOIN brokers_instrument i ON i.id = o.instrument_id
RETURNING payload::text
"""

# A cancel needs no gate and no id of its own, only that the order may be at the broker.
CLAIM_CANCELS = """
WITH holder AS (
    SELECT name FROM brokers_gatewaysession
    WHERE name = %(session)s AND lease_owner = %(owner)s AND lease_epoch = %(epoch)s AND lease_until > now()
), picked AS (
    SELECT c.id AS command_id, c.request_id, o.id AS order_id, o.broker_order_id
    FROM orders_outboxcommand c
    JOIN orders_order o ON o.id = c.order_id JOIN holder h ON h.name = c.session_id
    WHERE c.kind = 'CANCEL' AND c.done_at IS NULL AND c.not_before <= now()
      AND o.state = ANY(%(at_broker)s) AND o.broker_order_id IS NOT NULL
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
SELECT order_id::text, broker_order_id FROM picked
"""


#: One look tells what there is to claim: most often one kind, or nothing any more.
KINDS_WAITING = f"""
    SELECT kind FROM unnest(ARRAY[{", ".join(f"'{kind}'" for kind in CommandKind)}]) AS kinds(kind)
    WHERE EXISTS (SELECT FROM orders_outboxcommand c
        WHERE c.session_id = %s AND c.kind = kinds.kind AND c.done_at IS NULL AND c.not_before <= now())
"""  # noqa: S608 - our own words


def kinds_waiting(session: str) -> set[str]:
    """The kinds of which a command is due; it may still have to wait for something else."""
    return {kind for (kind,) in prepared.rows(KINDS_WAITING, [session])}


def claim_orders(
    lease: Lease, *, limit: int, commands: Sequence[int] | None = None, if_alone: bool = False
) -> list[NewOrder]:
    """Claim up to `limit` fresh new orders of the session, oldest first; the frozen payloads to send.

    `if_alone`: none while a cancel or a replace waits, which go first. Orders of groups are claimed by
    `group_claim` only, which names the `commands` of a whole group.
    """
    sources, target = states_of(Order.claim)
    facts = {
        **fence(lease),
        "limit": min(limit, BATCH),
        "from": list(sources),
        "from_state": sources[0],
        "to": target,
        "kind": EventKind.CLAIMED.value,
        "if_alone": if_alone,
        "commands": list(commands) if commands is not None else None,
        "ack_deadline": settings.ACK_DEADLINE,
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


def fence(lease: Lease) -> dict[str, Any]:
    """What every claim gives, so that only the holder of the lease can claim."""
    return {
        "session": lease.name,
        "owner": lease.owner,
        "epoch": lease.epoch,
        "actor": f"session:{lease.name}",
    }
