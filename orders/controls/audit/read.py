"""Reading the audit: acts and order events in one list, newest first, as they were committed."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator
from dataclasses import dataclass, fields, replace
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

from django.db import connection
from django.db.models import Max, Min

from orders.models import AuditSeal


class Place(NamedTuple):
    """Where an entry stands in the list: transaction, source (1: acts, 0: events), number."""

    txid: int
    source: int
    number: int


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """Filters; `accounts` None: everything, those of no account too. `kind` is the beginning of a kind."""

    accounts: Collection[str] | None = None
    person: str | None = None
    account: str | None = None
    order: UUID | None = None
    kind: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    before: Place | None = None


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One entry, whatever table it is in."""

    place: Place
    at: datetime
    kind: str
    person: str
    via: str
    address: str
    account: str
    order_id: UUID | None
    subject: str
    old: Any
    new: Any
    text: str
    ok: bool


# A replace shows the terms before and after; what was recorded or refused shows how it was checked.
_EVENTS = """
    SELECT e.txid, 0 AS source, e.id, e.recorded_at AS at, 'order.' || lower(e.kind) AS kind,
        CASE WHEN e.actor LIKE '%%:%%' THEN split_part(e.actor, ':', 2) ELSE e.actor END AS person,
        CASE WHEN e.actor LIKE '%%:%%' THEN split_part(e.actor, ':', 1) ELSE 'system' END AS via,
        '' AS address, COALESCE(o.account_id, '') AS account, e.order_id, 'order ' || o.cl_ord_id AS subject,
        e.data->'former' AS old,
        CASE WHEN e.kind IN ('RECORDED', 'REJECTED', 'FAILED')
            THEN e.data || jsonb_build_object('check_report', o.check_report)
            ELSE COALESCE(e.data->'terms', e.data) END AS new,
        e.text, e.to_state NOT IN ('REJECTED', 'FAILED') AND e.kind NOT LIKE '%%REFUSED' AS ok
    FROM orders_orderevent e JOIN orders_order o ON o.id = e.order_id
"""
_RECORDS = """
    SELECT r.txid, 1 AS source, r.id, r.at, r.kind, r.person, r.via, r.address, r.account, r.order_id,
        r.subject, r.old, r.new, r.reason AS text, r.ok
    FROM orders_auditrecord r
"""


def entries(wanted: Wanted, limit: int) -> list[Entry]:
    """The newest that fit; a time is looked up by the seals, so that an old one is found at once."""
    bounds = _bounds(wanted)
    parameters = {
        **{name: getattr(wanted, name) for name in ("person", "account", "order", "kind", "since", "until")},
        "accounts": None if wanted.accounts is None else list(wanted.accounts),
        "low": bounds[0],
        "high": bounds[1],
        "limit": limit,
        **dict(zip(("txid", "source", "number"), wanted.before or (None, None, None), strict=True)),
    }
    legs = (_leg(_EVENTS, "e", 0, wanted), _leg(_RECORDS, "r", 1, wanted))
    with connection.cursor() as cursor:
        cursor.execute(
            f"(({legs[0]}) UNION ALL ({legs[1]})) ORDER BY 1 DESC, 2 DESC, 3 DESC LIMIT %(limit)s", parameters
        )
        return [_entry(row) for row in cursor.fetchall()]


def _entry(row: tuple[Any, ...]) -> Entry:
    names = tuple(field.name for field in fields(Entry))[1:]
    found = dict(zip(names, row[3:], strict=True))
    # Raw queries have jsonb as text; numbers with a point stay the text that they are.
    parsed = {
        name: json.loads(found[name], parse_float=str)
        for name in ("old", "new")
        if isinstance(found[name], str)
    }
    return Entry(place=Place(*row[:3]), **{**found, **parsed})


def every(wanted: Wanted, *, most: int, at_once: int = 1000) -> Iterator[Entry]:
    """All that fit, at most so many, page by page."""
    left = most
    while left > 0 and (page := entries(wanted, min(at_once, left))):
        yield from page
        left -= len(page)
        wanted = replace(wanted, before=page[-1].place)


def _leg(select: str, table: str, source: int, wanted: Wanted) -> str:
    """One table's part: its own index gives the newest first."""
    conditions = {
        "person": "person = %(person)s",
        "account": "account = %(account)s",
        "order": "order_id = %(order)s",
        "kind": "starts_with(kind, %(kind)s)",
        "since": "at >= %(since)s",
        "until": "at <= %(until)s",
        "accounts": "account = ANY(%(accounts)s)",
        "before": f"(txid, {source}, id) < (%(txid)s, %(source)s, %(number)s) AND txid <= %(txid)s",
    }
    asked = [sql for name, sql in conditions.items() if getattr(wanted, name) is not None]
    inside = [f"{table}.txid >= %(low)s", f"{table}.txid <= %(high)s"]
    if wanted.order:
        inside.append(f"{table}.order_id = %(order)s")
    where = " AND ".join(asked) or "true"
    return f"""
        SELECT * FROM ({select} WHERE {" AND ".join(inside)}) AS leg
        WHERE {where} ORDER BY txid DESC, id DESC LIMIT %(limit)s
    """  # noqa: S608 - conditions of our own, values are parameters


def _bounds(wanted: Wanted) -> tuple[int, int]:
    """Transactions between which the wanted times lie: a seal knows when it was made."""
    low, high = 0, 2**62
    if wanted.since:
        earlier = AuditSeal.objects.filter(at__lt=wanted.since).aggregate(txid=Max("from_txid"))
        low = earlier["txid"] or 0
    if wanted.until:
        # A transaction may have been open for a while when it was sealed.
        later = AuditSeal.objects.filter(at__gt=wanted.until + timedelta(hours=1)).aggregate(
            txid=Min("to_txid")
        )
        high = later["txid"] or high
    return low, high
