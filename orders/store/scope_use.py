"""What accounts, strategies and users did today, and what strategies and users do at all: read from the rows.

An owner is an account by its code, or another scope as it is written (`risk.scopes`). The firm is the sum of
its accounts, which the reader adds up. A strategy's or a user's position is what its orders executed: the
broker knows positions of accounts only.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from brokers.fix import Side
from orders.models import ALIVE, EXECUTED, OPEN_REQUESTS, SLICING, GroupKind


def words(values: Iterable[StrEnum]) -> str:
    """As they stand in a statement: said there, an index of just these is used, and nothing is bound."""
    return ", ".join(f"'{value.value}'" for value in values)


LIVING, DONE, OPEN, WORKED = words(ALIVE), words(EXECUTED), words(OPEN_REQUESTS), words(SLICING)
SIDES, BRACKET, OCA = words(Side), words([GroupKind.BRACKET]), words([GroupKind.OCA])

#: The legs of an instrument (alias i), each contract once: what buying one unit buys (above zero) or sells.
LEGS = """
    SELECT leg.con_id, sum(CASE leg.side WHEN 'BUY' THEN leg.ratio ELSE -leg.ratio END) AS ratio
    FROM jsonb_to_recordset(i.legs) AS leg(con_id bigint, ratio int, side text) GROUP BY 1
"""
#: 1 where an order (alias o) buys, -1 where it sells.
SIGN = "CASE o.side WHEN 'BUY' THEN 1 ELSE -1 END"
#: What one unit of an instrument (alias i) buys (above zero) or sells of each contract, for an order's side.
CONTRACTS = f"""
    CROSS JOIN LATERAL (
        SELECT i.con_id, {SIGN} AS ratio WHERE i.legs = '[]'
        UNION ALL
        SELECT legs.con_id, {SIGN} * legs.ratio FROM ({LEGS}) AS legs
    ) AS c
"""  # noqa: S608 - our own words
#: What tells one contract, or combination of contracts, from all others: wherever it is routed, however it is
#: described (`instruments.contracts.contract_key`).
KEY = f"""
    CASE WHEN i.legs = '[]' THEN i.con_id::text ELSE (
        SELECT string_agg(legs.con_id || ' ' || legs.ratio, ' ' ORDER BY legs.con_id) FROM ({LEGS}) AS legs
    ) END
"""  # noqa: S608 - our own words
#: Orders that were asked of us and were not refused by our own checks (those were never claimed).
ASKED = "o.source <> 'EXTERNAL' AND NOT (o.state = 'REJECTED' AND o.claimed_at IS NULL)"


@dataclass(frozen=True)
class Owner:
    """How the rows of orders (alias o) of one kind of scope are found, and whose they are."""

    name: str
    where: str


#: By the index on account, side and id: the rows of the day are next to each other.
ACCOUNTS = Owner("o.account_id", f"o.account_id = ANY(%(accounts)s) AND o.side IN ({SIDES})")
STRATEGIES = Owner("'strategy:' || o.strategy", "o.strategy = ANY(%(strategies)s)")
USERS = Owner(
    "(SELECT 'user:' || u.username FROM auth_user u WHERE u.id = o.client_id)",
    "o.client_id = ANY(SELECT u.id FROM auth_user u WHERE u.username = ANY(%(users)s))",
)


def open_orders(owner: Owner) -> str:
    """(owner, how many are alive)."""
    return f"""
        SELECT {owner.name}, count(*) FROM orders_order o
        WHERE {owner.where} AND o.state IN ({LIVING}) GROUP BY 1
    """  # noqa: S608 - our own words


def recent(owner: Owner) -> str:
    """(owner, how many) of the last minute."""
    return f"""
        SELECT {owner.name}, count(*)
        FROM orders_order o WHERE {owner.where} AND o.id > %(minute_ago)s AND {ASKED} GROUP BY 1
    """  # noqa: S608 - our own words


def contents(owner: Owner) -> str:
    """(owner, content, how many) of the last minute that are like what is asked; the others as all NULL."""
    return f"""
        SELECT c.owner, m.contract, m.buys, m.order_qty, m.ord_type, m.price, m.stop_px, c.count
        FROM (
            SELECT {owner.name}, m.place, count(*) FROM orders_order o
            LEFT JOIN meant m ON m.instrument_id = o.instrument_id AND m.order_qty = o.order_qty
              AND m.buys = (o.side = 'BUY') AND m.ord_type = o.ord_type
              AND m.price IS NOT DISTINCT FROM o.price AND m.stop_px IS NOT DISTINCT FROM o.stop_px
            WHERE {owner.where} AND o.id > %(minute_ago)s AND {ASKED} GROUP BY 1, 2
        ) AS c(owner, place, count) LEFT JOIN (SELECT DISTINCT ON (place) * FROM meant) AS m USING (place)
    """  # noqa: S608 - our own words


def all_contents(owner: Owner) -> str:
    """The same of whatever came within the last minute."""
    return f"""
        SELECT {owner.name}, {KEY}, o.side = 'BUY', o.order_qty, o.ord_type, o.price, o.stop_px, count(*)
        FROM orders_order o JOIN brokers_instrument i ON i.id = o.instrument_id
        WHERE {owner.where} AND o.id > %(minute_ago)s AND {ASKED}
        GROUP BY 1, 2, 3, 4, 5, 6, 7
    """  # noqa: S608 - our own words


def positions(owner: Owner) -> str:
    """(owner, contract, executed, may still be bought, may still be sold), all its orders ever.

    Of an order that is filled there may be what a replace asks for beyond that (FIX).
    """
    return f"""
        SELECT {owner.name}, c.con_id, sum(c.ratio * o.cum_qty),
            sum(greatest(c.ratio, 0) * l.leaves), sum(greatest(-c.ratio, 0) * l.leaves)
        FROM (
            SELECT account_id, client_id, strategy, side, instrument_id, order_qty, cum_qty, id,
                (state IN ({LIVING}) OR state IN ({DONE}) AND id IN (
                    SELECT order_id FROM orders_orderrequest WHERE kind = 'REPLACE' AND state IN ({OPEN}))
                ) AND parent_id IS NULL AND NOT EXISTS (
                    SELECT FROM orders_ordergroup g
                    WHERE g.id = group_id AND g.kind = {BRACKET} AND group_rank > 0) AS works
            FROM orders_order o WHERE {owner.where} AND (o.cum_qty > 0 OR o.state IN ({LIVING}))
            UNION ALL
            SELECT p.account_id, p.client_id, COALESCE(p.ticket->>'strategy', ''), p.ticket->>'side',
                p.instrument_id, p.order_qty - COALESCE((
                    SELECT sum(s.cum_qty) FROM orders_order s WHERE s.parent_id = p.id), 0), 0, NULL, true
            FROM orders_slicedorder p WHERE p.state IN ({WORKED})
        ) AS o
        JOIN brokers_instrument i ON i.id = o.instrument_id
        {CONTRACTS}
        CROSS JOIN LATERAL (
            SELECT CASE WHEN works THEN greatest(o.order_qty, (
                SELECT max(r.order_qty) FROM orders_orderrequest r
                WHERE r.order_id = o.id AND r.kind = 'REPLACE' AND r.state IN ({OPEN})
            )) - o.cum_qty ELSE 0 END AS leaves
        ) AS l
        WHERE {owner.where} AND (%(all_contracts)s OR c.con_id = ANY(%(contracts)s))
        GROUP BY 1, 2
    """  # noqa: S608 - our own words


def day(owner: Owner) -> str:
    """(owner, currency, orders, executed orders, value) of today's; the value as `risk.market` reckons it.

    A replace that is asked for counts as if it were granted.
    """
    return f"""
        SELECT {owner.name}, i.currency, count(*), count(*) FILTER (WHERE o.cum_qty > 0),
            COALESCE(sum(greatest(o.order_qty, r.order_qty) * i.multiplier / i.price_magnifier * abs(
                CASE WHEN o.side = 'BUY' AND i.legs = '[]' AND o.price IS NOT NULL
                THEN greatest(o.price, r.price)
                ELSE greatest(abs(o.price), abs(o.stop_px), r.price, r.stop_px, o.arrival_px) END
            )) FILTER (WHERE o.parent_id IS NULL AND NOT EXISTS (
                SELECT FROM orders_ordergroup g
                WHERE g.id = o.group_id AND g.kind = {BRACKET} AND o.group_rank > 0)), 0)
        FROM orders_order o JOIN brokers_instrument i ON i.id = o.instrument_id
        LEFT JOIN (
            SELECT order_id, max(order_qty) AS order_qty, max(abs(price)) AS price,
                max(abs(stop_px)) AS stop_px
            FROM orders_orderrequest WHERE kind = 'REPLACE' AND state IN ({OPEN}) GROUP BY 1
        ) AS r ON r.order_id = o.id
        WHERE {owner.where} AND o.id > %(day_start)s AND {ASKED} GROUP BY 1, 2
    """  # noqa: S608 - our own words


def parents(owner: Owner) -> str:
    """(owner, currency, value) of the sliced orders begun today: they count whole."""
    return f"""
        SELECT {owner.name}, i.currency, sum(o.order_qty * i.multiplier / i.price_magnifier * greatest(
            abs((o.ticket->>'price')::numeric), abs((o.ticket->>'stop_px')::numeric),
            CASE WHEN o.side <> 'BUY' OR o.ticket->>'price' IS NULL THEN i.last_px END))
        FROM (
            SELECT p.account_id, p.client_id, COALESCE(p.ticket->>'strategy', '') AS strategy,
                p.ticket->>'side' AS side, p.instrument_id, p.order_qty, p.ticket
            FROM orders_slicedorder p WHERE p.received_at >= %(day_began)s
        ) AS o JOIN brokers_instrument i ON i.id = o.instrument_id
        WHERE {owner.where} GROUP BY 1, 2
    """  # noqa: S608 - our own words


def messages(owner: Owner) -> str:
    """(owner, replaces and cancels of today's orders)."""
    return f"""
        SELECT {owner.name}, count(*) FROM orders_order o JOIN orders_orderrequest r ON r.order_id = o.id
        WHERE {owner.where} AND o.id > %(day_start)s GROUP BY 1
    """  # noqa: S608 - our own words


def recent_messages(owner: Owner) -> str:
    """(owner, replaces and cancels of the last minute)."""
    return f"""
        SELECT {owner.name}, count(*) FROM orders_orderrequest r JOIN orders_order o ON o.id = r.order_id
        WHERE {owner.where} AND r.requested_at > %(minute_began)s GROUP BY 1
    """  # noqa: S608 - our own words


def repeats(owner: Owner) -> str:
    """(owner, contract, buys, quantity, times executed today), since a person last made it ACTIVE."""
    return f"""
        SELECT {owner.name}, m.contract, m.buys, m.order_qty, count(*)
        FROM orders_order o JOIN (SELECT DISTINCT instrument_id, contract, buys, order_qty FROM meant) AS m
          ON m.instrument_id = o.instrument_id AND m.buys = (o.side = 'BUY') AND m.order_qty = o.order_qty
        WHERE {owner.where} AND o.id > %(day_start)s AND o.cum_qty > 0 AND o.parent_id IS NULL
          AND o.first_fill_at > COALESCE((
            SELECT max(s.at) FROM orders_scopestatechange s
            WHERE s.to_state = 'ACTIVE' AND s.scope IN ({owner.name}, 'account:' || o.account_id)
          ), '-infinity')
        GROUP BY 1, 2, 3, 4
    """  # noqa: S608 - our own words
