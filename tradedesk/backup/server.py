"""Which database is backed up or restored, as its owner."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

from django.db import DEFAULT_DB_ALIAS, connections

from tradedesk import env
from tradedesk.backup.manifest import BackupInvalid
from tradedesk.conf.database import database_of
from tradedesk.stack.folder import DataFolder
from tradedesk.stack.ports import HOST
from tradedesk.stack.servers.choice import embedded_postgres
from tradedesk.stack.servers.postgres import APPLICATION, ROLE


@contextmanager
def owned_database(*, may_be_new: bool) -> Iterator[str]:
    """The URL by which its owner reaches it: as set, of the running local stack, or of a stopped one.

    The PostgreSQL of a stopped one is started for as long as this lasts.
    """
    if url := env.owner_url() or env.url("DATABASE_URL"):
        yield local_owner(url)
        return
    if not may_be_new and not (env.data_dir() / "postgres").exists():
        raise BackupInvalid(
            f"There is no database: DATABASE_URL is not set, and none is in {env.data_dir()}."
        )
    with DataFolder(env.data_dir()) as folder:
        postgres = embedded_postgres(folder)
        postgres.start()
        try:
            yield postgres.url
        finally:
            postgres.stop()


def local_owner(url: str) -> str:
    """The owner's URL, where this is the application's login to the local stack's own server."""
    parts, password = urlsplit(url), env.data_dir() / "postgres_password"
    if parts.username != APPLICATION or parts.hostname != HOST or not password.exists():
        return url
    own = f"{ROLE}:{password.read_text().strip()}@{HOST}:{parts.port}"
    return parts._replace(netloc=own).geturl()


@contextmanager
def django_on(url: str) -> Iterator[None]:
    """Let Django work on another database for a while."""
    default: Any = connections[DEFAULT_DB_ALIAS]  # PostgreSQL's own, which has a pool
    before = dict(default.settings_dict)
    default.close_pool()
    default.settings_dict.update(database_of(url))
    try:
        yield
    finally:
        default.close()
        default.close_pool()
        default.settings_dict.clear()
        default.settings_dict.update(before)
