"""Whether PostgreSQL's disk has room: a full one answers every question and records nothing."""

from __future__ import annotations

from django.db import Error, connection, transaction

from brokers.postgres import database

FULL = "53100"  # SQLSTATE disk_full
FULL_TEXT = "The disk of the database is full: nothing can be recorded until there is room on it."
#: Sorted on disk: a megabyte beside the tables, gone with the statement. No function tells the room.
PROBE = """
    SELECT count(*) FROM (SELECT n FROM generate_series(1, 30000) AS n ORDER BY n DESC OFFSET 0) AS sorted
"""


def is_full(error: BaseException) -> bool:
    """Whether the server found no room for what it was to write."""
    return database.sqlstate(error) == FULL


def has_room() -> bool:
    """Whether the server can write a megabyte to the disk of its tables; takes some ten milliseconds."""
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SELECT set_config('work_mem', '64kB', true)")
            cursor.execute(PROBE)
    except Error as error:
        if is_full(error):
            return False
        raise
    return True
