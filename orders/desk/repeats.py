"""Orders that were sent a short while ago and are asked for again: the same file, a row twice, an own ticket.

Orders are compared by what they ask for, never by their ids or by the file they came in. What is found is
named to a person, who has to say that it is meant.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec
from django.conf import settings
from django.db.models import Q
from django.utils import timezone

from orders.entry.limits.rules import Rules, rules_cache
from orders.entry.reading.ticket import Ticket
from orders.entry.reading.ticket_texts import ticket_from_texts
from orders.errors import TicketInvalid
from orders.models import DeskJob, DeskJobRow, JobKind, Order, State

#: What never went out is no order that is repeated.
NEVER_OUT = (State.REJECTED, State.FAILED)
Earlier = dict[bytes, tuple[str, datetime]]  # by content: what it was called, and when
TERMS = ("side", "order_qty", "ord_type", "price", "stop_px", "time_in_force", "special")


@dataclass(frozen=True, kw_only=True)
class Repeat:
    """A row that asks for what was asked for before: where, and when."""

    line: int
    source: str
    at: datetime | None = None  # None: in this very basket


def repeats_of(job: DeskJob, rows: Sequence[DeskJobRow]) -> list[Repeat]:
    """The rows (by line) of a basket that repeat one another, or what was sent within the window.

    A row whose own id was placed before is none: it is answered with its first order. Whoever sends
    afterwards holds the lock of `desk.jobs` over both.
    """
    rules = rules_cache.rules()
    asked = [(row.line, ticket) for row in rows if (ticket := read_ticket(row))]
    ids = [ticket.cl_ord_id for _, ticket in asked]
    known = Order.objects.filter(client=job.owner, cl_ord_id__in=ids)
    placed = set(known.values_list("cl_ord_id", flat=True))
    new = [(line, ticket) for line, ticket in asked if ticket.cl_ord_id not in placed]
    tickets = [ticket for _, ticket in new]
    earlier = _recent_orders(rules, tickets) | _rows_of_baskets(job, rules, tickets)
    found, seen = [], dict[bytes, int]()
    for line, ticket in new:
        key = content(rules, ticket)
        if key in earlier:
            source, at = earlier[key]
            found.append(Repeat(line=line, source=source, at=at))
        elif key in seen:
            found.append(Repeat(line=line, source=f"line {seen[key]} of this basket"))
        seen.setdefault(key, line)
    return found


def read_ticket(row: DeskJobRow) -> Ticket | None:
    """The order of a row; None when it is none by the rules of today."""
    try:
        return ticket_from_texts(row.fields)
    except TicketInvalid:
        return None


def content(rules: Rules, ticket: Ticket) -> bytes:
    """What an order asks for, whatever it is called."""
    instrument = rules.instrument(ticket.instrument)
    terms = {name: getattr(ticket, name) for name in TERMS[:-1]} | {"special": ticket.special()}
    return _key(ticket.account, instrument.pk if instrument else None, terms)


def _key(account: str, instrument: int | None, terms: dict[str, Any]) -> bytes:
    plain = {
        name: value.normalize() if name in ("order_qty", "price", "stop_px") and value is not None else value
        for name, value in terms.items()
    }
    return msgspec.json.encode([account, instrument, plain], order="sorted")


def _rows_of_baskets(job: DeskJob, rules: Rules, tickets: Sequence[Ticket]) -> Earlier:
    """Rows of other baskets that were sent or wait for it: as they were asked for, whatever changed since."""
    rows = DeskJobRow.objects.filter(
        Q(done_at=None, job__stopped_at=None) | Q(ok=True),
        account__in={ticket.account for ticket in tickets},
        errors={},
        job__kind=JobKind.PLACE,
        job__started_at__gt=_since(),
    )
    rows = rows.exclude(job=job).exclude(order__state__in=NEVER_OUT, order__cum_qty=0)
    found = {}
    for row in rows.select_related("job").order_by("job__started_at"):
        if ticket := read_ticket(row):
            found[content(rules, ticket)] = f"basket {row.job.name}", row.job.started_at or timezone.now()
    return found


def _recent_orders(rules: Rules, tickets: Sequence[Ticket]) -> Earlier:
    """Orders of the window, of anybody, that could be one of these; the latest of each content."""
    instruments = {found.pk for ticket in tickets if (found := rules.instrument(ticket.instrument))}
    rows = Order.objects.filter(
        id__gt=UUID(int=int(_since().timestamp() * 1000) << 80),  # they begin with the time
        account__in={ticket.account for ticket in tickets},
        instrument__in=instruments,
        order_qty__in={ticket.order_qty for ticket in tickets},
    ).exclude(state__in=NEVER_OUT, cum_qty=0)
    latest: Earlier = {}
    names = ("cl_ord_id", "received_at", "account_id", "instrument_id", *TERMS)
    for name, at, account, instrument, *terms in rows.order_by("id").values_list(*names):
        latest[_key(account, instrument, dict(zip(TERMS, terms, strict=True)))] = f"order {name}", at
    return latest


def _since() -> datetime:
    return timezone.now() - timedelta(hours=settings.REPEAT_HOURS)
