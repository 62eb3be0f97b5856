"""Instruments for the ticket: found by symbol or name, asked from the broker when new, with prices."""

from __future__ import annotations

from typing import Any

from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_GET, require_POST

from brokers.display import price_text
from brokers.formats import decimal_text
from brokers.models import Instrument
from orders.access import Accounts, accounts_of_person
from orders.admin.shared.pages import desk_page
from orders.entry.reading.fields import collect
from orders.entry.reading.ticket import InstrumentKey
from orders.entry.reading.ticket_texts import INSTRUMENT_FIELDS, as_json
from orders.entry.resolution import resolve
from orders.errors import InstrumentAmbiguous, OrderError
from orders.models import AccountLimit

FOUND = 12
OLD = 5.0  # seconds; an older price is struck through
KEY = ("symbol", "sec_type", "exchange", "currency")
ASKED_BY = (*KEY, "maturity", "strike_price", "put_or_call")


@desk_page("orders.view_order")
@require_GET
def search(request: HttpRequest) -> HttpResponse:
    """Instruments that the account may trade: those whose symbol begins with this, or whose name has it."""
    text = request.GET.get("q", "").strip()[:40]
    named = Q(symbol__istartswith=text) | Q(long_name__icontains=text)
    allowed = tradable(request.GET.get("account", ""), accounts_of_person(request.user))
    found = allowed.filter(named).order_by("symbol", "currency")[:FOUND] if text else []
    return JsonResponse({"found": [shown(instrument) for instrument in found]})


def tradable(account: str, mine: Accounts) -> QuerySet[Instrument]:
    """What the account's limits let it trade; without an account of the person, of all of theirs."""
    limits = AccountLimit.objects.filter(account__in=mine)
    limits = limits.filter(account=account) if account else limits
    if limits.filter(any_instrument=True).exists():
        return Instrument.objects.listed()
    return Instrument.objects.listed().filter(pk__in=limits.values("allowed_instruments"))


@desk_page("orders.view_order")
@require_GET
def quote(request: HttpRequest) -> HttpResponse:
    """One instrument with its last price and the price's age."""
    described = {name: request.GET.get(name, "") for name in KEY}
    instrument = Instrument.objects.listed().filter(**described).first()
    return JsonResponse({"found": shown(instrument) if instrument else None})


@desk_page("orders.place_order")
@require_POST
def ask(request: HttpRequest) -> HttpResponse:
    """Ask the broker for the contract that the ticket describes; it is known to everybody from then on."""
    account = request.POST.get("account", "")
    if account not in accounts_of_person(request.user):
        return JsonResponse({"error": "Choose an account of yours first."}, status=400)
    given = {name: request.POST.get(name, "").strip().upper()[:32] for name in ASKED_BY}
    typed = {name: as_json(name, text) for name, text in given.items() if text}
    values, wrong = collect(typed, INSTRUMENT_FIELDS)
    if wrong:
        named = f"{wrong[0].field}: {wrong[0].message}"
        return JsonResponse({"error": f"The description is not complete: {named}"}, status=400)
    try:
        return JsonResponse({"found": shown(resolve(InstrumentKey(**values), account))})
    except InstrumentAmbiguous as error:
        return JsonResponse({"error": f"{error} Describe it more closely: {error.named()}"}, status=409)
    except OrderError as error:
        return JsonResponse({"error": str(error)}, status=409)


def shown(instrument: Instrument) -> dict[str, Any]:
    """What the ticket shows of an instrument; texts, because the server formats."""
    age = (timezone.now() - instrument.last_px_at).total_seconds() if instrument.last_px_at else None
    return {
        **{name: getattr(instrument, name) for name in KEY},
        "market": reverse("desk:market", args=[instrument.pk]),
        "name": instrument.long_name,
        "tick": decimal_text(instrument.min_tick) if instrument.min_tick else "",
        "last": price_text(instrument.last_px, instrument),
        "age": None if age is None else round(age, 1),
        "old": age is None or age > OLD,
        "known": instrument.con_id is not None,
        "error": instrument.resolve_error,
    }
