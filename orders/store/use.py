"""What accounts do already: read under a lock, in the transaction that records what is asked on top of it.

Nothing is kept in counters that could drift: the rows of orders, positions and executions are the count, and
whoever asks for more waits for those who asked before. The lock is a row of each account (and one of the firm
where own orders must not trade with each other), its mark, moved by those who record only: what the broker
says is booked without it, since an execution moves a quantity from "works" to "held" and leaves the worst
case alone. Who read the marks with the use needs no lock: the statement that records requires that they have
not moved since (`store.orders`), and an order alone on its way costs one read and no transaction around it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import timedelta
from decimal import Decimal
from functools import cache
from typing import Any

import msgspec

from brokers.fix import Side
from brokers.postgres import clock, prepared
from orders.models.references import first_id_at
from orders.risk.intention import ZERO, Content
from orders.risk.scopes import FIRM, ScopeKind, parse_scope
from orders.risk.use import Day, Use
from orders.store.account_use import (
    EXITS,
    MARKS,
    OPEN_ORDERS,
    POSITIONS,
    QUOTES,
    SNAPSHOT,
    with_heads,
    working,
)
from orders.store.scope_use import ACCOUNTS as OF_ACCOUNTS
from orders.store.scope_use import STRATEGIES as OF_STRATEGIES
from orders.store.scope_use import USERS as OF_USERS
from orders.store.scope_use import (
    all_contents,
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

Row = tuple[Any, ...]
Rows = Sequence[Row]

#: In the order of the array: two who lock the same owners never wait for each other.
LOCK = """
    INSERT INTO orders_usemark (owner, version) SELECT name, 1 FROM unnest(%s::text[]) AS names(name)
    ON CONFLICT (owner) DO UPDATE SET version = orders_usemark.version + 1
"""
#: Processes of the version before wait in line by advisory locks, each alone. Those of this version share
#: them: marks decide among these (docs/decisions/0057; the next version drops it).
WAIT_FOR_FORMER = """
    SELECT pg_advisory_xact_lock_shared(7411, hashtext(name)) FROM unnest(%s::text[]) AS names(name)
"""
#: With which of the firm's own orders one that buys may trade, and one that sells.
SELLING, BUYING = [side.value for side in Side if side != Side.BUY], [Side.BUY.value]


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

    `contents`: what of the last minute is told apart, by all that makes them alike; None: all of it.
    `locks`: first wait for all who are recording for one of these owners; held to the end of the transaction.
    `marks`: read the marks of these owners with it.
    With the firm among the scopes, `accounts` are all of its accounts, whose sum it is.
    """
    facts = _facts(accounts, contracts, contents, marks, reading)
    wanted = _wanted(facts, reading)
    # All in one order, or two would wait for each other.
    waits = [(sql, [sorted(locks)]) for sql in (WAIT_FOR_FORMER, LOCK)] if locks else []
    # A statement of its own: it sees what those committed for whom the lock made it wait.
    reads = [(_all_of(tuple(wanted)), facts)] if wanted else []
    found = prepared.pipeline(*waits, *reads) if waits or reads else []
    use = _added_up(wanted, found[-1] if reads else [])
    if FIRM in reading.scopes:
        _add_up_firm(use, accounts)
    return use


def _added_up(wanted: Sequence[tuple[str, str]], found: Rows) -> Use:
    """The rows of all that was asked, in its order: what works is added to what is held."""
    use = Use()
    parts: list[list[Row]] = [[] for _ in wanted]
    for row in found:
        parts[row[0]].append(row[1:])
    for (kind, _), rows in zip(wanted, parts, strict=True):
        ADDERS[kind](use, [_values(kind, row) for row in rows])
    return use


def _facts(
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
        "accounts": sorted(accounts),
        "strategies": sorted(name for kind, name in kinds if kind == ScopeKind.STRATEGY),
        "users": sorted(name for kind, name in kinds if kind == ScopeKind.USER),
        "marks": sorted(marks),
        "contracts": sorted(contracts),
        "all_contracts": reading.all_contracts,
        "meant": None if contents is None else _meant(contents),
        "against": _against(contents),
        # Ids have this machine's time in them, so it is compared with that.
        "day_start": first_id_at(today),
        "day_began": today,
        "minute_ago": first_id_at(now - timedelta(minutes=1)),
        "minute_began": now - timedelta(minutes=1),
    }


def _meant(contents: Iterable[Content]) -> str:
    """What is asked, each content once whoever asks it."""
    once = dict.fromkeys(replace(one, account="") for one in contents)
    return msgspec.json.encode([asdict(one) | {"place": place} for place, one in enumerate(once)]).decode()


def _against(contents: Collection[Content] | None) -> list[str]:
    """The sides with which these may trade."""
    if contents is None:
        return [*BUYING, *SELLING]
    buys = {one.buys for one in contents}
    return [*(SELLING if True in buys else ()), *(BUYING if False in buys else ())]


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
    return with_heads(" UNION ALL ".join(parts))


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
        told = all_contents if facts["meant"] is None else contents
        kind, of = ("contents", told) if reading.contents else ("recent", recent)
        wanted += [(kind, of(owner)) for owner in (OF_ACCOUNTS, *others)]
    if reading.positions:  # of accounts first what they hold, to which is added what works
        wanted += [("held", POSITIONS), ("working", working(all_contracts=reading.all_contracts))]
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
    for owner, contract, buys, quantity, count in rows:
        use.executed[owner, contract, buys, quantity] += count


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
CONTENT = (str, TRUE, Decimal, str, Decimal, Decimal)
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
    "repeats": (str, str, TRUE, Decimal, int),
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
    for (owner, contract, buys, quantity), count in list(use.executed.items()):
        if owner in own:
            use.executed[FIRM, contract, buys, quantity] += count
    if use.days:
        firm = use.days[FIRM] = Day()
        for code in own & use.days.keys():
            today = use.days[code]
            firm.orders += today.orders
            firm.messages += today.messages
            firm.executed += today.executed
            firm.add(today.notional)
