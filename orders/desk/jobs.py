"""Baskets and bulk cancels: many requests of one person, worked row by row, each through the usual door.

A job is durable: its rows say what is done. Whoever works it locks a few rows, does them and marks
them in the same transaction, so two workers share a job and a killed one repeats nothing.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from celery import current_app
from django.contrib.auth.models import User
from django.db import connection, transaction
from django.db.models import QuerySet
from django.utils import timezone

from brokers.models import BrokerAccount
from orders.access import accounts_of_person
from orders.desk.repeats import Repeat, repeats_of
from orders.entry.cancel import cancel_order
from orders.entry.place import Line, place_orders, resolve_lines
from orders.entry.reading.ticket_texts import ticket_from_texts
from orders.entry.replace import Change, replace_order
from orders.errors import InstrumentAmbiguous, OrderError, TicketInvalid
from orders.models import DeskJob, DeskJobRow, JobKind, Order, RequestState, Source
from orders.notify import wakeup
from orders.notify.redis_client import REDIS_ERRORS

log = logging.getLogger(__name__)

CHUNK = 20
MAX_ROWS = 10_000
TYPED_ABOVE = 10
RIGHTS = {
    JobKind.PLACE: ("orders.place_order", "orders.place_basket"),
    JobKind.REPLACE: ("orders.replace_order",),
    JobKind.CANCEL: ("orders.cancel_order",),
}
STARTING_LOCK = 7_401_316  # any number: of our advisory locks, the one under which baskets are started


@dataclass(frozen=True, kw_only=True)
class BasketRow:
    """A row of a basket by its line in the file: what it asks for, by column, and what is wrong with it."""

    line: int
    texts: dict[str, str]
    errors: dict[str, list[str]]


@dataclass(frozen=True, kw_only=True)
class Confirmation:
    """What has to be typed before a basket is sent (empty: nothing), and the rows that were sent before."""

    words: str
    orders: int
    repeats: list[Repeat]


class NotConfirmed(Exception):
    """The basket needs a confirmation that was not typed; nothing was sent."""

    def __init__(self, wanted: Confirmation) -> None:
        super().__init__(f"Type “{wanted.words}”; nothing was sent.")
        self.wanted = wanted


def start_cancels(key: UUID, orders: Sequence[Order], *, user: User, reason: str) -> DeskJob:
    """A job that asks for the cancel of these orders; the same key again is the same job."""
    return _started(key, JobKind.CANCEL, [(order, {}) for order in orders], user=user, reason=reason)


def start_replaces(
    key: UUID, wanted: Sequence[tuple[Order, dict[str, str]]], *, user: User, reason: str
) -> DeskJob:
    """A job that asks for other terms of orders: their new terms, and the version that was seen, by name."""
    return _started(key, JobKind.REPLACE, wanted, user=user, reason=reason)


def _started(
    key: UUID, kind: JobKind, asked: Sequence[tuple[Order, dict[str, str]]], *, user: User, reason: str
) -> DeskJob:
    with transaction.atomic():
        job, new = DeskJob.objects.get_or_create(
            id=key,
            defaults={
                "kind": kind,
                "owner": user,
                "name": f"{kind.title()} of {len(asked)} orders",
                "reason": reason,
                "started_at": timezone.now(),
            },
        )
        if new:
            rows = (
                DeskJobRow(job=job, line=line, order=order, account_id=order.account_id, fields=fields)
                for line, (order, fields) in enumerate(asked, start=1)
            )
            DeskJobRow.objects.bulk_create(rows, batch_size=1000)
        transaction.on_commit(notify_worker, robust=True)
    return job


def start_basket(job_id: UUID, *, user: User, typed: str) -> DeskJob:
    """Send what a basket's preview found good; again changes nothing.

    Raises DeskJob.DoesNotExist, and NotConfirmed with what has to be typed first. One basket is started at a
    time: of two with the same orders the later one sees the earlier.
    """
    with transaction.atomic():
        job = DeskJob.objects.select_for_update().get(pk=job_id, owner=user, kind=JobKind.PLACE)
        if job.started_at is None:
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_xact_lock(%s)", [STARTING_LOCK])
            wanted = confirmation(job)
            if wanted.words and " ".join(typed.lower().split()) != wanted.words:
                raise NotConfirmed(wanted)
            job.started_at = timezone.now()
            job.save(update_fields=["started_at"])
        transaction.on_commit(notify_worker, robust=True)
    return job


def confirmation(job: DeskJob) -> Confirmation:
    """What a person has to type before this basket is sent: how many orders, and whether again."""
    good = list(job.rows.filter(errors={}))
    repeats = repeats_of(job, good)
    words = f"{len(good)} again" if repeats else str(len(good)) if len(good) > TYPED_ABOVE else ""
    return Confirmation(words=words, orders=len(good), repeats=repeats)


def stop(job_id: UUID, *, user: User) -> DeskJob:
    """Work no further row of a job; what is recorded stays. Raises DeskJob.DoesNotExist."""
    DeskJob.objects.filter(pk=job_id, owner=user, stopped_at=None).update(stopped_at=timezone.now())
    return DeskJob.objects.get(pk=job_id, owner=user)


def notify_worker() -> None:
    """Tell a worker that there is a job; one that Redis lost is found by the schedule."""
    try:
        wakeup.require_redis()
        current_app.send_task("orders.tasks.work_desk_jobs")
    except REDIS_ERRORS as error:
        log.warning("worker not told of the job", extra={"error": repr(error)})


def work() -> int:
    """Work every started job to its end; how many rows were done."""
    done = 0
    while worked := _work_chunk():
        done += worked
        wakeup.notify_readers()
    return done


def _work_chunk() -> int:
    """Work some rows in one transaction; the broker is asked for unknown instruments before it."""
    with transaction.atomic():
        ids = list(_waiting().values_list("pk", flat=True)[:CHUNK])
    lines = _resolved(ids)
    with transaction.atomic():
        rows = list(_waiting().filter(pk__in=ids).select_related("job__owner"))
        jobs = {row.job_id: row.job for row in rows}
        for row in rows:
            row.job = jobs[row.job_id]  # one owner, who remembers his rights for these rows
            _work_row(row, lines.get(row.pk), timezone.now())
        DeskJobRow.objects.bulk_update(rows, ["done_at", "ok", "outcome", "order"])
    return len(rows)


def _waiting() -> QuerySet[DeskJobRow]:
    """Rows that nobody else is working, locked."""
    rows = DeskJobRow.objects.select_for_update(skip_locked=True, of=("self",))
    waiting = rows.filter(done_at=None, errors={}, job__started_at__isnull=False, job__stopped_at=None)
    return waiting.order_by("job_id", "line")


def _resolved(ids: Sequence[int]) -> dict[int, Line]:
    """The orders of these rows with their instruments made known, or what is wrong with them."""
    rows = DeskJobRow.objects.filter(pk__in=ids, job__kind=JobKind.PLACE).select_related("job__owner")
    lines = {row.pk: _line(row) for row in rows}
    for owner in {row.job.owner.get_username() for row in rows}:
        resolve_lines((lines[row.pk] for row in rows if row.job.owner.get_username() == owner), owner)
    return lines


def _line(row: DeskJobRow) -> Line:
    try:
        return Line(ticket=ticket_from_texts(row.fields))
    except TicketInvalid as error:
        return Line(ticket=None, error=error, settled=True)


def _work_row(row: DeskJobRow, line: Line | None, now: datetime) -> None:
    """One row; a refusal is its outcome. The person's rights are asked anew: a long job outlives them."""
    owner = row.job.owner
    row.done_at = now
    if not owner.has_perms(RIGHTS[JobKind(row.job.kind)]):
        row.outcome = "You may not do this any more; nothing was sent."
        return
    if row.account_id not in accounts_of_person(owner):
        row.outcome = "The account is not yours any more; nothing was sent."
        return
    try:
        with transaction.atomic():
            if row.job.kind == JobKind.REPLACE:
                row.outcome, row.ok = _replace(row, owner, now)
            else:
                row.outcome = _place(row, line, owner, now) if line else _cancel(row, owner, now)
                row.ok = True
    except InstrumentAmbiguous as error:
        row.outcome = f"{error} Describe it more closely: {error.named()}"
    except OrderError as error:
        row.outcome = str(error)


def _place(row: DeskJobRow, line: Line, owner: User, now: datetime) -> str:
    place_orders([line], client=owner, source=Source.DESK, received_at=now, ask_broker=False)
    if line.error:
        raise line.error
    row.order = order = line.order
    assert order is not None  # noqa: S101 - an order, or an error
    if order.reason_code:
        return f"{order.state}: {order.reason_text}"
    return "Recorded" if line.created else "Had been placed before; nothing new was sent"


def _cancel(row: DeskJobRow, owner: User, now: datetime) -> str:
    assert row.order_id is not None  # noqa: S101 - a bulk cancel names its orders
    key = f"job-{row.job_id}-{row.line}"[:64]
    asked = cancel_order(row.order_id, actor=f"desk:{owner.get_username()}", at=now, cl_ord_id=key)
    return f"Cancel {asked.state.lower()}"


def _replace(row: DeskJobRow, owner: User, now: datetime) -> tuple[str, bool]:
    """Ask for the terms that were shown; (what came of it, whether the checks let it go)."""
    assert row.order_id is not None  # noqa: S101 - a bulk replace names its orders
    terms = {name: Decimal(text) for name, text in row.fields.items() if name != "version"}
    change = Change(
        cl_ord_id=f"job-{row.job_id}-{row.line}"[:64],
        order_qty=terms.get("order_qty"),
        price=terms.get("price"),
        stop_px=terms.get("stop_px"),
    )
    actor, version = f"desk:{owner.get_username()}", int(row.fields["version"])
    request = replace_order(row.order_id, change, actor=actor, at=now, version=version).request
    if request.state == RequestState.REFUSED:
        return f"Refused by the checks: {request.reason_text}", False
    return f"Replace {request.state.lower()}", True


def keep_basket(owner: User, name: str, rows: Sequence[BasketRow], *, note: str = "") -> DeskJob:
    """Store a basket's preview; `note` says what of its file was not read."""
    known = set(BrokerAccount.objects.values_list("pk", flat=True))
    with transaction.atomic():
        job = DeskJob.objects.create(owner=owner, kind=JobKind.PLACE, name=name, reason=note)
        DeskJobRow.objects.bulk_create(
            DeskJobRow(
                job=job,
                line=row.line,
                fields=row.texts,
                errors=row.errors,
                account_id=row.texts.get("account") if row.texts.get("account") in known else None,
            )
            for row in rows
        )
    return job
