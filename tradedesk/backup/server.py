"""Which database is backed up or restored, as its owner."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

from tradedesk import env
from tradedesk.backup.manifest import BackupInvalid
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
