"""What accounts do already: read under a lock, in the transaction that records what is asked on top of it.

Nothing is kept in counters that could drift: the rows of orders, positions and executions are the count, and
whoever asks for more waits for those who asked before. The lock is one of each account (and one of the firm
where own orders must not trade with each other), taken by those who record only: what the broker says is
booked without it, since an execution moves a quantity from "works" to "held" and leaves the worst case alone.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from datetime import timedelta

from brokers import clock, prepared
from brokers.fix import Side
from orders.models import ALIVE, OPEN_REQUESTS, SLICING, GroupKind
from orders.models.order import first_id_at
from orders.risk.use import Content, Use

#: The space of these locks among PostgreSQL's advisory locks, and the firm's own in it.
LOCKS, FIRM = 7_411, "firm"

LOCK = """
    SELECT pg_advisory_xact_lock(%s, hashtext(name)) FROM unnest(%s::text[]) AS names(name)
"""

OPEN_ORDERS = """
    SELECT account_id, count(*) FROM orders_order
    WHERE account_id = ANY(%(accounts)s) AND state = ANY(%(alive)s) GROUP BY 1
"""

#: Orders of the last minute that were not refused by our own checks (those were never claimed).
RECENT = """
    SELECT account_id, instrument_id, side = 'BUY', order_qty, ord_type, price, stop_px, count(*)
    FROM orders_order
    WHERE account_id = ANY(%(accounts)s) AND side = ANY(%(sides)s) AND id > %(minute_ago)s
      AND source <> 'EXTERNAL' AND NOT (state = 'REJECTED' AND claimed_at IS NULL)
    GROUP BY 1, 2, 3, 4, 5, 6, 7
"""

# What one unit of an instrument buys (1) or sells (-1) of each contract, for the side of an order.
_CONTRACTS = """
    CROSS JOIN LATERAL (
        SELECT i.con_id, CASE o.side WHEN 'BUY' THEN 1 ELSE -1 END AS ratio WHERE i.legs = '[]'
        UNION ALL
        SELECT leg.con_id, leg.ratio * CASE WHEN (o.side = 'BUY') = (leg.side = 'BUY') THEN 1 ELSE -1 END
        FROM jsonb_to_recordset(i.legs) AS leg(con_id bigint, ratio int, side text)
    ) AS c
"""

# Of a group of which one execution ends the others, the largest order counts; a bracket's exits close what
# its entry opens. A replace that is asked for counts as if it were granted.
WORKING = f"""
    SELECT account_id, con_id, sum(bought), sum(sold) FROM (
        SELECT o.account_id, c.con_id,
            max(greatest(c.ratio, 0) * l.leaves) AS bought, max(greatest(-c.ratio, 0) * l.leaves) AS sold
        FROM orders_order o
        JOIN brokers_instrument i ON i.id = o.instrument_id
        LEFT JOIN orders_ordergroup g ON g.id = o.group_id
        {_CONTRACTS}
        CROSS JOIN LATERAL (
            SELECT greatest(o.order_qty, (
                SELECT max(r.order_qty) FROM orders_orderrequest r
                WHERE r.order_id = o.id AND r.kind = 'REPLACE' AND r.state = ANY(%(open_requests)s)
            )) - o.cum_qty AS leaves
        ) AS l
        WHERE o.account_id = ANY(%(accounts)s) AND o.state = ANY(%(alive)s) AND c.con_id = ANY(%(contracts)s)
          AND o.parent_id IS NULL AND NOT (g.kind IS NOT DISTINCT FROM %(bracket)s AND o.group_rank > 0)
        GROUP BY 1, 2, COALESCE(CASE g.kind WHEN %(oca)s THEN g.id END, o.id)
        UNION ALL
        SELECT o.account_id, c.con_id,
            greatest(c.ratio, 0) * o.leaves, greatest(-c.ratio, 0) * o.leaves
        FROM (
            SELECT p.account_id, p.instrument_id, p.ticket->>'side' AS side, p.order_qty - COALESCE((
                SELECT sum(s.cum_qty) FROM orders_order s WHERE s.parent_id = p.id), 0) AS leaves
            FROM orders_slicedorder p WHERE p.account_id = ANY(%(accounts)s) AND p.state = ANY(%(slicing)s)
        ) AS o
        JOIN brokers_instrument i ON i.id = o.instrument_id
        {_CONTRACTS}
        WHERE c.con_id = ANY(%(contracts)s)
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
        JOIN orders_ordergroup g ON g.id = o.group_id AND g.kind = %(bracket)s
        JOIN orders_order e ON e.group_id = g.id AND e.group_rank = 0
        JOIN brokers_instrument i ON i.id = o.instrument_id
        {_CONTRACTS}
        CROSS JOIN LATERAL (SELECT o.order_qty - o.cum_qty AS leaves) AS l
        WHERE o.account_id = ANY(%(accounts)s) AND o.state = ANY(%(alive)s) AND o.group_rank > 0
          AND c.con_id = ANY(%(contracts)s)
        GROUP BY e.account_id, e.group_id, c.con_id, c.ratio
    ) AS units GROUP BY 1, 2
"""  # noqa: S608 - our own words

# A position is reported a moment before or after its executions are told: those of the moment count
# whichever way is worse, those since then as they are.
POSITIONS = """
    SELECT a.account_id, a.con_id, COALESCE(p.position_qty, 0) + COALESCE(e.since, 0) + COALESCE(e.bought, 0),
        COALESCE(p.position_qty, 0) + COALESCE(e.since, 0) - COALESCE(e.sold, 0)
    FROM (SELECT * FROM unnest(%(accounts)s::text[]) AS x(account_id)
          CROSS JOIN unnest(%(contracts)s::bigint[]) AS y(con_id)) AS a
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
              AND x.transact_time > known.at - interval '1 hour'
              AND x.received_at > known.at - interval '5 seconds'
        ) AS lately
    ) AS e ON true
"""

#: The best own prices that work, of any account; an order that waits for its stop has none yet.
QUOTES = """
    SELECT i.con_id,
        max(CASE o.ord_type WHEN 'MARKET' THEN 'Infinity' ELSE o.price END) FILTER (WHERE o.side = 'BUY'),
        min(CASE o.ord_type WHEN 'MARKET' THEN '-Infinity' ELSE o.price END) FILTER (WHERE o.side <> 'BUY')
    FROM orders_order o JOIN brokers_instrument i ON i.id = o.instrument_id
    WHERE o.account_id IN (SELECT code FROM brokers_brokeraccount) AND i.con_id = ANY(%(contracts)s)
      AND o.state = ANY(%(alive)s) AND o.stop_px IS NULL
    GROUP BY 1
"""


def read_use(
    accounts: Collection[str],
    contracts: Collection[int],
    *,
    lock: bool,
    firm: bool = False,
    exits: bool = False,
) -> Use:
    """What these accounts do already, in one round trip; in these contracts where a rule is by contract.

    `lock`: first wait for all who are recording for one of them; held to the end of the transaction. `firm`:
    for all of the firm, whose own orders must not trade with each other. `exits`: those of brackets, too.
    """
    facts = {
        "accounts": sorted(accounts),
        "contracts": sorted(contracts),
        # Ids have this machine's time in them, so it is compared with that.
        "minute_ago": first_id_at(clock.machine_now() - timedelta(minutes=1)),
        "alive": [state.value for state in ALIVE],
        "open_requests": [state.value for state in OPEN_REQUESTS],
        "slicing": [state.value for state in SLICING],
        "sides": [side.value for side in Side],
        "bracket": GroupKind.BRACKET.value,
        "oca": GroupKind.OCA.value,
    }
    asked = OPEN_ORDERS, RECENT, WORKING, POSITIONS, QUOTES, *((EXITS,) if exits else ())
    reads = [(sql, facts) for sql in asked]
    # All in one order, or two would wait for each other.
    locks = [(LOCK, [LOCKS, [*sorted(accounts), *([FIRM] if firm else [])]])] if lock else []
    found = prepared.pipeline(*locks, *reads)[len(locks) :]
    counts, recent, working, positions, quotes, *more = found
    use = Use(open_orders=Counter(dict(counts)))
    for *content, count in recent:
        use.recent_orders[content[0]] += count
        use.recent_contents[Content(*content)] += count
    for account, con_id, high, low in positions:
        use.longs[account, con_id], use.shorts[account, con_id] = high, low
    for account, con_id, bought, sold in working:
        use.longs[account, con_id] += bought
        use.shorts[account, con_id] -= sold
    for account, con_id, bought, sold in (row for rows in more for row in rows):
        use.exits_bought[account, con_id], use.exits_sold[account, con_id] = bought, sold
    for con_id, bid, ask in quotes:
        use.bids |= {} if bid is None else {con_id: bid}
        use.asks |= {} if ask is None else {con_id: ask}
    return use
