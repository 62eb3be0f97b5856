"""What the audit costs a POST: blocks of orders with its triggers and its chain, and blocks without, in turn.

Both are measured in the same seconds on the same system, so that a busy machine moves both alike.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg

from orders.controls.audit.seal import LOCK
from tradedesk.bench.client import Answer, Connection
from tradedesk.bench.figures import Document, spread
from tradedesk.bench.ground import Ground

BLOCK, FIRST = 25, 5  # orders of a block, of which the first plan their statements anew and do not count
PAUSE = 0.05  # seconds from one order to the next: 20 a second
#: Tables that an order's way writes, with the triggers that follow them.
TRIGGERS = """
    SELECT tgrelid::regclass::text, tgname FROM pg_trigger
    WHERE tgname LIKE 'audit%' AND tgrelid IN (
        'orders_order'::regclass, 'orders_orderrequest'::regclass, 'brokers_inboxmessage'::regclass,
        'orders_execution'::regclass, 'brokers_gatewaysession'::regclass)
"""


def audit_cost(ground: Ground, *, orders: int) -> Document:
    """POST to answer with and without the audit, so many orders each; milliseconds, and their ratio."""
    answers: dict[bool, list[Answer]] = {True: [], False: []}
    with ground.connection() as connection:
        while len(answers[True]) < orders:
            answers[True] += block(ground, connection)
            with audit_off(ground):
                answers[False] += block(ground, connection)
    ground.wait_until_done()
    on, off = (spread(one.seconds for one in answers[audited]) for audited in (True, False))
    return {
        "audit_on_post_to_answer_ms": on,
        "audit_off_post_to_answer_ms": off,
        "on_to_off_p50": round(on["p50"] / off["p50"], 3),
    }


def block(ground: Ground, connection: Connection) -> list[Answer]:
    """The answers of one block that count."""
    answers = []
    for _ in range(BLOCK):
        time.sleep(PAUSE)
        answers.append(connection.place(ground.order(account=ground.accounts[0])))
    return answers[FIRST:]


@contextmanager
def audit_off(ground: Ground) -> Iterator[None]:
    """No trigger of the audit on the way of an order, and nobody seals."""
    with ground.system.connect() as owner:
        owner.execute("SELECT pg_advisory_lock(%s)", [LOCK])  # the sealer finds it taken, and goes on later
        switch(owner, "DISABLE")
        try:
            yield
        finally:
            switch(owner, "ENABLE")


def switch(owner: psycopg.Connection, how: str) -> None:
    """Each of the triggers on or off."""
    for table, name in owner.execute(TRIGGERS).fetchall():
        owner.execute(f"ALTER TABLE {table} {how} TRIGGER {name}".encode())
