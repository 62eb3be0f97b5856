"""The system that is measured: everything of `make up` on free ports, warm, with one session or more."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from datetime import datetime
from functools import partial
from itertools import cycle, product
from pathlib import Path
from typing import Any, cast

import httpx

from orders.management.commands.seed import SYMBOLS
from tradedesk.bench.client import Answer, Connection, market_order
from tradedesk.stack.clients import ACCOUNT
from tradedesk.stack.polling import eventually
from tradedesk.stack.system import System

WARM_UP = 60  # orders
CLIENTS = 16
SETTLE_LIMIT = 600.0  # seconds
UNPACED = 10_000  # messages a second: more than anything here can do
#: The states that an order leaves by itself: those of the index `order_moving`.
MOVING = "('CREATED','SENT','UNCONFIRMED','ACCEPTED','PENDING','PARTIALLY_FILLED','FILLED')"
#: Asked all the time while orders are timed, so it must cost nothing: counting all that was ever placed took
#: up to a third of PostgreSQL's processor time of an order.
STILL_MOVING = (
    f"SELECT EXISTS (SELECT 1 FROM orders_order WHERE state IN {MOVING}"  # noqa: S608 - our own words
    " AND cl_ord_id LIKE 'bench-%')"
)

Say = Callable[[str], None]
Row = dict[str, Any]


class Ground:
    """A running system with one account for each session, and what both sides say of its orders."""

    def __init__(self, system: System, accounts: Sequence[str]) -> None:
        self.system = system
        self.accounts = tuple(accounts)
        self.undo = ExitStack()  # connections that live as long as the measuring
        self._local = threading.local()
        self.token = str(system.api.headers["Authorization"]).removeprefix("Token ")

    def connection(self) -> Connection:
        """A new connection to the API."""
        return Connection(self.system.urls.http, self.token)

    def own_connection(self) -> Connection:
        """This thread's connection to the API, opened once."""
        if not hasattr(self._local, "connection"):
            self._local.connection = self.undo.enter_context(self.connection())
        return cast(Connection, self._local.connection)

    def order(self, number: int = 0, **fields: Any) -> Row:
        """An order of one of the accounts, in turn."""
        return market_order(**{"account": self.accounts[number % len(self.accounts)], **fields})

    def place_all(self, orders: Sequence[Row], clients: int = CLIENTS) -> list[Answer]:
        """Send these as fast as so many clients can, each waiting for its answer; all answers."""
        parts = [orders[start::clients] for start in range(min(clients, len(orders)))]
        with ThreadPoolExecutor(len(parts)) as pool:
            return [answer for answers in pool.map(self._place_part, parts) for answer in answers]

    def _place_part(self, orders: Sequence[Row]) -> list[Answer]:
        with self.connection() as connection:
            return [connection.place(order) for order in orders]

    def warm_up(self) -> None:
        """Send some orders first: a cold process imports, connects and plans; prices have to be known."""
        for account, symbol in product(self.accounts, SYMBOLS):
            eventually(partial(self._takes_order, account, symbol), limit=120)
        self.place_all([self.order(number) for number in range(WARM_UP)], clients=4)
        self.wait_until_done()

    def _takes_order(self, account: str, symbol: str) -> bool:
        order = market_order(account, instrument={"symbol": symbol, "sec_type": "STK"})
        with self.connection() as connection:
            return connection.place(order).status == httpx.codes.CREATED

    def wait_until_done(self) -> float:
        """Wait until no order of ours moves any more; the time (epoch seconds) when that was seen."""
        with self.system.postgres.connect() as connection:
            connection.execute("SET enable_seqscan = off")  # young statistics would read the whole table
            eventually(
                lambda: connection.execute(STILL_MOVING.encode()).fetchone() == (False,),
                limit=SETTLE_LIMIT,
                pause=0.02,
            )
            return time.time()

    def received_at(self) -> dict[str, float]:
        """When the gateway had read each order: epoch seconds by order_ref."""
        return {row["order_ref"]: epoch(row["received_at"]) for row in self.system.control.orders()}

    def fills_sent_at(self) -> dict[str, float]:
        """When the gateway was about to write the first fill of each order: epoch seconds by order_ref."""
        fills: dict[str, float] = {}
        for row in self.system.control.executions():
            if row["sent_at"]:
                fills.setdefault(row["order_ref"], epoch(row["sent_at"]))
        return fills


def epoch(text: str) -> float:
    """Epoch seconds of a time as the ledger writes it."""
    return datetime.fromisoformat(text).timestamp()


@contextmanager
def prepared(
    folder: Path,
    *,
    sessions: int = 1,
    accounts: int = 1,
    pacing: int | None = None,
    system: type[MeasuredSystem] | None = None,
    **settings: str,
) -> Iterator[Ground]:
    """A system of its own in `folder`, up, ready and warm; `pacing` None leaves the default.

    Each session has at least one account; further `accounts` are dealt out to them in turn.
    """
    count = max(sessions, accounts)
    codes = [f"{ACCOUNT[:-1]}{int(ACCOUNT[-1]) + number}" for number in range(count)]
    settings = {"TRADEDESK_API_RATE": "1000000", **settings}  # the throttle is on, and lets all through
    paced = {"TRADEDESK_PACING": str(pacing)} if pacing else {}
    kind = system or MeasuredSystem
    with kind(folder, codes, sessions, **paced, **settings) as running:
        ground = Ground(running, codes)
        with ground.undo:
            ground.warm_up()
            yield ground


class MeasuredSystem(System):
    """A system with so many broker sessions, each with its worker; the accounts are dealt out to them."""

    def __init__(self, folder: Path, accounts: Sequence[str], sessions: int, **settings: str) -> None:
        super().__init__(folder, **settings)
        self.accounts = accounts
        names = ["main", *(f"s{number}" for number in range(2, sessions + 1))]
        gateway = self.options.gateway
        self.settings |= {
            "TRADEDESK_SESSIONS": ",".join(
                f"{name}={gateway}/{client_id}" for client_id, name in enumerate(names, start=1)
            ),
            "TRADEDESK_ACCOUNTS": ",".join(
                f"{account}@{name}" for account, name in zip(accounts, cycle(names), strict=False)
            ),
        }
        self.names = names

    def _start_servers(self, undo: Any) -> None:
        super()._start_servers(undo)
        gateway, broker = self.processes["simgateway"], self.processes["broker"]
        logins = ("--accounts", ",".join(self.accounts))
        self.processes["simgateway"] = replace(gateway, argv=(*gateway.argv, *logins))
        for name in self.names[1:]:
            self.processes[f"broker {name}"] = replace(broker, argv=(*broker.argv[:-1], name))
