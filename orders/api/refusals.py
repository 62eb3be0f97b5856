"""Refused requests of the API, kept for the audit: not one for each of a flood, but that there was one."""

from __future__ import annotations

import threading
import time

from rest_framework.request import Request

from orders.access import address_of
from orders.api.authentication import Access
from orders.controls.audit.acting import Acting, record

#: Seconds in which one address and caller is kept once by each process; strangers must not fill the disk.
ONCE_IN = 10.0
NAMES_KEPT = 10_000

_lock = threading.Lock()
_kept: dict[tuple[str, str, int], float] = {}


def caller(request: Request, reason: str = "") -> Acting:
    """Who asks, as the audit keeps it."""
    access = request.auth if isinstance(request.auth, Access) else None
    return Acting(
        person=access.user.get_username() if access else "",
        via=f"token:{access.key}" if access and access.key else "client",
        address=address_of(request.META),
        reason=reason,
    )


def keep(request: Request, status: int) -> None:
    """Record that this was refused."""
    try:
        who = caller(request, f"{status}")
    except Exception:  # the token itself was refused: nobody is known
        who = Acting(person="", via="client", address=address_of(request.META), reason=f"{status}")
    name, now = (who.address, who.via, status), time.monotonic()
    with _lock:
        if now < _kept.get(name, 0.0):
            return
        if len(_kept) >= NAMES_KEPT:
            _kept.clear()
        _kept[name] = now + ONCE_IN
    record("refused", who, subject=f"{request.method} {request.path}", ok=False)
