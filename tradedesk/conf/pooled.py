"""Connections of the pool: they prove that they live without a round trip, and read times quickly."""

from __future__ import annotations

import select
import time
from datetime import UTC, datetime
from typing import Any, ClassVar, Self

import psycopg
from psycopg.abc import Buffer
from psycopg.types.datetime import TimestamptzLoader
from psycopg_pool import ConnectionPool

#: What a server reports of itself with its answers: a standby, a primary that was set read-only.
SAYS_READ_ONLY = (b"in_hot_standby", b"default_transaction_read_only")
#: Seconds after which a read-only connection is not lent again: it may outlast what made it so.
READ_ONLY_LENT = 1.0


class UtcLoader(TimestamptzLoader):
    """Times in UTC, parsed by the language itself: an order has a dozen, which took a third of reading it."""

    timezone = UTC  # Django asks a cursor's loader for it, and puts its own there unless it is the wanted one

    def load(self, data: Buffer) -> datetime:
        """What PostgreSQL says of a time; what is beyond Python's years raises `psycopg.DataError`."""
        try:
            time = datetime.fromisoformat(str(data, "ascii"))
        except ValueError:
            time = super().load(data)
        return time if time.tzinfo is UTC else time.astimezone(UTC)


class PooledConnection(psycopg.Connection[Any]):
    """Answers the pool's question, an empty query before each loan, from its own end of the socket.

    A server that has ended said so or closed the socket: there is something to read, and only then it is
    asked. What a query would find besides, a network that swallows everything, it would find by waiting.
    """

    made_at = 0.0
    #: Seconds to wait for one answer of the server; None: as long as it takes. See `answer_soon`.
    patience: ClassVar[float | None] = None

    @classmethod
    def connect(cls, *args: Any, **kwargs: Any) -> Self:
        """As always; its context, Django's, would have another reader of times."""
        connection = super().connect(*args, **kwargs)
        connection.adapters.register_loader("timestamptz", UtcLoader)
        connection.made_at = time.monotonic()
        return connection

    def wait(self, gen: Any, interval: float = 0.1, timeout: float | None = None) -> Any:
        """As always, but a frozen server is given up: its socket lives, so nothing else would tell."""
        limit = self.patience if timeout is None else timeout
        try:
            return super().wait(gen, interval, limit)
        except psycopg.errors._WaitTimeout:
            self.pgconn.finish()  # what it answers later would be taken for another answer
            raise psycopg.OperationalError(f"the server gave no answer within {limit} s") from None

    def execute(self, query: Any, *args: Any, **kwargs: Any) -> psycopg.Cursor[Any]:
        """As always, but the pool's question, an empty query, is answered as above."""
        if query != "":
            return super().execute(query, *args, **kwargs)
        try:
            return self.prove_alive()
        except psycopg.OperationalError:
            # What ended this one ended its idle siblings. The pool would find them one after the other, with
            # pauses that double: behind a restart of the server, three took longer than anybody waits.
            lender = getattr(self, "_pool", None)  # None while the pool itself asks
            if isinstance(lender, ConnectionPool):
                lender.check()
            raise

    def prove_alive(self) -> psycopg.Cursor[Any]:
        """An empty answer; `psycopg.OperationalError` where the connection must not be lent.

        Whether it is read-only the server says of itself, unasked (PostgreSQL 14 and later).
        """
        said = [self.pgconn.parameter_status(name) for name in SAYS_READ_ONLY]
        if b"on" in said and time.monotonic() - self.made_at > READ_ONLY_LENT:
            self.close()  # else the pool would lend it again: what it says of itself only a query renews
            raise psycopg.OperationalError("it has been read-only for long: a new one may not be")
        if self.pgconn.status == psycopg.pq.ConnStatus.OK and is_silent(self.fileno()):
            return self.cursor()
        return super().execute("")


def answer_soon(pool: dict[str, Any]) -> None:
    """Make this process give up a silent database within three seconds: somebody waits for its own answer.

    Workers do not: nobody waits for them, and what they ask may take its time. `pool`: the pool's settings.
    """
    pool["timeout"] = 1.0
    PooledConnection.patience = 1.8


def is_silent(descriptor: int) -> bool:
    """Whether there is nothing to read from a socket, not even its end."""
    poll = select.poll()
    poll.register(descriptor, select.POLLIN | select.POLLHUP | select.POLLERR)
    return not poll.poll(0)
