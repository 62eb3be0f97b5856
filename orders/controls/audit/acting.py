"""Who acts: what the connection says of itself while a person or a program changes something.

The triggers read it (`install.py`). It costs one statement, so only acts say it, never the way of an order:
there the events name their actor.
"""

from __future__ import annotations

import getpass
import json
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from uuid import UUID

from django.db import Error, connection

from orders.models import AuditRecord


@dataclass(frozen=True, kw_only=True)
class Acting:
    """A person, through what (a desk session, a token, a shell), from where, and why."""

    person: str
    via: str = ""
    address: str = ""
    reason: str = ""


def at_shell(person: str, reason: str = "") -> Acting:
    """Somebody at a shell of this machine: the person who was named, and the machine's own user."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):
        user = "unknown"
    return Acting(person=person, via="shell", address=f"os:{user}", reason=reason)


@contextmanager
def acting(who: Acting) -> Iterator[None]:
    """What changes within is the act of this person."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT set_config('tradedesk.acting', %s, false)", [json.dumps(asdict(who))])
    try:
        yield
    finally:
        _forget()


def _forget() -> None:
    """The next who gets this connection from the pool is somebody else."""
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT set_config('tradedesk.acting', '', false)")
    except Error:
        with suppress(Error):
            connection.close()


def record(
    kind: str,
    who: Acting,
    *,
    subject: str = "",
    account: str = "",
    order_id: UUID | None = None,
    old: object = None,
    new: object = None,
    ok: bool = True,
) -> None:
    """Keep what changes no row: a login, a refusal, a command, a setting."""
    AuditRecord.objects.create(
        kind=kind,
        person=who.person[:150],
        via=who.via[:100],
        address=who.address[:64],
        process=_process(),
        account=account[:32],
        order_id=order_id,
        subject=subject[:200],
        old=old,
        new=new,
        reason=who.reason,
        ok=ok,
    )


def _process() -> str:
    return str(connection.settings_dict["OPTIONS"]["options"]).rpartition("tradedesk.process=")[2].split()[0]
