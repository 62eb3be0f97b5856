"""Everything that is looked at; a part that cannot be looked at is itself a finding."""

from __future__ import annotations

import platform
from collections.abc import Callable, Iterable, Iterator
from importlib.metadata import version

from django.db import Error

from orders.notify.redis_client import REDIS_ERRORS
from tradedesk.doctor import database, deployment, disks, gateways, keeping, tasks
from tradedesk.doctor.findings import Finding, fail, ok
from tradedesk.health import first_line

PACKAGES = ("django", "celery", "psycopg", "redis", "ib_async", "granian")


def examine() -> Iterator[Finding]:
    """All findings, in the order in which somebody would cure them."""
    yield versions()
    yield from deployment.examine()
    yield from disks.examine()
    yield from guarded("database", database.examine, "Start PostgreSQL, and correct DATABASE_URL.")
    yield from guarded("redis", tasks.examine, "Start Redis, and correct REDIS_URL.")
    yield from guarded("sessions", gateways.examine, "They are read from the database: see above.")
    yield from guarded("keeping", keeping.examine, "It is read from the database: see above.")


def guarded(name: str, part: Callable[[], Iterable[Finding]], do: str) -> Iterator[Finding]:
    """A part; what it meets when its server is away, or is another than we know, becomes a finding."""
    try:
        yield from part()
    except (Error, *REDIS_ERRORS) as error:
        yield fail(name, f"It cannot be looked at: {first_line(error)}", do)


def versions() -> Finding:
    """What runs here."""
    shown = ", ".join(f"{name} {version(name)}" for name in PACKAGES)
    return ok("versions", f"Python {platform.python_version()}, {shown}")
