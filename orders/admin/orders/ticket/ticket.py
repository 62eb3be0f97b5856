"""The ticket: one order entered by a person, checked while it is typed, confirmed, sent once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

import msgspec
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.views.decorators.http import require_http_methods, require_POST

from brokers.fix import OrdType, Side
from brokers.messages import Leg
from brokers.models import Position
from brokers.order_attributes import Allocation
from brokers.postgres import clock
from orders.access import accounts_of_person
from orders.admin.orders.blotter.blotter import as_id
from orders.admin.orders.ticket import ticket_work
from orders.admin.orders.ticket.ticket_work import Request, Work, request_of
from orders.admin.shared.pages import desk_page, person_of, show
from orders.entry.limits.checks import order_value
from orders.entry.limits.rules import find_context
from orders.entry.preview import preview_order
from orders.entry.reading.fields import Field, collect, fields_of
from orders.entry.reading.numbers import UnclearNumber, typed_number
from orders.entry.reading.ticket import Override
from orders.entry.reading.ticket_texts import (
    ALLOCATION,
    ALLOCATION_HINT,
    INSTRUMENT_COLUMNS,
    INSTRUMENT_FIELDS,
    LEGS,
    LEGS_HINT,
    NUMBERS,
    TICKET_FIELDS,
    by_column,
    plain_text,
)
from orders.entry.resolution import resolve_ticket
from orders.errors import OrderError, TicketInvalid
from orders.models import Order
from orders.risk.form.kinds import KIND_FIELDS, KINDS, OrderKind
from orders.risk.report import CheckResult
from orders.store.states import read_session_state

NOT_COPIED = ("account", "max_age", "cl_ord_id")
PLACE = ("orders.view_order", "orders.place_order")
OVERRIDE = "orders.override_limit"


@dataclass(frozen=True, kw_only=True)
class FormField:
    """One field of the form."""

    name: str
    label: str
    choices: tuple[str, ...] = ()
    number: bool = False
    time: bool = False
    value: str = ""
    hint: str = ""


#: The fields of the form, by fieldset; what they are is said by the schema of an order.
GROUPS = {
    "What": (
        *("account", "symbol", "sec_type", "exchange", "currency"),
        *("maturity", "strike_price", "put_or_call", LEGS),
    ),
    "Terms": ("order_qty", "ord_type", *KIND_FIELDS, "time_in_force", "reduce_only", "strategy", ALLOCATION),
    "If things fail": ("on_unconfirmed", "if_broker_down", "if_backlog", "max_age", "cl_ord_id"),
}
HINTS = {
    "symbol": "symbol or name",
    "maturity": "YYYYMMDD",
    LEGS: LEGS_HINT,
    ALLOCATION: f"of an advisor's master: {ALLOCATION_HINT}",
    "put_or_call": "CALL or PUT",
    "cl_ord_id": "made for you when empty",
}
#: Words of the instrument are typed, not chosen.
TYPED = ("sec_type",)
NAMES = [name for names in GROUPS.values() for name in names] + ["side"]
FIELDS = {**TICKET_FIELDS, **INSTRUMENT_FIELDS}


def form_field(name: str, value: str = "") -> FormField:
    """A field of the form as the schema of an order has it, with the order's own default."""
    field = FIELDS[name]
    default = "LIMIT" if name == "ord_type" else field.default
    return FormField(
        name=name,
        label=field.label,
        choices=() if name in TYPED else choices_of(field),
        number="anyOf" in field.schema,
        value=value or (str(default) if default and isinstance(default, str) else ""),
        hint=HINTS.get(name, ""),
    )


def work_field(name: str, value: str) -> FormField:
    """A field of a way to work the order."""
    choices = ticket_work.CHOICES.get(name, ())
    return FormField(
        name=name,
        label=ticket_work.LABELS[name],
        choices=tuple(str(choice) for choice in choices),
        number=name in ticket_work.NUMBERS,
        time=name in ticket_work.TIMES,
        value=value or (str(choices[0]) if choices else ""),
        hint=ticket_work.HINTS.get(name, ""),
    )


def choices_of(field: Field) -> tuple[str, ...]:
    """What may be chosen; empty for what is typed."""
    return ("false", "true") if field.schema.get("type") == "boolean" else tuple(field.schema.get("enum", ()))


@desk_page(*PLACE)
@require_http_methods(["GET"])
def page(request: HttpRequest) -> HttpResponse:
    """An empty ticket, or a copy of an order (`?copy=`), or one that names an instrument."""
    given = copied(request) | {
        name: request.GET[name] for name in (*NAMES, "work", *ticket_work.NAMES) if request.GET.get(name)
    }
    return form_page(request, given, uuid4())


def form_page(
    request: HttpRequest, given: Mapping[str, str], key: UUID, errors: Any = None, status: int = 200
) -> TemplateResponse:
    """The form with these values and errors."""
    accounts = sorted(filter(None, accounts_of_person(request.user)))
    filled = {name: form_field(name, given.get(name, "")) for name in NAMES}
    filled["account"] = replace(
        filled["account"],
        value=given.get("account") or next(iter(accounts), ""),
        choices=tuple(accounts),
    )
    answer = show(
        request,
        "desk/ticket.html",
        "New order",
        groups=[(group, [filled[name] for name in names]) for group, names in GROUPS.items()],
        work=given.get("work") or Work.SINGLE,
        works=list(ticket_work.WORDS.items()),
        work_fields=[work_field(name, given.get(name, "")) for name in ticket_work.NAMES],
        fields_of_work=ticket_work.FIELDS,
        side=given.get("side", ""),
        key=key,
        errors=errors or {},
        kinds={kind.value: sorted({*rule.needs, *rule.one_of, *rule.may}) for kind, rule in KINDS.items()},
        kind_fields=KIND_FIELDS,
    )
    answer.status_code = status
    return answer


def copied(request: HttpRequest) -> dict[str, str]:
    """The terms of an order to copy, without its ids; its quantity and side are meant again."""
    order_id = as_id(request.GET.get("copy", ""))
    mine = Order.objects.filter(account__in=accounts_of_person(request.user)).select_related("instrument")
    order = mine.filter(pk=order_id).first() if order_id else None
    if order is None:
        return {}
    plain = {name: getattr(order, name, None) for name in NAMES if name not in NOT_COPIED}
    instrument = {name: getattr(order.instrument, name) for name in INSTRUMENT_COLUMNS if name in NAMES}
    instrument[LEGS] = tuple(msgspec.convert(order.instrument.legs, list[Leg]))
    found = {**plain, **order.special, **instrument, "account": order.account_id}
    if order.is_allocated:
        found[ALLOCATION] = msgspec.convert(order.special[ALLOCATION], Allocation)
    return {name: plain_text(value) for name, value in found.items() if name in NAMES and value is not None}


def kind_of(ord_type: str) -> OrderKind | None:
    """The rules of the order type that a text names; None for no type of ours."""
    return KINDS[OrdType(ord_type)] if ord_type in FIELDS["ord_type"].schema["enum"] else None


def texts_of(request: HttpRequest) -> tuple[dict[str, str], UUID]:
    """What was typed, and the key of this form; without an id of the person's own the key makes one."""
    key = as_id(request.POST.get("key", "")) or uuid4()
    typed = {name: request.POST.get(name, "").strip() for name in (*NAMES, "work", *ticket_work.NAMES)}
    allowed = kind_of(typed["ord_type"])
    if allowed:
        # Fields that this type does not have are hidden on the form, and mean nothing.
        hidden = {*KIND_FIELDS} - {*allowed.needs, *allowed.one_of, *allowed.may}
        typed |= dict.fromkeys(hidden, "")
    return typed | {"cl_ord_id": typed["cl_ord_id"] or f"desk-{key}"}, key


def read(request: HttpRequest) -> Request:
    """What was typed; raises TicketInvalid, also for an account that is not the person's."""
    texts, _ = texts_of(request)
    if texts["account"] not in accounts_of_person(request.user):
        raise TicketInvalid({"account": ["There is no such account."]})
    plain, unclear = clear_numbers(texts)
    override = override_of(request)
    try:
        asked = request_of(plain, override)
    except TicketInvalid as error:
        raise TicketInvalid(error.errors | unclear) from None
    if unclear:
        raise TicketInvalid(unclear)
    return asked


def override_of(request: HttpRequest) -> Override | None:
    """The warnings that were ticked, with the reason; raises TicketInvalid without reason or right."""
    ids, reason = request.POST.getlist("override_ids"), request.POST.get("override_reason", "").strip()
    if not ids:
        return None
    if not request.user.has_perm(OVERRIDE):
        raise TicketInvalid({"override": ["You may not override warnings."]})
    values, wrong = collect({"ids": ids, "reason": reason}, fields_of(Override))
    if wrong:
        raise TicketInvalid({"override": ["Give the reason for the override: 1 to 500 characters."]})
    return Override(**values)


def clear_numbers(texts: Mapping[str, str]) -> tuple[dict[str, str], dict[str, list[str]]]:
    """(the texts with their numbers in plain notation, the numbers that could be read in two ways)."""
    plain, unclear = dict(texts), dict[str, list[str]]()
    for name in (NUMBERS | ticket_work.NUMBERS) & texts.keys():
        try:
            plain[name] = typed_number(name, texts[name])
        except UnclearNumber as error:
            unclear[name] = [str(error)]
    return plain, unclear


@desk_page(*PLACE)
@require_POST
def check(request: HttpRequest) -> HttpResponse:
    """What would be sent and what the checks say, while it is typed; no order is stored.

    A combination is made of contracts that are known, so it is known once they are.
    """
    person = person_of(request)
    try:
        asked = read(request)
        if asked.ticket.instrument.legs:
            resolve_ticket(asked.ticket)
        context = preview(asked, asked.preview(person, clock.now()), person.get_username())
    except TicketInvalid as error:
        found = by_field(error)
        context = {"errors": found, "missing": missing(request, found)}
    context |= {
        "confirm": "confirm" in request.POST,
        "may_override": request.user.has_perm(OVERRIDE),
        "override_ids": request.POST.getlist("override_ids"),
        "override_reason": request.POST.get("override_reason", ""),
    }
    return TemplateResponse(request, "desk/ticket_check.html", context)


def missing(request: HttpRequest, errors: Mapping[str, str]) -> list[str]:
    """Labels of the fields that are empty and needed, in the order of the form."""
    kind = kind_of(request.POST.get("ord_type", ""))
    needed = {"side", "symbol", "order_qty", *(kind.needs if kind else ()), *errors}
    labels = {name: FIELDS[name].label for name in ("side", *NAMES[:-1])} | ticket_work.LABELS
    return [label for name, label in labels.items() if name in needed and not request.POST.get(name)]


@desk_page(*PLACE)
@require_POST
def what_if(request: HttpRequest) -> HttpResponse:
    """What the broker says the order would do to the account, before it is confirmed; nothing is placed."""
    context: dict[str, Any] = {}
    try:
        previewed = preview_order(read(request).ticket, client=person_of(request), received_at=clock.now())
        context["broker"] = previewed.broker
    except OrderError as error:
        context["problem"] = str(error)
    return TemplateResponse(request, "desk/ticket_what_if.html", context)


def by_field(error: TicketInvalid) -> dict[str, str]:
    """The first error of each field of the form."""
    return {name: texts[0] for name, texts in by_column(error).items()}


def preview(asked: Request, report: list[CheckResult], user: str) -> dict[str, Any]:
    """The order in words, its value, the position it leads to, the use of limits, the way to the broker."""
    ticket = asked.ticket
    context = find_context(ticket, user)
    known, value = order_value(ticket, context)
    held = Position.objects.filter(account=ticket.account, con_id=context.instrument.con_id or 0).first()
    now = held.position_qty if held else Decimal(0)
    session = context.account.session
    session.refresh_from_db(fields=["link", "link_reason", "breaker"])
    in_force = read_session_state(session.name)
    return {
        "ticket": ticket,
        "others": list(asked.tickets)[1:],
        "work": asked.words,
        "instrument": context.instrument,
        "verb": ticket.side.value.replace("_", " ").capitalize(),
        "value": value,
        "valued_at": known.source if known else "",
        "px": known.px if known else None,
        "before": now,
        "after": now + (ticket.order_qty if ticket.side == Side.BUY else -ticket.order_qty),
        "report": report,
        "refused": [result for result in report if result.refuses],
        "warnings": [result for result in report if result.id],
        "session": session,
        "in_force": in_force,
        "open": session.link == "READY" and session.breaker == "CLOSED" and in_force is None,
        "errors": {},
    }


@desk_page(*PLACE)
@require_POST
def send(request: HttpRequest) -> HttpResponse:
    """Place it, once per key: a second click, a reload or Back finds the first order."""
    texts, key = texts_of(request)
    try:
        placed = read(request).place(person_of(request), clock.now())
    except TicketInvalid as error:
        return form_page(request, texts, key, by_field(error), status=400)
    except OrderError as error:
        return form_page(request, texts, uuid4(), {"order": str(error)}, status=409)
    if not placed.created:
        messages.info(request, "This ticket had been sent already; this is its order. Nothing new was sent.")
    return HttpResponseRedirect(placed.url, status=303)
