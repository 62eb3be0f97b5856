"""What waits in a session's outbox, and whether its checks still hold: what a claim would meet.

The claim, and the check that comes before it (`entry.recheck`), must see alike what waits: an order that
one of them sees alone would hold up all others. So both are made of the conditions here.
"""

from __future__ import annotations

from uuid import UUID

from brokers.postgres import prepared
from orders.models import CommandKind, EventKind, Order
from orders.models.controls.ruleset import NO_RULESET
from orders.models.lifecycle import states_of
from orders.models.references import repeats_lost_sql

#: An order is claimed from these states to that one, as the lifecycle says.
CLAIMED_FROM, CLAIMED = states_of(Order.claim)
#: Orders of the largest group (`entry.groups`).
LARGEST_GROUP = 9
#: So many groups one claim looks at.
GROUPS_SEEN = 50
#: Events after which an order may execute more, or has executed less, than was counted before.
GROWING = [
    EventKind.RECORDED,
    EventKind.REPLACE_REQUESTED,
    EventKind.TERMS_CHANGED,
    EventKind.REOPENED,
    EventKind.RESCALED,
]
#: Seconds for which the checks of an order hold while it waits: positions and prices move.
CHECKED_WITHIN = 5.0

WAITS = """c.kind = 'NEW' AND c.done_at IS NULL AND c.not_before <= now()
      AND o.state = ANY(%(from)s) AND o.fresh_until > clock_timestamp()"""


def checked(row: str) -> str:
    return f"""COALESCE({row}.checked_at > now() - make_interval(secs => %(checked_within)s), false)
               AND {row}.ruleset IS NOT DISTINCT FROM
                   COALESCE((SELECT edition FROM orders_rulebook), %(no_ruleset)s)"""  # noqa: S608 - our own words


# A repeat of an order that our books had lost may have been recorded in the instant in which the broker
# showed that one: neither transaction saw the other's row (`booking.lost_history`). Checked again it fails.
# What may only reduce has counted all that works: what its check did not see could turn the position with it.
# By transactions, not by clocks: what was written before the check and committed after it was not seen. An
# event of a transaction that is still to come is of a database that was restored from another.
CHECKED = f"""{checked("o")}
    AND NOT {repeats_lost_sql("o")}
    AND CASE WHEN o.checked_snapshot IS NULL THEN NOT o.reduce_only
        WHEN o.checked_snapshot = '' THEN true
        ELSE NOT EXISTS (
            SELECT FROM orders_orderevent e
            JOIN orders_order other ON other.id = e.order_id
            JOIN brokers_instrument l ON l.id = other.instrument_id
            JOIN brokers_instrument i ON i.id = o.instrument_id
            WHERE e.txid >= pg_snapshot_xmin(o.checked_snapshot::pg_snapshot)::text::bigint
              AND e.txid < pg_snapshot_xmax(pg_current_snapshot())::text::bigint
              AND NOT pg_visible_in_snapshot(e.txid::text::xid8, o.checked_snapshot::pg_snapshot)
              AND e.kind = ANY(%(growing)s) AND other.id <> o.id AND other.account_id = o.account_id
              AND (l.con_id = i.con_id OR l.legs <> '[]' OR i.legs <> '[]'))
        END"""

#: One look tells what there is to claim: most often one kind, or nothing any more.
KINDS_WAITING = f"""
    SELECT kind FROM unnest(ARRAY[{", ".join(f"'{kind}'" for kind in CommandKind)}]) AS kinds(kind)
    WHERE EXISTS (SELECT FROM orders_outboxcommand c
        WHERE c.session_id = %s AND c.kind = kinds.kind AND c.done_at IS NULL AND c.not_before <= now())
"""  # noqa: S608 - our own words

#: The orders that a claim would meet next, as far as their checks hold for less than half their time. Singles
#: and members of groups are counted apart by a window, not by two conditions: PostgreSQL would look for "no
#: group" in the index of groups, where every single order of the past is.
UNCHECKED = f"""
    SELECT id FROM (
        SELECT o.id, {CHECKED} AS checked,
            row_number() OVER (PARTITION BY o.group_id IS NULL ORDER BY c.priority, c.id) AS place
        FROM orders_outboxcommand c JOIN orders_order o ON o.id = c.order_id
        WHERE c.session_id = %(session)s AND {WAITS}
    ) AS waiting WHERE place <= %(limit)s AND NOT checked
"""  # noqa: S608 - our own words


#: Whether what goes first of all is in a group.
GROUP_FIRST = f"""
    SELECT o.group_id IS NOT NULL FROM orders_outboxcommand c JOIN orders_order o ON o.id = c.order_id
    WHERE c.session_id = %(session)s AND {WAITS} ORDER BY c.priority, c.id LIMIT 1
"""  # noqa: S608 - our own words


def group_is_first(session: str) -> bool:
    """Whether a group is to be claimed before any single order."""
    facts = {"session": session, "from": list(CLAIMED_FROM)}
    return prepared.rows(GROUP_FIRST, facts) == [(True,)]


def unchecked_orders(session: str) -> list[UUID]:
    """Of the orders to be claimed next, those that must be checked again first."""
    facts = {
        "session": session,
        "from": list(CLAIMED_FROM),
        "limit": GROUPS_SEEN * LARGEST_GROUP,
        "checked_within": CHECKED_WITHIN / 2,
        "no_ruleset": NO_RULESET,
        "growing": GROWING,
    }
    found = prepared.rows(UNCHECKED, facts)
    return [order_id for (order_id,) in found]


def kinds_waiting(session: str) -> set[str]:
    """The kinds of which a command is due; it may still have to wait for something else."""
    return {kind for (kind,) in prepared.rows(KINDS_WAITING, [session])}
