"""The pool of connections behind a database that dropped them all: a restart, a failover."""

from __future__ import annotations

import pytest
from django.db import connection
from psycopg_pool import ConnectionPool

from tradedesk.conf.pooled import PooledConnection

IDLE = 8  # the library waits 0, 1, 2, 4, 8 ... s after each dead one that it finds: six are too many for 30 s


@pytest.mark.django_db(transaction=True)
def test_a_database_that_dropped_all_idle_connections_lends_a_new_one_at_once() -> None:
    arguments = {name: value for name, value in connection.get_connection_params().items() if name != "pool"}
    with ConnectionPool(
        kwargs=arguments,
        connection_class=PooledConnection,
        check=ConnectionPool.check_connection,
        min_size=IDLE,
        timeout=30,
        open=True,
    ) as pool:
        pool.wait()
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT count(pg_terminate_backend(pid, 5000)) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
            assert cursor.fetchone()[0] >= IDLE
        with pool.connection() as lent:
            assert lent.execute("SELECT 1").fetchone() == (1,)
