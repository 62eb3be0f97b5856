"""The workbench of breaks: all open ones by worth and age, many decided with one reason, all of it as CSV."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from django.contrib import messages
from django.db.models import F, QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.views.decorators.http import require_GET, require_POST

from brokers.postgres import clock
from orders.access import accounts_of_person
from orders.admin.operations.attention import visible
from orders.admin.shared.pages import desk_page, person_of, show
from orders.controls.books.break_files import MAX_BYTES, attach, content_of
from orders.controls.books.breaks import resolve
from orders.controls.persons.people import at_desk
from orders.errors import OrderError
from orders.models import Approval, Break, BreakCause, BreakFile
from orders.reconciliation.ageing import AGES, age_bucket, age_of, value_bucket, value_buckets
from orders.reports.break_list import COLUMNS, rows_of
from orders.reports.tables import csv_answer
from orders.selectors import breaks_of

VIEW, RESOLVE = "orders.view_break", "orders.resolve_break"
SHOWN = 500
NOT_KNOWN = "not known"


@desk_page(VIEW)
@require_GET
def page(request: HttpRequest) -> HttpResponse:
    """Open breaks, the most urgent first, and how many there are by age and worth."""
    rows = list(_mine(request)[:SHOWN])
    now = clock.now()
    return show(
        request,
        "desk/workbench.html",
        "Breaks at work",
        breaks=[(row, age_of(row.first_seen, now), bool(row.due_at and row.due_at < now)) for row in rows],
        matrix=matrix(rows),
        ages=list(AGES),
        causes=BreakCause.choices,
        may_decide=request.user.has_perm(RESOLVE),
        shown=SHOWN if len(rows) == SHOWN else 0,
    )


def _mine(request: HttpRequest) -> QuerySet[Break]:
    mine = [code for code in accounts_of_person(request.user) if code]
    found = breaks_of(mine, is_open=True).select_related("owner", "order")
    return found.order_by(F("due_at").asc(nulls_last=True), "pk")


def matrix(rows: Iterable[Break]) -> list[tuple[str, list[int]]]:
    """How many are in each bucket of worth (a line) and of age (a column)."""
    now = clock.now()
    counts = Counter((value_bucket(row.value), age_bucket(age_of(row.first_seen, now))) for row in rows)
    names = [NOT_KNOWN, *value_buckets()]
    return [(name, [counts[name, age] for age in AGES]) for name in names]


@desk_page(VIEW)
@require_GET
def file(request: HttpRequest) -> HttpResponse:
    """All breaks of the person's accounts, open and closed, as CSV."""
    mine = [code for code in accounts_of_person(request.user) if code]
    return csv_answer("breaks", COLUMNS, rows_of(breaks_of(mine)))  # type: ignore[return-value] # Django serves both


@desk_page(VIEW, RESOLVE)
@require_POST
def decide(request: HttpRequest) -> HttpResponse:
    """Close the chosen ones with one reason, all or none."""
    said = request.POST
    chosen = [int(pk) for pk in said.getlist("break") if pk.isascii() and pk.isdigit()]
    known = set(_mine(request).filter(pk__in=chosen).values_list("pk", flat=True))
    if not chosen or set(chosen) != known:
        messages.error(request, "Choose breaks that are open and yours to see.")
    else:
        messages.add_message(request, *_decided(request, chosen))
    return HttpResponseRedirect(reverse("desk:workbench"), status=303)


def _decided(request: HttpRequest, chosen: list[int]) -> tuple[int, str]:
    said, actor = request.POST, at_desk(person_of(request))
    cause = said.get("cause", "")
    if cause and cause not in BreakCause:
        return messages.ERROR, "Choose a cause from the list."
    try:
        done = resolve(
            chosen, actor=actor, reason=said.get("text", ""), cause=cause, ticket=said.get("ticket", "")[:60]
        )
    except OrderError as error:
        return messages.ERROR, str(error)
    return messages.SUCCESS, told(done)


def told(done: list[Break] | Approval) -> str:
    """What came of a decision, in words."""
    if isinstance(done, Approval):
        return (
            "It is worth so much, alone or with what you have closed today, that a second person must "
            "approve it: see Approvals."
        )
    if any(row.closed_at is None for row in done):
        return "Explained as timing: it closes itself when both sides agree."
    number = "" if len(done) == 1 else f"{len(done)} breaks: "
    return f"{number}Resolved. History was not changed."


@desk_page(VIEW, RESOLVE)
@require_POST
def add_file(request: HttpRequest, break_id: int) -> HttpResponse:
    """Put a document to a break."""
    row = visible(request, Break, break_id)
    uploaded = request.FILES.get("file")
    try:
        if uploaded is None:
            raise ValueError("Choose a file.")
        attach(
            row.pk, user=person_of(request), name=uploaded.name or "", content=uploaded.read(MAX_BYTES + 1)
        )
        messages.success(request, "Kept with the break.")
    except (OrderError, ValueError) as error:
        messages.error(request, str(error))
    return HttpResponseRedirect(reverse("admin:orders_break_change", args=[row.pk]), status=303)


@desk_page(VIEW)
@require_GET
def get_file(request: HttpRequest, break_id: int, file_id: int) -> HttpResponse:
    """A document as a download: never shown as a page of ours."""
    found = BreakFile.objects.filter(pk=file_id, parent=visible(request, Break, break_id)).first()
    if found is None:
        raise Http404
    answer = HttpResponse(content_of(found), content_type=found.media_type)
    answer["Content-Disposition"] = f'attachment; filename="{found.name}"'
    answer["X-Content-Type-Options"] = "nosniff"
    answer["Content-Security-Policy"] = "sandbox; default-src 'none'"
    return answer
