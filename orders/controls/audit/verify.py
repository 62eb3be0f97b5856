"""Verifying: the chain is walked from its beginning, and every row compared with the hash of its seal.

What is found: rows that were changed, deleted, added or put in another place, seals that were, rows whose
last record says something else, changes that were made past the application, and with an anchor a chain that
was rewritten or cut. What is not: what happened within the seconds before a row was sealed.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Any

from django.db import connection, transaction

from orders.controls.audit.archive import Archives
from orders.controls.audit.install import row_of
from orders.controls.audit.seal import (
    NO_HEAD,
    Hashes,
    Span,
    Touched,
    hashes,
    head_of,
    touched_by,
    within_span,
)
from orders.controls.audit.tables import (
    EVENTS,
    EXECUTIONS,
    FOLLOWED,
    ORDERS,
    RECORDS,
    SEALED,
    Followed,
    Sealed,
)
from orders.models import AuditRecord, AuditSeal

CHUNK = 2_000
NO_END = 2**63 - 1  # of a span: every transaction that there may be


@dataclass(frozen=True, kw_only=True)
class Broken:
    """One thing that is not as it was sealed."""

    what: str
    how: str

    def __str__(self) -> str:
        return f"{self.what}: {self.how}"


@dataclass(frozen=True, kw_only=True)
class Bounds:
    """Which seals are looked into; None: from the first, to the last."""

    since: datetime | None = None
    until: datetime | None = None

    @property
    def everything(self) -> bool:
        """Whether no seal is left out."""
        return self.since is None and self.until is None

    def hold(self, at: datetime) -> bool:
        """Whether a seal of this time is looked into."""
        return (self.since is None or at >= self.since) and (self.until is None or at <= self.until)


@dataclass(frozen=True)
class _Last:
    """The last hash that a row was sealed with."""

    digest: bytes
    columns: tuple[str, ...]
    seq: int
    within: bool


@dataclass(frozen=True, kw_only=True)
class Anchor:
    """What was kept elsewhere of a chain: how far it went, and its head."""

    seq: int
    head: str


class Verification:
    """One walk; `broken()` gives what it finds, in the order of the chain.

    Raw messages that were archived are compared with the files in `archive`; without it they are counted.
    """

    def __init__(
        self,
        bounds: Bounds | None = None,
        anchor: Anchor | None = None,
        archive: Path | None = None,
        *,
        anchors: Sequence[Anchor] = (),
    ) -> None:
        self.bounds = bounds or Bounds()
        self.anchors = [*anchors, *([anchor] if anchor else [])]
        self.archives = Archives(archive)
        self.seals = self.rows = 0
        self._last: dict[str, dict[str, _Last]] = {}
        self._end = 0
        self._after: dict[str, int] = {}
        self._tail: AuditSeal | None = None

    def broken(self) -> Iterator[Broken]:
        """Everything that is not as it was sealed; all is read as of one moment."""
        with _one_moment():
            yield from self._chain()
            yield from self._anchored()
            yield from self._changing_rows()
            if self.bounds.everything:
                yield from self._unknown_rows()
                yield from self._books()
                for followed in FOLLOWED:
                    yield from _followed(followed)
                yield from _by_hand()

    # --- the chain itself --------------------------------------------------------------------------
    def _chain(self) -> Iterator[Broken]:
        previous, seq = NO_HEAD, 0
        for seal in AuditSeal.objects.order_by("seq").iterator(chunk_size=50):
            seq += 1
            if seal.seq != seq:
                yield Broken(what=f"seal {seq}", how="is missing")
                seq = seal.seq
            elif seal.previous != previous:
                yield Broken(what=f"seal {seq}", how="does not follow on the one before it")
            if head_of(seal.previous, seal.content) != seal.head:
                yield Broken(what=f"seal {seq}", how="was changed")
            else:
                yield from self._content(seal)
            previous, self._end, self._tail = seal.head, seal.to_txid, seal
            self.seals += 1

    def _content(self, seal: AuditSeal) -> Iterator[Broken]:
        content = json.loads(seal.content)
        self._after = content["after"]
        span = Span(start=content["from"], end=content["to"], after=self._after)
        within = self.bounds.hold(seal.at)
        for table, held in content["rows"].items():
            sealed, known = SEALED[table], _held(held)
            columns = tuple(held["columns"])
            if not sealed.fixed:
                last = self._last.setdefault(table, {})
                last |= {key: _Last(digest, columns, seal.seq, within) for key, digest in known}
            elif within:
                self.rows += len(known)
                yield from _fixed(sealed, span, known, columns, seal.seq, self.archives)
        if within:
            for sealed in (RECORDS, EVENTS):
                if sealed.table not in content["rows"]:
                    yield from _fixed(sealed, span, [], sealed.columns, seal.seq, self.archives)

    def _anchored(self) -> Iterator[Broken]:
        named = AuditSeal.objects.filter(seq__in=[anchor.seq for anchor in self.anchors])
        heads = dict(named.values_list("seq", "head"))
        for anchor in self.anchors:
            what, have = f"seal {anchor.seq}", self._tail.seq if self._tail else 0
            if anchor.seq not in heads:
                yield Broken(what=what, how=f"is anchored, and the chain ends with {have}: it was cut")
            elif heads[anchor.seq] != anchor.head:
                yield Broken(what=what, how="is not the one that was anchored: it was rewritten")

    # --- rows that change with events ----------------------------------------------------------------
    def _changing_rows(self) -> Iterator[Broken]:
        for table, last in self._last.items():
            sealed = SEALED[table]
            wanted = {key: one for key, one in last.items() if one.within}
            self.rows += len(wanted)
            by_columns: dict[tuple[str, ...], list[str]] = {}
            for key, one in wanted.items():
                by_columns.setdefault(one.columns, []).append(key)
            for columns, keys in by_columns.items():
                for start in range(0, len(keys), CHUNK):
                    chunk = {key: wanted[key] for key in keys[start : start + CHUNK]}
                    yield from self._compare(sealed, columns, chunk)

    def _compare(
        self, sealed: Sealed, columns: tuple[str, ...], wanted: dict[str, _Last]
    ) -> Iterator[Broken]:
        kind = "bigint" if sealed is EXECUTIONS else "uuid"
        now = dict(hashes(sealed, f"id = ANY(%s::{kind}[])", [list(wanted)], columns))
        suspects = [key for key, one in wanted.items() if now.get(key) != one.digest]
        moving = self._moving(sealed, suspects)
        for key in suspects:
            if key not in now:
                yield Broken(what=f"{sealed.table} {key}", how=f"was deleted after seal {wanted[key].seq}")
            elif key not in moving:
                yield Broken(what=f"{sealed.table} {key}", how=f"was changed after seal {wanted[key].seq}")

    def _moving(self, sealed: Sealed, keys: list[str]) -> set[str]:
        """Those that an event which is not sealed yet may have changed: the next seal has them anew."""
        if not keys:
            return set()
        kind = "bigint" if sealed is EXECUTIONS else "uuid"
        condition, parameters = self._unsealed.rows(sealed)
        with connection.cursor() as cursor:
            cursor.execute(
                f"SELECT id::text FROM {sealed.table} WHERE id = ANY(%s::{kind}[]) AND {condition}",  # noqa: S608
                [keys, *parameters],
            )
            return {key for (key,) in cursor.fetchall()}

    @cached_property
    def _unsealed(self) -> Touched:
        """What the events since the last seal speak of."""
        return touched_by(Span(start=self._end, end=NO_END, after=self._after))

    def _unknown_rows(self) -> Iterator[Broken]:
        """Orders and executions of which no event tells."""
        for sealed in (ORDERS, EXECUTIONS):
            known = self._last.get(sealed.table, {})
            with connection.cursor() as cursor:
                cursor.execute(f"SELECT id::text FROM {sealed.table} ORDER BY id")  # noqa: S608 - our table
                unknown = [key for (key,) in cursor.fetchall() if key not in known]
            moving = self._moving(sealed, unknown)
            for key in unknown:
                if key not in moving:
                    yield Broken(what=f"{sealed.table} {key}", how="was added: no event tells of it")

    def _books(self) -> Iterator[Broken]:
        """State and quantities of every order are those of its last event."""
        with connection.cursor() as cursor:
            cursor.execute(
                """SELECT o.id, o.state, o.cum_qty, o.avg_px, e.to_state, e.cum_qty, e.avg_px, e.version
                FROM orders_order o CROSS JOIN LATERAL (SELECT * FROM orders_orderevent e
                    WHERE e.order_id = o.id ORDER BY e.version DESC LIMIT 1) e
                WHERE (o.state, o.cum_qty, o.avg_px, o.version)
                    IS DISTINCT FROM (e.to_state, e.cum_qty, e.avg_px, e.version)
                ORDER BY o.id"""
            )
            for order, state, cum_qty, avg_px, *event in cursor.fetchall():
                yield Broken(
                    what=f"{ORDERS.table} {order}",
                    how=f"is {state} {cum_qty} at {avg_px},"
                    f" and its last event says {event[0]} {event[1]} at {event[2]}",
                )


@contextmanager
def _one_moment() -> Iterator[None]:
    """One snapshot for all that is read; inside a transaction of the caller's, that one."""
    outermost = not connection.in_atomic_block
    with transaction.atomic():
        if outermost:
            with connection.cursor() as cursor:
                cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
        yield


def _held(held: dict[str, Any]) -> Hashes:
    """What a seal holds of one table."""
    digests = base64.b64decode(held["hashes"])
    return [(key, digests[i * 32 : i * 32 + 32]) for i, key in enumerate(held["keys"])]


def _fixed(
    sealed: Sealed,
    span: Span,
    known: Hashes,
    columns: tuple[str, ...],
    seq: int,
    archives: Archives,
) -> Iterator[Broken]:
    """Rows that stay as they are: those of the span are these, no other, in this order."""
    if sealed in (EVENTS, RECORDS):
        found = hashes(sealed, *within_span(sealed, span), columns)
    else:
        found = hashes(sealed, "id = ANY(%s::bigint[])", [[key for key, _ in known]], columns)
        there = {key for key, _ in found}
        found += archives.hashes([row for row in known if row[0] not in there], columns)
        # A seal has them by their ids as text, an archive by number: which they are counts, not their order.
        found, known = sorted(found), sorted(known)
    if found == known:
        return
    now, then = dict(found), dict(known)
    for key, digest in known:
        if key not in now:
            yield Broken(what=f"{sealed.table} {key}", how=f"is missing, sealed in {seq}")
        elif now[key] != digest:
            yield Broken(what=f"{sealed.table} {key}", how=f"was changed, sealed in {seq}")
    for key in now.keys() - then.keys():
        yield Broken(what=f"{sealed.table} {key}", how=f"was added to what was sealed in {seq}")
    if now == then:
        yield Broken(
            what=f"{sealed.table} {known[0][0]}", how=f"is not in the order that was sealed in {seq}"
        )


def _followed(followed: Followed) -> Iterator[Broken]:
    """Every row says what its last record says; a column that came later is not compared."""
    table = followed.table
    with connection.cursor() as cursor:
        cursor.execute("SELECT to_regclass(%s)", [table])
        if cursor.fetchone()[0] is None:
            return
        cursor.execute(
            f"""
            WITH last AS (
                SELECT DISTINCT ON (subject) subject, new FROM orders_auditrecord
                WHERE subject >= %s AND subject < %s ORDER BY subject, id DESC
            ), rows AS (
                SELECT %s || (found->>'{followed.key}') AS subject, {row_of(followed, "found")} AS now
                FROM (SELECT to_jsonb(t) AS found FROM {table} t) AS f
            )
            SELECT COALESCE(rows.subject, last.subject),
                CASE WHEN rows.subject IS NULL THEN 'was deleted, and no record tells of it'
                    WHEN last.new IS NULL THEN 'was added, and no record tells of it'
                    ELSE 'was changed, and no record tells of it' END
            FROM rows FULL JOIN last ON last.subject = rows.subject
            WHERE (rows.subject IS NULL AND last.new IS NOT NULL)
                OR (rows.subject IS NOT NULL AND last.new IS NULL)
                OR last.new <> (
                    SELECT jsonb_object_agg(key, value) FROM jsonb_each(rows.now) WHERE last.new ? key)
            ORDER BY 1
            """,  # noqa: S608 - names of our own tables
            [f"{table}:", f"{table};", f"{table}:"],
        )
        for subject, how in cursor.fetchall():
            yield Broken(what=subject, how=how)


def _by_hand() -> Iterator[Broken]:
    """What was written past the application, unless somebody has said why (`audit explain`)."""
    explained = set(AuditRecord.objects.filter(kind="audit.explained").values_list("subject", flat=True))
    for record in AuditRecord.objects.filter(process="").order_by("id"):
        if f"orders_auditrecord:{record.pk}" not in explained:
            yield Broken(
                what=record.subject or f"orders_auditrecord {record.pk}",
                how=f"{record.kind} past the application, by the database role {record.role} at"
                f" {record.at:%Y-%m-%d %H:%M:%S} (record {record.pk}): {_difference(record)}",
            )


def _difference(record: AuditRecord) -> str:
    old, new = record.old or {}, record.new or {}
    changed = [name for name in {**old, **new} if old.get(name) != new.get(name)]
    return ", ".join(f"{name} {old.get(name)} -> {new.get(name)}" for name in changed) or "nothing"
