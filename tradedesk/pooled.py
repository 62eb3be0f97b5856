"""Connections of the pool that prove that they live without a round trip."""

from __future__ import annotations

import select
from typing import Any

import psycopg


class PooledConnection(psycopg.Connection[Any]):
    """Answers the pool's question, an empty query before each loan, from its own end of the socket.

    A server that has ended said so or closed the socket: there is something to read, and only then it is
    asked. What a query would find besides, a network that swallows everything, it would find by waiting.
    """

    def execute(self, query: Any, *args: Any, **kwargs: Any) -> psycopg.Cursor[Any]:
        """As always, but an empty query is not sent over a silent socket."""
        if query == "" and self.pgconn.status == psycopg.pq.ConnStatus.OK and is_silent(self.fileno()):
            return self.cursor()
        return super().execute(query, *args, **kwargs)


def is_silent(descriptor: int) -> bool:
    """Whether there is nothing to read from a socket, not even its end."""
    poll = select.poll()
    poll.register(descriptor, select.POLLIN | select.POLLHUP | select.POLLERR)
    return not poll.poll(0)
