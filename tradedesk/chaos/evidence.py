"""What both sides know at one moment: our rows, straight from the database, and the gateway's ledger."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Protocol

import psycopg

from orders.store.account_use import OPEN_ORDERS, with_heads, working
from tradedesk.chaos.sending import Answer
from tradedesk.stack.clients import Control

Row = dict[str, Any]


class Books(Protocol):
    """Both sides: our database and the gateway's control port."""

    @property
    def control(self) -> Control: ...

    def connect(self) -> psycopg.Connection: ...


@dataclass(frozen=True, kw_only=True)
class OrderRow:
    """An order of ours."""

    id: str
    cl_ord_id: str
    order_ref: str
    source: str
    state: str
    cum_qty: Decimal
    avg_px: Decimal
    version: int
    held_for_desk: bool
    reason_code: str
    order_qty: Decimal = Decimal(0)
    was_claimed: bool
    held_because: str = ""
    account: str = ""
    con_id: int = 0
    side: str = "BUY"


@dataclass(frozen=True, kw_only=True)
class EventRow:
    """One event of an order."""

    order_id: str
    version: int
    from_state: str
    to_state: str
    cum_qty: Decimal
    avg_px: Decimal


@dataclass(frozen=True, kw_only=True)
class ExecutionRow:
    """An execution that counts."""

    exec_id: str
    order_id: str
    last_qty: Decimal
    last_px: Decimal
    commission: Decimal | None


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """Everything that the invariants are about. `waiting` are rows of the inbox and the outbox, in words."""

    answers: Sequence[Answer]
    orders: dict[str, OrderRow]
    events: Sequence[EventRow]
    executions: Sequence[ExecutionRow]
    positions: dict[int, Decimal]
    waiting: Sequence[Row]
    #: What the limits count as open, and as what may still be bought and sold, by account and contract.
    open_orders: dict[str, int]
    working: dict[tuple[str, int], tuple[Decimal, Decimal]]
    ledger_orders: Sequence[Row]
    ledger_executions: Sequence[Row]
    ledger_positions: dict[int, Decimal]


ORDERS = """
    SELECT id::text, cl_ord_id, order_ref, source, state, cum_qty, avg_px, version, held_for_desk,
           reason_code, order_qty, claimed_at IS NOT NULL AS was_claimed, side,
           coalesce(account_id, '') AS account,
           coalesce((SELECT con_id FROM brokers_instrument i WHERE i.id = o.instrument_id), 0) AS con_id,
           coalesce((SELECT text FROM orders_orderevent e WHERE e.order_id = o.id AND kind = 'HELD_FOR_DESK'
                     ORDER BY version DESC LIMIT 1), '') AS held_because
    FROM orders_order o ORDER BY id
"""
EVENTS = """
    SELECT order_id::text, version, from_state, to_state, cum_qty, avg_px
    FROM orders_orderevent ORDER BY order_id, version
"""
EXECUTIONS = """
    SELECT exec_id, order_id::text, last_qty, last_px, commission FROM orders_execution WHERE NOT superseded
"""
POSITIONS = "SELECT con_id, position_qty FROM brokers_position WHERE position_qty <> 0"
WAITING = """
    SELECT 'inbox' AS where, id, kind, error FROM brokers_inboxmessage WHERE applied_at IS NULL
    UNION ALL
    SELECT 'outbox', id, kind, order_id::text || ' ' || error FROM orders_outboxcommand WHERE done_at IS NULL
"""
# What still moves by itself; an order that is held waits for a person.
MOVING = """
    SELECT state || ' ' || id::text AS what FROM orders_order
    WHERE state IN ('CREATED', 'SENT', 'FILLED') OR (state = 'UNCONFIRMED' AND NOT held_for_desk)
    UNION ALL
    SELECT 'request ' || state || ' of order ' || order_id::text FROM orders_orderrequest
    WHERE state IN ('REQUESTED', 'SENT', 'UNCONFIRMED')
      AND order_id NOT IN (SELECT id FROM orders_order WHERE held_for_desk)
    UNION ALL
    SELECT 'inbox ' || id FROM brokers_inboxmessage WHERE applied_at IS NULL
    UNION ALL
    SELECT 'outbox ' || id FROM orders_outboxcommand WHERE done_at IS NULL
"""
#: What may still be bought and sold, as the limits count it.
WORKING = with_heads(f"SELECT * FROM ({working(all_contracts=True)}) AS works")  # noqa: S608
SENT_AT = "SELECT at FROM orders_orderevent WHERE kind = 'HANDED_OVER' ORDER BY at"


def counted(books: Books, statement: str) -> list[tuple[Any, ...]]:
    """The rows by which the limits count, of all accounts."""
    with books.connect() as connection:
        codes = [code for (code,) in connection.execute("SELECT code FROM brokers_brokeraccount")]
        return connection.execute(statement.encode(), {"accounts": codes}).fetchall()


def collect(books: Books, answers: Sequence[Answer]) -> Evidence:
    """Look at both sides. The gateway is asked first: what it did before is ours to know already or soon."""
    ledger = {
        name: books.control.get(f"/{name}").raise_for_status().json()
        for name in ("orders", "executions", "positions")
    }
    return Evidence(
        answers=answers,
        orders={row["id"]: OrderRow(**row) for row in records(books, ORDERS)},
        events=[EventRow(**row) for row in records(books, EVENTS)],
        executions=[ExecutionRow(**row) for row in records(books, EXECUTIONS)],
        positions={row["con_id"]: row["position_qty"] for row in records(books, POSITIONS)},
        waiting=records(books, WAITING),
        open_orders=dict(counted(books, OPEN_ORDERS)),
        working={(row[0], row[1]): (row[2], row[3]) for row in counted(books, WORKING)},
        ledger_orders=ledger["orders"],
        ledger_executions=ledger["executions"],
        ledger_positions={
            row["con_id"]: Decimal(row["position"]) for row in ledger["positions"] if Decimal(row["position"])
        },
    )


def records(books: Books, query: str) -> list[Row]:
    """Rows of a query by column name."""
    with books.connect() as connection:
        cursor = connection.execute(query.encode())
        names = [column.name for column in cursor.description or ()]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def moving(books: Books) -> list[str]:
    """What is still under way, in words."""
    return [row["what"] for row in records(books, MOVING)]


def moments_of_sending(books: Books) -> list[datetime]:
    """When orders were handed to the gateway's socket, in order of time."""
    return [row["at"] for row in records(books, SENT_AT)]
