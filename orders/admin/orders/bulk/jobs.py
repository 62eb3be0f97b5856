"""Baskets and bulk cancels: a list of them, and one page each with its progress row by row."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.models import User
from django.core.paginator import Page, Paginator
from django.db.models import Case, Count, Q, When
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.views.decorators.http import require_GET, require_POST

from brokers.display import number_text, price_text
from orders.access import SEES_ALL
from orders.admin.shared.pages import desk_page, person_of, show
from orders.desk import jobs
from orders.entry.limits.checks import order_value
from orders.entry.limits.intentions import worth_of
from orders.entry.limits.rules import context_by, rules_cache
from orders.entry.place import dry_run_many
from orders.entry.reading.ticket_texts import LABELS, ticket_from_texts
from orders.errors import TicketInvalid
from orders.models import DeskJob, DeskJobRow, JobKind, Order
from orders.models.reasons import reason

ROWS = 100
MOST_PROBLEMS = 20
#: What a row of the table shows in a column of its own.
SHOWN = (
    *("account", "side", "order_qty", "symbol", "ord_type", "price", "stop_px", "time_in_force"),
    "cl_ord_id",
)


def job_of(request: HttpRequest, job_id: UUID) -> DeskJob:
    """The job, if the person started it or sees all accounts."""
    mine = Q() if request.user.has_perm(SEES_ALL) else Q(owner_id=request.user.pk)
    job = DeskJob.objects.filter(mine, pk=job_id).select_related("owner").first()
    if job is None:
        raise Http404
    return job


@desk_page("orders.view_order")
@require_GET
def page(request: HttpRequest, job_id: UUID) -> HttpResponse:
    """One job."""
    job = job_of(request, job_id)
    return show(request, "desk/job.html", job.name, **progress(request, job))


@desk_page("orders.view_order")
@require_GET
def live(request: HttpRequest, job_id: UUID) -> HttpResponse:
    """The part of the page that changes."""
    return TemplateResponse(request, "desk/job_live.html", progress(request, job_of(request, job_id)))


def progress(request: HttpRequest, job: DeskJob) -> dict[str, Any]:
    """How far it is, and its rows (problems first, then by line)."""
    counts = job.rows.aggregate(
        total=Count("id"),
        wrong=Count("id", filter=~Q(errors={})),
        done=Count("id", filter=Q(done_at__isnull=False)),
        good=Count("id", filter=Q(ok=True)),
    )
    only_bad = request.GET.get("show") == "bad"
    rows = job.rows.select_related("order__instrument")
    rows = rows.exclude(errors={}) if only_bad else rows
    rows = rows.order_by(Case(When(errors={}, then=1), default=0), "line")
    is_preview = job.kind == JobKind.PLACE and job.started_at is None
    sendable = counts["total"] - counts["wrong"]
    return {
        "job": job,
        **counts,
        "sendable": sendable,
        "refused": counts["done"] - counts["good"],
        "running": bool(job.started_at and not job.stopped_at and counts["done"] < sendable),
        "mine": job.owner_id == request.user.pk,
        "is_basket": job.kind == JobKind.PLACE,
        "confirmation": jobs.confirmation(job) if is_preview else None,
        **(before_sending(job, person_of(request)) if is_preview else {}),
        "may_fix": is_preview and job.owner_id == request.user.pk,
        "only_bad": only_bad,
        "query": "show=bad&" if only_bad else "",
        "rows": with_values(
            Paginator(rows, ROWS).get_page(request.GET.get("page")), person_of(request).get_username()
        ),
    }


def before_sending(job: DeskJob, person: User) -> dict[str, Any]:
    """The problems first; then what the good rows come to, and what limits say when all of them are sent."""
    good, wrong = list(job.rows.filter(errors={})), job.rows.exclude(errors={}).order_by("line")
    try:
        drafts = dry_run_many([ticket_from_texts(row.fields) for row in good], person)
    except TicketInvalid:
        drafts = []  # an instrument has gone meanwhile: each row says so when it is sent
    refused = Counter(order.reason_code for order in drafts if order.reason_code)
    return {
        "problems": [
            {"line": row.line, "words": [f"{name}: {texts[0]}" for name, texts in row.errors.items()]}
            for row in wrong[:MOST_PROBLEMS]
        ],
        "totals": totals_of(drafts),
        "refusals": [
            {"code": code, "count": count, "words": reason(code).text}
            for code, count in refused.most_common()
        ],
    }


def totals_of(orders: Iterable[Order]) -> list[dict[str, Any]]:
    """Orders and their value by side and currency; `unknown` counts those that nobody can value."""
    found: dict[tuple[str, str], dict[str, Any]] = {}
    for order in orders:
        currency = order.instrument.currency
        new = {"side": order.side, "currency": currency, "count": 0, "unknown": 0, "value": Decimal(0)}
        line = found.setdefault((order.side, currency), new)
        value = worth_of(order, order.instrument)
        line["count"] += 1
        line["unknown"] += value is None
        line["value"] += value or 0
    return [line for _, line in sorted(found.items())]


def with_values(rows: Page[DeskJobRow], user: str) -> Page[DeskJobRow]:
    """The same rows, each with what it is worth and what else it asks for than the table has columns."""
    rules_cache.forget_outdated()
    for row in rows:
        more = {name: text for name, text in row.fields.items() if name not in SHOWN and text}
        row.more = ", ".join(f"{LABELS.get(name, name)} {text}" for name, text in more.items())  # type: ignore[attr-defined]
        row.value = value_text(row, user)  # type: ignore[attr-defined]
    return rows


def value_text(row: DeskJobRow, user: str) -> str:
    """What the order is worth, at which price; empty for a row that is no order."""
    if row.errors or not row.fields:
        return ""
    try:
        ticket = ticket_from_texts(row.fields)
        context = context_by(rules_cache.rules(), ticket, user)
    except TicketInvalid:
        return ""
    known, value = order_value(ticket, context)
    if known is None or value is None:
        return "no price known"
    currency = context.instrument.currency
    return f"{number_text(value, 2)} {currency} at {known.source} {price_text(known.px, context.instrument)}"


@desk_page("orders.view_order")
@require_POST
def stop(request: HttpRequest, job_id: UUID) -> HttpResponse:
    """Work no further row."""
    job = job_of(request, job_id)
    try:
        jobs.stop(job.id, user=person_of(request))
        messages.warning(request, "Stopped. What was recorded stays.")
    except DeskJob.DoesNotExist:
        messages.error(request, "Only the one who started it can stop it.")
    return HttpResponseRedirect(reverse("desk:job", args=[job_id]), status=303)


@desk_page("orders.view_order")
@require_GET
def index(request: HttpRequest) -> HttpResponse:
    """The newest jobs that the person may see."""
    mine = Q() if request.user.has_perm(SEES_ALL) else Q(owner_id=request.user.pk)
    jobs = DeskJob.objects.filter(mine).select_related("owner")
    counted = jobs.annotate(total=Count("rows"), done=Count("rows", filter=Q(rows__done_at__isnull=False)))
    return show(request, "desk/jobs.html", "Baskets and bulk cancels", jobs=list(counted[:100]))
