"""Baskets: upload a file, see every row with its errors by cell, send what is good."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID, uuid4

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from orders.access import accounts_of_person
from orders.admin.orders.baskets.basket_files import read_basket
from orders.admin.orders.baskets.basket_sheets import FileRefused
from orders.admin.orders.bulk.jobs import job_of
from orders.admin.shared.pages import desk_page, person_of, show
from orders.desk.jobs import BasketRow, NotConfirmed, keep_basket, start_basket
from orders.entry.limits.rules import rules_cache
from orders.entry.place import Line, dry_run, resolve_lines
from orders.entry.reading.numbers import DecimalSign
from orders.entry.reading.ticket_texts import COLUMNS, by_column, texts_of_ticket, ticket_from_texts
from orders.errors import TicketInvalid
from orders.models import DeskJob

BASKET = ("orders.view_order", "orders.place_order", "orders.place_basket")
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
    said = request.POST.get("decimal_sign", "")
    page = show(
        request, "desk/basket.html", "Upload a basket", problem=problem, columns=COLUMNS, decimal_sign=said
    )
    page.status_code = 400 if problem else 200
    return page


def preview(request: HttpRequest, file: Any) -> HttpResponse:
    """Check every row and keep the result."""
    if file is None:
        raise FileRefused("Choose a file first.")
    said = request.POST.get("decimal_sign", "")
    basket = read_basket(file, DecimalSign(said) if said in list(DecimalSign) else None)
    lines = [row.line for row in basket.rows]
    checked = checked_rows(
        [row.texts for row in basket.rows],
        uuid4().hex,
        accounts_of_person(request.user),
        wrong=[row.wrong for row in basket.rows],
        user=person_of(request).get_username(),
    )
    rows = [
        BasketRow(line=line, texts=texts, errors=errors)
        for line, (texts, errors) in zip(lines, named_once(checked), strict=True)
    ]
    note = " ".join(basket.notes)[:500]
    job = keep_basket(person_of(request), printable_name(file.name), rows, note=note)
    return HttpResponseRedirect(reverse("desk:job", args=[job.id]), status=303)


def printable_name(name: str | None) -> str:
    """A file's name without what no text may hold."""
    return "".join(each for each in name or "" if each.isprintable())[:200] or "basket"


def checked_rows(
    rows: Sequence[dict[str, str]],
    prefix: str,
    accounts: frozenset[str],
    wrong: Sequence[Mapping[str, str]] = (),
    *,
    user: str,
) -> list[Row]:
    """Each row as it will be sent, with its errors by column; prefix and line make an id where none is given.

    Instruments that nobody knows here are asked for as a single order's is. `wrong`: what is known to be
    wrong with each row already.
    """
    named = [
        {**texts, "cl_ord_id": texts.get("cl_ord_id") or f"basket-{prefix[:12]}-{number}"}
        for number, texts in enumerate(rows, start=1)
    ]
    spoilt = wrong or [{}] * len(named)
    lines = [read_line(*each, accounts) for each in zip(named, spoilt, strict=True)]
    rules_cache.forget_outdated()
    resolve_lines(lines, user)
    return [
        (texts_of_ticket(line.ticket) if line.ticket else texts, line_errors(line, user))
        for texts, line in zip(named, lines, strict=True)
    ]


def read_line(texts: dict[str, str], wrong: Mapping[str, str], accounts: frozenset[str]) -> Line:
    """The order that a row means, or what is wrong with it."""
    errors: dict[str, list[str]] = {}
    try:
        code = texts.get("account", "")
        own = next((each for each in accounts if each.upper() == code.upper()), code)
        ticket = ticket_from_texts({**texts, "account": own})
        if ticket.account not in accounts:
            errors = {"account": ["There is no such account."]}
    except TicketInvalid as error:
        errors = error.errors
    if errors or wrong:
        found = by_column(TicketInvalid(errors)) | {name: [text] for name, text in wrong.items()}
        return Line(ticket=None, error=TicketInvalid(found), settled=True)
    return Line(ticket=ticket)


def line_errors(line: Line, user: str) -> dict[str, list[str]]:
    """What is wrong with a row by its columns, and what the checks say."""
    error, failed = line.error, []
    if line.ticket and not error:
        try:
            failed = [result for result in dry_run(line.ticket, user) if not result.passed]
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
    if not job.rows.filter(errors={}).exists():
        messages.error(request, "No row is good; nothing was sent.")
    else:
        start(request, job)
    return HttpResponseRedirect(reverse("desk:job", args=[job_id]), status=303)


def start(request: HttpRequest, job: DeskJob) -> None:
    """Start it for its owner."""
    try:
        start_basket(job.id, user=person_of(request), typed=request.POST.get("typed", ""))
        messages.warning(request, "The basket is being sent. You may leave this page.")
    except NotConfirmed as refused:
        messages.error(request, str(refused))
    except DeskJob.DoesNotExist:
        messages.error(request, "Only the one who uploaded it can send it; nothing was sent.")


@desk_page(*BASKET)
@require_GET
def template(request: HttpRequest) -> HttpResponse:
    """A file to begin with."""
    headers: Any = {"Content-Disposition": 'attachment; filename="basket.csv"'}
    return HttpResponse(TEMPLATE, content_type="text/csv; charset=utf-8", headers=headers)
