"""The ticket: one order entered by a person, checked while it is typed, confirmed, sent once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST

from brokers.fix import OrdType, Side, TimeInForce
from brokers.formats import decimal_text
from brokers.models import Position
from orders.access import accounts_of_person
from orders.admin.orders.blotter import as_id
from orders.admin.shared.pages import desk_page, person_of, show
from orders.entry.place import dry_run, place_order, reference_price
from orders.entry.preview import preview_order
from orders.entry.rules import find_context
from orders.entry.ticket import Ticket
from orders.entry.ticket_texts import INSTRUMENT_COLUMNS, ticket_from_texts
from orders.errors import OrderError, TicketInvalid
from orders.models import IfBrokerDown, OnUnconfirmed, Order, Source
from orders.risk.checks import CheckResult
from orders.risk.kinds import KIND_FIELDS, KINDS, Kind

FAILS = "If things fail"
NOT_COPIED = ("account", "max_age", "cl_ord_id")
PLACE = ("orders.view_order", "orders.place_order")


@dataclass(frozen=True, kw_only=True)
class Field:
    """One field of the form; `group` names the fieldset it stands in."""

    name: str
    label: str
    group: str
    choices: tuple[str, ...] = ()
    number: bool = False
    value: str = ""
    hint: str = ""


def words(choices: Any) -> tuple[str, ...]:
    """The values of an enumeration."""
    return tuple(str(choice.value) for choice in choices)


FIELDS = (
    Field(name="account", label="Account", group="What"),
    Field(name="symbol", label="Instrument", group="What", hint="symbol or name"),
    Field(name="sec_type", label="Kind", group="What", value="STK"),
    Field(name="exchange", label="Exchange", group="What", value="SMART"),
    Field(name="currency", label="Currency", group="What", value="USD"),
    Field(name="maturity", label="Maturity", group="What", hint="YYYYMMDD"),
    Field(name="strike_price", label="Strike", group="What", number=True),
    Field(name="put_or_call", label="Put or call", group="What", hint="CALL or PUT"),
    Field(name="order_qty", label="Quantity", group="Terms", number=True),
    Field(name="ord_type", label="Type", group="Terms", choices=words(OrdType), value="LIMIT"),
    Field(name="price", label="Limit", group="Terms", number=True),
    Field(name="stop_px", label="Stop", group="Terms", number=True),
    Field(name="trail_amount", label="Trail by", group="Terms", number=True),
    Field(name="trail_percent", label="Trail by %", group="Terms", number=True),
    Field(name="limit_offset", label="Limit offset", group="Terms", number=True),
    Field(name="peg_offset", label="Peg offset", group="Terms", number=True),
    Field(name="peg_percent", label="Peg %", group="Terms", number=True),
    Field(name="display_qty", label="Shown quantity", group="Terms", number=True),
    Field(name="time_in_force", label="In force", group="Terms", choices=words(TimeInForce), value="DAY"),
    Field(name="on_unconfirmed", label="If unconfirmed", group=FAILS, choices=words(OnUnconfirmed)),
    Field(name="if_broker_down", label="If broker is down", group=FAILS, choices=words(IfBrokerDown)),
    Field(name="max_age", label="Fresh for, seconds", group=FAILS, number=True),
    Field(name="cl_ord_id", label="Own id", group=FAILS, hint="made for you when empty"),
)
NAMES = [field.name for field in FIELDS] + ["side"]


@desk_page(*PLACE)
@require_http_methods(["GET"])
def page(request: HttpRequest) -> HttpResponse:
    """An empty ticket, or a copy of an order (`?copy=`), or one that names an instrument."""
    given = copied(request) | {name: request.GET[name] for name in NAMES if request.GET.get(name)}
    return form_page(request, given, uuid4())


def form_page(
    request: HttpRequest, given: Mapping[str, str], key: UUID, errors: Any = None, status: int = 200
) -> TemplateResponse:
    """The form with these values and errors."""
    accounts = sorted(accounts_of_person(request.user))
    defaults = {"account": accounts[0] if accounts else ""}
    filled = [
        replace(
            field,
            value=given.get(field.name) or defaults.get(field.name, field.value),
            choices=tuple(accounts) if field.name == "account" else field.choices,
        )
        for field in FIELDS
    ]
    answer = show(
        request,
        "desk/ticket.html",
        "New order",
        groups=[(name, [f for f in filled if f.group == name]) for name in ("What", "Terms", FAILS)],
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
    found = {**plain, **order.special, **instrument, "account": order.account_id}
    return {name: text_of(value) for name, value in found.items() if name in NAMES and value is not None}


def text_of(value: Any) -> str:
    """A value as a person types it."""
    return decimal_text(value) if isinstance(value, Decimal) else str(value)


def kind_of(ord_type: str) -> Kind | None:
    """The rules of the order type that a text names; None for no type of ours."""
    return KINDS.get(OrdType(ord_type)) if ord_type in words(OrdType) else None


def texts_of(request: HttpRequest) -> tuple[dict[str, str], UUID]:
    """What was typed, and the key of this form; without an id of the person's own the key makes one."""
    key = as_id(request.POST.get("key", "")) or uuid4()
    typed = {name: request.POST.get(name, "").strip() for name in NAMES}
    allowed = kind_of(typed["ord_type"])
    if allowed:
        # Fields that this type does not have are hidden on the form, and mean nothing.
        hidden = {*KIND_FIELDS} - {*allowed.needs, *allowed.one_of, *allowed.may}
        typed |= dict.fromkeys(hidden, "")
    return typed | {"cl_ord_id": typed["cl_ord_id"] or f"desk-{key}"}, key


def read(request: HttpRequest) -> Ticket:
    """The ticket that was typed; raises TicketInvalid, also for an account that is not the person's."""
    texts, _ = texts_of(request)
    if texts["account"] not in accounts_of_person(request.user):
        raise TicketInvalid({"account": ["There is no such account of yours."]})
    return ticket_from_texts(texts)


@desk_page(*PLACE)
@require_POST
def check(request: HttpRequest) -> HttpResponse:
    """What would be sent and what the checks say, while it is typed; nothing is stored."""
    try:
        ticket = read(request)
        context = preview(ticket, dry_run(ticket))
    except TicketInvalid as error:
        found = by_field(error.errors)
        context = {"errors": found, "missing": missing(request, found)}
    return TemplateResponse(
        request, "desk/ticket_check.html", {**context, "confirm": "confirm" in request.POST}
    )


def missing(request: HttpRequest, errors: Mapping[str, str]) -> list[str]:
    """Labels of the fields that are empty and needed, in the order of the form."""
    labels = {"side": "Side", **{field.name: field.label for field in FIELDS}}
    kind = kind_of(request.POST.get("ord_type", ""))
    needed = {"side", "symbol", "order_qty", *(kind.needs if kind else ()), *errors}
    return [label for name, label in labels.items() if name in needed and not request.POST.get(name)]


@desk_page(*PLACE)
@require_POST
def what_if(request: HttpRequest) -> HttpResponse:
    """What the broker says the order would do to the account, before it is confirmed; nothing is placed."""
    context: dict[str, Any] = {}
    try:
        previewed = preview_order(read(request), client=person_of(request), received_at=timezone.now())
        context["broker"] = previewed.broker
    except OrderError as error:
        context["problem"] = str(error)
    return TemplateResponse(request, "desk/ticket_what_if.html", context)


def by_field(errors: Mapping[str, list[str]]) -> dict[str, str]:
    """The first error of each field of the form."""
    return {name.removeprefix("instrument."): words[0] for name, words in errors.items()}


def preview(ticket: Ticket, report: list[CheckResult]) -> dict[str, Any]:
    """The order in words, its value, the position it leads to, the use of limits, the way to the broker."""
    context = find_context(ticket)
    source, px = reference_price(ticket, context.instrument)
    held = Position.objects.filter(account=ticket.account, con_id=context.instrument.con_id or 0).first()
    now = held.position_qty if held else Decimal(0)
    session = context.account.session
    session.refresh_from_db(fields=["link", "link_reason", "breaker", "paused_at"])
    return {
        "ticket": ticket,
        "instrument": context.instrument,
        "verb": ticket.side.value.replace("_", " ").capitalize(),
        "value": ticket.order_qty * px if px is not None else None,
        "valued_at": source,
        "px": px,
        "before": now,
        "after": now + (ticket.order_qty if ticket.side == Side.BUY else -ticket.order_qty),
        "report": report,
        "refused": [result for result in report if not result.passed],
        "session": session,
        "open": session.link == "READY" and session.breaker == "CLOSED" and not session.paused_at,
        "errors": {},
    }


@desk_page(*PLACE)
@require_POST
def send(request: HttpRequest) -> HttpResponse:
    """Place it, once per key: a second click, a reload or Back finds the first order."""
    texts, key = texts_of(request)
    try:
        ticket = read(request)
        placed = place_order(
            ticket, client=person_of(request), source=Source.DESK, received_at=timezone.now()
        )
    except TicketInvalid as error:
        return form_page(request, texts, key, by_field(error.errors), status=400)
    except OrderError as error:
        return form_page(request, texts, uuid4(), {"order": str(error)}, status=409)
    if not placed.created:
        messages.info(request, "This ticket had been sent already; this is its order. Nothing new was sent.")
    return HttpResponseRedirect(reverse("admin:orders_order_change", args=[placed.order.id]), status=303)
