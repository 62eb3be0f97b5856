"""What an error of the database means: that it is away for now, or that the statement itself is at fault.

Away: the connection is closed, one waits and tries the same again; nothing is lost. A primary that was
demoted answers and refuses to write, which is away too. At fault: trying again would meet the same, so the
row is bisected, parked or refused.
"""

from __future__ import annotations

import logging
from contextlib import suppress

import psycopg
from django.db import Error, InterfaceError, OperationalError, connection

log = logging.getLogger(__name__)

RETRY_PAUSE = 0.25  # seconds
#: SQLSTATE (PostgreSQL, appendix A), the first two characters being its class: connection, transaction rolled
#: back (deadlock, serialization), out of resources, operator's intervention (shutdown, recovery, canceled),
#: system error, login (while passwords or databases are being changed).
AWAY_CLASSES = ("08", "28", "3D", "40", "53", "57", "58")
READ_ONLY = "25006"
#: Read-only, ended while idle in a transaction, transaction timeout, lock not available.
AWAY_STATES = (READ_ONLY, "25P03", "25P04", "55P03")


def is_away(error: BaseException) -> bool:
    """Whether the same would succeed later, on a new connection."""
    if not isinstance(error, Error | psycopg.Error):
        return False
    state = sqlstate(error)
    if state:
        return state[:2] in AWAY_CLASSES or state in AWAY_STATES
    # No word of the server: the connection broke, was closed, or could not be made (the pool's timeout).
    return isinstance(
        error, OperationalError | InterfaceError | psycopg.OperationalError | psycopg.InterfaceError
    )


def place() -> str:
    """Where the database is, without who logs in with what."""
    where = connection.settings_dict
    return f"{where['HOST'] or 'the local socket'}:{where['PORT'] or 5432}"


def sqlstate(error: BaseException) -> str:
    """The server's code of the error, which Django keeps in the cause; empty when the server said nothing."""
    for one in (error, error.__cause__):
        if isinstance(one, psycopg.Error) and one.sqlstate:
            return one.sqlstate
    return ""


def discard_connection() -> None:
    """Close this thread's connection for good, so that the next one finds the server that can write.

    Only returned to the pool, a connection to a read-only server would be lent again.
    """
    raw = connection.connection
    with suppress(Exception):
        if raw is not None:
            raw.close()
        connection.close()
