"""PostgreSQL: the pool, how long anybody waits for it, and where backups of it are."""

from __future__ import annotations

import os
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

import dj_database_url
from django.core.exceptions import ImproperlyConfigured

from tradedesk import env
from tradedesk.conf.pooled import PooledConnection

#: Programs that serve: each statement of theirs is short. A person's command may read for an hour.
SERVING = ("granian", "celery", "celery_commands.py", "manage.py_brokerworker")
POSTGRESQL = ("postgresql", "postgres", "pgsql", "postgis")
POOL_SIZE = env.integer("TRADEDESK_DB_POOL", 12, low=2, high=200)
STATEMENT_TIMEOUT = env.integer("TRADEDESK_STATEMENT_TIMEOUT", 60, low=1, high=3600)  # seconds
IDLE_TRANSACTION_TIMEOUT = env.integer("TRADEDESK_IDLE_TRANSACTION_TIMEOUT", 60, low=1, high=3600)  # seconds
#: A migration that cannot have its lock at once gives up: what waits behind it would stop the desk.
MIGRATION_LOCK_TIMEOUT = 5  # seconds
#: Seconds until the kernel gives up a peer that is gone without a word (tcp_user_timeout: milliseconds).
DATABASE_SOCKET = {
    "keepalives": 1,
    "keepalives_idle": 10,
    "keepalives_interval": 3,
    "keepalives_count": 3,
    "tcp_user_timeout": 15_000,
}
#: Only what is prepared heeds these (brokers/postgres/prepared.py, the checks of foreign keys): a plan is
#: made once and kept, no machine code is made for it. Sent with each statement they cost a request 0.3 ms.
KEPT_PLANS = "-c plan_cache_mode=force_generic_plan -c jit=off"


#: Where `manage.py backup` writes, and how old the newest may grow before the doctor complains.
BACKUPS = env.folder("TRADEDESK_BACKUPS")
BACKUP_MAX_AGE = timedelta(hours=env.number("TRADEDESK_BACKUP_MAX_AGE_HOURS", 26, low=1, high=24 * 31))


def database_options(process: str) -> str:
    """What a connection of this process begins with; libpq's PGOPTIONS, which it would replace, is kept."""
    limits = ""
    if process in SERVING:
        limits = (
            f" -c statement_timeout={STATEMENT_TIMEOUT}s"
            f" -c idle_in_transaction_session_timeout={IDLE_TRANSACTION_TIMEOUT}s"
        )
    elif process == "manage.py_migrate":
        limits = f" -c lock_timeout={MIGRATION_LOCK_TIMEOUT}s"
    return f"{os.environ.get('PGOPTIONS', '')} {KEPT_PLANS}{limits} -c tradedesk.process={process}"


def database_of(url: str, variable: str = "DATABASE_URL") -> dict[str, Any]:
    """Django's settings of this database; raises ImproperlyConfigured naming the variable that holds it.

    A pool, because Celery's Django fixup closes the connection around each task, and health checks, because
    pooled connections are dead after a PostgreSQL restart.
    """
    if urlsplit(url).scheme not in POSTGRESQL:  # before anything is imported for another database
        raise ImproperlyConfigured(f"{variable} is wrong: expected postgresql://user@host:port/name.")
    try:
        parsed: dict[str, Any] = dict(dj_database_url.parse(url))
    except ValueError as error:  # a port that is none
        raise ImproperlyConfigured(f"{variable} is wrong: {error}.") from None
    parsed |= {"CONN_MAX_AGE": 0, "CONN_HEALTH_CHECKS": True}
    parsed["OPTIONS"] = {
        **DATABASE_SOCKET,
        **parsed.get("OPTIONS", {}),
        "pool": {
            "min_size": 1,
            "max_size": POOL_SIZE,
            "timeout": 5,
            "reconnect_timeout": 2.0,  # its pauses grow with the outage; after this, who asks tries anew
            "connection_class": PooledConnection,
        },
        "connect_timeout": 3,
        "prepare_threshold": 5,  # allows what brokers/postgres/prepared.py prepares; the ORM prepares none
        "application_name": "tradedesk",
        "options": database_options(env.process_name()),
    }
    return parsed


if env.owner_url():  # refused by its own name, also by a process that does nothing as the owner
    database_of(env.owner_url(), "DATABASE_OWNER_URL")
DATABASE_URL = env.database_url()
DATABASES: dict[str, Any] = {"default": database_of(DATABASE_URL)}
