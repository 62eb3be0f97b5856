"""Instruments for the ticket: found by symbol or name, asked from the broker when new, with prices."""

from __future__ import annotations

from typing import Any

from django.db.models import Q
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils import timezone
from django.views.decorators.http import require_GET, require_POST

from brokers.formats import decimal_text
from brokers.models import Instrument
from orders.admin.marks import price_text
from orders.admin.pages import desk_page

FOUND = 12
OLD = 5.0  # seconds; an older price is struck through
KEY = ("symbol", "sec_type", "exchange", "currency")


@desk_page("orders.view_order")
@require_GET
def search(request: HttpRequest) -> HttpResponse:
    """Instruments whose symbol begins with this, or whose name has it."""
    text = request.GET.get("q", "").strip()[:40]
    named = Q(symbol__istartswith=text) | Q(long_name__icontains=text)
    found = Instrument.objects.filter(named).order_by("symbol", "currency")[:FOUND] if text else []
    return JsonResponse({"found": [shown(instrument) for instrument in found]})


@desk_page("orders.view_order")
@require_GET
def quote(request: HttpRequest) -> HttpResponse:
    """One instrument with its last price and the price's age."""
    instrument = Instrument.objects.filter(**{name: request.GET.get(name, "") for name in KEY}).first()
    return JsonResponse({"found": shown(instrument) if instrument else None})


@desk_page("orders.place_order", "brokers.add_instrument")
@require_POST
def ask(request: HttpRequest) -> HttpResponse:
    """Ask the broker for a contract of this description; it answers within seconds on the instrument."""
    key: dict[str, Any] = {name: request.POST.get(name, "").strip().upper()[:16] for name in KEY}
    if not all(key.values()):
        return JsonResponse({"error": "Symbol, kind, exchange and currency are needed."}, status=400)
    instrument, _ = Instrument.objects.get_or_create(**key)
    if instrument.con_id is None:
        Instrument.objects.filter(pk=instrument.pk).update(resolved_at=None, resolve_error="")
        instrument.refresh_from_db()
    return JsonResponse({"found": shown(instrument)})


def shown(instrument: Instrument) -> dict[str, Any]:
    """What the ticket shows of an instrument; texts, because the server formats."""
    age = (timezone.now() - instrument.last_px_at).total_seconds() if instrument.last_px_at else None
    return {
        **{name: getattr(instrument, name) for name in KEY},
        "name": instrument.long_name,
        "tick": decimal_text(instrument.min_tick) if instrument.min_tick else "",
        "last": price_text(instrument.last_px, instrument),
        "age": None if age is None else round(age, 1),
        "old": age is None or age > OLD,
        "known": instrument.con_id is not None,
        "error": instrument.resolve_error,
    }
