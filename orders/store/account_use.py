"""What accounts hold and what works in them: the statements, read in one with all others (`store.use`).

They know the contracts that are asked for by two tables at their head. `traded`: the instruments in which
these are bought or sold, combinations among them. `raised`: the replaces that are open, the largest of each
order.
"""

from __future__ import annotations

import re

from orders.store.scope_use import BRACKET, CONTRACTS, DONE, KEY, LEGS, LIVING, OCA, OPEN, SIDES, SIGN, WORKED

#: Heads of the statement that reads all, by name; each is read only where a part names it.
TRADED = f"""
    SELECT i.id, i.con_id, 1::bigint AS ratio, true AS alone FROM brokers_instrument i
    WHERE i.con_id = ANY(%(contracts)s) AND i.legs = '[]'
    UNION ALL
    SELECT i.id, legs.con_id, legs.ratio, false
    FROM unnest(%(contracts)s::bigint[]) AS k(con_id)
    JOIN brokers_instrument i ON i.legs @> jsonb_build_array(jsonb_build_object('con_id', k.con_id))
    CROSS JOIN LATERAL ({LEGS}) AS legs WHERE legs.con_id = k.con_id
"""  # noqa: S608 - our own words
RAISED = f"""
    SELECT order_id, max(order_qty) AS order_qty FROM orders_orderrequest
    WHERE kind = 'REPLACE' AND state IN ({OPEN}) GROUP BY 1
"""  # noqa: S608 - our own words
#: What is asked, once for each instrument of the same contracts.
MEANT = f"""
    SELECT w.*, i.id AS instrument_id
    FROM json_to_recordset(%(meant)s::json) AS w(place int, contract text, buys boolean, order_qty numeric,
        ord_type text, price numeric, stop_px numeric)
    JOIN (SELECT i.id, {KEY} AS contract FROM brokers_instrument i
          WHERE i.id IN (SELECT id FROM traded)) AS i USING (contract)
"""  # noqa: S608 - our own words
HEADS = {"meant": MEANT, "traded": TRADED, "raised": RAISED}


def with_heads(statement: str) -> str:
    """A statement with those of the tables above that it names at its head."""
    tables = ""
    for name, table in HEADS.items():
        if re.search(rf"\b{name}\b", f"{tables} {statement}"):
            tables = f"{name} AS MATERIALIZED ({table}){', ' if tables else ''}{tables}"
    return f"WITH {tables} {statement}" if tables else statement


MARKS = """
    SELECT name, m.version FROM unnest(%(marks)s::text[]) AS names(name)
    LEFT JOIN orders_usemark m ON m.owner = name
"""
#: What this very transaction records comes after the read.
SNAPSHOT = "SELECT pg_current_snapshot()::text, COALESCE(pg_current_xact_id_if_assigned()::text, '')"

OPEN_ORDERS = f"""
    SELECT account_id, count(*) FROM orders_order
    WHERE account_id = ANY(%(accounts)s) AND state IN ({LIVING}) GROUP BY 1
"""  # noqa: S608 - our own words

#: The contracts (alias c) of orders (alias o): of all instruments, or only of those that are asked for.
OF_ALL = f"JOIN brokers_instrument i ON i.id = o.instrument_id {CONTRACTS}"
OF_TRADED = f"""
    JOIN traded t ON t.id = o.instrument_id
    CROSS JOIN LATERAL (SELECT t.con_id, {SIGN} * t.ratio AS ratio) AS c
"""


def working(*, all_contracts: bool) -> str:
    """(account, contract, may still be bought, may still be sold).

    Of a group of which one execution ends the others, the largest order counts; a bracket's exits close what
    its entry opens. A replace that is asked for counts as if it were granted, also of an order that is filled
    where the broker raises those.
    """
    contracts = OF_ALL if all_contracts else OF_TRADED
    return f"""
        WITH works AS MATERIALIZED (
            SELECT o.account_id, c.con_id, o.group_id, o.group_rank,
                c.ratio * (greatest(o.order_qty, r.order_qty) - o.cum_qty) AS units,
                CASE WHEN o.group_id IS NOT NULL
                    THEN (SELECT g.kind FROM orders_ordergroup g WHERE g.id = o.group_id) END AS kind
            FROM orders_order o {contracts} LEFT JOIN raised r ON r.order_id = o.id
            WHERE o.account_id = ANY(%(accounts)s) AND o.state IN ({LIVING}) AND o.parent_id IS NULL
        )
        SELECT account_id, con_id, sum(greatest(high, 0)), sum(greatest(-low, 0)) FROM (
            SELECT account_id, con_id, units AS high, units AS low FROM works
            WHERE kind IS NULL OR NOT (kind = {OCA} OR kind = {BRACKET} AND group_rank > 0)
            UNION ALL
            SELECT account_id, con_id, max(units), min(units) FROM works WHERE kind = {OCA}
            GROUP BY account_id, con_id, group_id
            UNION ALL
            SELECT o.account_id, c.con_id, c.ratio * o.leaves, c.ratio * o.leaves
            FROM (
                SELECT p.account_id, p.instrument_id, p.ticket->>'side' AS side, p.order_qty - COALESCE((
                    SELECT sum(s.cum_qty) FROM orders_order s WHERE s.parent_id = p.id), 0) AS leaves
                FROM orders_slicedorder p WHERE p.account_id = ANY(%(accounts)s) AND p.state IN ({WORKED})
            ) AS o {contracts}
            UNION ALL
            SELECT o.account_id, c.con_id, c.ratio * l.leaves, c.ratio * l.leaves
            FROM raised r JOIN orders_order o ON o.id = r.order_id AND o.state IN ({DONE}) {contracts}
            CROSS JOIN LATERAL (SELECT greatest(r.order_qty - o.cum_qty, 0) AS leaves) AS l
            WHERE o.account_id = ANY(%(accounts)s) AND o.parent_id IS NULL
        ) AS units GROUP BY 1, 2
    """  # noqa: S608 - our own words


# What the exits of brackets may do beyond what their entry, which counts above, still may: never more than it
# has executed and they have not closed.
EXITS = f"""
    SELECT account_id, con_id, sum(greatest(ratio, 0) * units), sum(greatest(-ratio, 0) * units) FROM (
        SELECT e.account_id, c.con_id, c.ratio,
            least(sum(l.leaves), greatest(max(e.cum_qty) - (
                SELECT sum(x.cum_qty) FROM orders_order x WHERE x.group_id = e.group_id AND x.group_rank > 0
            ), 0)) AS units
        FROM orders_order o
        JOIN orders_ordergroup g ON g.id = o.group_id AND g.kind = {BRACKET}
        JOIN orders_order e ON e.group_id = g.id AND e.group_rank = 0
        {OF_TRADED}
        CROSS JOIN LATERAL (SELECT o.order_qty - o.cum_qty AS leaves) AS l
        WHERE o.account_id = ANY(%(accounts)s) AND o.state IN ({LIVING}) AND o.group_rank > 0
        GROUP BY e.account_id, e.group_id, c.con_id, c.ratio
    ) AS units GROUP BY 1, 2
"""  # noqa: S608 - our own words

# A position is reported a moment before or after its executions are told: those of the moment count
# whichever way is worse, those since then as they are.
POSITIONS = f"""
    SELECT a.account_id, a.con_id, COALESCE(p.position_qty, 0) + COALESCE(e.since, 0) + COALESCE(e.bought, 0),
        COALESCE(p.position_qty, 0) + COALESCE(e.since, 0) - COALESCE(e.sold, 0)
    FROM (SELECT * FROM unnest(%(accounts)s::text[]) AS x(account_id)
          CROSS JOIN LATERAL (
            SELECT unnest(%(contracts)s::bigint[])
            UNION SELECT h.con_id FROM brokers_position h
            WHERE %(all_contracts)s AND h.account_id = x.account_id AND h.position_qty <> 0
            UNION SELECT t.con_id FROM orders_order d JOIN brokers_instrument t ON t.id = d.instrument_id
            WHERE %(all_contracts)s AND d.account_id = x.account_id AND d.side IN ({SIDES})
              AND d.id > %(day_start)s AND d.cum_qty > 0 AND t.con_id IS NOT NULL
          ) AS y(con_id)) AS a
    LEFT JOIN brokers_position p ON p.account_id = a.account_id AND p.con_id = a.con_id
    LEFT JOIN LATERAL (
        SELECT sum(signed) FILTER (WHERE late) AS since,
            sum(greatest(signed, 0)) FILTER (WHERE NOT late) AS bought,
            sum(greatest(-signed, 0)) FILTER (WHERE NOT late) AS sold
        FROM (
            SELECT CASE x.side WHEN 'BUY' THEN x.last_qty ELSE -x.last_qty END AS signed,
                x.received_at > known.at AS late
            FROM orders_execution x,
                (SELECT COALESCE(p.reported_at, now() - interval '1 hour') AS at) AS known
            WHERE x.account_id = a.account_id AND x.con_id = a.con_id AND NOT x.superseded
              AND x.allocated <> 'WHOLE' AND x.transact_time > known.at - interval '1 hour'
              AND x.received_at > known.at - interval '5 seconds'
        ) AS lately
    ) AS e ON true
"""  # noqa: S608 - our own words

#: The best own prices that work, of any account, on the sides with which what is asked may trade; an order
#: that waits for its stop has none yet.
QUOTES = f"""
    SELECT t.con_id,
        max(COALESCE(o.price, 'Infinity')) FILTER (WHERE o.side = 'BUY'),
        min(COALESCE(o.price, '-Infinity')) FILTER (WHERE o.side <> 'BUY')
    FROM traded t JOIN orders_order o ON o.instrument_id = t.id
    WHERE t.alone AND o.account_id IN (SELECT code FROM brokers_brokeraccount)
      AND o.state IN ({LIVING}) AND o.side = ANY(%(against)s)
      AND o.stop_px IS NULL AND o.ord_type NOT IN ('TRAIL', 'TRAIL_LIMIT')
    GROUP BY 1
"""  # noqa: S608 - our own words
