"""Baskets: upload a file, see every row with its errors by cell, send what is good."""

from __future__ import annotations

import hashlib
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from orders.access import accounts_of_person
from orders.admin.orders.basket_files import FileRefused, read_rows
from orders.admin.orders.jobs import job_of
from orders.admin.shared.pages import desk_page, person_of, show
from orders.desk.jobs import keep_basket, start_basket
from orders.entry.place import Line, dry_run, resolve_lines
from orders.entry.ticket_texts import COLUMNS, by_column, ticket_from_texts
from orders.errors import TicketInvalid
from orders.models import DeskJob

BASKET = ("orders.view_order", "orders.place_order", "orders.place_basket")
TYPED_ABOVE = 10
TEMPLATE = (
    "account,symbol,side,order_qty,ord_type,price,time_in_force\r\nDU1234567,AAPL,BUY,10,LIMIT,200.00,DAY\r\n"
)
Row = tuple[dict[str, str], dict[str, list[str]]]


@desk_page(*BASKET)
@require_http_methods(["GET", "POST"])
def upload(request: HttpRequest) -> HttpResponse:
    """The form; a file becomes a preview on its own page, and nothing is sent."""
    problem = ""
    if request.method == "POST":
        try:
            return preview(request, request.FILES.get("file"))
        except FileRefused as error:
            problem = str(error)
    page = show(request, "desk/basket.html", "Upload a basket", problem=problem, columns=COLUMNS)
    page.status_code = 400 if problem else 200
    return page


def preview(request: HttpRequest, file: Any) -> HttpResponse:
    """Check every row and keep the result; the same file again leads to the first basket."""
    if file is None:
        raise FileRefused("Choose a file first.")
    rows, content = read_rows(file)
    digest = hashlib.sha256(content).hexdigest()
    checked = checked_rows(rows, digest, accounts_of_person(request.user))
    job, new = keep_basket(person_of(request), str(file.name)[:200], digest, named_once(checked))
    if not new:
        messages.warning(request, "This file was uploaded before: this is its basket. Nothing new was sent.")
    return HttpResponseRedirect(reverse("desk:job", args=[job.id]), status=303)


def checked_rows(rows: list[dict[str, str]], digest: str, accounts: frozenset[str]) -> list[Row]:
    """Each row with its errors by column; without an id of its own, file and line make one.

    Instruments that nobody knows here are asked for as a single order's is.
    """
    named = [
        {**texts, "cl_ord_id": texts.get("cl_ord_id") or f"basket-{digest[:12]}-{number}"}
        for number, texts in enumerate(rows, start=1)
    ]
    lines = [read_line(texts, accounts) for texts in named]
    resolve_lines(lines)
    return [(texts, line_errors(line)) for texts, line in zip(named, lines, strict=True)]


def read_line(texts: dict[str, str], accounts: frozenset[str]) -> Line:
    """The order that a row means, or what is wrong with it."""
    try:
        ticket = ticket_from_texts(texts)
        if ticket.account not in accounts:
            raise TicketInvalid({"account": ["There is no such account."]})
    except TicketInvalid as error:
        return Line(ticket=None, error=error, settled=True)
    return Line(ticket=ticket)


def line_errors(line: Line) -> dict[str, list[str]]:
    """What is wrong with a row by its columns, and what the checks say."""
    error, failed = line.error, []
    if line.ticket and not error:
        try:
            failed = [result for result in dry_run(line.ticket) if not result.passed]
        except TicketInvalid as invalid:
            error = invalid
    if error:
        return by_column(error) if isinstance(error, TicketInvalid) else {"order": [str(error)]}
    texts = [f"{one.code}: {one.value} against {one.limit}" for one in failed]
    return {"checks": texts} if texts else {}


def named_once(rows: list[Row]) -> list[Row]:
    """The rows, with an error on every one whose cl_ord_id stands in the file before."""
    seen: set[str] = set()
    for texts, errors in rows:
        if texts["cl_ord_id"] in seen:
            errors["cl_ord_id"] = ["Stands in the file twice."]
        seen.add(texts["cl_ord_id"])
    return rows


@desk_page(*BASKET)
@require_POST
def send(request: HttpRequest, job_id: UUID) -> HttpResponse:
    """Send the good rows, once."""
    job = job_of(request, job_id)
    good = job.rows.filter(errors={}).count()
    if good > TYPED_ABOVE and request.POST.get("typed", "").strip() != str(good):
        messages.error(request, f"Type {good}, the number of orders; nothing was sent.")
    elif not good:
        messages.error(request, "No row is good; nothing was sent.")
    else:
        start(request, job)
    return HttpResponseRedirect(reverse("desk:job", args=[job_id]), status=303)


def start(request: HttpRequest, job: DeskJob) -> None:
    """Start it for its owner."""
    try:
        start_basket(job.id, user=person_of(request))
        messages.warning(request, "The basket is being sent. You may leave this page.")
    except DeskJob.DoesNotExist:
        messages.error(request, "Only the one who uploaded it can send it; nothing was sent.")


@desk_page(*BASKET)
@require_GET
def template(request: HttpRequest) -> HttpResponse:
    """A file to begin with."""
    headers: Any = {"Content-Disposition": 'attachment; filename="basket.csv"'}
    return HttpResponse(TEMPLATE, content_type="text/csv; charset=utf-8", headers=headers)
