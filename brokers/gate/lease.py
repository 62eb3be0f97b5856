"""The lease of a gateway session: one holder at a time, told apart by a fencing epoch.

A claim carries the epoch in its WHERE, so a former holder that was paused can claim nothing; what it claimed
before is stopped by its fence (`brokers.gate.fence`), and what it records of the session by `require`. A
holder renews well before the lease runs out; the clock is PostgreSQL's, there is only one of it. A holder
that is a dead process of this machine cannot come back: its lease is taken without waiting.
"""

from __future__ import annotations

import os
import socket
import threading
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from django.db import connection

from brokers.gate.fence import Fence

TAKE = """
    UPDATE brokers_gatewaysession
    SET lease_owner = %(owner)s, lease_epoch = lease_epoch + 1, client_id = %(client_id)s,
        lease_until = now() + make_interval(secs => %(ttl)s), heartbeat_at = now(),
        link = 'DOWN', link_reason = 'taken over, not connected yet'
    WHERE name = %(name)s AND (lease_until IS NULL OR lease_until < now() OR lease_owner = %(dead)s)
    RETURNING lease_epoch
"""
OWNER = "SELECT lease_owner FROM brokers_gatewaysession WHERE name = %s"
RENEW = """
    UPDATE brokers_gatewaysession
    SET lease_until = now() + make_interval(secs => %(ttl)s), heartbeat_at = now()
    WHERE name = %(name)s AND lease_owner = %(owner)s AND lease_epoch = %(epoch)s
"""
RELEASE = """
    UPDATE brokers_gatewaysession
    SET lease_until = NULL, lease_owner = '', link = 'DOWN', link_reason = 'stopped'
    WHERE name = %(name)s AND lease_owner = %(owner)s AND lease_epoch = %(epoch)s
"""
#: Locked, so that nobody takes it before the transaction that depends on it has ended.
HELD = """
    SELECT FROM brokers_gatewaysession
    WHERE name = %(name)s AND lease_owner = %(owner)s AND lease_epoch = %(epoch)s
    FOR SHARE
"""


class LeaseLost(Exception):
    """Somebody else holds the session now: what was to be written is theirs to write."""


@dataclass(frozen=True, kw_only=True)
class Lease:
    """A held lease. `epoch` grows with each holder."""

    name: str
    owner: str
    epoch: int
    ttl: float  # seconds
    fence: Fence = field(default_factory=Fence, compare=False, repr=False)


def this_process() -> str:
    """A name for this process that no other one has: machine, process, thread."""
    return f"{_machine()}:{os.getpid()}:{threading.get_ident()}"


@cache
def _machine() -> str:
    """Host, its boot, and the namespace in which process ids count (containers).

    Two machines may have one host name; the id of the boot tells them apart, and that a process of an earlier
    boot is no process of now.
    """
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip().replace("-", "")[:16]
        namespace = os.readlink("/proc/self/ns/pid").strip("pid:[]")
    except OSError:
        boot = namespace = ""
    return f"{socket.gethostname()[:40]}/{boot}/{namespace}"


def is_dead(owner: str) -> bool:
    """Whether this owner is a process of this machine that has ended; False when that cannot be told."""
    machine, _, rest = owner.partition(":")
    pid = rest.partition(":")[0]
    if machine != _machine() or not pid.isdigit():
        return False
    try:
        os.kill(int(pid), 0)
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] in ENDED
    except ProcessLookupError:
        return True
    except OSError:
        return False


#: A killed process that its parent has not asked after yet: zombie, dead.
ENDED = ("Z", "X")


def take(name: str, *, client_id: int, ttl: float) -> Lease | None:
    """Take the lease if nobody holds it, or who held it is dead; None while somebody does."""
    owner, fence = this_process(), Fence()
    with connection.cursor() as cursor:
        cursor.execute(OWNER, [name])
        (holder,) = cursor.fetchone() or ("",)
        # A name that no owner has, so that an empty one is not taken for a dead one.
        dead = holder if is_dead(holder) else "-"
        began = fence.now()
        cursor.execute(TAKE, {"name": name, "owner": owner, "ttl": ttl, "client_id": client_id, "dead": dead})
        row = cursor.fetchone()
    if row is None:
        return None
    fence.extend(began, ttl)
    return Lease(name=name, owner=owner, epoch=row[0], ttl=ttl, fence=fence)


def renew(lease: Lease) -> bool:
    """Extend the lease and its fence; False when somebody else has taken it, for good."""
    began = lease.fence.now()
    if _on_own_row(RENEW, lease):
        lease.fence.extend(began, lease.ttl)
        return True
    lease.fence.shut()
    return False


def own_row(lease: Lease) -> dict[str, object]:
    """Lookups of the session's row that find it only while this lease holds it."""
    return {"name": lease.name, "lease_owner": lease.owner, "lease_epoch": lease.epoch}


def require(lease: Lease) -> None:
    """Raise LeaseLost when somebody else holds it; else nobody takes it before this transaction ends.

    The session's row is locked last, like everywhere.
    """
    if not _on_own_row(HELD, lease):
        raise LeaseLost(f"another process holds session {lease.name!r}")


def release(lease: Lease) -> None:
    """Give the lease back, so that the next holder need not wait."""
    _on_own_row(RELEASE, lease)


def _on_own_row(sql: str, lease: Lease) -> bool:
    with connection.cursor() as cursor:
        cursor.execute(
            sql, {"name": lease.name, "owner": lease.owner, "epoch": lease.epoch, "ttl": lease.ttl}
        )
        return bool(cursor.rowcount == 1)
