"""What accounts do already: read under a lock, in the transaction that records what is asked on top of it.

Nothing is kept in counters that could drift: the rows of orders, positions and executions are the count, and
whoever asks for more waits for those who asked before. The lock is a row of each account (and one of the firm
where own orders must not trade with each other), its mark, moved by those who record only: what the broker
says is booked without it, since an execution moves a quantity from "works" to "held" and leaves the worst
case alone. Who read the marks with the use needs no lock: the statement that records requires that they have
not moved since (`store.orders`), and an order alone on its way costs one read and no transaction around it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from decimal import Decimal
from functools import cache
from typing import Any

from brokers.fix import Side
from brokers.postgres import clock, prepared
from orders.models import ALIVE, EXECUTED, OPEN_REQUESTS, SLICING, GroupKind
from orders.models.order import first_id_at
from orders.risk.intention import ZERO, Content
from orders.risk.scopes import FIRM, ScopeKind, parse_scope
from orders.risk.use import Day, Use
from orders.store.scope_use import ACCOUNTS as OF_ACCOUNTS
from orders.store.scope_use import (
    CONTRACTS,
    OPEN,
    contents,
    day,
    messages,
    open_orders,
    parents,
    positions,
    recent,
    recent_messages,
    repeats,
)
from orders.store.scope_use import STRATEGIES as OF_STRATEGIES
from orders.store.scope_use import USERS as OF_USERS

Row = tuple[Any, ...]
Rows = Sequence[Row]

#: In the order of the array: two who lock the same owners never wait for each other.
LOCK = """
    INSERT INTO orders_usemark (owner, version) SELECT name, 1 FROM unnest(%s::text[]) AS names(name)
    ON CONFLICT (owner) DO UPDATE SET version = orders_usemark.version + 1
"""
#: Stands for none where prices are compared: NULL is equal to nothing.
NO_PRICE = Decimal("NaN")
#: Processes of the version before wait in line by advisory locks, each alone. Those of this version share
#: them: marks decide among these (docs/decisions/0057; the next version drops it).
WAIT_FOR_FORMER = """
    SELECT pg_advisory_xact_lock_shared(7411, hashtext(name)) FROM unnest(%s::text[]) AS names(name)
"""
#: An owner of whom nothing was ever asked has none yet: NULL.
MARKS = """
    SELECT name, m.version FROM unnest(%(marks)s::text[]) AS names(name)
    LEFT JOIN orders_usemark m ON m.owner = name
"""

#: What this very transaction records comes after the read.
SNAPSHOT = "SELECT pg_current_snapshot()::text, COALESCE(pg_current_xact_id_if_assigned()::text, '')"

#: What the statements call states, sides and kinds of groups.
WORDS = {
    "alive": [state.value for state in ALIVE],
    "executed": [state.value for state in EXECUTED],
    "open_requests": [state.value for state in OPEN_REQUESTS],
    "slicing": [state.value for state in SLICING],
    "sides": [side.value for side in Side],
    "bracket": GroupKind.BRACKET.value,
    "oca": GroupKind.OCA.value,
}

OPEN_ORDERS = """
    SELECT account_id, count(*) FROM orders_order
    WHERE account_id = ANY(%(accounts)s) AND state = ANY(%(alive)s) GROUP BY 1
"""

# Of a group of which one execution ends the others, the largest order counts; a bracket's exits close what
# its entry opens. A replace that is asked for counts as if it were granted, also of an order that is filled
# where the broker raises those.
RAISED = f"""
    SELECT order_id, max(order_qty) AS order_qty FROM orders_orderrequest
    WHERE kind = 'REPLACE' AND state IN ({OPEN}) GROUP BY 1
"""  # noqa: S608 - our own words
WORKING = f"""
    SELECT account_id, con_id, sum(bought), sum(sold) FROM (
        SELECT o.account_id, c.con_id,
            max(greatest(c.ratio, 0) * l.leaves) AS bought, max(greatest(-c.ratio, 0) * l.leaves) AS sold
        FROM orders_order o
        JOIN brokers_instrument i ON i.id = o.instrument_id
        LEFT JOIN orders_ordergroup g ON g.id = o.group_id
        {CONTRACTS}
        CROSS JOIN LATERAL (
            SELECT greatest(o.order_qty, (
                SELECT max(r.order_qty) FROM orders_orderrequest r
                WHERE r.order_id = o.id AND r.kind = 'REPLACE' AND r.state = ANY(%(open_requests)s)
            )) - o.cum_qty AS leaves
        ) AS l
        WHERE o.account_id = ANY(%(accounts)s) AND o.state = ANY(%(alive)s)
          AND (%(all_contracts)s OR c.con_id = ANY(%(contracts)s))
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
        {CONTRACTS}
        WHERE %(all_contracts)s OR c.con_id = ANY(%(contracts)s)
        UNION ALL
        SELECT o.account_id, c.con_id, greatest(c.ratio, 0) * l.leaves, greatest(-c.ratio, 0) * l.leaves
        FROM ({RAISED}) AS r
        JOIN orders_order o ON o.id = r.order_id AND o.state = ANY(%(executed)s)
        JOIN brokers_instrument i ON i.id = o.instrument_id
        {CONTRACTS}
        CROSS JOIN LATERAL (SELECT greatest(r.order_qty - o.cum_qty, 0) AS leaves) AS l
        WHERE o.account_id = ANY(%(accounts)s) AND o.parent_id IS NULL
          AND (%(all_contracts)s OR c.con_id = ANY(%(contracts)s))
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
        {CONTRACTS}
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
          CROSS JOIN LATERAL (
            SELECT unnest(%(contracts)s::bigint[])
            UNION SELECT h.con_id FROM brokers_position h
            WHERE %(all_contracts)s AND h.account_id = x.account_id AND h.position_qty <> 0
            UNION SELECT t.con_id FROM orders_order d JOIN brokers_instrument t ON t.id = d.instrument_id
            WHERE %(all_contracts)s AND d.account_id = x.account_id AND d.side = ANY(%(sides)s)
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
              AND x.transact_time > known.at - interval '1 hour'
              AND x.received_at > known.at - interval '5 seconds'
        ) AS lately
    ) AS e ON true
"""

#: The best own prices that work, of any account; an order that waits for its stop has none yet.
QUOTES = """
    SELECT i.con_id,
        max(COALESCE(o.price, 'Infinity')) FILTER (WHERE o.side = 'BUY'),
        min(COALESCE(o.price, '-Infinity')) FILTER (WHERE o.side <> 'BUY')
    FROM orders_order o JOIN brokers_instrument i ON i.id = o.instrument_id
    WHERE o.account_id IN (SELECT code FROM brokers_brokeraccount) AND i.con_id = ANY(%(contracts)s)
      AND o.state = ANY(%(alive)s) AND o.stop_px IS NULL AND o.ord_type NOT IN ('TRAIL', 'TRAIL_LIMIT')
    GROUP BY 1
"""


@dataclass(frozen=True, kw_only=True)
class Reading:
    """What is to be read: of whom beside the accounts, and how much. All of it is one statement.

    `scopes`: the firm, strategies and users. `all_contracts`: whatever they hold or work. `recent`: of the
    last minute, `contents`: and what they were. `positions`: with all that works.
    """

    scopes: Collection[str] = ()
    all_contracts: bool = False
    open_orders: bool = True
    recent: bool = True
    contents: bool = True
    positions: bool = True
    quotes: bool = True
    day: bool = False
    messages: bool = False
    repeats: bool = False
    exits: bool = False  # what exits of brackets may still do, and the snapshot in which all this was seen


def lock_owners(owners: Collection[str]) -> None:
    """Wait for all who are recording for one of these owners; held to the end of the transaction."""
    if owners:
        prepared.pipeline((LOCK, [sorted(owners)]))


def read_use(
    accounts: Collection[str],
    contracts: Collection[int],
    *,
    contents: Collection[Content] | None = None,
    locks: Collection[str] = (),
    marks: Collection[str] = (),
    reading: Reading = Reading(),
) -> Use:
    """What these accounts do already, in one round trip; in these contracts where a rule is by contract.

    `contents`: what of the last minute is told apart, by instrument, quantity and price; None: all.
    `locks`: first wait for all who are recording for one of these owners; held to the end of the transaction.
    `marks`: read the marks of these owners with it.
    With the firm among the scopes, `accounts` are all of its accounts, whose sum it is.
    """
    facts = _asked(accounts, contracts, contents, marks, reading)
    wanted = _wanted(facts, reading)
    # All in one order, or two would wait for each other.
    waits = [(sql, [sorted(locks)]) for sql in (WAIT_FOR_FORMER, LOCK)] if locks else []
    # A statement of its own: it sees what those committed for whom the lock made it wait.
    reads = [(_all_of(tuple(wanted)), facts)] if wanted else []
    found = prepared.pipeline(*waits, *reads) if waits or reads else []
    use = Use()
    parts: list[list[Row]] = [[] for _ in wanted]
    for row in found[-1] if reads else ():
        parts[row[0]].append(row[1:])
    for (kind, _), rows in zip(
        wanted, parts, strict=True
    ):  # in this order: what works is added to what is held
        ADDERS[kind](use, [_values(kind, row) for row in rows])
    if FIRM in reading.scopes:
        _add_up_firm(use, accounts)
    return use


def _asked(
    accounts: Collection[str],
    contracts: Collection[int],
    contents: Collection[Content] | None,
    marks: Collection[str],
    reading: Reading,
) -> dict[str, Any]:
    """The parameters of the statements by name."""
    now = clock.machine_now()
    today = now.replace(hour=0, minute=0, second=0, microsecond=0)
    kinds = [parse_scope(scope) for scope in reading.scopes]
    return {
        "strategies": sorted(name for kind, name in kinds if kind == ScopeKind.STRATEGY),
        "users": sorted(name for kind, name in kinds if kind == ScopeKind.USER),
        "all_contracts": reading.all_contracts,
        "day_start": first_id_at(today),
        "day_began": today,
        "minute_began": now - timedelta(minutes=1),
        "accounts": sorted(accounts),
        "contracts": sorted(contracts),
        "all_contents": contents is None,
        "instruments": sorted({one.instrument for one in contents or ()}),
        "quantities": sorted({one.order_qty for one in contents or ()}),
        "prices": list({NO_PRICE if one.price is None else one.price for one in contents or ()}),
        "marks": sorted(marks),
        # Ids have this machine's time in them, so it is compared with that.
        "minute_ago": first_id_at(now - timedelta(minutes=1)),
        **WORDS,
    }


@cache
def _all_of(wanted: tuple[tuple[str, str], ...]) -> str:
    """One statement that reads all of these: (place in the list, the columns of its row as texts).

    Each statement of its own would be planned, bound and fetched for itself, six of them for an order.
    """
    width = max(len(COLUMNS[kind]) for kind, _ in wanted)
    parts = []
    for place, (kind, sql) in enumerate(wanted):
        names = [f"c{number}" for number in range(len(COLUMNS[kind]))]
        texts = [f"{name}::text" for name in names] + ["NULL"] * (width - len(names))
        parts.append(f"SELECT {place}, {', '.join(texts)} FROM ({sql}) AS part({', '.join(names)})")  # noqa: S608
    return " UNION ALL ".join(parts)


def _values(kind: str, row: Row) -> Row:
    """The columns of a row of this kind, which came as texts."""
    return tuple(None if text is None else read(text) for read, text in zip(COLUMNS[kind], row, strict=False))


def _wanted(facts: dict[str, Any], reading: Reading) -> list[tuple[str, str]]:
    """What is asked, only where a rule needs it: (how its rows are added, the statement)."""
    owners = [OF_ACCOUNTS] if reading.day or reading.messages or reading.repeats else []
    others = [
        *([OF_STRATEGIES] if facts["strategies"] else []),
        *([OF_USERS] if facts["users"] else []),
    ]
    wanted = [("marks", MARKS)] if facts["marks"] else []
    wanted += [("exits", EXITS), ("snapshot", SNAPSHOT)] if reading.exits else []
    if reading.open_orders:
        wanted += [("open", OPEN_ORDERS), *(("open", open_orders(owner)) for owner in others)]
    if reading.recent:
        kind, of = ("contents", contents) if reading.contents else ("recent", recent)
        wanted += [(kind, of(owner)) for owner in (OF_ACCOUNTS, *others)]
    if reading.positions:  # of accounts first what they hold, to which is added what works
        wanted += [("held", POSITIONS), ("working", WORKING)]
        wanted += [("positions", positions(owner)) for owner in others]
    if reading.quotes:
        wanted.append(("quotes", QUOTES))
    for owner in (*owners, *others):
        if reading.day:
            wanted += [("day", day(owner)), ("parents", parents(owner)), ("messages", messages(owner))]
        if reading.messages:
            wanted.append(("recent_messages", recent_messages(owner)))
        if reading.repeats:
            wanted.append(("repeats", repeats(owner)))
    return wanted


def _add_recent(use: Use, rows: Rows) -> None:
    for owner, count in rows:
        use.recent_orders[owner] += count
        use.recent_messages[owner] += count


def _add_contents(use: Use, rows: Rows) -> None:
    _add_recent(use, [(content[0], content[-1]) for content in rows])
    for *content, count in rows:
        use.recent_contents[Content(*content)] += count


def _add_open(use: Use, rows: Rows) -> None:
    use.open_orders.update(dict(rows))


def _add_held(use: Use, rows: Rows) -> None:
    for account, con_id, high, low in rows:
        use.longs[account, con_id], use.shorts[account, con_id] = high, low


def _add_working(use: Use, rows: Rows) -> None:
    for account, con_id, bought, sold in rows:
        use.longs[account, con_id] = use.longs.get((account, con_id), ZERO) + bought
        use.shorts[account, con_id] = use.shorts.get((account, con_id), ZERO) - sold


def _add_quotes(use: Use, rows: Rows) -> None:
    for con_id, bid, ask in rows:
        use.bids |= {} if bid is None else {con_id: bid}
        use.asks |= {} if ask is None else {con_id: ask}


def _add_positions(use: Use, rows: Rows) -> None:
    for owner, con_id, held, bought, sold in rows:
        use.longs[owner, con_id], use.shorts[owner, con_id] = held + bought, held - sold


def _add_day(use: Use, rows: Rows) -> None:
    for owner, currency, orders, executed, value in rows:
        today = use.days.setdefault(owner, Day())
        today.orders += orders
        today.messages += orders
        today.executed += executed
        today.add({currency: value})


def _add_parents(use: Use, rows: Rows) -> None:
    for owner, currency, value in rows:
        use.days.setdefault(owner, Day()).add({currency: value or ZERO})


def _add_messages(use: Use, rows: Rows) -> None:
    for owner, count in rows:
        use.days.setdefault(owner, Day()).messages += count


def _add_recent_messages(use: Use, rows: Rows) -> None:
    for owner, count in rows:
        use.recent_messages[owner] += count


def _add_repeats(use: Use, rows: Rows) -> None:
    for owner, instrument, buys, quantity, count in rows:
        use.executed[owner, instrument, buys, quantity] += count


def _add_marks(use: Use, rows: Rows) -> None:
    use.marks = dict(rows)


def _add_exits(use: Use, rows: Rows) -> None:
    for account, con_id, bought, sold in rows:
        use.exits_bought[account, con_id], use.exits_sold[account, con_id] = bought, sold


def _add_snapshot(use: Use, rows: Rows) -> None:
    ((snapshot, own),) = rows
    use.snapshot = snapshot_before(snapshot, own)


def snapshot_before(snapshot: str, own: str) -> str:
    """The snapshot (xmin:xmax:running) as one who does not see the writes of transaction `own` has it."""
    lowest, end, running = snapshot.split(":")
    if not own or int(own) >= int(end):  # nothing from `end` on was seen
        return snapshot
    unseen = sorted({int(own), *(int(one) for one in running.split(",") if one)})
    return f"{lowest}:{end}:{','.join(map(str, unseen))}"


TRUE = "true".__eq__
CONTENT = (int, TRUE, Decimal, str, Decimal, Decimal)
#: What the columns of each kind are.
COLUMNS: dict[str, tuple[Callable[[str], Any], ...]] = {
    "open": (str, int),
    "recent": (str, int),
    "contents": (str, *CONTENT, int),
    "held": (str, int, Decimal, Decimal),
    "working": (str, int, Decimal, Decimal),
    "quotes": (int, Decimal, Decimal),
    "positions": (str, int, Decimal, Decimal, Decimal),
    "day": (str, str, int, int, Decimal),
    "parents": (str, str, Decimal),
    "messages": (str, int),
    "recent_messages": (str, int),
    "repeats": (str, int, TRUE, Decimal, int),
    "exits": (str, int, Decimal, Decimal),
    "marks": (str, int),
    "snapshot": (str, str),
}
ADDERS: dict[str, Callable[[Use, Rows], None]] = {
    "open": _add_open,
    "recent": _add_recent,
    "contents": _add_contents,
    "held": _add_held,
    "working": _add_working,
    "quotes": _add_quotes,
    "positions": _add_positions,
    "day": _add_day,
    "parents": _add_parents,
    "messages": _add_messages,
    "recent_messages": _add_recent_messages,
    "repeats": _add_repeats,
    "exits": _add_exits,
    "marks": _add_marks,
    "snapshot": _add_snapshot,
}


def _add_up_firm(use: Use, accounts: Collection[str]) -> None:
    """The firm is the sum of its accounts; repeats of two accounts are the same."""
    own = set(accounts)
    for counter in (use.open_orders, use.recent_orders, use.recent_messages):
        counter[FIRM] = sum(counter[code] for code in own)
    for content, count in list(use.recent_contents.items()):
        if content.account in own:
            use.recent_contents[replace(content, account=FIRM)] += count
    for positions_of in (use.longs, use.shorts):
        for (owner, con_id), quantity in list(positions_of.items()):
            if owner in own:
                positions_of[FIRM, con_id] = positions_of.get((FIRM, con_id), ZERO) + quantity
    for (owner, instrument, buys, quantity), count in list(use.executed.items()):
        if owner in own:
            use.executed[FIRM, instrument, buys, quantity] += count
    if use.days:
        firm = use.days[FIRM] = Day()
        for code in own & use.days.keys():
            today = use.days[code]
            firm.orders += today.orders
            firm.messages += today.messages
            firm.executed += today.executed
            firm.add(today.notional)
